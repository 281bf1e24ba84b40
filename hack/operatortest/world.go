// Package operatortest runs the operator against a real API server, without a
// cluster behind it: etcd and kube-apiserver decide what an API server decides, and
// a small stand-in for the rest marks workloads as running and serves the buses of
// their hubs. The operator has the rights of its ServiceAccount and no others.
package operatortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/assets"
)

// Namespace of the operator, as config/default has it.
const Namespace = "weir-system"

// World is an API server with the custom resources and the operator's rights.
type World struct {
	// Admin may do everything.
	Admin  client.Client
	Config *rest.Config
	Scheme *runtime.Scheme

	env   *envtest.Environment
	users sync.Mutex
}

// Start starts an API server. Stop must be called.
func Start(ctx context.Context) (*World, error) {
	dir, err := assets.Envtest(ctx)
	if err != nil {
		return nil, fmt.Errorf("programs of the API server: %w", err)
	}
	root, err := assets.Root()
	if err != nil {
		return nil, err
	}
	w := &World{}
	if w.Scheme, err = scheme(); err != nil {
		return nil, err
	}
	w.env = &envtest.Environment{
		BinaryAssetsDirectory: dir, CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd")},
		ErrorIfCRDPathMissing: true, ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	if w.Config, err = w.env.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the API server: %w", err), w.env.Stop())
	}
	w.Config.QPS = -1
	if w.Admin, err = client.New(w.Config, client.Options{Scheme: w.Scheme}); err == nil {
		err = w.rights(ctx, filepath.Join(root, "config", "rbac"))
	}
	if err != nil {
		return nil, errors.Join(err, w.env.Stop())
	}
	return w, nil
}

func scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s))
}

// Stop ends the API server.
func (w *World) Stop() error { return w.env.Stop() }

// rights makes the roles that ship with Weir.
func (w *World) rights(ctx context.Context, dir string) error {
	if err := w.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}); err != nil {
		return err
	}
	return errors.Join(w.create(ctx, filepath.Join(dir, "operator.yaml")), w.create(ctx, filepath.Join(dir, "leader-election.yaml")))
}

// create makes the objects of a file.
func (w *World) create(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := d.Decode(&o.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if o.GetKind() == "Role" || o.GetKind() == "RoleBinding" {
			o.SetNamespace(Namespace)
		}
		if err := w.Admin.Create(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// user is a client configuration with the rights of a ServiceAccount.
func (w *World) user(name string) (*rest.Config, error) {
	u, err := w.account(name)
	if err != nil {
		return nil, err
	}
	return u.Config(), nil
}

// Kubeconfig has the rights of a ServiceAccount, for an operator in a process of
// its own.
func (w *World) Kubeconfig(account string) ([]byte, error) {
	u, err := w.account(account)
	if err != nil {
		return nil, err
	}
	return u.KubeConfig()
}

func (w *World) account(name string) (*envtest.AuthenticatedUser, error) {
	w.users.Lock() // who signs their certificates counts them
	defer w.users.Unlock()
	return w.env.AddUser(envtest.User{
		Name:   "system:serviceaccount:" + Namespace + ":" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + Namespace, "system:authenticated"},
	}, &rest.Config{QPS: -1})
}

// Confine gives the ServiceAccount rights in some namespaces only, by the rules of
// the cluster's role without what only a cluster has.
func (w *World) Confine(ctx context.Context, account string, namespaces ...string) error {
	role := &rbacv1.ClusterRole{}
	if err := w.Admin.Get(ctx, client.ObjectKey{Name: "weir-operator"}, role); err != nil {
		return err
	}
	for _, ns := range namespaces {
		r := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: account}}
		for _, rule := range role.Rules {
			if rule.Resources[0] != "namespaces" && rule.Resources[0] != "tokenreviews" && rule.Resources[0] != "subjectaccessreviews" {
				r.Rules = append(r.Rules, rule)
			}
		}
		b := &rbacv1.RoleBinding{
			ObjectMeta: r.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: Namespace, Name: account}},
		}
		if err := errors.Join(w.Admin.Create(ctx, r), w.Admin.Create(ctx, b)); err != nil {
			return err
		}
	}
	return nil
}

// Table reads what kubectl get prints of a kind of Weir in a namespace.
func (w *World) Table(ctx context.Context, namespace, plural string, into *metav1.Table) error {
	cfg := rest.CopyConfig(w.Config)
	cfg.GroupVersion, cfg.APIPath = &v1alpha1.GroupVersion, "/apis"
	cfg.NegotiatedSerializer = serializer.NewCodecFactory(w.Scheme).WithoutConversion()
	c, err := rest.RESTClientFor(cfg)
	if err != nil {
		return err
	}
	data, err := c.Get().Namespace(namespace).Resource(plural).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
