package hub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/sqlite"
)

func openArchive(tb testing.TB, dir string) store.Store {
	tb.Helper()
	st, err := sqlite.Open(sqlite.Options{Dir: dir, Log: logr.Discard(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

// The hub is stopped at random moments, and its archive closed and opened again,
// while events come in. In the end all is as if nothing had happened.
func TestRestartsInTheMiddleLeaveNoTrace(t *testing.T) {
	const payloads, perPayload = 40, 100
	c := testBus(t)
	dir := t.TempDir()
	putConfig(t, c, mainHub, everything("one"))
	var want []string
	for i := range payloads {
		var events []*event.Event
		for j := range perPayload {
			events = append(events, sample(i*perPayload+j, "192.0.2.1"))
			want = append(want, events[j].ID.String())
		}
		publish(t, c, fmt.Sprint("p", i), events...)
	}
	slices.Sort(want)

	r := rand.New(rand.NewPCG(7, 7))
	for range 6 {
		st := openArchive(t, dir)
		h, stop := start(t, c, st)
		eventually(t, "the hub has its configuration", func() bool { return h.Ready() == nil })
		moment := time.NewTimer(time.Duration(r.IntN(120)) * time.Millisecond)
		<-moment.C
		stop()
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	st := openArchive(t, dir)
	h, stop := start(t, c, st)
	eventually(t, "the hub has its configuration", func() bool { return h.Ready() == nil })
	req := SearchRequest{Subscription: "one", Zone: ZoneSearch}
	eventually(t, "all is recorded", func() bool { return len(collect(t, h, req)) >= len(want) })
	delivered, _ := follow(t, c, "one", ZoneThreats, len(want))
	var recorded []string
	for _, line := range collect(t, h, req) {
		id := member(t, line, "id")
		recorded = append(recorded, id[1:len(id)-1])
	}
	slices.Sort(recorded)
	slices.Sort(delivered)
	if !slices.Equal(recorded, want) {
		t.Errorf("%d events recorded, want %d", len(recorded), len(want))
	}
	if !slices.Equal(delivered, want) {
		t.Errorf("%d events delivered, want %d", len(delivered), len(want))
	}
	stop()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheArchiveAnswersEachSubscriberWithItsOwn(t *testing.T) {
	st := openArchive(t, t.TempDir())
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	limited := everything("limited")
	limited.Spec.Clearance = v1alpha1.ClearanceSpec{TLP: "GREEN"}
	limited.Spec.Zones.Threats = &v1alpha1.SelectionSpec{MinConfidence: "high"}
	h, _ := testHub(t, st, mainHub.sources.Sources, everything("full"), limited)
	var events []*event.Event
	for i, change := range []func(*event.Event){
		func(*event.Event) {},
		func(e *event.Event) { e.TLP = event.TLPAmber },
		func(e *event.Event) { e.Restriction = event.RestrictionInternal },
		func(e *event.Event) { e.Ignored = true },
		func(e *event.Event) { e.Confidence = event.ConfidenceHigh },
	} {
		e := sample(i, "192.0.2.1")
		change(e)
		e.ID = event.ComputeID(e)
		events = append(events, e)
	}
	events = append(events, sample(5, "203.0.113.1"))
	if err := h.handle(t.Context(), []*bus.Block{block("a", events...)}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		subscription, zone string
		where              []store.Cond
		want               int
	}{
		{"full", ZoneSearch, nil, 6},
		{"full", ZoneInside, nil, 5},
		{"full", ZoneSearch, []store.Cond{in("source", "provider.channel"), in("ignored", "true")}, 1},
		{"limited", ZoneSearch, nil, 3},
		{"limited", ZoneInside, nil, 2},
		{"limited", ZoneThreats, nil, 1},
		{"limited", ZoneSearch, []store.Cond{in("source", "hidden.0badcafe")}, 3},
		{"limited", ZoneSearch, []store.Cond{in("source", "provider.channel")}, 0},
		{"limited", ZoneSearch, []store.Cond{in("tlp", "AMBER")}, 0},
		{"limited", ZoneSearch, []store.Cond{in("id", events[2].ID.String(), events[1].ID.String(), events[0].ID.String())}, 1},
	} {
		got := collect(t, h, SearchRequest{Subscription: tt.subscription, Zone: tt.zone, Where: tt.where})
		if len(got) != tt.want {
			t.Errorf("%s %s %v: found %d, want %d", tt.subscription, tt.zone, tt.where, len(got), tt.want)
		}
	}
}

// null is a store that keeps nothing and finds everything new.
type null struct{ store.Store }

func (null) Record(_ context.Context, events []*event.Event, before func([]bool) error) error {
	fresh := make([]bool, len(events))
	for i := range fresh {
		fresh[i] = true
	}
	return before(fresh)
}

// BenchmarkHub is the stage without the bus: decode, match, record, encode, in
// batches of 4096 new events of 256 a block.
func BenchmarkHub(b *testing.B) {
	for _, subs := range []int{1, 10, 1000} {
		for _, kind := range []string{"null", "sqlite"} {
			b.Run(fmt.Sprintf("store=%s/subscriptions=%d", kind, subs), func(b *testing.B) { benchmarkHub(b, kind, subs) })
		}
	}
}

func benchmarkHub(b *testing.B, kind string, subs int) {
	var st store.Store = null{}
	if kind == "sqlite" {
		st = openArchive(b, b.TempDir())
		defer func() {
			if err := st.Close(); err != nil {
				b.Error(err)
			}
		}()
	}
	list := make([]plan.Subscription, 0, subs)
	for i := range subs {
		s := everything(fmt.Sprintf("s%04d", i))
		s.Spec.Organisation.Criteria.CIDRs = []string{fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)}
		s.Spec.Clearance.FullAccess = i%2 == 0
		list = append(list, s)
	}
	h, _ := testHub(b, st, mainHub.sources.Sources, list...)
	var delivered int64
	h.publish = func(context.Context, delivery) error { return nil }
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		var blocks []*bus.Block
		for i := range maxEvents / 256 {
			var events []*event.Event
			for range 256 {
				e := sample(n, fmt.Sprintf("10.%d.%d.7", n/256%256, n%256))
				e.Time = e.Time.Add(time.Duration(n) * time.Millisecond)
				e.FQDN = fmt.Sprintf("host%d.example.org", n)
				e.URL = fmt.Sprintf("https://host%d.example.org/gate.php?id=%d", n, n)
				e.ID = event.ComputeID(e)
				events = append(events, e)
				n++
			}
			blocks = append(blocks, block(fmt.Sprint(n, i), events...))
		}
		b.StartTimer()
		if err := h.handle(context.Background(), blocks); err != nil {
			b.Fatal(err)
		}
		now, _ := h.report.take()
		delivered = now.Delivered
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(delivered)/b.Elapsed().Seconds(), "delivered/s")
}

// BenchmarkStage has the bus at both ends: blocks that wait on it, ten
// subscriptions that all get half of the events.
func BenchmarkStage(b *testing.B) {
	for _, kind := range []string{"null", "sqlite"} {
		b.Run("store="+kind, func(b *testing.B) {
			c := testBus(b)
			var st store.Store = null{}
			if kind == "sqlite" {
				st = openArchive(b, b.TempDir())
				defer func() {
					if err := st.Close(); err != nil {
						b.Error(err)
					}
				}()
			}
			var list []plan.Subscription
			for i := range 10 {
				s := everything(fmt.Sprint("s", i))
				s.Spec.Zones.Threats = &v1alpha1.SelectionSpec{MinConfidence: "high"}
				list = append(list, s)
			}
			putConfig(b, c, mainHub, list...)
			const events = 100_000
			n := 0
			for b.Loop() {
				b.StopTimer()
				var all []*event.Event
				for range events {
					e := sample(n, "203.0.113.1")
					e.Time = e.Time.Add(time.Duration(n) * time.Millisecond)
					e.Confidence = event.Confidence(2 + n%2)
					e.ID = event.ComputeID(e)
					all = append(all, e)
					n++
				}
				publish(b, c, fmt.Sprint("p", n), all...)
				h, stop := start(b, c, st)
				<-h.configs.ready
				b.StartTimer()
				eventually(b, "all events are through", func() bool {
					var m dto.Metric
					return h.meter.events.Write(&m) == nil && m.GetCounter().GetValue() >= events
				})
				b.StopTimer()
				stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
