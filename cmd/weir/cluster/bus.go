package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
)

const (
	// dialTimeout is how long a bus may take to answer.
	dialTimeout = 20 * time.Second
	// busPort is the port of an embedded bus in the hub's pod.
	busPort = 4222

	keyCreds = "user.creds"
	keyCA    = "ca.crt"
)

// Bus is a connection to the bus of an Exchange.
type Bus struct {
	*bus.Conn
	cleanup []func()
}

// Close ends the connection and what it was made through.
func (b *Bus) Close() error {
	err := b.Conn.Close()
	b.clean()
	return err
}

func (b *Bus) clean() {
	for _, f := range b.cleanup {
		f()
	}
}

// Open connects to the bus of an Exchange with the command line's credentials: to
// an embedded one through a port that is forwarded to the hub, to an external one
// directly. lost is called, at most once, when the forwarding ends before Close:
// the connection gets no answers any more.
func (c *Client) Open(ctx context.Context, e *v1alpha1.Exchange, lost func(error)) (*Bus, error) {
	secret, err := c.adminSecret(ctx, e)
	if err != nil {
		return nil, err
	}
	b := &Bus{}
	o := bus.DialOptions{Creds: secret.Data[keyCreds], Name: client}
	if e.Spec.Bus.NATS != nil {
		o.URLs = e.Spec.Bus.NATS.URLs
		err = b.trust(&o, secret.Data[keyCA])
	} else {
		err = c.reachHub(ctx, b, e, &o, lost)
	}
	if err == nil {
		err = b.dial(ctx, e, o)
	}
	if err != nil {
		b.clean()
		return nil, err
	}
	return b, nil
}

func (c *Client) adminSecret(ctx context.Context, e *v1alpha1.Exchange) (*corev1.Secret, error) {
	name := adminSecret(e.Name)
	var s corev1.Secret
	err := c.core.Get().Namespace(e.Namespace).Resource("secrets").Name(name).Do(ctx).Into(&s)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Secret %s/%s with the credentials for the bus: does the operator run, and is Exchange %s accepted (kubectl -n %s describe exchange %s)? %w",
			e.Namespace, name, e.Name, e.Namespace, e.Name, err)
	}
	if err := c.explain(target{"get", "secrets", e.Namespace, name}, err); err != nil {
		return nil, err
	}
	if len(s.Data[keyCreds]) == 0 {
		return nil, fmt.Errorf("the Secret %s/%s has no %s", e.Namespace, name, keyCreds)
	}
	return &s, nil
}

// trust puts the certificates of an external bus where the client finds them.
func (b *Bus) trust(o *bus.DialOptions, ca []byte) error {
	if len(ca) == 0 {
		return nil
	}
	f, err := os.CreateTemp("", client+"-ca-*.pem")
	if err != nil {
		return fmt.Errorf("certificates of the bus: %w", err)
	}
	b.cleanup = append(b.cleanup, func() { os.Remove(f.Name()) })
	_, err = f.Write(ca)
	o.CAFile = f.Name()
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("certificates of the bus: %w", err)
	}
	return nil
}

// reachHub forwards a port to the replica of the hub that has the bus.
func (c *Client) reachHub(ctx context.Context, b *Bus, e *v1alpha1.Exchange, o *bus.DialOptions, lost func(error)) error {
	name := hubPod(e.Name)
	if err := c.podRuns(ctx, e.Namespace, name); err != nil {
		return err
	}
	address, stop, err := c.forward(ctx, e.Namespace, name, lost)
	if err != nil {
		return err
	}
	b.cleanup = append(b.cleanup, stop)
	o.URLs = []string{"nats://" + address}
	return nil
}

func (c *Client) podRuns(ctx context.Context, namespace, name string) error {
	var p corev1.Pod
	err := c.core.Get().Namespace(namespace).Resource("pods").Name(name).Do(ctx).Into(&p)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("the hub does not run: there is no Pod %s/%s; does the operator run? %w", namespace, name, err)
	}
	if err := c.explain(target{"get", "pods", namespace, name}, err); err != nil {
		return err
	}
	if p.Status.Phase != corev1.PodRunning {
		return fmt.Errorf("the hub does not run: Pod %s/%s is %s%s; see kubectl -n %s describe pod %s", namespace, name, p.Status.Phase, why(&p), namespace, name)
	}
	return nil
}

// why a pod does not run, in parentheses: the first thing that waits.
func why(p *corev1.Pod) string {
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range statuses {
			if w := statuses[i].State.Waiting; w != nil && w.Reason != "" {
				return fmt.Sprintf(" (%s: %s)", w.Reason, w.Message)
			}
		}
	}
	for _, cond := range p.Status.Conditions {
		if cond.Status == corev1.ConditionFalse && cond.Message != "" {
			return fmt.Sprintf(" (%s: %s)", cond.Reason, cond.Message)
		}
	}
	return ""
}

func (b *Bus) dial(ctx context.Context, e *v1alpha1.Exchange, o bus.DialOptions) error {
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := bus.DialCreds(dctx, o)
	switch {
	case err == nil:
		b.Conn = conn
		return nil
	case ctx.Err() != nil && context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case e.Spec.Bus.NATS != nil && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the bus of Exchange %s/%s is external and does not answer from here; run this where %s can be reached: %w",
			e.Namespace, e.Name, strings.Join(o.URLs, ","), err)
	}
	return fmt.Errorf("bus of Exchange %s/%s: %w", e.Namespace, e.Name, err)
}
