package workload

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/weir-project/weir/hack/assets"
)

// startAPIServer starts etcd and an API server, and returns a client that fails on
// what the server warns about.
func startAPIServer(t *testing.T) client.Client {
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
	config.WarningHandlerWithContext = warnings{t}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type warnings struct{ t *testing.T }

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.t.Errorf("the API server warns: %s", text)
}

var _ rest.WarningHandlerWithContext = warnings{}

// Everything is valid, applied again it changes nothing, and a namespace
// that enforces restricted pods takes them.
func TestAnAPIServerAcceptsEverything(t *testing.T) {
	c, ctx := startAPIServer(t), t.Context()
	enforce := map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
	if err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "cert", Labels: enforce}}); err != nil {
		t.Fatal(err)
	}
	for name, set := range variants() {
		for _, o := range set {
			if o.GVK == HTTPRoute {
				continue // this server does not know the Gateway API
			}
			applyOnce(t, c, name, o)
			// The server notes the defaults of a new object with the second time only.
			settled := applyOnce(t, c, name, o)
			if again := applyOnce(t, c, name, o); settled != again {
				t.Errorf("%s: %s %s changed when it was applied again", name, o.GVK.Kind, o.Name)
			}
		}
		for _, o := range set {
			if o.GVK.Kind == "Deployment" || o.GVK.Kind == "StatefulSet" {
				tryPod(t, c, name, decode[workloadOf](t, o))
			}
		}
		for _, o := range set {
			m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name}}
			m.SetGroupVersionKind(o.GVK)
			if err := client.IgnoreNotFound(c.Delete(ctx, m)); err != nil && o.GVK != HTTPRoute {
				t.Fatalf("%s: delete %s %s: %v", name, o.GVK.Kind, o.Name, err)
			}
		}
	}
}

// applyOnce returns the resource version that the object then has.
func applyOnce(t *testing.T, c client.Client, variant string, o Object) string {
	t.Helper()
	if err := c.Apply(t.Context(), o.Config, client.FieldOwner("weir-operator"), client.ForceOwnership); err != nil {
		t.Fatalf("%s: apply %s %s: %v", variant, o.GVK.Kind, o.Name, err)
	}
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(o.GVK)
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: o.Namespace, Name: o.Name}, m); err != nil {
		t.Fatal(err)
	}
	return m.ResourceVersion
}

// tryPod asks for a pod as a controller would make it, without making it.
func tryPod(t *testing.T, c client.Client, variant string, w workloadOf) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "cert", Name: "try", Labels: w.Spec.Template.Labels, Annotations: w.Spec.Template.Annotations,
		},
		Spec: w.Spec.Template.Spec,
	}
	pod.Spec.PriorityClassName = "" // the server has none
	if pod.Labels[labelComponent] == ComponentHub {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-main-hub-0"},
		}})
	}
	if err := c.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("%s: pod of %s: %v", variant, w.Metadata.Name, err)
	}
}
