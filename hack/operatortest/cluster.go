package operatortest

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/controllers"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// Cluster stands for what is behind an API server: it marks workloads as running
// and serves the buses of hubs, with the keys that the operator made. Its
// components report success for what they are configured with, if Report is set.
type Cluster struct {
	world  *World
	dir    string
	report bool

	mu    sync.Mutex
	buses map[types.NamespacedName]*hub
	// listen is where a bus was, and is again: clients come back to it.
	listen map[types.NamespacedName]string

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// ClusterOptions adjust a Cluster.
type ClusterOptions struct {
	Dir string // of the buses
	// Namespaces that it looks after; all if empty.
	Namespaces []string
	// Report makes components report success.
	Report bool
}

// Cluster starts the stand-in.
func (w *World) Cluster(ctx context.Context, o ClusterOptions) (*Cluster, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &Cluster{world: w, dir: o.Dir, report: o.Report, buses: map[types.NamespacedName]*hub{}, listen: map[types.NamespacedName]string{}, cancel: cancel}
	watcher, err := client.NewWithWatch(w.Config, client.Options{Scheme: w.Scheme})
	if err != nil {
		cancel()
		return nil, err
	}
	namespaces := o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, ns := range namespaces {
		for _, list := range []client.ObjectList{&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}} {
			c.wg.Go(func() { c.watch(ctx, watcher, list, ns) })
		}
	}
	return c, nil
}

// watch follows a kind; a watch that ends, because the API server says so, is made
// again.
func (c *Cluster) watch(ctx context.Context, watcher client.WithWatch, list client.ObjectList, namespace string) {
	for ctx.Err() == nil {
		events, err := watcher.Watch(ctx, list.DeepCopyObject().(client.ObjectList), client.InNamespace(namespace))
		if err != nil {
			pause(ctx)
			continue
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { c.follow(ctx, events) })
		}
		wg.Wait()
		events.Stop()
	}
}

func pause(ctx context.Context) {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Stop ends it, with its buses.
func (c *Cluster) Stop() {
	c.cancel()
	c.wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, h := range c.buses {
		h.stop()
		delete(c.buses, name)
	}
}

func (c *Cluster) follow(ctx context.Context, events watch.Interface) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events.ResultChan():
			if !ok {
				return
			}
			if e.Type == watch.Added || e.Type == watch.Modified {
				c.run(ctx, e.Object.(client.Object))
			}
		}
	}
}

// update writes a status. A conflict comes back as another change.
func (c *Cluster) update(ctx context.Context, o client.Object) {
	for ctx.Err() == nil {
		err := c.world.Admin.Status().Update(ctx, o)
		if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return
		}
		pause(ctx)
	}
}

// run marks a workload as running.
func (c *Cluster) run(ctx context.Context, o client.Object) {
	switch w := o.(type) {
	case *appsv1.Deployment:
		n := *w.Spec.Replicas
		want := appsv1.DeploymentStatus{ObservedGeneration: w.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		if w.Status.ObservedGeneration != want.ObservedGeneration || w.Status.AvailableReplicas != n {
			w.Status = want
			c.update(ctx, w)
		}
	case *appsv1.StatefulSet:
		n := *w.Spec.Replicas
		if w.Status.ObservedGeneration == w.Generation && w.Status.ReadyReplicas == n {
			return
		}
		w.Status = appsv1.StatefulSetStatus{ObservedGeneration: w.Generation, Replicas: n, ReadyReplicas: n, AvailableReplicas: n,
			UpdatedReplicas: n, CurrentRevision: "one", UpdateRevision: "one"}
		c.update(ctx, w)
		exchange := types.NamespacedName{Namespace: w.Namespace, Name: w.Labels["feeds.weir.dev/exchange"]}
		if err := c.serve(ctx, exchange); err != nil && ctx.Err() == nil {
			panic(fmt.Sprintf("bus of %s: %v", exchange, err)) // of a test
		}
	}
}

// serve starts the bus of an exchange as its hub does: with what the Secrets say.
func (c *Cluster) serve(ctx context.Context, exchange types.NamespacedName) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buses[exchange] != nil {
		return nil
	}
	trust, err := c.secret(ctx, exchange.Namespace, exchange.Name+"-bus-trust")
	if err != nil {
		return err
	}
	listen := c.listen[exchange]
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	server, err := bus.StartServer(bus.ServerOptions{
		Dir: filepath.Join(c.dir, exchange.Namespace, exchange.Name), Listen: listen, Log: logr.Discard(),
		Trust: &bus.Trust{Operator: string(trust["operator.jwt"]), Account: string(trust["account.jwt"]), System: string(trust["system.jwt"])},
	})
	if err != nil {
		return err
	}
	conn, err := c.connect(ctx, server, exchange.Namespace, exchange.Name+"-hub-bus")
	if err == nil {
		err = conn.Setup(ctx, bus.Retention{})
	}
	if err != nil {
		server.Shutdown()
		return err
	}
	c.listen[exchange] = strings.TrimPrefix(server.URL(), "nats://")
	c.buses[exchange] = newHub(ctx, c, exchange, server, conn)
	return nil
}

func (c *Cluster) connect(ctx context.Context, server *bus.Server, namespace, secret string) (*bus.Conn, error) {
	s, err := c.secret(ctx, namespace, secret)
	if err != nil {
		return nil, err
	}
	return bus.DialCreds(ctx, bus.DialOptions{Server: server, Creds: s["user.creds"], Name: secret})
}

func (c *Cluster) secret(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	s := &corev1.Secret{}
	if err := c.world.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s); err != nil {
		return nil, err
	}
	return s.Data, nil
}

// As connects to the bus of an exchange with the credentials in a Secret.
func (c *Cluster) As(ctx context.Context, exchange types.NamespacedName, namespace, secret string) (*bus.Conn, error) {
	c.mu.Lock()
	h := c.buses[exchange]
	c.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("exchange %s has no bus", exchange)
	}
	return c.connect(ctx, h.server, namespace, secret)
}

// Tell puts a status on the bus of an exchange, as the component that it is about.
func (c *Cluster) Tell(ctx context.Context, exchange types.NamespacedName, key string, status any) error {
	c.mu.Lock()
	h := c.buses[exchange]
	c.mu.Unlock()
	if h == nil {
		return fmt.Errorf("exchange %s has no bus", exchange)
	}
	value, err := json.Marshal(status)
	if err != nil {
		return err
	}
	return h.tell(ctx, key, value)
}

// Bus is a connection to the bus of an exchange with the rights of the operator.
func (c *Cluster) Bus(ctx context.Context, exchange types.NamespacedName) (*bus.Conn, error) {
	c.mu.Lock()
	h := c.buses[exchange]
	c.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("exchange %s has no bus", exchange)
	}
	return h.as(ctx, "operator", creds.Operator())
}

// Hub is a connection with the rights of an exchange's hub; nil before it runs.
func (c *Cluster) Hub(exchange types.NamespacedName) *bus.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.buses[exchange]; h != nil {
		return h.conn
	}
	return nil
}

// StopBus ends the bus of an exchange; it comes back with StartBus, with what it held.
func (c *Cluster) StopBus(exchange types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.buses[exchange]; h != nil {
		h.stop()
		delete(c.buses, exchange)
	}
}

// StartBus serves the bus of an exchange again.
func (c *Cluster) StartBus(ctx context.Context, exchange types.NamespacedName) error {
	return c.serve(ctx, exchange)
}

// Dial is the way of the operator to a bus: there is no cluster network.
func (c *Cluster) Dial(ctx context.Context, exchange types.NamespacedName, cfg controllers.LinkConfig) (*bus.Conn, error) {
	for {
		c.mu.Lock()
		h := c.buses[exchange]
		c.mu.Unlock()
		if h != nil {
			return bus.DialCreds(ctx, bus.DialOptions{URLs: []string{h.server.URL()}, Creds: cfg.Creds, Name: "weir-operator"})
		}
		if pause(ctx); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}
