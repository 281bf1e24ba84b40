package creds_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

func TestOperatorAndAdminDoTheirWork(t *testing.T) {
	w := newWorld(t)
	ctx := testContext(t)
	operator, admin := w.connect(t, creds.Operator()), w.connect(t, creds.Admin())
	putAndGet(t, operator.Config(), "collector.acme.bots", "hub.acme.main")
	putAndGet(t, operator.Status(), "monitor.acme.bots")
	putAndGet(t, operator.State(), "baseline.acme.bots")
	if err := operator.State().DeleteBelow(ctx, "baseline.acme.bots"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(operator.Config().Put(ctx, "hub.acme.main", []byte("{}")), operator.RemoveFeed(ctx, bots)); err != nil {
		t.Fatal(err)
	}
	expectEntries(t, watched(t, operator.Status(), ""), "")
	for _, key := range []string{"decision.acme.bots.bots-1", "replay.acme.bots", "collect.acme.bots"} {
		if err := admin.Config().Put(ctx, key, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*bus.Conn{operator, admin} {
		if keys, err := c.Config().Keys(ctx, "hub."); err != nil || !slices.Equal(keys, []string{"hub.acme.main"}) {
			t.Errorf("keys %v, %v", keys, err)
		}
		if keys, err := c.Status().Keys(ctx, ""); err != nil || len(keys) != 0 {
			t.Errorf("keys %v, %v", keys, err)
		}
	}
	collector, monitor := w.connect(t, creds.Collector("acme", "bots")), w.connect(t, creds.Monitor("acme", "csv", []string{"bots"}))
	publish(t, collector, bots, "large", noise(2<<20))
	err := monitor.ReadRaw(ctx, bots, time.Time{}, func(p *bus.Payload) error {
		return monitor.Hold(ctx, &bus.Held{Payload: *p, Incident: "bots-1", Since: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []bus.Feed{{}, bots} {
		n := 0
		err := errors.Join(
			admin.ListHeld(ctx, f, func(h *bus.Held) error { n += len(bytesOf(t, admin, &h.Payload)); return nil }),
			admin.ListRejected(ctx, f, time.Time{}, func(*bus.Block) error { return nil }),
			admin.ListDead(ctx, f, func(*bus.DeadLetter) error { return nil }))
		if err != nil || n != 2<<20 {
			t.Errorf("%d bytes held, %v", n, err)
		}
	}
}
