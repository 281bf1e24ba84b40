// Package selftest proves that an installation works: it makes an Exchange, a
// Parser and a FeedSource, waits until the components run and report, and removes
// what it made.
package selftest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	name = "weir-selftest"
	// port of the feed that the test serves. The collector must refuse it, unless the
	// operator allows the network of pods.
	port  = "8080"
	every = 500 * time.Millisecond
	// cleanupMost bounds the removal, also after the test was interrupted.
	cleanupMost = 30 * time.Second
)

// options of the command line.
type options struct {
	namespace, storageSize, storageClass string
	timeout                              time.Duration
}

// test is one run.
type test struct {
	options
	client client.Client
	out    io.Writer
	made   []client.Object
}

// Run runs the test with the arguments behind "selftest".
func Run(ctx context.Context, args []string, connect func() (client.Client, error), out io.Writer) error {
	var o options
	fs := flag.NewFlagSet("operator selftest", flag.ContinueOnError)
	fs.StringVar(&o.namespace, "namespace", "", "namespace to test in (required); its Exchange is used if it has one")
	fs.StringVar(&o.storageSize, "storage-size", "1Gi", "volume of the Exchange that is made otherwise")
	fs.StringVar(&o.storageClass, "storage-class", "", "class of that volume; the cluster's default if empty")
	fs.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long it may take")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.namespace == "" {
		return errors.New("--namespace is missing")
	}
	if _, err := resource.ParseQuantity(o.storageSize); err != nil {
		return fmt.Errorf("--storage-size %q: %w", o.storageSize, err)
	}
	c, err := connect()
	if err != nil {
		return err
	}
	t := &test{options: o, client: c, out: out}
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err = t.run(limited)
	if err != nil {
		t.explain(context.WithoutCancel(ctx))
	}
	return errors.Join(err, t.cleanup(context.WithoutCancel(ctx)))
}

func (t *test) run(ctx context.Context) error {
	if err := t.served(ctx); err != nil {
		return err
	}
	address, stop, err := serveFeed(ctx)
	if err != nil {
		return err
	}
	defer stop()
	exchange, err := t.exchange(ctx)
	if err != nil {
		return err
	}
	parser, feed := t.objects(exchange.Name, address)
	for _, o := range []client.Object{parser, feed} {
		if err := t.create(ctx, o); err != nil {
			return err
		}
	}
	is := func(conditions *[]metav1.Condition, kind string) func() (bool, string) {
		return func() (bool, string) {
			c := meta.FindStatusCondition(*conditions, kind)
			if c == nil {
				return false, "no condition " + kind + " yet"
			}
			return c.Status == metav1.ConditionTrue, fmt.Sprintf("%s is %s: %s: %s", kind, c.Status, c.Reason, c.Message)
		}
	}
	return errors.Join(
		t.wait(ctx, exchange, "the hub runs and records", is(&exchange.Status.Conditions, v1alpha1.ConditionReady)),
		t.wait(ctx, parser, "the monitor runs, and the example passes", is(&parser.Status.Conditions, v1alpha1.ConditionExamplesPassed)),
		t.wait(ctx, feed, "the collector runs, and refuses addresses that are not public", func() (bool, string) {
			c := meta.FindStatusCondition(feed.Status.Conditions, v1alpha1.ConditionFetched)
			if c == nil {
				return false, "no condition Fetched yet"
			}
			return c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonAddressForbidden,
				fmt.Sprintf("Fetched is %s: %s: %s", c.Status, c.Reason, c.Message)
		}),
	)
}

// served checks that the API server knows every kind that the test needs.
func (t *test) served(ctx context.Context) error {
	for _, list := range []client.ObjectList{&v1alpha1.ExchangeList{}, &v1alpha1.ParserList{}, &v1alpha1.FeedSourceList{}} {
		if err := t.client.List(ctx, list, client.InNamespace(t.namespace), client.Limit(1)); err != nil {
			return fmt.Errorf("custom resources in namespace %s: %w", t.namespace, err)
		}
	}
	t.say("ok: the API server serves the custom resources")
	return nil
}

// exchange is the one that the namespace has, or a new one that goes afterwards.
func (t *test) exchange(ctx context.Context) (*v1alpha1.Exchange, error) {
	list := &v1alpha1.ExchangeList{}
	if err := t.client.List(ctx, list, client.InNamespace(t.namespace)); err != nil {
		return nil, fmt.Errorf("list Exchanges: %w", err)
	}
	if len(list.Items) > 0 {
		return &list.Items[0], nil
	}
	size := resource.MustParse(t.storageSize)
	e := &v1alpha1.Exchange{ObjectMeta: t.meta(), Spec: v1alpha1.ExchangeSpec{
		Storage: v1alpha1.StorageSpec{Size: &size, ClassName: t.storageClass, DeletionPolicy: v1alpha1.DeletionDelete},
	}}
	return e, t.create(ctx, e)
}

func (t *test) meta() metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: t.namespace, Name: name} }

func (t *test) objects(exchange, address string) (*v1alpha1.Parser, *v1alpha1.FeedSource) {
	parser := &v1alpha1.Parser{ObjectMeta: t.meta(), Spec: v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{}},
		Mapping:   []v1alpha1.MappingRule{{Field: "ip", From: []string{"line"}, Required: true}},
		Constants: map[string]string{"category": "other", "confidence": "low"},
		Examples: []v1alpha1.Example{{Name: "an address", Input: "192.0.2.1\n", Events: []runtime.RawExtension{
			{Raw: []byte(`{"category":"other","address":[{"ip":"192.0.2.1"}]}`)},
		}}},
	}}
	feed := &v1alpha1.FeedSource{ObjectMeta: t.meta(), Spec: v1alpha1.FeedSourceSpec{
		Provider: "weir", Channel: "selftest", ExchangeRef: v1alpha1.ExchangeReference{Name: exchange},
		ParserRef: v1alpha1.LocalReference{Name: name}, HTTP: &v1alpha1.HTTPSpec{URL: "http://" + address + "/"},
		Schedule: v1alpha1.ScheduleSpec{Interval: "10s"},
	}}
	return parser, feed
}

func (t *test) create(ctx context.Context, o client.Object) error {
	err := t.client.Create(ctx, o)
	if !apierrors.IsAlreadyExists(err) {
		t.made = append(t.made, o) // also when the answer was lost
	}
	if err != nil {
		return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
	}
	return nil
}

// wait looks at the object until done.
func (t *test) wait(ctx context.Context, o client.Object, what string, done func() (bool, string)) error {
	last := "nothing was seen"
	for {
		if err := t.client.Get(ctx, client.ObjectKeyFromObject(o), o); err == nil {
			ok, said := done()
			if last = said; ok {
				t.say("ok: %s", what)
				return nil
			}
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s: not within %s: %s", what, t.timeout, last)
		case <-timer.C:
		}
	}
}

// explain tells why pods do not run.
func (t *test) explain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanupMost)
	defer cancel()
	pods := &corev1.PodList{}
	if err := t.client.List(ctx, pods, client.InNamespace(t.namespace), client.MatchingLabels{"app.kubernetes.io/part-of": "weir"}); err != nil {
		t.say("pods cannot be listed: %v", err)
		return
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		var why []string
		for _, c := range p.Status.Conditions {
			if c.Status != corev1.ConditionTrue && c.Message != "" {
				why = append(why, c.Message)
			}
		}
		for _, s := range p.Status.ContainerStatuses {
			if s.State.Waiting != nil {
				why = append(why, s.State.Waiting.Reason+" "+s.State.Waiting.Message)
			}
		}
		t.say("pod %s is %s %s", p.Name, p.Status.Phase, strings.Join(why, "; "))
	}
}

func (t *test) cleanup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanupMost)
	defer cancel()
	var failed error
	for _, o := range t.made {
		if err := t.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			failed = errors.Join(failed, fmt.Errorf("delete %T %s: %w", o, o.GetName(), err))
		}
	}
	return failed
}

func (t *test) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// serveFeed serves one address at the pod's own.
func serveFeed(ctx context.Context) (address string, stop func(), err error) {
	ip, err := ownIP()
	if err != nil {
		return "", nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(ip, port))
	if err != nil {
		return "", nil, fmt.Errorf("serve a feed: %w", err)
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "192.0.2.1")
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	return l.Addr().String(), func() { _ = srv.Close(); <-done }, nil
}

func ownIP() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("own address: %w", err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String(), nil
		}
	}
	return "", errors.New("the pod has no address")
}
