package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestKeysAreMadeOnce(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	first := w.mustKeys(e)
	s := w.secret("main-bus-keys")
	if !metav1.IsControlledBy(s, e) || s.Immutable == nil || !*s.Immutable || s.Labels[labelManagedBy] != fieldOwner {
		t.Errorf("metadata %+v, immutable %v", s.ObjectMeta, s.Immutable)
	}
	w.idle(func() {
		if again := w.mustKeys(e); again.Account != first.Account {
			t.Error("the second call has another account")
		}
	})
	w.Ring = w.ring()
	if again := w.mustKeys(e); again.Account != first.Account || !bytes.Equal(again.AccountSeed, first.AccountSeed) {
		t.Error("another operator has another account")
	}
	if n := w.writes.Load(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
}

func TestKeysAreFoundThoughTheCacheIsLate(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	w.late.Store(true)
	first := w.mustKeys(e)
	if again := w.mustKeys(e); again.Account != first.Account || w.writes.Load() != 1 {
		t.Errorf("another account, or %d writes", w.writes.Load())
	}
}

func TestOperatorsThatStartAtOnceAgreeOnTheKeys(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	accounts := make([]string, 8)
	rings := []*Ring{w.ring(), w.ring(), w.ring(), w.ring()}
	var wg sync.WaitGroup
	for i := range accounts {
		wg.Go(func() {
			keys, err := rings[i%len(rings)].Keys(t.Context(), e)
			if err != nil {
				t.Error(err)
				return
			}
			accounts[i] = keys.Account
		})
	}
	wg.Wait()
	if len(slices.Compact(accounts)) != 1 {
		t.Error("they have different accounts")
	}
}

func TestRemadeSecretIsNoticed(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	first := w.mustKeys(e)
	if err := w.c.Delete(t.Context(), w.secret("main-bus-keys")); err != nil {
		t.Fatal(err)
	}
	second := w.mustKeys(e)
	if first.Account == second.Account {
		t.Fatal("the keys of the deleted Secret are used")
	}
	if err := w.c.Delete(t.Context(), w.secret("main-bus-keys")); err != nil {
		t.Fatal(err)
	}
	third, err := w.ring().Keys(t.Context(), e) // somebody else remade it
	if err != nil {
		t.Fatal(err)
	}
	if got := w.mustKeys(e); got.Account != third.Account {
		t.Fatal("the remade Secret is not used")
	}
}

func TestSecretsOfOthersAreRefused(t *testing.T) {
	former := exchange()
	former.UID = "exchange-0"
	other := exchange()
	other.Name, other.UID = "other", "exchange-2"
	for name, c := range map[string]struct {
		owner  *v1alpha1.Exchange
		reason string
	}{
		"of nobody":                      {nil, v1alpha1.ReasonNotOwned},
		"of another exchange":            {other, v1alpha1.ReasonNotOwned},
		"of a former one, being deleted": {former, v1alpha1.ReasonDeleting},
	} {
		t.Run(name, func(t *testing.T) {
			e := exchange()
			mine := map[string][]byte{"account.seed": []byte("precious")}
			keys, trust, user := opaque("main-bus-keys", mine), opaque("main-bus-trust", mine), opaque("main-hub-bus", mine)
			for _, s := range []*corev1.Secret{keys, trust, user} {
				if c.owner == nil {
					continue
				}
				if err := controllerutil.SetControllerReference(c.owner, s, testScheme(t)); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t, e, keys, trust, user)
			for _, late := range []bool{false, true} {
				w.late.Store(late)
				_, err := w.Keys(t.Context(), e)
				wantReason(t, err, c.reason, []byte("precious"))
				wantReason(t, w.Trust(t.Context(), e, someKeys(t)), c.reason)
				_, _, err = w.Credentials(t.Context(), e, "main-hub-bus", nil, someKeys(t), hubRole)
				wantReason(t, err, c.reason)
			}
			for _, s := range []*corev1.Secret{keys, trust, user} {
				if got := w.secret(s.Name); !maps.EqualFunc(got.Data, mine, bytes.Equal) || w.writes.Load() != 0 {
					t.Errorf("%s was written", s.Name)
				}
			}
		})
	}
}

func TestBrokenKeysAreNotReplaced(t *testing.T) {
	e := exchange()
	good := newWorld(t, e)
	good.mustKeys(e)
	whole := good.secret("main-bus-keys")
	otherSeed, _ := account(t)
	broken := map[string]func(map[string][]byte){
		"another account": func(d map[string][]byte) { d[keyAccountSeed] = otherSeed },
		"no seed":         func(d map[string][]byte) { d[keyAccountSeed] = []byte("SANOTASEED") },
		"no JWT":          func(d map[string][]byte) { d[keyAccountJWT] = []byte("x") },
	}
	for key := range whole.Data {
		broken["without "+key] = func(d map[string][]byte) { delete(d, key) }
	}
	for name, breakIt := range broken {
		t.Run(name, func(t *testing.T) {
			s := whole.DeepCopy()
			s.ResourceVersion = ""
			breakIt(s.Data)
			w := newWorld(t, exchange(), s)
			_, err := w.Keys(t.Context(), e)
			wantReason(t, err, v1alpha1.ReasonInvalidSpec, slices.Collect(maps.Values(s.Data))...)
			if w.writes.Load() != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestNoKeysForAnExchangeThatGoes(t *testing.T) {
	e := exchange()
	w := newWorld(t, e)
	now := metav1.Now()
	e.DeletionTimestamp = &now
	_, err := w.Keys(t.Context(), e)
	wantReason(t, err, v1alpha1.ReasonDeleting)
	if w.writes.Load() != 0 {
		t.Error("something was written")
	}
}

func TestExternalBusIsSignedForWithTheKeyOfTheSpec(t *testing.T) {
	e := external()
	seed, _ := account(t)
	s := opaque("nats", map[string][]byte{"seed": append(bytes.Clone(seed), '\n')})
	w := newWorld(t, e, s)
	keys := w.mustKeys(e)
	if !bytes.Equal(keys.AccountSeed, seed) || keys.AccountPublic != "" || keys.Operator != "" || keys.CA != nil {
		t.Fatalf("account %q, operator %q", keys.AccountPublic, keys.Operator)
	}
	w.idle(func() { w.mustKeys(e) })
	if err := w.Trust(t.Context(), e, keys); err != nil || w.writes.Load() != 0 {
		t.Errorf("an external bus got something to trust: %v", err)
	}

	next, _ := account(t)
	s = w.secret("nats")
	s.Data["seed"] = next
	if err := w.c.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if keys = w.mustKeys(e); !bytes.Equal(keys.AccountSeed, next) {
		t.Error("the changed key is not used")
	}
	_, e.Spec.Bus.NATS.Account = account(t)
	if keys = w.mustKeys(e); keys.AccountPublic != e.Spec.Bus.NATS.Account {
		t.Error("the changed account is not used")
	}
}

func TestExternalBusWithoutAGoodKeySaysWhatToDo(t *testing.T) {
	seed, public := account(t)
	for name, c := range map[string]struct {
		data    map[string][]byte
		account string
		reason  string
	}{
		"no Secret":         {nil, "", v1alpha1.ReasonSecretNotFound},
		"no key in it":      {map[string][]byte{"other": seed}, "", v1alpha1.ReasonSecretNotFound},
		"empty":             {map[string][]byte{"seed": nil}, "", v1alpha1.ReasonSecretNotFound},
		"the public key":    {map[string][]byte{"seed": []byte(public)}, "", v1alpha1.ReasonInvalidSpec},
		"a typing error":    {map[string][]byte{"seed": append(bytes.Clone(seed[:len(seed)-1]), '!')}, "", v1alpha1.ReasonInvalidSpec},
		"a seed as account": {map[string][]byte{"seed": seed}, string(seed), v1alpha1.ReasonInvalidSpec},
		"garbage":           {map[string][]byte{"seed": []byte("garbage!")}, public, v1alpha1.ReasonInvalidSpec},
	} {
		t.Run(name, func(t *testing.T) {
			e := external()
			e.Spec.Bus.NATS.Account = c.account
			objects := []client.Object{e}
			if c.data != nil {
				objects = append(objects, opaque("nats", c.data))
			}
			_, err := newWorld(t, objects...).Keys(t.Context(), e)
			wantReason(t, err, c.reason, seed, c.data["seed"])
		})
	}
}

// certificatePEM is a certificate of nobody.
func certificatePEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestOnlyCertificatesAreTakenFromACA(t *testing.T) {
	e := external()
	seed, _ := account(t)
	e.Spec.Bus.NATS.CA = &v1alpha1.SecretKeyReference{Name: "ca", Key: "bundle"}
	one, two := certificatePEM(t), certificatePEM(t)
	bundle := "# comment\n" + one + "-----BEGIN PRIVATE KEY-----\nMAAD\n-----END PRIVATE KEY-----\n" +
		"-----BEGIN CERTIFICATE-----\nMAAD\n-----END CERTIFICATE-----\n" + two + "trailing"
	w := newWorld(t, e, opaque("nats", map[string][]byte{"seed": seed}), opaque("ca", map[string][]byte{"bundle": []byte(bundle)}))
	if keys := w.mustKeys(e); string(keys.CA) != one+two {
		t.Fatalf("CA\n%s", keys.CA)
	}
	w.idle(func() { w.mustKeys(e) })
	s := w.secret("ca")
	s.Data["bundle"] = []byte("password")
	if err := w.c.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, err := w.Keys(t.Context(), e)
	wantReason(t, err, v1alpha1.ReasonInvalidSpec, s.Data["bundle"])
	e.Spec.Bus.NATS.CA = nil
	if keys := w.mustKeys(e); keys.CA != nil {
		t.Error("a CA that is not wanted any more")
	}
}
