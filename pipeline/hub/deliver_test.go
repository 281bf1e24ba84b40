package hub

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func TestARepeatedDeliveryLosesAndDoublesNothingHoweverItsLinesHaveChanged(t *testing.T) {
	for name, size := range map[string]int{"one message": 200, "several messages": 4000} {
		t.Run(name, func(t *testing.T) {
			c := testBus(t)
			h, err := New(Options{Conn: c, Store: newMemory(), Namespace: "default", Exchange: "main"})
			if err != nil {
				t.Fatal(err)
			}
			deliverLines := func(longer int, wanted func(place int) bool) {
				t.Helper()
				d := delivery{subscription: plan.Ref{Namespace: "default", Name: "one"}, zone: ZoneThreats, onBus: ZoneThreats, source: "a.b",
					size: 256 * size, block: &bus.Block{Feed: feed, Source: "a.b", ID: "block"}}
				for place := range 256 {
					if wanted(place) {
						d.lines = append(d.lines, fmt.Appendf(nil, `{"id":"%d","pad":"%s"}`, place, strings.Repeat("x", size+longer)))
						d.places = append(d.places, int32(place))
					}
				}
				if err := h.publishOnBus(testContext(t), d); err != nil {
					t.Fatal(err)
				}
			}
			deliverLines(0, func(place int) bool { return place%3 > 0 }) // the others are not for this one
			deliverLines(7, func(place int) bool { return place%3 > 0 })
			deliverLines(3, func(place int) bool { return place%3 == 2 }) // half of them is recorded already
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			_, last, err := c.DeliverFirst(ctx, "default", "one")
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			if err := c.FollowDeliver(ctx, "default", "one", 1, func(b *bus.Block) error {
				for _, line := range splitLines(b.Lines) {
					ids = append(ids, string(line))
				}
				if b.Seq == last {
					cancel()
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if len(ids) != 170 {
				t.Errorf("%d of 170 lines", len(ids))
			}
		})
	}
}
