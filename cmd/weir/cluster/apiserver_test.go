package cluster

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/assets"
)

// apiServer is a real one, with RBAC.
type apiServer struct {
	env   *envtest.Environment
	admin ctrlclient.Client
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	if testing.Short() {
		t.Skip("starts an API server")
	}
	dir, err := assets.Envtest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory:    dir,
		CRDDirectoryPaths:        []string{"../../../config/crd"},
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
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
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	admin, err := ctrlclient.New(config, ctrlclient.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &apiServer{env, admin}
}

func (s *apiServer) create(t *testing.T, objects ...ctrlclient.Object) {
	t.Helper()
	for _, o := range objects {
		if err := s.admin.Create(t.Context(), o); err != nil {
			t.Fatalf("%T %s: %v", o, o.GetName(), err)
		}
	}
}

// as is a client for a user, by a kubeconfig.
func (s *apiServer) as(t *testing.T, user string, groups ...string) *Client {
	t.Helper()
	u, err := s.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := u.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Kubeconfig: path, Namespace: "feeds"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bind gives a user a role.
func (s *apiServer) bind(t *testing.T, user, namespace, kind, role string) {
	t.Helper()
	s.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Namespace: namespace},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
	})
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// read decodes an example of the documentation.
func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../docs", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatal(err)
	}
}

func explained(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %q", err, want)
	}
}

func TestAgainstAnAPIServer(t *testing.T) {
	s := startAPIServer(t)
	role := &rbacv1.Role{}
	read(t, "rbac/kubectl-weir.yaml", role)
	feed := &v1alpha1.FeedSource{}
	read(t, "examples/feedsource/feedsource.yaml", feed)
	feed.ObjectMeta, feed.Spec.ExchangeRef = named("feeds", "c2"), v1alpha1.ExchangeReference{Namespace: "hub", Name: "main"}
	change := &v1alpha1.FormatChange{
		ObjectMeta: named("feeds", "c2-i1"),
		Spec:       v1alpha1.FormatChangeSpec{SourceRef: v1alpha1.LocalReference{Name: "c2"}, Incident: "i1"},
	}
	exchange := &v1alpha1.Exchange{}
	read(t, "examples/exchange/exchange.yaml", exchange)
	exchange.ObjectMeta = named("hub", "main")
	rules := &rbacv1.Role{ObjectMeta: named("feeds", "objects"), Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"list", "patch"},
	}}}
	s.create(t, namespace("feeds"), namespace("hub"), exchange, feed, change, role, rules)

	t.Run("without any right", func(t *testing.T) {
		_, err := s.as(t, "nobody").Objects(t.Context(), "feeds")
		explained(t, err, "verb list on exchanges.feeds.weir.dev in namespace feeds")
	})
	t.Run("with rights in one namespace", func(t *testing.T) {
		s.bind(t, "reader", "feeds", "Role", "objects")
		c := s.as(t, "reader")
		objects, err := c.Objects(t.Context(), "feeds")
		if err != nil || len(objects) != 1 || objects[0].Ready != "Unknown" {
			t.Errorf("%+v, %v", objects, err)
		}
		_, err = c.Objects(t.Context(), "")
		explained(t, err, "ClusterRole bound for the whole cluster")
		_, err = c.Exchange(t.Context(), "feeds", "")
		explained(t, err, "verb get on exchanges.feeds.weir.dev with resourceName main in namespace hub")
	})
	t.Run("with the Role of the documentation", func(t *testing.T) {
		s.bind(t, "operator", "feeds", "Role", "objects")
		s.bind(t, "operator", "hub", "Role", role.Name)
		c := s.as(t, "operator")
		e, err := c.Exchange(t.Context(), "feeds", "")
		if err != nil {
			t.Fatal(err)
		}
		open := func() error {
			_, err := c.Open(t.Context(), e, func(err error) { t.Error(err) })
			return err
		}
		explained(t, open(), "there is no Secret hub/main-admin-bus")
		s.create(t, &corev1.Secret{ObjectMeta: named("hub", "main-admin-bus"), Data: map[string][]byte{keyCreds: []byte("x")}})
		explained(t, open(), "there is no Pod hub/main-hub-0")
		pod := &corev1.Pod{ObjectMeta: named("hub", "main-hub-0"), Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "hub", Image: "none"}}, NodeName: "none",
			AutomountServiceAccountToken: new(bool),
		}}
		s.create(t, &corev1.ServiceAccount{ObjectMeta: named("hub", "default")}, pod)
		explained(t, open(), "Pod hub/main-hub-0 is Pending")
		pod.Status.Phase = corev1.PodRunning
		if err := s.admin.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		err = open() // allowed, but there is no such node
		explained(t, err, "forward")
		if strings.Contains(err.Error(), "RBAC") {
			t.Error(err)
		}
	})
	t.Run("without the port", func(t *testing.T) {
		less := role.DeepCopy()
		less.ObjectMeta = named("hub", "less")
		less.Rules = less.Rules[:3]
		s.create(t, less)
		s.bind(t, "less", "hub", "Role", "less")
		_, err := s.as(t, "less").Open(t.Context(), exchange, nil)
		explained(t, err, "ask for the RBAC rule: verb get,create on pods/portforward with resourceName main-hub-0 in namespace hub")
	})
	t.Run("changes", func(t *testing.T) { testChanges(t, s) })
}

func testChanges(t *testing.T, s *apiServer) {
	s.bind(t, "editor", "feeds", "Role", "objects")
	c := s.as(t, "editor")
	f, err := c.CollectNow(t.Context(), "feeds", "c2", time.Now())
	if err != nil || f.Annotations[v1alpha1.AnnotationRequestedAt] == "" || f.Spec.ExchangeRef.Name != "main" {
		t.Errorf("%+v, %v", f, err)
	}
	_, err = c.CollectNow(t.Context(), "feeds", "none", time.Now())
	explained(t, err, `namespace feeds: feedsources.feeds.weir.dev "none" not found`)
	changes, err := c.OpenChanges(t.Context(), "feeds", "c2")
	if err != nil || len(changes) != 1 {
		t.Fatalf("%+v, %v", changes, err)
	}
	if err := c.Decide(t.Context(), &changes[0], v1alpha1.DecisionRelease); err != nil {
		t.Fatal(err)
	}
	stored := &v1alpha1.FormatChange{}
	if err := s.admin.Get(t.Context(), ctrlclient.ObjectKey{Namespace: "feeds", Name: "c2-i1"}, stored); err != nil || stored.Spec.Decision != v1alpha1.DecisionRelease {
		out, _ := json.Marshal(stored)
		t.Errorf("%s, %v", out, err)
	}
}
