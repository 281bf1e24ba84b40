package keyring

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/pipeline/bus/creds"
)

var (
	hubRole       = creds.Hub("default", "main")
	collectorRole = creds.Collector("default", "bots")
)

func someKeys(t *testing.T) *Keys {
	t.Helper()
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	return &Keys{Keys: keys}
}

func (w *world) credentials(keys *Keys, role creds.Role) (rotateAt time.Time, hash string) {
	w.t.Helper()
	rotateAt, hash, err := w.Credentials(w.t.Context(), feedSource(), "bots-collector-bus", map[string]string{"a": "b"}, keys, role)
	if err != nil {
		w.t.Fatal(err)
	}
	return rotateAt, hash
}

func TestCredentialsAreWrittenOnlyWhenNeeded(t *testing.T) {
	f := feedSource()
	w := newWorld(t, f)
	keys := someKeys(t)
	rotateAt, hash := w.credentials(keys, collectorRole)
	s := w.secret("bots-collector-bus")
	expires, err := creds.Expires(s.Data[keyCreds])
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Annotations[AnnotationExpires]; got != expires.UTC().Format(time.RFC3339) {
		t.Errorf("annotation %s, but they expire %s", got, expires)
	}
	if left := time.Until(expires); left < 29*24*time.Hour || left > 31*24*time.Hour {
		t.Errorf("a life of %v", left)
	}
	if early, late := expires.Add(-15*24*time.Hour), expires.Add(-10*24*time.Hour); rotateAt.Before(early) || rotateAt.After(late) {
		t.Errorf("to be made anew at %v, want between %v and %v", rotateAt, early, late)
	}
	if !metav1.IsControlledBy(s, f) || s.Labels["a"] != "b" || s.Labels[labelManagedBy] != fieldOwner || s.Annotations[AnnotationRole] != hash {
		t.Errorf("metadata %+v", s.ObjectMeta)
	}
	w.idle(func() {
		again, sameHash := w.credentials(keys, collectorRole)
		if !again.Equal(rotateAt) || sameHash != hash {
			t.Errorf("then %v and %s, before %v and %s", again, sameHash, rotateAt, hash)
		}
	})
	w.Ring = w.ring()
	w.idle(func() { w.credentials(keys, collectorRole) })
	w.late.Store(true)
	if n := w.written(func() { w.credentials(keys, collectorRole) }); n != 0 {
		t.Errorf("%d writes because the cache is late", n)
	}
}

func TestCredentialsAreMadeAnew(t *testing.T) {
	withCA := func(k *Keys) *Keys { return &Keys{Keys: k.Keys, CA: []byte("certificates")} }
	for name, c := range map[string]struct {
		change   func(w *world, keys *Keys) (*Keys, creds.Role)
		sameHash bool
	}{
		"near their end": {func(w *world, keys *Keys) (*Keys, creds.Role) {
			w.age = 21 * 24 * time.Hour
			return keys, collectorRole
		}, true},
		"after their end": {func(w *world, keys *Keys) (*Keys, creds.Role) {
			w.age = 60 * 24 * time.Hour
			return keys, collectorRole
		}, true},
		"for another role": {func(w *world, keys *Keys) (*Keys, creds.Role) { return keys, creds.Collectors("default") }, false},
		"with other keys":  {func(w *world, keys *Keys) (*Keys, creds.Role) { return someKeys(w.t), collectorRole }, false},
		"with a CA":        {func(w *world, keys *Keys) (*Keys, creds.Role) { return withCA(keys), collectorRole }, true},
		"with a broken mark": {func(w *world, keys *Keys) (*Keys, creds.Role) {
			s := w.secret("bots-collector-bus")
			s.Annotations[AnnotationExpires] = "soon"
			if err := w.c.Update(w.t.Context(), s); err != nil {
				w.t.Fatal(err)
			}
			return keys, collectorRole
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, feedSource())
			keys := someKeys(t)
			_, before := w.credentials(keys, collectorRole)
			old := w.secret("bots-collector-bus")
			keys, role := c.change(w, keys)
			var hash string
			if n := w.written(func() { _, hash = w.credentials(keys, role) }); n != 1 {
				t.Fatalf("%d writes, want 1", n)
			}
			s := w.secret("bots-collector-bus")
			if bytes.Equal(s.Data[keyCreds], old.Data[keyCreds]) {
				t.Error("the credentials are the old ones")
			}
			if (hash == before) != c.sameHash || s.Annotations[AnnotationRole] != hash {
				t.Errorf("hash %s, was %s, annotation %s", hash, before, s.Annotations[AnnotationRole])
			}
			if got := string(s.Data[keyCA]); got != string(keys.CA) {
				t.Errorf("CA %q", got)
			}
		})
	}
}

func TestCAThatIsNotWantedAnyMoreGoes(t *testing.T) {
	w := newWorld(t, feedSource())
	keys := someKeys(t)
	w.credentials(&Keys{Keys: keys.Keys, CA: []byte("certificates")}, collectorRole)
	w.credentials(keys, collectorRole)
	if s := w.secret("bots-collector-bus"); s.Data[keyCA] != nil || s.Annotations[annotationCA] != "" {
		t.Errorf("CA %q, annotations %v", s.Data[keyCA], s.Annotations)
	}
	w.idle(func() { w.credentials(keys, collectorRole) })
}

func TestRotationIsSpread(t *testing.T) {
	r := new(Ring)
	expires := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	early, late := expires.Add(-15*24*time.Hour), expires.Add(-10*24*time.Hour)
	hours := make(map[int]bool)
	for i := range 200 {
		uid := types.UID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
		at := r.rotateAt(expires, uid)
		if at.Before(early) || at.After(late) || !at.Equal(r.rotateAt(expires, uid)) {
			t.Fatalf("%s: %v", uid, at)
		}
		hours[int(at.Sub(early).Hours())] = true
	}
	if len(hours) < 60 {
		t.Errorf("200 rotations fall on %d of 120 hours", len(hours))
	}
}

func TestTrustIsPublicAndWrittenOnlyWhenItChanges(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	keys := w.mustKeys(e)
	trust := func(k *Keys) {
		t.Helper()
		if err := w.Trust(t.Context(), e, k); err != nil {
			t.Fatal(err)
		}
	}
	trust(keys)
	s := w.secret("main-bus-trust")
	if len(s.Data) != 3 || string(s.Data[keyOperatorJWT]) != keys.Operator || string(s.Data[keyAccountJWT]) != keys.Account || string(s.Data[keySystemJWT]) != keys.System {
		t.Errorf("%d keys in the Secret, or wrong ones", len(s.Data))
	}
	if !metav1.IsControlledBy(s, e) {
		t.Error("the Secret outlives its Exchange")
	}
	w.idle(func() { trust(keys) })
	other := someKeys(t)
	if n := w.written(func() { trust(other) }); n != 1 || string(w.secret("main-bus-trust").Data[keyAccountJWT]) != other.Account {
		t.Errorf("%d writes, or the old account", n)
	}
}

func TestOperatorKeepsItsCredentialsUntilTheyAgeOut(t *testing.T) {
	w := newWorld(t)
	keys, others := someKeys(t), someKeys(t)
	get := func(k *Keys) []byte {
		t.Helper()
		user, err := w.Operator(k)
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	first := get(keys)
	if !bytes.Equal(first, get(&Keys{Keys: keys.Keys})) {
		t.Error("the same keys gave other credentials: each would be a new connection")
	}
	if bytes.Equal(first, get(others)) {
		t.Error("other keys gave the same credentials")
	}
	w.age = 21 * 24 * time.Hour
	if bytes.Equal(first, get(keys)) {
		t.Error("old credentials are not made anew")
	}
	w.age = 100 * 24 * time.Hour
	get(keys)
	if len(w.operator) != 1 {
		t.Errorf("%d credentials are kept", len(w.operator))
	}
	if w.writes.Load() != 0 {
		t.Error("something was written")
	}
}
