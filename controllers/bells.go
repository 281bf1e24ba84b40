package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/weir-project/weir/controllers/internal/buslink"
)

// bells pass what the buses tell on to the controllers.
type bells struct {
	done     <-chan struct{}
	channels map[string]chan event.TypedGenericEvent[buslink.Change]
}

func newBells(ctx context.Context) *bells {
	b := &bells{done: ctx.Done(), channels: map[string]chan event.TypedGenericEvent[buslink.Change]{}}
	for kind := range defaultConcurrency {
		b.channels[kind] = make(chan event.TypedGenericEvent[buslink.Change], 1024)
	}
	return b
}

// ring tells every controller. It waits for one that is behind; the links it holds
// up tell the newest state later.
func (b *bells) ring(c buslink.Change) {
	for _, ch := range b.channels {
		select {
		case ch <- event.TypedGenericEvent[buslink.Change]{Object: c}:
		case <-b.done:
			return
		}
	}
}

// source of a controller; heard says what to look at.
func (b *bells) source(kind string, heard func(context.Context, buslink.Change) []reconcile.Request) source.Source {
	return source.Channel(b.channels[kind], handler.TypedEnqueueRequestsFromMapFunc(heard))
}
