package controllers_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// tell puts a status on the bus.
func (s *site) tell(v any, prefix string, names ...string) {
	s.t.Helper()
	if err := s.cluster.Tell(s.t.Context(), s.hub(), plan.Key(prefix, names...), v); err != nil {
		s.t.Fatal(err)
	}
}

// openChange waits until there is one FormatChange, other than the one that was.
func (s *site) openChange(was *v1alpha1.FormatChange) *v1alpha1.FormatChange {
	s.t.Helper()
	list := &v1alpha1.FormatChangeList{}
	eventually(s.t, "a FormatChange", func() error {
		if err := world.Admin.List(s.t.Context(), list, client.InNamespace(s.ns)); err != nil {
			return err
		}
		if len(list.Items) != 1 || was != nil && list.Items[0].UID == was.UID {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
	return &list.Items[0]
}

func TestAFormatChangeFromIncidentToDecisionToItsEnd(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := confined(t, func(o *controllers.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		o.CredentialsLifetime = 10 * 365 * 24 * time.Hour // the clock of what signs them is another
	}, "format")
	x := s.up()
	ok := status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}
	s.tell(status.Monitor{Result: ok, Held: 3, Incident: &status.Incident{
		ID: "a1", Opened: time.Now(), Class: "columns", Summary: "column url was renamed to link",
		Findings: []status.Finding{{Code: "column-renamed", Path: "url", Sentence: "url is link now", Breaking: true}},
	}}, plan.PrefixMonitor, s.ns, "one")
	c := s.openChange(nil)
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonAwaitingDecision)
	if st := c.Status; st.Held != 3 || len(st.Findings) != 1 || st.Summary == "" || st.Class != "columns" || st.Opened == nil {
		t.Errorf("%+v", st)
	}
	s.has(x.f, v1alpha1.ConditionFormatStable, metav1.ConditionFalse, v1alpha1.ReasonFormatChanged)
	if x.f.Status.Held != 3 {
		t.Errorf("held %d", x.f.Status.Held)
	}
	eventually(t, "an event tells how to decide", func() error {
		for _, e := range s.events(x.f) {
			if e.Reason == v1alpha1.ReasonFormatChanged && strings.Contains(e.Note, "kubectl patch formatchange "+c.Name) {
				return nil
			}
		}
		return fmt.Errorf("%+v", s.events(x.f))
	})

	// Deleted too early it comes back: the payloads are held still.
	s.remove(c)
	c = s.openChange(c)
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonAwaitingDecision)

	edit(s, c, func(o *v1alpha1.FormatChange) { o.Spec.Decision = v1alpha1.DecisionAdopt })
	var d plan.Decision
	s.config(&d, plan.PrefixDecision, s.ns, "one", "a1")
	if d.Incident != "a1" || d.Decision != v1alpha1.DecisionAdopt {
		t.Errorf("%+v", d)
	}
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonDecided)

	s.tell(status.Monitor{Result: ok}, plan.PrefixMonitor, s.ns, "one")
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
	s.noConfig(plan.PrefixDecision, s.ns, "one", "a1")
	s.ready(c, x.f)
	if c.Status.Held != 0 || len(c.Status.Findings) != 1 || x.f.Status.Held != 0 {
		t.Errorf("what was known of it is not kept, or still held: %+v", c.Status)
	}

	// A month later it goes; one that a person made stays.
	own := &v1alpha1.FormatChange{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "own"}, Spec: v1alpha1.FormatChangeSpec{
		SourceRef: v1alpha1.LocalReference{Name: "one"}, Incident: "a1",
	}}
	s.create(own)
	s.has(own, v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
	ahead.Store(int64(31 * 24 * time.Hour))
	edit(s, c, func(o *v1alpha1.FormatChange) {
		o.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
	})
	s.gone(c)
	s.touch("now", own)
}

// events about an object.
func (s *site) events(o client.Object) []eventsv1.Event {
	s.t.Helper()
	list := &eventsv1.EventList{}
	if err := world.Admin.List(s.t.Context(), list, client.InNamespace(s.ns)); err != nil {
		s.t.Fatal(err)
	}
	var about []eventsv1.Event
	for _, e := range list.Items {
		if e.Regarding.UID == o.GetUID() {
			about = append(about, e)
		}
	}
	return about
}

func TestEventsTellTransitionsOnly(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "events")
	x := s.up()
	is := func(want ...string) func() error {
		return func() error {
			var got []string
			for _, e := range s.events(x.f) {
				times := 1
				if e.Series != nil {
					times = int(e.Series.Count)
				}
				for range times {
					got = append(got, e.Type+" "+e.Reason)
				}
			}
			counts := map[string]int{}
			for _, g := range got {
				counts[g]++
			}
			for _, w := range want {
				counts[w]--
			}
			for _, n := range counts {
				if n != 0 {
					return fmt.Errorf("there are %v", got)
				}
			}
			return nil
		}
	}
	eventually(t, "an event that it became ready", is("Normal Succeeded"))
	s.touch("look", x.all()...)
	s.touch("again", x.all()...)
	bad := status.Collector{Result: status.Result{Reason: v1alpha1.ReasonUnauthorized, Message: "401"}, Attempts: 2, Next: time.Now().Add(time.Hour)}
	s.tell(bad, plan.PrefixCollector, s.ns, "one")
	s.has(x.f, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUnauthorized)
	for i := range 3 { // it fails again and again
		bad.Attempts, bad.Failures = bad.Attempts+1, int64(i)
		s.tell(bad, plan.PrefixCollector, s.ns, "one")
		s.touch(fmt.Sprintf("failing-%d", i), x.f)
	}
	eventually(t, "an event that it fails", is("Normal Succeeded", "Warning Unauthorized"))
	s.tell(status.Collector{Result: status.Result{OK: true}, Attempts: 9, LastSuccess: time.Now(), Next: time.Now().Add(time.Hour)}, plan.PrefixCollector, s.ns, "one")
	s.ready(x.f)
	eventually(t, "an event that it works again", func() error {
		n := 0
		for _, e := range s.events(x.f) {
			n++
			if e.Series != nil {
				n += int(e.Series.Count) - 1
			}
		}
		if n < 3 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
}

func TestARequestToCollectReachesTheBus(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "requested")
	x := s.up()
	s.touch("2026-03-01T12:00:00Z", x.f)
	var now plan.CollectNow
	s.config(&now, plan.PrefixCollect, s.ns, "one")
	if now.ID != "2026-03-01T12:00:00Z" {
		t.Errorf("%+v", now)
	}
	// A suspended feed keeps the request for later.
	edit(s, x.f, func(o *v1alpha1.FeedSource) {
		o.Spec.Suspend = true
		o.Annotations[v1alpha1.AnnotationRequestedAt] = "later"
	})
	s.has(x.f, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	if x.f.Status.LastHandledReconcileAt == "later" {
		t.Error("a suspended feed says that it was collected")
	}
	edit(s, x.f, func(o *v1alpha1.FeedSource) { o.Spec.Suspend = false })
	eventually(t, "the request is passed on", func() error {
		if s.config(&now, plan.PrefixCollect, s.ns, "one"); now.ID != "later" {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	s.touch("later", x.f)
}

func TestSuspendedObjectsHaveNoPods(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "suspend")
	x := s.up()
	edit(s, x.f, func(o *v1alpha1.FeedSource) { o.Spec.Suspend = true })
	edit(s, x.s, func(o *v1alpha1.Subscription) { o.Spec.Suspend = true })
	s.has(x.f, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	s.has(x.s, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	for _, name := range []string{"one-collector", "bank-exporter"} {
		if n := *s.deployment(name).Spec.Replicas; n != 0 {
			t.Errorf("%s has %d replicas", name, n)
		}
	}
	s.noConfig(plan.PrefixSubscription, s.ns, "bank")
	s.config(nil, plan.PrefixCollector, s.ns, "one") // what was collected is still processed
	edit(s, x.f, func(o *v1alpha1.FeedSource) { o.Spec.Suspend = false })
	edit(s, x.s, func(o *v1alpha1.Subscription) { o.Spec.Suspend = false })
	s.ready(x.f, x.s)
	s.config(nil, plan.PrefixSubscription, s.ns, "bank")
}

func TestASubscriptionIsScaledByItsSubresource(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "scale")
	x := s.up()
	scale := &autoscalingv1.Scale{}
	get := func() error { return world.Admin.SubResource("scale").Get(t.Context(), x.s, scale) }
	eventually(t, "scale tells the pods", func() error {
		if err := get(); err != nil {
			return err
		}
		if scale.Status.Replicas != 1 || !strings.Contains(scale.Status.Selector, "feeds.weir.dev/subscription=bank") {
			return fmt.Errorf("%+v", scale.Status)
		}
		return nil
	})
	scale.Spec.Replicas = 3
	if err := world.Admin.SubResource("scale").Update(t.Context(), x.s, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three pods are told", func() error {
		if err := get(); err != nil {
			return err
		}
		if scale.Status.Replicas != 3 {
			return fmt.Errorf("%+v", scale.Status)
		}
		return nil
	})
	if n := *s.deployment("bank-exporter").Spec.Replicas; n != 3 {
		t.Errorf("%d replicas", n)
	}
	s.ready(x.s)
	edit(s, x.s, func(o *v1alpha1.Subscription) { o.Spec.Replicas = ptr.To[int32](0) })
	s.has(x.s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonScaledToZero)
}

func TestARouteWithoutTheGatewayAPIIsAConditionThatSaysSo(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "routes")
	x := s.up()
	edit(s, x.s, func(o *v1alpha1.Subscription) {
		o.Spec.Expose = &v1alpha1.ExposeSpec{Host: "feeds.example.org", HTTPRoute: &v1alpha1.HTTPRouteSpec{ParentRefs: []v1alpha1.GatewayReference{{Name: "web"}}}}
	})
	s.has(x.s, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMissingAPI)
	s.deployment("bank-exporter") // the rest is served all the same
	edit(s, x.s, func(o *v1alpha1.Subscription) { o.Spec.Expose = nil })
	s.ready(x.s)
}
