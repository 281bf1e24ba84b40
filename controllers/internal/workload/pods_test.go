package workload

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/weir-project/weir/api/v1alpha1"
)

// workloadOf reads a Deployment or StatefulSet as the API server would.
type workloadOf struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Selector metav1.LabelSelector   `json:"selector"`
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

func decode[T any](t *testing.T, o Object) (out T) {
	t.Helper()
	b, err := json.Marshal(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// eachPod calls check for the pods of every variant.
func eachPod(t *testing.T, check func(*testing.T, workloadOf)) {
	t.Helper()
	for name, set := range variants() {
		for _, o := range set {
			if o.GVK.Kind != "Deployment" && o.GVK.Kind != "StatefulSet" {
				continue
			}
			t.Run(name+"/"+o.Name, func(t *testing.T) { check(t, decode[workloadOf](t, o)) })
		}
	}
}

func TestEveryPodIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	eachPod(t, func(t *testing.T, w workloadOf) {
		pod := w.Spec.Template
		if r := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)); !r.Allowed {
			t.Errorf("not restricted: %s", r.ForbiddenDetail())
		}
	})
}

// What Pod Security does not ask for, and we do.
func TestEveryPodGoesBeyondRestricted(t *testing.T) {
	no := func(t *testing.T, what string, p *bool) {
		t.Helper()
		if p == nil || *p {
			t.Errorf("%s must be false", what)
		}
	}
	eachPod(t, func(t *testing.T, w workloadOf) {
		spec := w.Spec.Template.Spec
		no(t, "automountServiceAccountToken", spec.AutomountServiceAccountToken)
		no(t, "enableServiceLinks", spec.EnableServiceLinks)
		if spec.SecurityContext.RunAsUser != nil {
			t.Error("the user must be the image's, or the platform's choice")
		}
		if len(spec.Containers) != 1 {
			t.Fatalf("%d containers", len(spec.Containers))
		}
		c := spec.Containers[0]
		if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
			t.Error("the root file system must be read-only")
		}
		if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil {
			t.Error("a probe is missing")
		}
		if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.StartupProbe.HTTPGet.Path != "/healthz" {
			t.Error("a pod that waits for its bus would be restarted")
		}
		memory := c.Resources.Limits.Memory()
		if memory.IsZero() || memory.Cmp(*c.Resources.Requests.Memory()) < 0 {
			t.Errorf("memory limit %s, request %s", memory, c.Resources.Requests.Memory())
		}
		for _, v := range spec.Volumes {
			if v.HostPath != nil || v.EmptyDir != nil && v.EmptyDir.SizeLimit.IsZero() {
				t.Errorf("volume %s is not bounded", v.Name)
			}
		}
	})
}

func TestSecretsAreMountedAndNeverPassed(t *testing.T) {
	eachPod(t, func(t *testing.T, w workloadOf) {
		c := w.Spec.Template.Spec.Containers[0]
		if len(c.EnvFrom) > 0 {
			t.Error("envFrom")
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil || strings.Contains(e.Value, canary) {
				t.Errorf("env %s has a secret", e.Name)
			}
		}
		if args := strings.Join(append(c.Args, c.Command...), " "); strings.Contains(args, canary) {
			t.Errorf("a key of a Secret in %s", args)
		}
		for _, m := range c.VolumeMounts {
			if strings.HasPrefix(m.MountPath, "/etc/") && !m.ReadOnly {
				t.Errorf("%s can be written", m.MountPath)
			}
			if m.SubPath != "" {
				t.Errorf("%s: a subPath does not follow when a Secret changes", m.MountPath)
			}
		}
		for _, v := range w.Spec.Template.Spec.Volumes {
			checkSecretVolume(t, v)
		}
	})
	for name, set := range variants() {
		for _, o := range set {
			if o.GVK.Kind == "Secret" {
				t.Errorf("%s makes a Secret", name)
			}
		}
	}
}

// checkSecretVolume: only the keys that are named, a pod waits for credentials
// only, and only its group may read.
func checkSecretVolume(t *testing.T, v corev1.Volume) {
	t.Helper()
	if s := v.Secret; s != nil && (s.Optional == nil || *s.Optional || len(s.Items) == 0 || *s.DefaultMode != 0o440) {
		t.Errorf("volume %s: %+v", v.Name, s)
	}
	if v.Projected == nil {
		return
	}
	if *v.Projected.DefaultMode != 0o440 {
		t.Errorf("volume %s: mode %o", v.Name, *v.Projected.DefaultMode)
	}
	for _, s := range v.Projected.Sources {
		if s.Secret == nil || s.Secret.Optional == nil || !*s.Secret.Optional || len(s.Secret.Items) == 0 {
			t.Errorf("volume %s: %+v", v.Name, s)
		}
	}
}

func TestSelectorsSelectTheirPodsAndNoOthers(t *testing.T) {
	// An Exchange, a FeedSource, a Parser and a Subscription of one name, with pods of
	// their own and, from before or after a change of mode, shared ones.
	e, s := exchange(), exchange(shared)
	f, p, sub := feed("main"), parser(), subscription("main")
	p.Name = "main"
	var pods []workloadOf
	set := append(Collector(options(), e, f, ""), Monitor(options(), e, p)...)
	set = append(set, Hub(options(), e)...)
	set = append(set, Exporter(options(), e, sub, "", false)...)
	set = append(set, Shared(options(), s, []*v1alpha1.FeedSource{f}, []*v1alpha1.Subscription{sub}, nil)...)
	for _, o := range set {
		if o.GVK.Kind == "Deployment" || o.GVK.Kind == "StatefulSet" {
			pods = append(pods, decode[workloadOf](t, o))
		}
	}
	if len(pods) != 9 {
		t.Fatalf("%d workloads, want 4 of their own and 5 shards", len(pods))
	}
	for i, w := range pods {
		selector, err := metav1.LabelSelectorAsSelector(&w.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		for j, other := range pods {
			if matches := selector.Matches(labels.Set(other.Spec.Template.Labels)); matches != (i == j) {
				t.Errorf("selector of %s on pods of %s: %t", w.Metadata.Name, other.Metadata.Name, matches)
			}
		}
	}
}

func TestLabelsOfTheOperatorWin(t *testing.T) {
	f := feed("feodo")
	f.Spec.Pod = podOptions()
	for _, o := range Collector(options(), exchange(), f, "hash") {
		if o.GVK.Kind != "Deployment" {
			continue
		}
		pod := decode[workloadOf](t, o).Spec.Template
		for k, want := range map[string]string{"team": "soc", labelName: "weir-collector", LabelBus: "cert.main", labelParser: ""} {
			if got := pod.Labels[k]; got != want {
				t.Errorf("label %s: %q, want %q", k, got, want)
			}
		}
		for k, want := range map[string]string{"team/contact": "soc@example.org", AnnotationSecrets: "hash"} {
			if got := pod.Annotations[k]; got != want {
				t.Errorf("annotation %s: %q, want %q", k, got, want)
			}
		}
	}
}

func TestEverythingIsOwnedAndInOneNamespace(t *testing.T) {
	for name, set := range variants() {
		seen := map[string]bool{}
		for _, o := range set {
			m := decode[metav1.PartialObjectMetadata](t, o)
			ref := metav1.GetControllerOf(&m)
			if ref == nil || ref.APIVersion != "feeds.weir.dev/v1alpha1" || ref.UID == "" || !strings.HasPrefix(string(ref.UID), "uid-of-") {
				t.Errorf("%s: %s %s has the owner %+v", name, o.GVK.Kind, o.Name, ref)
			}
			if o.Namespace != "cert" || m.Namespace != o.Namespace || m.Name != o.Name || m.GroupVersionKind() != o.GVK {
				t.Errorf("%s: key %v %s/%s of %v %s/%s", name, o.GVK, o.Namespace, o.Name, m.GroupVersionKind(), m.Namespace, m.Name)
			}
			if m.Labels[LabelManagedBy] != ManagedBy {
				t.Errorf("%s: %s %s is not labelled as the operator's", name, o.GVK.Kind, o.Name)
			}
			if key := o.GVK.Kind + "/" + o.Name; seen[key] {
				t.Errorf("%s: %s twice", name, key)
			} else {
				seen[key] = true
			}
		}
	}
}

func TestNothingIsWantedWithoutAnExchange(t *testing.T) {
	o := options()
	for name, set := range map[string]Set{
		"collector": Collector(o, nil, feed("feodo"), ""), "monitor": Monitor(o, nil, parser()),
		"exporter": Exporter(o, nil, subscription("acme"), "", true), "hub": Hub(o, nil), "shared": Shared(o, nil, nil, nil, nil),
		"no feed": Collector(o, exchange(), nil, ""), "no parser": Monitor(o, exchange(), nil), "no subscription": Exporter(o, exchange(), nil, "", true),
		"shared elsewhere": Collector(o, exchange(shared), feed("feodo"), ""), "shared monitor": Monitor(o, exchange(shared), parser()),
		"dedicated": Shared(o, exchange(), sharedFeeds(), sharedSubscriptions(), versions),
	} {
		if len(set) > 0 {
			t.Errorf("%s: %d objects", name, len(set))
		}
	}
}

func TestARouteNeedsTheGatewayAPI(t *testing.T) {
	s := subscription("acme", byHTTPRoute)
	with, without := Exporter(options(), exchange(), s, "", true), Exporter(options(), exchange(), s, "", false)
	if len(with) != len(without)+1 || !reflect.DeepEqual(with[len(with)-1].GVK, HTTPRoute) {
		t.Errorf("%d objects with the Gateway API, %d without", len(with), len(without))
	}
}

func TestObjectsOfOtherNamespacesStayDedicated(t *testing.T) {
	f := feed("feodo", func(f *v1alpha1.FeedSource) { f.Namespace = "other" })
	set := Collector(options(), exchange(shared), f, "")
	if len(set) != 3 || set[0].Namespace != "other" {
		t.Errorf("%d objects", len(set))
	}
}
