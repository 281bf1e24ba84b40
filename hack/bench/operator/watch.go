package main

import (
	"context"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

// watcher sees what becomes of the resources, as one who waits for them does.
type watcher struct {
	kubelet *kubelet

	mu          sync.Mutex
	ready       map[string]bool // FeedSources, of all namespaces
	last        time.Time       // when the newest of them became so
	deployments map[string]int64
	changed     *sync.Cond
}

func newWatcher(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme, k *kubelet) (*watcher, error) {
	w := &watcher{kubelet: k, ready: map[string]bool{}, deployments: map[string]int64{}}
	w.changed = sync.NewCond(&w.mu)
	c, err := cache.New(cfg, cache.Options{Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return nil, err
	}
	for _, o := range []client.Object{&v1alpha1.FeedSource{}, &appsv1.Deployment{}, &appsv1.StatefulSet{}} {
		informer, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		see := func(o any) { w.see(ctx, o.(client.Object)) }
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: see, UpdateFunc: func(_, o any) { see(o) },
		}); err != nil {
			return nil, err
		}
	}
	go c.Start(ctx) //nolint:errcheck // ends with ctx
	c.WaitForCacheSync(ctx)
	return w, nil
}

func (w *watcher) see(ctx context.Context, o client.Object) {
	name := o.GetNamespace() + "/" + o.GetName()
	if f, ok := o.(*v1alpha1.FeedSource); ok {
		c := meta.FindStatusCondition(f.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.Status != "True" || c.ObservedGeneration != f.Generation {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.ready[name] {
			w.ready[name], w.last = true, time.Now()
		}
		return
	}
	w.kubelet.seen(ctx, o)
	if d, ok := o.(*appsv1.Deployment); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.deployments[name] != d.Generation {
			w.deployments[name] = d.Generation
			w.changed.Broadcast()
		}
	}
}

// readyFeeds is how many FeedSources became Ready, and when the last one did.
func (w *watcher) readyFeeds() (int, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ready), w.last
}

func (w *watcher) generation(deployment string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deployments[deployment]
}

// beyond waits until a Deployment has another generation than it had.
func (w *watcher) beyond(ctx context.Context, deployment string, was int64) error {
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.deployments[deployment] == was {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.changed.Wait()
	}
	return nil
}
