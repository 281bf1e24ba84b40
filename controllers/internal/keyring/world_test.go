package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestMain(m *testing.M) {
	// An informer of metadata leaves this behind when it ends while an event is on its way.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"))
}

// world is a cluster with a ring in it, and counts what the ring does.
type world struct {
	*Ring
	t *testing.T
	c client.Client

	reads, writes atomic.Int64
	// late: the cache knows of nothing yet.
	late atomic.Bool
	// age of the world, added to the clock.
	age time.Duration
}

func testScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(clientscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t}
	for _, o := range objects {
		if o.GetUID() == "" {
			o.SetUID(types.UID("uid-of-" + o.GetName()))
		}
	}
	w.c = fake.NewClientBuilder().WithScheme(testScheme(t)).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				w.writes.Add(1)
				o.SetUID(types.UID(fmt.Sprint("secret-", w.writes.Load()))) // the fake server gives none
				return c.Create(ctx, o, opts...)
			},
			Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				w.writes.Add(1)
				return c.Apply(ctx, o, opts...)
			},
		}).Build()
	w.Ring = w.ring()
	return w
}

// ring is that of an operator which just started.
func (w *world) ring() *Ring {
	return &Ring{
		Reader: counting{w.c, w}, Writer: w.c, Meta: lagging{w.c, w},
		Now: func() time.Time { return time.Now().Add(w.age) },
	}
}

// counting counts reads past the cache.
type counting struct {
	client.Reader
	w *world
}

func (c counting) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	c.w.reads.Add(1)
	return c.Reader.Get(ctx, key, o, opts...)
}

// lagging is a cache.
type lagging struct {
	client.Reader
	w *world
}

func (l lagging) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, ok := o.(*metav1.PartialObjectMetadata); !ok {
		l.w.t.Errorf("a %T was read from the cache of metadata", o)
	}
	if l.w.late.Load() {
		key.Name = "not-yet-there"
	}
	return l.Reader.Get(ctx, key, o, opts...)
}

func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := new(corev1.Secret)
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// idle checks that nothing is written, and nothing read past the cache, by fn.
func (w *world) idle(fn func()) {
	w.t.Helper()
	reads, writes := w.reads.Load(), w.writes.Load()
	fn()
	if r, n := w.reads.Load()-reads, w.writes.Load()-writes; r != 0 || n != 0 {
		w.t.Errorf("%d reads and %d writes, want none", r, n)
	}
}

// written is how often fn writes.
func (w *world) written(fn func()) int64 {
	before := w.writes.Load()
	fn()
	return w.writes.Load() - before
}

func (w *world) mustKeys(e *v1alpha1.Exchange) *Keys {
	w.t.Helper()
	keys, err := w.Keys(w.t.Context(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

func exchange() *v1alpha1.Exchange {
	return &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "main", UID: "exchange-1"}}
}

func feedSource() *v1alpha1.FeedSource {
	return &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "bots", UID: "feed-1"}}
}

// external is an exchange on a NATS of somebody else.
func external() *v1alpha1.Exchange {
	e := exchange()
	e.Spec.Bus.NATS = &v1alpha1.NATSSpec{
		URLs:       []string{"tls://nats.example:4222"},
		SigningKey: v1alpha1.SecretKeyReference{Name: "nats", Key: "seed"},
	}
	return e
}

func account(t *testing.T) (seed []byte, public string) {
	t.Helper()
	kp, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	if seed, err = kp.Seed(); err != nil {
		t.Fatal(err)
	}
	if public, err = kp.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return seed, public
}

func opaque(name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: data}
}

// wantReason checks an error, and that none of the secrets is in it.
func wantReason(t *testing.T, err error, reason string, secrets ...[]byte) {
	t.Helper()
	var e interface{ ConditionReason() string }
	if !errors.As(err, &e) || e.ConditionReason() != reason {
		t.Fatalf("error %v, want reason %s", err, reason)
	}
	for _, s := range secrets {
		if text := strings.TrimSpace(string(s)); text != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), text) {
			t.Errorf("a secret is in error %v", err)
		}
	}
}
