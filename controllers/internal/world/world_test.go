package world_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/plan"
)

// builder takes indexes as a cache does.
type builder struct{ *fake.ClientBuilder }

func (b builder) IndexField(_ context.Context, o client.Object, field string, fn client.IndexerFunc) error {
	b.WithIndex(o, field, fn)
	return nil
}

func newReader(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	b := builder{fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)}
	if err := world.Index(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

// age is when an object was made, in minutes after the first.
func object(ns, name string, age int) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name, CreationTimestamp: metav1.NewTime(time.Date(2026, 3, 1, 12, age, 0, 0, time.UTC))}
}

func exchange(ns, name string, age int, from v1alpha1.NamespacesSpec) *v1alpha1.Exchange {
	return &v1alpha1.Exchange{ObjectMeta: object(ns, name, age), Spec: v1alpha1.ExchangeSpec{AllowedNamespaces: from}}
}

func feed(ns, name string, age int, channel string, ref v1alpha1.ExchangeReference) *v1alpha1.FeedSource {
	return &v1alpha1.FeedSource{ObjectMeta: object(ns, name, age), Spec: v1alpha1.FeedSourceSpec{
		Provider: "p", Channel: channel, ExchangeRef: ref, ParserRef: v1alpha1.LocalReference{Name: "list"},
		HTTP: &v1alpha1.HTTPSpec{Auth: &v1alpha1.HTTPAuth{Bearer: &v1alpha1.SecretKeyReference{Name: "token-" + name, Key: "k"}}},
	}}
}

func subscription(ns, name string, age int, org string, ref v1alpha1.ExchangeReference) *v1alpha1.Subscription {
	return &v1alpha1.Subscription{ObjectMeta: object(ns, name, age), Spec: v1alpha1.SubscriptionSpec{
		ExchangeRef: ref, Organisation: v1alpha1.OrganisationSpec{ID: org},
	}}
}

func parser(ns string) *v1alpha1.Parser { return &v1alpha1.Parser{ObjectMeta: object(ns, "list", 0)} }

func TestChecksOfThePlanOverTheCache(t *testing.T) {
	main := v1alpha1.ExchangeReference{Name: "main"}
	there := v1alpha1.ExchangeReference{Name: "main", Namespace: "centre"}
	all := v1alpha1.NamespacesSpec{From: v1alpha1.NamespacesAll}
	labelled := v1alpha1.NamespacesSpec{From: v1alpha1.NamespacesSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"feeds": "yes"}}}
	team := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{"feeds": "yes"}}}
	for name, tc := range map[string]struct {
		objects []client.Object
		// feeds and subs by name with the reason of refusal, empty if accepted.
		feeds, subs map[string]string
		confined    bool // the operator may not read namespaces
	}{
		"everything fits": {
			objects: []client.Object{exchange("team", "main", 0, v1alpha1.NamespacesSpec{}), parser("team"), feed("team", "one", 1, "a", main), subscription("team", "bank", 1, "bank", main)},
			feeds:   map[string]string{"one": ""}, subs: map[string]string{"bank": ""},
		},
		"no parser": {
			objects: []client.Object{exchange("team", "main", 0, v1alpha1.NamespacesSpec{}), feed("team", "one", 1, "a", main)},
			feeds:   map[string]string{"one": v1alpha1.ReasonReferenceMissing},
		},
		"no exchange": {
			objects: []client.Object{parser("team"), feed("team", "one", 1, "a", main), subscription("team", "bank", 1, "bank", main)},
			feeds:   map[string]string{"one": v1alpha1.ReasonReferenceMissing}, subs: map[string]string{"bank": v1alpha1.ReasonReferenceMissing},
		},
		"the oldest has the source and the organisation": {
			objects: []client.Object{
				exchange("team", "main", 0, v1alpha1.NamespacesSpec{}), parser("team"),
				feed("team", "young", 9, "a", main), feed("team", "old", 1, "a", main), feed("team", "other", 9, "b", main),
				subscription("team", "young", 9, "bank", main), subscription("team", "old", 1, "bank", main),
			},
			feeds: map[string]string{"old": "", "young": v1alpha1.ReasonConflict, "other": ""},
			subs:  map[string]string{"old": "", "young": v1alpha1.ReasonConflict},
		},
		"two exchanges": {
			objects: []client.Object{
				exchange("team", "main", 5, v1alpha1.NamespacesSpec{}), exchange("team", "first", 0, v1alpha1.NamespacesSpec{}), parser("team"), feed("team", "one", 1, "a", main),
			},
			feeds: map[string]string{"one": v1alpha1.ReasonConflict},
		},
		"elsewhere, for its own namespace only": {
			objects: []client.Object{exchange("centre", "main", 0, v1alpha1.NamespacesSpec{}), parser("team"), feed("team", "one", 1, "a", there)},
			feeds:   map[string]string{"one": v1alpha1.ReasonNamespaceForbidden},
		},
		"elsewhere, by label": {
			objects: []client.Object{team, exchange("centre", "main", 0, labelled), parser("team"), feed("team", "one", 1, "a", there), subscription("team", "bank", 1, "bank", there)},
			feeds:   map[string]string{"one": ""}, subs: map[string]string{"bank": ""},
		},
		"elsewhere, by a label that cannot be read": {
			objects: []client.Object{team, exchange("centre", "main", 0, labelled), parser("team"), feed("team", "one", 1, "a", there)},
			feeds:   map[string]string{"one": v1alpha1.ReasonNamespaceForbidden}, confined: true,
		},
		"elsewhere, although there is one here": {
			objects: []client.Object{exchange("centre", "main", 0, all), exchange("team", "own", 5, all), parser("team"), feed("team", "one", 1, "a", there)},
			feeds:   map[string]string{"one": v1alpha1.ReasonConflict},
		},
		"in two places elsewhere": {
			objects: []client.Object{
				exchange("centre", "main", 0, all), exchange("north", "main", 0, all), parser("team"),
				feed("team", "one", 2, "a", there), feed("team", "two", 3, "b", v1alpha1.ExchangeReference{Name: "main", Namespace: "north"}),
				subscription("team", "bank", 9, "bank", there),
			},
			feeds: map[string]string{"one": "", "two": v1alpha1.ReasonConflict}, subs: map[string]string{"bank": ""},
		},
		"a namespace that is refused takes no source from others": {
			objects: []client.Object{
				exchange("centre", "main", 0, v1alpha1.NamespacesSpec{}), parser("centre"), parser("team"),
				feed("team", "foreign", 1, "a", there), feed("centre", "own", 9, "a", main),
			},
			feeds: map[string]string{"foreign": v1alpha1.ReasonNamespaceForbidden, "own": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, tc.objects...)
			w := world.New(t.Context(), r, !tc.confined)
			for _, f := range w.FeedSources() {
				if got := reason(plan.CheckFeedSource(w, f)); got != tc.feeds[f.Name] {
					t.Errorf("FeedSource %s: %q, wanted %q", f.Name, got, tc.feeds[f.Name])
				}
			}
			for _, s := range w.Subscriptions() {
				if got := reason(plan.CheckSubscription(w, s)); got != tc.subs[s.Name] {
					t.Errorf("Subscription %s: %q, wanted %q", s.Name, got, tc.subs[s.Name])
				}
			}
			accepted := 0
			for _, reason := range tc.feeds {
				if reason == "" {
					accepted++
				}
			}
			if got := len(w.AcceptedFeeds()); got != accepted {
				t.Errorf("%d feeds are accepted, wanted %d", got, accepted)
			}
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func reason(problems []plan.Problem) string {
	if len(problems) == 0 {
		return ""
	}
	return problems[0].Reason
}

func TestIndexesFindWhatNamesSomething(t *testing.T) {
	main := v1alpha1.ExchangeReference{Name: "main"}
	there := v1alpha1.ExchangeReference{Name: "main", Namespace: "centre"}
	change := &v1alpha1.FormatChange{ObjectMeta: object("team", "c", 0), Spec: v1alpha1.FormatChangeSpec{SourceRef: v1alpha1.LocalReference{Name: "one"}}}
	r := newReader(t, feed("team", "one", 0, "a", there), feed("centre", "two", 0, "b", main), feed("other", "three", 0, "c", main),
		subscription("team", "bank", 0, "bank", there), change)
	w := world.New(t.Context(), r, true)
	names := func(feeds []*v1alpha1.FeedSource) []string {
		var all []string
		for _, f := range feeds {
			all = append(all, f.Namespace+"/"+f.Name)
		}
		slices.Sort(all)
		return all
	}
	centre := plan.Ref{Namespace: "centre", Name: "main"}
	for what, tc := range map[string]struct {
		got  []*v1alpha1.FeedSource
		want []string
	}{
		"an exchange": {w.FeedSources(world.NamesExchange(centre)), []string{"centre/two", "team/one"}},
		"a parser":    {w.FeedSources(world.UsesParser(plan.Ref{Namespace: "team", Name: "list"})...), []string{"team/one"}},
		"a source":    {w.SourceHolders(centre, "p.b"), []string{"centre/two"}},
		"a Secret":    {w.FeedSources(client.InNamespace("team"), client.MatchingFields{world.IndexSecret: "token-one"}), []string{"team/one"}},
		"another's":   {w.FeedSources(client.InNamespace("team"), client.MatchingFields{world.IndexSecret: "token-two"}), nil},
	} {
		if got := names(tc.got); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, wanted %v", what, got, tc.want)
		}
	}
	if subs := w.OrganisationHolders(centre, "bank"); len(subs) != 1 {
		t.Errorf("%d subscriptions", len(subs))
	}
	list := &v1alpha1.FormatChangeList{}
	if err := r.List(t.Context(), list, client.MatchingFields{world.IndexFeed: "one"}); err != nil || len(list.Items) != 1 {
		t.Errorf("%d format changes, %v", len(list.Items), err)
	}
}

func TestWhatIsBeingDeletedIsGone(t *testing.T) {
	now := metav1.Now()
	e, f := exchange("team", "main", 0, v1alpha1.NamespacesSpec{}), feed("team", "one", 0, "a", v1alpha1.ExchangeReference{Name: "main"})
	for _, o := range []client.Object{e, f} {
		o.SetDeletionTimestamp(&now)
		o.SetFinalizers([]string{"somebody.example.org/waits"})
	}
	w := world.New(t.Context(), newReader(t, e, f), true)
	if len(w.Exchanges("team"))+len(w.FeedSources()) > 0 {
		t.Error("it is there still")
	}
}

func TestAReadThatFailsIsNoAnswer(t *testing.T) {
	boom := errors.New("the cache is broken")
	broken := interceptor.NewClient(newReader(t), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return boom },
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return boom
		},
	})
	for what, ask := range map[string]func(*world.World){
		"exchanges":    func(w *world.World) { w.Exchanges("team") },
		"a parser":     func(w *world.World) { w.Parser(plan.Ref{Namespace: "team", Name: "list"}) },
		"a feed":       func(w *world.World) { w.FeedSource(plan.Ref{Namespace: "team", Name: "one"}) },
		"attached":     func(w *world.World) { w.Attached("team") },
		"labels":       func(w *world.World) { w.NamespaceLabels("team") },
		"parser names": func(w *world.World) { w.ParserNames("team") },
	} {
		w := world.New(t.Context(), broken, true)
		if ask(w); !errors.Is(w.Err(), boom) {
			t.Errorf("%s: %v", what, w.Err())
		}
	}
}
