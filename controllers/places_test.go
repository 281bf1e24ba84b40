package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// label sets or removes a label of a namespace.
func (s *site) label(ns, name, value string) {
	s.t.Helper()
	edit(s, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(o *corev1.Namespace) {
		if o.Labels[name] = value; value == "" {
			delete(o.Labels, name)
		}
	})
}

func TestANamespaceWorksWithAnExchangeElsewhereWhileThatAllowsIt(t *testing.T) {
	s := everywhere(t, "centre", "team")
	e := exchange("centre")
	e.Spec.AllowedNamespaces = v1alpha1.NamespacesSpec{
		From: v1alpha1.NamespacesSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"feeds": "yes"}},
	}
	p, f, sub := parser("team"), feed("team", "one"), subscription("team", "bank")
	f.Spec.ExchangeRef.Namespace, sub.Spec.ExchangeRef.Namespace = "centre", "centre"
	s.create(e, p, f, sub)
	refused := func(reason string) {
		t.Helper()
		s.has(f, v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason)
		s.has(sub, v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason)
	}
	attached := func(n int32) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d attached", n), func() error {
			if s.fresh(e); e.Status.Sources != n || e.Status.Subscriptions != n {
				return fmt.Errorf("%+v", e.Status)
			}
			return nil
		})
		var hub plan.Hub
		eventually(t, "the hub knows the namespaces", func() error {
			if s.config(&hub, plan.PrefixHub, "centre", "main"); (strings.Join(hub.Namespaces, " ") == "centre team") != (n > 0) {
				return fmt.Errorf("%v", hub.Namespaces)
			}
			return nil
		})
	}
	refused(v1alpha1.ReasonNamespaceForbidden)

	s.label("team", "feeds", "yes")
	s.ready(e, p, f, sub)
	attached(1)
	s.config(nil, plan.PrefixCollector, "team", "one")

	// The label goes: so does everything that worked.
	s.label("team", "feeds", "")
	refused(v1alpha1.ReasonNamespaceForbidden)
	attached(0)
	s.noConfig(plan.PrefixCollector, "team", "one")
	s.noConfig(plan.PrefixMonitor, "team", "list")
	s.noConfig(plan.PrefixSubscription, "team", "bank")
	team := s.in(t)
	team.ns = "team"
	for _, name := range []string{"one-collector", "list-monitor", "bank-exporter"} {
		team.gone(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name + "-bus"}})
	}

	// The Exchange allows all, but the namespace gets one of its own.
	edit(s, e, func(o *v1alpha1.Exchange) {
		o.Spec.AllowedNamespaces = v1alpha1.NamespacesSpec{From: v1alpha1.NamespacesAll}
	})
	s.ready(f, sub, p)
	own := exchange("team")
	own.Name = "own"
	s.create(own)
	refused(v1alpha1.ReasonConflict)
	attached(0)
	s.remove(own)
	s.ready(f, sub, p)

	// The namespace works with one Exchange, the one of its oldest object.
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}})
	other := exchange("elsewhere")
	other.Spec.AllowedNamespaces.From = v1alpha1.NamespacesAll
	young := feed("team", "young")
	young.Spec.ExchangeRef.Namespace = "elsewhere"
	s.create(other)
	s.nextSecond() // what is oldest is told by seconds
	s.create(young)
	s.has(young, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	s.remove(f, sub)
	s.has(young, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	s.remove(young, other)
}

// nextSecond waits until objects are younger than those that are there.
func (s *site) nextSecond() {
	s.t.Helper()
	now := time.Now().Truncate(time.Second)
	eventually(s.t, "the next second", func() error {
		if time.Now().Truncate(time.Second).Equal(now) {
			return errors.New("it is the same")
		}
		return nil
	})
}

func TestOfTwoThatCannotBothBeTheOldestWorks(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "conflicts")
	x := s.up()
	s.nextSecond()
	e2 := exchange(s.ns)
	e2.Name = "second"
	f2, p2 := feed(s.ns, "two"), parser(s.ns)
	f2.Spec.Channel, f2.Spec.ParserRef.Name, p2.Name = "one", "second", "second"
	s2 := subscription(s.ns, "copy")
	s2.Spec.Organisation.ID = x.s.Spec.Organisation.ID
	s.create(e2, p2, f2, s2)
	for _, o := range []client.Object{e2, f2, s2} {
		s.has(o, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	}
	s.ready(p2) // nobody uses it
	s.noConfig(plan.PrefixSubscription, s.ns, "copy")

	// When the first goes, the next takes its place, with all that belongs to it.
	s.remove(x.f, x.s)
	s.ready(f2, s2, p2)
	var m plan.Monitor
	s.config(&m, plan.PrefixMonitor, s.ns, "second")
	if len(m.Feeds) != 1 || m.Feeds[0].Name != "two" {
		t.Errorf("%+v", m.Feeds)
	}
	var sources plan.Sources
	eventually(t, "the hub knows the source", func() error {
		if s.config(&sources, plan.PrefixSources, s.ns, "main"); len(sources.Sources) != 1 {
			return fmt.Errorf("%+v", sources)
		}
		return nil
	})

	f3 := feed(s.ns, "three")
	f3.Spec.ExchangeRef.Name = "second"
	s.create(f3)
	s.has(f3, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	s.remove(x.e)
	s.has(e2, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	s.has(f3, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

func TestAnOperatorOfSomeNamespacesKeepsToThem(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "mine", "mine-too")
	theirs := feed("theirs", "one")
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}, exchange("theirs"), parser("theirs"), theirs)
	e := exchange("mine")
	e.Spec.AllowedNamespaces.From = v1alpha1.NamespacesAll
	f := feed("mine-too", "one")
	f.Spec.ExchangeRef.Namespace = "mine"
	s.create(e, parser("mine-too"), f)
	s.ready(e, f)
	if s.fresh(theirs); theirs.Status.ObservedGeneration != -1 {
		t.Errorf("an object of another namespace has a status: %+v", theirs.Status)
	}
	list := &appsv1.DeploymentList{}
	if err := world.Admin.List(t.Context(), list, client.InNamespace("theirs")); err != nil || len(list.Items) > 0 {
		t.Errorf("%d Deployments in another namespace, %v", len(list.Items), err)
	}
}

func TestAnotherOperatorTakesOver(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "leaders")
	s.stop()
	s.op = s.another(true)
	x := s.up()
	standby := s.another(true)
	t.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			t.Errorf("second operator: %v", err)
		}
	})
	select {
	case <-standby.Manager.Elected():
		t.Fatal("two operators lead")
	default:
	}
	s.touch("first", x.all()...)
	if n := standby.Requests.Total(); n > 0 {
		t.Errorf("an operator that does not lead wrote: %v", standby.Requests.Writes())
	}
	began := time.Now()
	s.stop()
	<-standby.Manager.Elected()
	late := feed(s.ns, "late")
	s.create(late)
	s.ready(append(x.all(), late)...)
	t.Logf("taken over within %s", time.Since(began).Round(100*time.Millisecond))
	for what := range standby.Requests.Writes() {
		if strings.HasSuffix(what, "/feedsources/one/status") || strings.HasSuffix(what, "/subscriptions/bank/status") {
			t.Errorf("that the operator changed is no news of these: %s", what)
		}
	}
}

func TestAMissingRightIsTold(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "rights")
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: s.account}}
	var was []rbacv1.PolicyRule
	edit(s, role, func(o *rbacv1.Role) {
		was = o.DeepCopy().Rules
		for i, rule := range o.Rules {
			if rule.Resources[0] == "networkpolicies" {
				o.Rules[i].Verbs = []string{"get", "list", "watch"}
			}
		}
	})
	f := feed(s.ns, "one")
	s.create(exchange(s.ns), parser(s.ns), f)
	eventually(t, "the condition names the right", func() error {
		s.fresh(f)
		if c := readiness(f); c.Status == metav1.ConditionTrue || !strings.Contains(c.Message, "forbidden") || !strings.Contains(c.Message, "networkpolicies") {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	s.deployment("one-collector") // what it may, it does
	edit(s, role, func(o *rbacv1.Role) { o.Rules = was })
	s.touch("rights are back", f)
	s.ready(f)
}

func TestTheTableOfKubectlGetTellsWhatMatters(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "columns")
	x := s.up()
	c := &v1alpha1.FormatChange{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "old"}, Spec: v1alpha1.FormatChangeSpec{
		SourceRef: v1alpha1.LocalReference{Name: "one"}, Incident: "a1",
	}}
	s.create(c)
	s.ready(c)
	eventually(t, "the feed was collected", func() error {
		if s.fresh(x.f); x.f.Status.LastCollected == nil {
			return errors.New("it was not")
		}
		return nil
	})
	for kind, want := range map[string][]string{
		"exchanges":     {"Name=main", "Ready=True", "Reason=Succeeded", "Sources=1", "Subscriptions=1", "Age"},
		"feedsources":   {"Name=one", "Ready=True", "Reason=Succeeded", "Held=0", "Age", "Last collection", "Parser=list"},
		"parsers":       {"Name=list", "Ready=True", "Reason=Succeeded", "Age"},
		"subscriptions": {"Name=bank", "Ready=True", "Reason=Succeeded", "Age"},
		"formatchanges": {"Name=old", "Source=one", "Ready=True", "Reason=Succeeded", "Age"},
	} {
		t.Run(kind, func(t *testing.T) {
			row := table(t, s.ns, kind)
			for _, w := range want {
				name, value, exact := strings.Cut(w, "=")
				got, ok := row[name]
				if !ok || got == "" || got == "<none>" || exact && got != value {
					t.Errorf("%s is %q in %v", name, got, row)
				}
			}
		})
	}
}

// table is the only row of what kubectl get shows of a kind, by column.
func table(t *testing.T, ns, kind string) map[string]string {
	t.Helper()
	tab := &metav1.Table{}
	if err := world.Table(context.WithoutCancel(t.Context()), ns, kind, tab); err != nil {
		t.Fatal(err)
	}
	if len(tab.Rows) != 1 {
		t.Fatalf("%d rows", len(tab.Rows))
	}
	row := map[string]string{}
	for i, c := range tab.ColumnDefinitions {
		if v := tab.Rows[0].Cells[i]; v != nil {
			row[c.Name] = fmt.Sprint(v)
		}
	}
	return row
}
