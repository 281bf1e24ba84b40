package keyring

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/config/crd"
	"github.com/weir-project/weir/hack/assets"
	"github.com/weir-project/weir/pipeline/bus"
)

// startAPIServer returns a client of an API server that knows our kinds, and a
// cache of metadata.
func startAPIServer(t *testing.T) (client.Client, cache.Cache) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts an API server")
	}
	dir, err := assets.Envtest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: dir, CRDDirectoryPaths: []string{definitions(t)}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient.CloseIdleConnections)
	c, err := client.New(config, client.Options{Scheme: testScheme(t), HTTPClient: httpClient})
	if err != nil {
		t.Fatal(err)
	}
	informers, err := cache.New(config, cache.Options{Scheme: testScheme(t), HTTPClient: httpClient})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- informers.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, informers
}

// definitions writes the custom resource definitions to a folder.
func definitions(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	names, err := fs.Glob(crd.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := crd.Files.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What the ring writes is taken by an API server, is written once, and opens a bus.
func TestSecretsOnAnAPIServerOpenABus(t *testing.T) {
	c, meta := startAPIServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r := &Ring{Reader: c, Writer: c, Meta: meta}
	e := &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "main"}}
	if err := c.Create(ctx, e); err != nil {
		t.Fatal(err)
	}
	reconcile := func() *Keys {
		t.Helper()
		keys, err := r.Keys(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Trust(ctx, e, keys); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Credentials(ctx, e, "main-hub-bus", nil, keys, hubRole); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	read := func(name string) *corev1.Secret {
		t.Helper()
		s := new(corev1.Secret)
		if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	keys := reconcile()
	names := []string{"main-bus-keys", "main-bus-trust", "main-hub-bus"}
	versions := make(map[string]string)
	for _, name := range names {
		s := read(name)
		versions[name] = s.ResourceVersion
		if !metav1.IsControlledBy(s, e) || s.Labels[labelManagedBy] != fieldOwner {
			t.Errorf("%s: %+v", name, s.ObjectMeta)
		}
	}
	reconcile()
	r = &Ring{Reader: c, Writer: c, Meta: meta}
	if again := reconcile(); again.Account != keys.Account {
		t.Error("another operator has another account")
	}
	for _, name := range names {
		if got := read(name).ResourceVersion; got != versions[name] {
			t.Errorf("%s was written again", name)
		}
	}
	edited := read("main-bus-keys")
	edited.Data[keyAccountSeed] = []byte("other")
	if err := c.Update(ctx, edited); !apierrors.IsInvalid(err) {
		t.Errorf("keys could be edited: %v", err)
	}
	openBus(ctx, t, read("main-bus-trust").Data, read("main-hub-bus").Data[keyCreds])
}

func openBus(ctx context.Context, t *testing.T, trust map[string][]byte, user []byte) {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Trust: &bus.Trust{
		Operator: string(trust[keyOperatorJWT]), Account: string(trust[keyAccountJWT]), System: string(trust[keySystemJWT]),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	conn, err := bus.DialCreds(ctx, bus.DialOptions{Server: s, Creds: user, Name: "hub"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Setup(ctx, bus.Retention{}); err != nil {
		t.Fatal(err)
	}
}
