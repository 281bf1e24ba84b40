package controllers_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers"
	"github.com/weir-project/weir/controllers/internal/keyring"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/plan"
)

func TestABusThatIsAwayIsAConditionAndNoCrash(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "away")
	x := s.up()
	s.cluster.StopBus(s.hub())
	s.has(x.e, v1alpha1.ConditionBusReady, metav1.ConditionFalse, v1alpha1.ReasonBusUnavailable)
	s.has(x.f, v1alpha1.ConditionConfigured, metav1.ConditionFalse, v1alpha1.ReasonBusUnavailable)
	s.has(x.f, v1alpha1.ConditionFetched, metav1.ConditionTrue, v1alpha1.ReasonSucceeded) // what was reported is remembered
	s.has(x.p, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonBusUnavailable)
	s.has(x.s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonBusUnavailable)

	// Nothing spins meanwhile: a look at all four asks the API server a few times.
	s.quiet()
	before := s.op.Requests.All()
	s.quiet()
	if n := s.op.Requests.All() - before; n > 40 {
		t.Errorf("%d requests in two seconds without a bus", n)
	}

	// What is declared meanwhile gets its pods.
	late := feed(s.ns, "late")
	s.create(late)
	s.has(late, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonBusUnavailable)
	s.has(late, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)

	if err := s.cluster.StartBus(t.Context(), s.hub()); err != nil {
		t.Fatal(err)
	}
	s.ready(append(x.all(), late)...)
}

// deployment as it is, as soon as it is there.
func (s *site) deployment(name string) *appsv1.Deployment {
	s.t.Helper()
	d := &appsv1.Deployment{}
	eventually(s.t, "Deployment "+name, func() error {
		return world.Admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, d)
	})
	return d
}

func TestAChangedSecretRollsThePodsThatUseIt(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "secrets")
	token := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "token"}, StringData: map[string]string{"key": "one"}}
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "other"}, StringData: map[string]string{"key": "one"}}
	f := feed(s.ns, "one")
	f.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{Bearer: &v1alpha1.SecretKeyReference{Name: "token", Key: "key"}}
	s.create(exchange(s.ns), parser(s.ns), f)
	s.ready(f)
	version := func() string {
		return s.deployment("one-collector").Spec.Template.Annotations[workload.AnnotationSecrets]
	}
	changed := func(why, was string) string {
		s.t.Helper()
		eventually(t, why, func() error {
			if version() == was {
				return errors.New("the pod template is the same")
			}
			return nil
		})
		return version()
	}
	without := version()
	s.create(token)
	first := changed("the Secret is there", without)
	s.create(other)
	edit(s, token, func(o *corev1.Secret) { o.Data["key"] = []byte("two") })
	second := changed("the Secret changed", first)
	edit(s, other, func(o *corev1.Secret) { o.Data["key"] = []byte("two") })
	s.touch("barrier", f)
	if version() != second {
		t.Error("a Secret that it does not use rolled the pod")
	}

	// Pods that objects share follow likewise.
	edit(s, exchange(s.ns), func(o *v1alpha1.Exchange) { o.Spec.Collectors.Mode = v1alpha1.Shared })
	s.gone(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "one-collector"}})
	s.ready(f)
	shared := func() string {
		return s.deployment("main-collectors-0").Spec.Template.Annotations[workload.AnnotationSecrets]
	}
	was := shared()
	edit(s, token, func(o *corev1.Secret) { o.Data["key"] = []byte("three") })
	eventually(t, "the shared pod follows", func() error {
		if now := shared(); now == was || now == "" {
			return fmt.Errorf("the hash is %q", now)
		}
		return nil
	})
}

func TestCredentialsAreMadeAnewInTimeWithoutNewPods(t *testing.T) {
	t.Parallel()
	s := confined(t, func(o *controllers.Options) { o.CredentialsLifetime = 45 * time.Second }, "rotation")
	x := s.up()
	since := readiness(x.f).LastTransitionTime
	for _, name := range []string{"one-collector-bus", "list-monitor-bus", "bank-exporter-bus", "main-hub-bus", "main-admin-bus"} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
		was := s.fresh(secret).GetAnnotations()[keyring.AnnotationExpires]
		eventually(t, name+" is made anew", func() error {
			if now := s.fresh(secret).GetAnnotations()[keyring.AnnotationExpires]; now == was {
				return errors.New("it is the same")
			}
			expires, err := time.Parse(time.RFC3339, secret.Annotations[keyring.AnnotationExpires])
			if err == nil && time.Until(expires) <= 0 {
				return errors.New("it expired before")
			}
			return err
		})
	}
	for _, name := range []string{"one-collector", "list-monitor", "bank-exporter"} {
		if d := s.deployment(name); d.Generation != 1 {
			t.Errorf("%s was rolled: generation %d", name, d.Generation)
		}
	}
	// Nor was the operator's own way to the bus cut.
	s.fresh(x.f)
	if ready := readiness(x.f); ready.Status != metav1.ConditionTrue || !ready.LastTransitionTime.Equal(&since) {
		t.Errorf("Ready meanwhile: %+v", ready)
	}
}

// readiness is the Ready condition.
func readiness(o client.Object) metav1.Condition {
	for _, c := range statusOf(o).Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c
		}
	}
	return metav1.Condition{}
}

func TestANewFeedOfAParserRestartsItsMonitorWithOtherRights(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "roles")
	x := s.up()
	role := func() string { return s.deployment("list-monitor").Spec.Template.Annotations[scope.AnnotationRole] }
	was := role()
	if was == "" {
		t.Fatal("the pods do not tell their role")
	}
	s.create(feed(s.ns, "two"))
	eventually(t, "the monitor rolls", func() error {
		if role() == was {
			return errors.New("the role is the same")
		}
		return nil
	})
	var m plan.Monitor
	eventually(t, "the monitor is told of the feed", func() error {
		if s.config(&m, plan.PrefixMonitor, s.ns, "list"); len(m.Feeds) != 2 {
			return fmt.Errorf("%+v", m.Feeds)
		}
		return nil
	})
	s.ready(x.p)
}

func TestObjectsShareThePodsOfTheirExchange(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "shared")
	x := s.up()
	edit(s, x.e, func(o *v1alpha1.Exchange) {
		two := v1alpha1.SharingSpec{Mode: v1alpha1.Shared, Shards: 2}
		o.Spec.Collectors, o.Spec.Monitors, o.Spec.Exporters = two, two, two
	})
	own := []client.Object{}
	for _, name := range []string{"one-collector", "list-monitor", "bank-exporter"} {
		own = append(own, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name + "-bus"}})
	}
	s.gone(own...)
	s.ready(x.all()...)
	for _, kind := range []string{"collectors", "monitors", "exporters"} {
		for i := range 2 {
			s.deployment(fmt.Sprintf("main-%s-%d", kind, i))
		}
		s.fresh(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "main-" + kind + "-bus"}})
	}
	// What a shard is not ready for, its objects are not.
	late := feed(s.ns, "late")
	s.create(late)
	s.ready(late)

	edit(s, x.e, func(o *v1alpha1.Exchange) {
		o.Spec.Collectors, o.Spec.Monitors, o.Spec.Exporters = v1alpha1.SharingSpec{}, v1alpha1.SharingSpec{}, v1alpha1.SharingSpec{}
	})
	var shards []client.Object
	for _, kind := range []string{"collectors", "monitors", "exporters"} {
		shards = append(shards, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "main-" + kind + "-bus"}})
		for i := range 2 {
			shards = append(shards, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("main-%s-%d", kind, i)}})
		}
	}
	s.gone(shards...)
	s.ready(append(x.all(), late)...)
	s.deployment("one-collector")
	s.deployment("late-collector")
}
