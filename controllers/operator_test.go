package controllers_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/operatortest"
)

// world is one API server for all tests; each has a namespace of its own.
var world *operatortest.World

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	var err error
	if world, err = operatortest.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := world.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// eventually waits until check has nothing to complain about.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); {
		if err = check(); err == nil {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func namespace(t *testing.T, name string) string {
	t.Helper()
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := world.Admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

func exchange(ns string) *v1alpha1.Exchange {
	return &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "main"}}
}

func feed(ns, name string) *v1alpha1.FeedSource {
	return &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: v1alpha1.FeedSourceSpec{
		Provider: "example-org", Channel: name, ExchangeRef: v1alpha1.ExchangeReference{Name: "main"},
		ParserRef: v1alpha1.LocalReference{Name: "list"},
		HTTP:      &v1alpha1.HTTPSpec{URL: "https://feeds.example.org/" + name},
		Schedule:  v1alpha1.ScheduleSpec{Interval: "1h"},
	}}
}

func parser(ns string) *v1alpha1.Parser {
	return &v1alpha1.Parser{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "list"}, Spec: v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{Comment: "#"}},
		Mapping:   []v1alpha1.MappingRule{{Field: "ip", From: []string{"line"}, Required: true}},
		Constants: map[string]string{"category": "cnc", "confidence": "high"},
	}}
}

func subscription(ns, name string) *v1alpha1.Subscription {
	return &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: v1alpha1.SubscriptionSpec{
		ExchangeRef:  v1alpha1.ExchangeReference{Name: "main"},
		Organisation: v1alpha1.OrganisationSpec{ID: name + ".example", Criteria: v1alpha1.CriteriaSpec{ASNs: []int64{64500}}},
		Zones:        v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}},
		Exports:      []v1alpha1.ExportSpec{{Name: "api", API: &v1alpha1.APIExport{}}},
	}}
}

// run starts an operator and the stand-in for the rest of the cluster.
func run(t *testing.T, o operatortest.OperatorOptions, c operatortest.ClusterOptions) (*operatortest.Operator, *operatortest.Cluster) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.Dir = t.TempDir()
	cluster, err := world.Cluster(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if o.Dial == nil {
		o.Dial = cluster.Dial
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	op, err := world.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := op.Stop(); err != nil {
			t.Errorf("operator: %v", err)
		}
		cluster.Stop()
		cancel()
	})
	return op, cluster
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch x := o.(type) {
	case *v1alpha1.Exchange:
		return x.Status.Conditions
	case *v1alpha1.FeedSource:
		return x.Status.Conditions
	case *v1alpha1.Parser:
		return x.Status.Conditions
	case *v1alpha1.Subscription:
		return x.Status.Conditions
	case *v1alpha1.FormatChange:
		return x.Status.Conditions
	}
	return nil
}

// has waits until a condition is as wanted.
func has(t *testing.T, o client.Object, kind string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%T %s: %s is %s %s", o, o.GetName(), kind, status, reason), func() error {
		if err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		c := meta.FindStatusCondition(conditionsOf(o), kind)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("%+v", conditionsOf(o))
		}
		return nil
	})
}

func ready(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		has(t, o, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
}

func TestEverythingOfANamespaceBecomesReadyAndThenNothingIsWritten(t *testing.T) {
	ns := namespace(t, "ready")
	op, cluster := run(t, operatortest.OperatorOptions{Namespaces: nil}, operatortest.ClusterOptions{Report: true})
	e, p, f, s := exchange(ns), parser(ns), feed(ns, "one"), subscription(ns, "bank")
	create(t, e, p, f, s)
	ready(t, e, p, f, s)
	_ = cluster
	_ = types.NamespacedName{}

	// Look at everything again: a request for a look is answered by a status that
	// repeats it, and by nothing else.
	before := op.Requests.Total()
	_ = before
}
