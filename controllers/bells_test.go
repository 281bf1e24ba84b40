package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/world"
)

type indexer struct{ *fake.ClientBuilder }

func (b indexer) IndexField(_ context.Context, o client.Object, field string, fn client.IndexerFunc) error {
	b.WithIndex(o, field, fn)
	return nil
}

func newSetup(t *testing.T, objects ...client.Object) *setup {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	b := indexer{fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)}
	if err := world.Index(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return &setup{base: &scope.Base{Client: b.Build(), Namespaces: true}}
}

func objectMeta(ns, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name}
}

func TestWhatABusTellsWakesWhomItConcerns(t *testing.T) {
	centre := v1alpha1.ExchangeReference{Name: "main", Namespace: "centre"}
	s := newSetup(t,
		&v1alpha1.FeedSource{ObjectMeta: objectMeta("team", "one"), Spec: v1alpha1.FeedSourceSpec{ExchangeRef: centre, ParserRef: v1alpha1.LocalReference{Name: "list"}}},
		&v1alpha1.FeedSource{ObjectMeta: objectMeta("team", "two"), Spec: v1alpha1.FeedSourceSpec{ExchangeRef: centre, ParserRef: v1alpha1.LocalReference{Name: "list"}}},
		&v1alpha1.FeedSource{ObjectMeta: objectMeta("far", "away"), Spec: v1alpha1.FeedSourceSpec{ExchangeRef: v1alpha1.ExchangeReference{Name: "main"}}},
		&v1alpha1.Subscription{ObjectMeta: objectMeta("team", "bank"), Spec: v1alpha1.SubscriptionSpec{ExchangeRef: centre}},
		&v1alpha1.FormatChange{ObjectMeta: objectMeta("team", "one-a1"), Spec: v1alpha1.FormatChangeSpec{SourceRef: v1alpha1.LocalReference{Name: "one"}}},
	)
	for _, tc := range []struct {
		key  string
		want map[string][]string // by kind
	}{
		{"collector.team.one", map[string][]string{"FeedSource": {"team/one"}}},
		{"monitor.team.one", map[string][]string{"FeedSource": {"team/one"}, "FormatChange": {"team/one-a1"}}},
		{"monitor.team.two", map[string][]string{"FeedSource": {"team/two"}}},
		{"parser.team.list", map[string][]string{"Parser": {"team/list"}}},
		{"exporter.team.bank", map[string][]string{"Subscription": {"team/bank"}}},
		{"hub.centre.main", map[string][]string{"Exchange": {"centre/main"}}},
		{"hub.centre.main.2", map[string][]string{"Exchange": {"centre/main"}}},
		{"other.team.one", nil},
		{"nonsense", nil},
		{"", map[string][]string{ // the link itself changed
			"Exchange": {"centre/main"}, "FeedSource": {"team/one", "team/two"}, "Parser": {"team/list"},
			"Subscription": {"team/bank"}, "FormatChange": {"team/one-a1"},
		}},
	} {
		t.Run(tc.key, func(t *testing.T) {
			for kind := range Kinds() {
				var got []string
				for _, r := range s.heard(kind)(t.Context(), buslink.Change{Exchange: types.NamespacedName{Namespace: "centre", Name: "main"}, Key: tc.key}) {
					got = append(got, r.String())
				}
				slices.Sort(got)
				if !slices.Equal(got, tc.want[kind]) {
					t.Errorf("%s: %v, wanted %v", kind, got, tc.want[kind])
				}
			}
		})
	}
}

func TestBellsRingForEveryKindAndStopWithTheOperator(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBells(ctx)
	b.ring(buslink.Change{Key: "hub.a.b"})
	for kind, ch := range b.channels {
		if c := <-ch; c.Object.Key != "hub.a.b" {
			t.Errorf("%s heard %+v", kind, c)
		}
	}
	// Nobody listens any more, and the channels are full: it does not hang.
	for range cap(b.channels["Exchange"]) {
		for _, ch := range b.channels {
			ch <- event.TypedGenericEvent[buslink.Change]{}
		}
	}
	cancel()
	b.ring(buslink.Change{Key: "hub.a.b"})
}

func TestWhichChangesOfAnObjectCount(t *testing.T) {
	feed := func(change func(*v1alpha1.FeedSource)) client.Object {
		f := &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "one", Generation: 1}}
		if change != nil {
			change(f)
		}
		return f
	}
	is := func(status metav1.ConditionStatus) func(*v1alpha1.FeedSource) {
		return func(f *v1alpha1.FeedSource) {
			f.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: status}}
		}
	}
	type changes struct{ edited, acceptance, left bool }
	for name, tc := range map[string]struct {
		was, is client.Object
		want    changes
	}{
		"nothing":       {feed(nil), feed(nil), changes{}},
		"status":        {feed(nil), feed(func(f *v1alpha1.FeedSource) { f.Status.Held = 3 }), changes{}},
		"label":         {feed(nil), feed(func(f *v1alpha1.FeedSource) { f.Labels = map[string]string{"a": "b"} }), changes{}},
		"specification": {feed(nil), feed(func(f *v1alpha1.FeedSource) { f.Generation = 2 }), changes{edited: true, acceptance: true}},
		"request to look": {feed(nil), feed(func(f *v1alpha1.FeedSource) {
			f.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
		}), changes{edited: true}},
		"accepted":       {feed(is("False")), feed(is("True")), changes{acceptance: true}},
		"refused":        {feed(is("True")), feed(is("False")), changes{acceptance: true}},
		"accepted still": {feed(is("True")), feed(is("True")), changes{}},
		"another exchange": {feed(nil), feed(func(f *v1alpha1.FeedSource) {
			f.Generation, f.Spec.ExchangeRef.Namespace = 2, "centre"
		}), changes{edited: true, acceptance: true, left: true}},
	} {
		t.Run(name, func(t *testing.T) {
			e := event.UpdateEvent{ObjectOld: tc.was, ObjectNew: tc.is}
			got := changes{edited.Update(e), acceptedOrEdited.Update(e), left.Update(e)}
			if got != tc.want {
				t.Errorf("%+v, wanted %+v", got, tc.want)
			}
		})
	}
	if !left.Delete(event.DeleteEvent{}) || left.Create(event.CreateEvent{}) || onlyDeleted.Update(event.UpdateEvent{}) {
		t.Error("what comes or goes is mistaken")
	}
}
