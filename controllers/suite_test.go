package controllers_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers"
	"github.com/weir-project/weir/controllers/internal/conditiontest"
	"github.com/weir-project/weir/hack/operatortest"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// world is one API server for all tests. Each has namespaces of its own, and an
// operator that has rights in those only; tests of an operator for the whole cluster
// do not run beside others.
var world *operatortest.World

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // they mostly wait
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	var err error
	if world, err = operatortest.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv("PATH", "") // nothing of this needs kubectl, or any other program
	code := m.Run()
	err = world.Stop()
	if code == 0 {
		err = errors.Join(err, leftovers())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// leftovers waits until no goroutine of Weir runs any more. Those of its libraries
// may: a manager leaves some behind, since a process ends with it.
func leftovers() error {
	const own = "github.com/weir-project/weir/"
	var left []string
	deadline := time.After(3 * time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		stacks := make([]byte, 64<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = slices.DeleteFunc(strings.Split(string(stacks), "\n\n")[1:], func(s string) bool { return !strings.Contains(s, own) })
		if len(left) == 0 {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("goroutines that did not end:\n%s", strings.Join(left, "\n\n"))
		}
	}
}

// eventually waits until check has nothing to complain about.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); {
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

// site is an operator with its namespaces, and what stands for the rest of a cluster.
type site struct {
	t       *testing.T
	ns      string // the first namespace
	account string
	all     []string
	change  func(*controllers.Options)
	op      *operatortest.Operator
	cluster *operatortest.Cluster
}

// confined starts an operator for some new namespaces.
func confined(t *testing.T, change func(*controllers.Options), namespaces ...string) *site {
	t.Helper()
	s := &site{t: t, ns: namespaces[0], account: "operator-" + namespaces[0], all: namespaces, change: change}
	for _, ns := range namespaces {
		s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	if err := world.Confine(t.Context(), s.account, namespaces...); err != nil {
		t.Fatal(err)
	}
	s.run(operatortest.ClusterOptions{Namespaces: namespaces, Report: true})
	return s
}

// everywhere starts an operator for the whole cluster. Such tests are not parallel.
func everywhere(t *testing.T, namespaces ...string) *site {
	t.Helper()
	s := &site{t: t, ns: namespaces[0]}
	for _, ns := range namespaces {
		s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	s.run(operatortest.ClusterOptions{Report: true})
	t.Cleanup(func() {
		for _, ns := range namespaces { // the next operator of the whole cluster would look after it
			for _, o := range []client.Object{
				&v1alpha1.FormatChange{}, &v1alpha1.FeedSource{}, &v1alpha1.Parser{}, &v1alpha1.Subscription{}, &v1alpha1.Exchange{},
			} {
				if err := world.Admin.DeleteAllOf(context.Background(), o, client.InNamespace(ns)); err != nil {
					t.Errorf("clean up: %v", err)
				}
			}
		}
	})
	return s
}

func (s *site) run(o operatortest.ClusterOptions) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o.Dir = s.t.TempDir()
	var err error
	if s.cluster, err = world.Cluster(ctx, o); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.stop()
		s.cluster.Stop()
		cancel()
	})
	s.start()
}

// start starts the operator, stop ends it.
func (s *site) start() {
	s.t.Helper()
	s.op = s.another(false)
}

func (s *site) another(elect bool) *operatortest.Operator {
	s.t.Helper()
	op, err := world.Run(context.Background(), operatortest.OperatorOptions{
		Account: s.account, Namespaces: s.all, Elect: elect, Dial: s.cluster.Dial, Log: logr.Discard(), Change: s.change,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return op
}

func (s *site) stop() {
	s.t.Helper()
	if s.op == nil {
		return
	}
	if err := s.op.Stop(); err != nil {
		s.t.Errorf("operator: %v", err)
	}
	s.op = nil
}

// in is the site for a subtest.
func (s *site) in(t *testing.T) *site {
	sub := *s
	sub.t = t
	return &sub
}

func (s *site) create(objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		if err := world.Admin.Create(s.t.Context(), o); err != nil {
			s.t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

func (s *site) remove(objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		if err := world.Admin.Delete(s.t.Context(), o); err != nil {
			s.t.Fatalf("delete %T %s: %v", o, o.GetName(), err)
		}
	}
}

// edit changes an object as a person does, with what is there now.
func edit[O client.Object](s *site, o O, change func(O)) {
	s.t.Helper()
	was := s.fresh(o).DeepCopyObject().(client.Object)
	change(o)
	if err := world.Admin.Patch(s.t.Context(), o, client.MergeFrom(was)); err != nil {
		s.t.Fatalf("edit %T %s: %v", o, o.GetName(), err)
	}
}

func (s *site) fresh(o client.Object) client.Object {
	s.t.Helper()
	if err := world.Admin.Get(s.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		s.t.Fatalf("get %T %s: %v", o, o.GetName(), err)
	}
	return o
}

// touch asks for a look at objects and waits until it was had.
func (s *site) touch(id string, objects ...client.Object) {
	s.t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRequestedAt, id))
	for _, o := range objects {
		if err := world.Admin.Patch(s.t.Context(), o, patch); err != nil {
			s.t.Fatalf("touch %T %s: %v", o, o.GetName(), err)
		}
	}
	for _, o := range objects {
		eventually(s.t, fmt.Sprintf("%T %s: the request for a look is repeated", o, o.GetName()), func() error {
			s.fresh(o)
			if got := statusOf(o).LastHandledReconcileAt; got != id {
				return fmt.Errorf("lastHandledReconcileAt is %q", got)
			}
			return nil
		})
	}
}

// quiet waits until the operator writes nothing for a while.
func (s *site) quiet() {
	s.t.Helper()
	last, since := -1, time.Now()
	eventually(s.t, "the operator is quiet", func() error {
		if n := s.op.Requests.Total(); n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) < 2*time.Second {
			return fmt.Errorf("writes: %v", s.op.Requests.Writes())
		}
		return nil
	})
}

// wrote checks what was written since before: paths that end in one of those wanted,
// once each.
func (s *site) wrote(before map[string]int, want ...string) {
	s.t.Helper()
	left := map[string]bool{}
	for _, w := range want {
		left[w] = true
	}
	for what, n := range s.op.Requests.Since(before) {
		found := false
		for w := range left {
			if strings.HasSuffix(what, w) && n == 1 {
				delete(left, w)
				found = true
			}
		}
		if !found {
			s.t.Errorf("%d writes: %s", n, what)
		}
	}
	for w := range left {
		s.t.Errorf("nothing was written to %s", w)
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

// four is one object of each kind that a person writes.
type four struct {
	e *v1alpha1.Exchange
	p *v1alpha1.Parser
	f *v1alpha1.FeedSource
	s *v1alpha1.Subscription
}

func (x *four) all() []client.Object { return []client.Object{x.e, x.p, x.f, x.s} }

// up makes one of each in the first namespace and waits until all is in order and
// done. The feed comes before its parser, the exchange last.
func (s *site) up() *four {
	s.t.Helper()
	x := &four{exchange(s.ns), parser(s.ns), feed(s.ns, "one"), subscription(s.ns, "bank")}
	s.create(x.f, x.s, x.p, x.e)
	s.ready(x.all()...)
	eventually(s.t, "the exchange knows what is attached", func() error {
		if s.fresh(x.e); x.e.Status.Sources != 1 || x.e.Status.Subscriptions != 1 {
			return fmt.Errorf("%+v", x.e.Status)
		}
		return nil
	})
	return x
}

func statusOf(o client.Object) v1alpha1.ObjectStatus {
	switch x := o.(type) {
	case *v1alpha1.Exchange:
		return x.Status.ObjectStatus
	case *v1alpha1.FeedSource:
		return x.Status.ObjectStatus
	case *v1alpha1.Parser:
		return x.Status.ObjectStatus
	case *v1alpha1.Subscription:
		return x.Status.ObjectStatus
	case *v1alpha1.FormatChange:
		return x.Status.ObjectStatus
	}
	return v1alpha1.ObjectStatus{}
}

// has waits until a condition is as wanted.
func (s *site) has(o client.Object, kind string, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%T %s: %s is %s %s", o, o.GetName(), kind, status, reason), func() error {
		if err := world.Admin.Get(s.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		st := statusOf(o)
		c := meta.FindStatusCondition(st.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason || st.ObservedGeneration != o.GetGeneration() {
			return fmt.Errorf("generation %d: %+v", o.GetGeneration(), st)
		}
		if err := conditiontest.Contract(st.Conditions, o.GetGeneration()); err != nil {
			s.t.Errorf("%T %s: %v", o, o.GetName(), err)
		}
		return nil
	})
}

func (s *site) ready(objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		s.has(o, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
}

func (s *site) hub() types.NamespacedName { return types.NamespacedName{Namespace: s.ns, Name: "main"} }

// config waits until a key of the config bucket is there, and decodes it.
func (s *site) config(into any, prefix string, names ...string) {
	s.t.Helper()
	key := plan.Key(prefix, names...)
	eventually(s.t, "configuration "+key, func() error {
		conn, err := s.cluster.Bus(s.t.Context(), s.hub())
		if err != nil {
			return err
		}
		value, err := conn.Config().Get(s.t.Context(), key)
		if err != nil || into == nil {
			return err
		}
		return json.Unmarshal(value, into)
	})
}

// noConfig waits until a key of the config bucket is not there.
func (s *site) noConfig(prefix string, names ...string) {
	s.t.Helper()
	key := plan.Key(prefix, names...)
	eventually(s.t, "no configuration "+key, func() error {
		conn, err := s.cluster.Bus(s.t.Context(), s.hub())
		if err != nil {
			return err
		}
		switch _, err = conn.Config().Get(s.t.Context(), key); {
		case errors.Is(err, bus.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		return errors.New("it is there")
	})
}
