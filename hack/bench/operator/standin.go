package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/hack/operatortest"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
)

// kubelet marks workloads as running. It stands for everything between the API
// server and a pod that runs.
type kubelet struct {
	client client.Client
	queue  chan client.Object
	wg     sync.WaitGroup
}

func newKubelet(ctx context.Context, c client.Client) *kubelet {
	k := &kubelet{client: c, queue: make(chan client.Object, 1<<16)}
	for range 8 {
		k.wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case o := <-k.queue:
					if err := k.run(ctx, o); err != nil && ctx.Err() == nil {
						fmt.Println("mark", o.GetName(), "as running:", err)
					}
				}
			}
		})
	}
	return k
}

// seen takes a workload that does not run as it should.
func (k *kubelet) seen(ctx context.Context, o client.Object) {
	switch w := o.(type) {
	case *appsv1.Deployment:
		if w.Status.ObservedGeneration == w.Generation {
			return
		}
	case *appsv1.StatefulSet:
		if w.Status.ObservedGeneration == w.Generation {
			return
		}
	}
	select {
	case k.queue <- o:
	case <-ctx.Done():
	}
}

func (k *kubelet) run(ctx context.Context, o client.Object) error {
	status := map[string]any{"observedGeneration": o.GetGeneration()}
	var into client.Object
	var n int32
	switch w := o.(type) {
	case *appsv1.Deployment:
		n, into = *w.Spec.Replicas, &appsv1.Deployment{ObjectMeta: w.ObjectMeta}
	case *appsv1.StatefulSet:
		n, into = *w.Spec.Replicas, &appsv1.StatefulSet{ObjectMeta: w.ObjectMeta}
		status["currentRevision"], status["updateRevision"] = "one", "one"
	}
	for _, field := range []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"} {
		status[field] = n
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(k.client.Status().Patch(ctx, into, client.RawPatch(types.MergePatchType, patch)))
}

// station is the bus of an Exchange outside of the cluster, and everything that
// reports over it.
type station struct {
	keys     *creds.Keys
	server   *bus.Server
	exchange types.NamespacedName

	mu    sync.Mutex
	conns map[string]*bus.Conn
	wg    sync.WaitGroup
}

func newStation(ctx context.Context, dir string, exchange types.NamespacedName) (*station, error) {
	keys, err := creds.New()
	if err != nil {
		return nil, err
	}
	s := &station{keys: keys, exchange: exchange, conns: map[string]*bus.Conn{}}
	if s.server, err = bus.StartServer(bus.ServerOptions{
		Dir: filepath.Join(dir, exchange.Namespace), Listen: "127.0.0.1:0", Log: logr.Discard(),
		Trust: &bus.Trust{Operator: keys.Operator, Account: keys.Account, System: keys.System},
	}); err != nil {
		return nil, err
	}
	hub, err := s.as(ctx, "hub", creds.Hub(exchange.Namespace, exchange.Name))
	if err == nil {
		err = hub.Setup(ctx, bus.Retention{})
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	entries := make(chan bus.Entry, 1024)
	s.wg.Go(func() {
		defer close(entries)
		if err := s.listen(ctx, entries); err != nil && ctx.Err() == nil {
			fmt.Println("bus of", exchange, err)
		}
	})
	for range 16 { // each waits for the disk
		s.wg.Go(func() {
			for e := range entries {
				if err := s.answer(ctx, e); err != nil && ctx.Err() == nil {
					fmt.Println("report", e.Key, err)
				}
			}
		})
	}
	return s, nil
}

func (s *station) stop() {
	s.wg.Wait()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.server.Shutdown()
}

func (s *station) listen(ctx context.Context, entries chan<- bus.Entry) error {
	watcher, err := s.as(ctx, "operator", creds.Operator())
	if err != nil {
		return err
	}
	return watcher.Config().Watch(ctx, nil, func(e bus.Entry) error {
		select {
		case entries <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// answer reports that a component does what it is configured to do.
func (s *station) answer(ctx context.Context, e bus.Entry) error {
	key, value := operatortest.Report(e.Key, e.Value)
	if key == "" {
		return nil
	}
	prefix, rest, _ := strings.Cut(key, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	role := creds.Hub(s.exchange.Namespace, s.exchange.Name)
	switch prefix {
	case plan.PrefixCollector:
		role = creds.Collectors(namespace)
	case plan.PrefixMonitor, plan.PrefixParser:
		role = creds.Monitors(namespace)
	case plan.PrefixExporter:
		role = creds.Exporters(namespace, s.exchange.Namespace, s.exchange.Name)
	}
	conn, err := s.as(ctx, prefix+"."+namespace, role)
	if err != nil {
		return err
	}
	return conn.Status().Put(ctx, key, value)
}

func (s *station) as(ctx context.Context, name string, role creds.Role) (*bus.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[name]; c != nil {
		return c, nil
	}
	user, _, err := s.keys.Mint(role, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	c, err := bus.DialCreds(ctx, bus.DialOptions{Server: s.server, Creds: user, Name: name})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect as %s", name), err)
	}
	s.conns[name] = c
	return c, nil
}
