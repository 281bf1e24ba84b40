package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/status"
)

// startReplica is start for one of several hubs.
func startReplica(tb testing.TB, c *bus.Conn, st *memory, replica, replicas int) (stop func()) {
	tb.Helper()
	h, err := New(Options{Conn: c, Store: st, Log: logr.Discard(), Namespace: "default", Exchange: "main", Replica: replica, Replicas: replicas})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("hub: %v", err)
		}
	}
	tb.Cleanup(stop)
	return stop
}

// fromSource is a sample of a source in the given half of the partitions.
func fromSource(n, half int) *event.Event {
	e := sample(n, "192.0.2.1")
	for i := 0; bus.Partition(e.Source)%2 != half; i++ {
		e.Source = fmt.Sprintf("provider.channel-%d", i)
	}
	e.ID = event.ComputeID(e)
	return e
}

func TestReplicasShareTheSourcesAndASecondOneWaitsUntilTheFirstGivesUpItsHalf(t *testing.T) {
	c := testBus(t)
	putConfig(t, c, mainHub, everything("one"))
	first, second := newMemory(), newMemory()
	stop := startReplica(t, c, first, 0, 1)
	publish(t, c, "p0", fromSource(0, 0))
	publish(t, c, "p1", fromSource(1, 1))
	eventually(t, "one hub takes everything", func() bool { return len(first.ids()) == 2 })

	// The second comes up while the first still has all partitions.
	startReplica(t, c, second, 1, 2)
	publish(t, c, "p2", fromSource(2, 1))
	eventually(t, "the first goes on", func() bool { return len(first.ids()) == 3 })
	stop()
	startReplica(t, c, first, 0, 2)
	publish(t, c, "p3", fromSource(3, 0))
	publish(t, c, "p4", fromSource(4, 1))
	eventually(t, "each takes its half", func() bool { return len(first.ids()) == 4 && len(second.ids()) == 1 })
	if got, want := second.ids(), []string{fromSource(4, 1).ID.String()}; !slices.Equal(got, want) {
		t.Errorf("the second recorded %v, want %v", got, want)
	}
	if ids, _ := follow(t, c, "one", ZoneThreats, 5); len(ids) != 5 {
		t.Errorf("the subscription got %v", ids)
	}
	eventually(t, "each replica has a status", func() bool {
		data, err := c.Status().Get(testContext(t), "hub.default.main.1")
		var s status.Hub
		return err == nil && json.Unmarshal(data, &s) == nil && s.Recorded == 1 && hubStatus(t, c).Recorded == 4
	})
}

func TestAReplicaIsOneOfThoseThatThereAre(t *testing.T) {
	for _, o := range []Options{{Replica: 2, Replicas: 2}, {Replica: -1, Replicas: 2}, {Replica: 1}, {Replicas: bus.Partitions + 1}} {
		o.Store, o.Namespace, o.Exchange = newMemory(), "default", "main"
		if _, err := newHub(o); err == nil {
			t.Errorf("replica %d of %d is taken", o.Replica, o.Replicas)
		}
	}
	all := map[int]int{}
	for i := range 3 {
		p, err := partitionsOf(i, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p {
			all[n]++
		}
	}
	for p := range bus.Partitions {
		if all[p] != 1 {
			t.Errorf("partition %d has %d owners", p, all[p])
		}
	}
}

func TestNamespacesComeAndGoWhileTheHubRuns(t *testing.T) {
	c := testBus(t)
	guest := everything("guest")
	guest.Namespace, guest.Spec.ExchangeRef.Namespace = "guests", "default"
	putConfig(t, c, mainHub, everything("one"), guest)
	st := newMemory()
	h, _ := start(t, c, st)
	foreign := func(payload string, e *event.Event) {
		t.Helper()
		w := c.NewEventWriter(bus.Feed{Namespace: "guests", Name: "feed"}, e.Source, payload, "run")
		if err := errors.Join(w.Append(testContext(t), event.AppendJSON(nil, e)), w.Close(testContext(t))); err != nil {
			t.Fatal(err)
		}
	}
	foreign("p0", sample(0, "192.0.2.1"))
	publish(t, c, "p1", sample(1, "192.0.2.1"))
	eventually(t, "its own events are there", func() bool { return len(st.ids()) == 1 })

	both := mainHub
	both.hub.Namespaces = []string{"default", "guests"}
	putConfig(t, c, both)
	eventually(t, "what waited came in", func() bool { return len(st.ids()) == 2 })
	foreign("p2", sample(2, "192.0.2.1"))
	eventually(t, "the guest's events are there", func() bool { return len(st.ids()) == 3 })
	ctx, cancel := context.WithCancel(testContext(t))
	n := 0
	if err := c.FollowDeliver(ctx, "guests", "guest", 1, func(b *bus.Block) error {
		if n += b.Count; n >= 2 {
			cancel()
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for _, err := range h.Search(t.Context(), SearchRequest{Namespace: "guests", Subscription: "guest", Zone: ZoneSearch}) {
		if err != nil {
			t.Error(err)
		}
	}

	putConfig(t, c, mainHub)
	eventually(t, "the guest is not served any more", func() bool {
		for _, err := range h.Search(t.Context(), SearchRequest{Namespace: "guests", Subscription: "guest", Zone: ZoneSearch}) {
			return errors.Is(err, ErrForbidden)
		}
		return false
	})
	foreign("p3", sample(3, "192.0.2.1"))
	publish(t, c, "p4", sample(4, "192.0.2.1"))
	eventually(t, "its own events come in", func() bool { return slices.Contains(st.ids(), sample(4, "192.0.2.1").ID.String()) })
	if len(st.ids()) != 4 {
		t.Errorf("recorded %v", st.ids())
	}
}

func TestTheHubMakesTheStreamsWithTheTimesOfItsConfiguration(t *testing.T) {
	s, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	c, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	h, err := New(Options{Conn: c, Store: newMemory(), Log: logr.Discard(), Namespace: "default", Exchange: "main",
		Streams: &bus.Retention{EventBytes: 8 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	ex := mainHub
	ex.hub.Spec.Raw.Retention, ex.hub.Spec.Stream.Retention = "2160h", "48h"
	putConfig(t, c, ex, everything("one"))
	ages := func() [2]time.Duration { return [2]time.Duration{maxAge(t, c, "RAW"), maxAge(t, c, "DELIVER")} }
	eventually(t, "the streams are there", func() bool { return ages() == [2]time.Duration{2160 * time.Hour, 48 * time.Hour} })

	ex.hub.Spec.Stream = v1alpha1.StreamRetentionSpec{Retention: "24h"}
	putConfig(t, c, ex)
	eventually(t, "a change is applied", func() bool { return ages() == [2]time.Duration{2160 * time.Hour, 24 * time.Hour} })
	publish(t, c, "p", sample(1, "192.0.2.1"))
	follow(t, c, "one", ZoneThreats, 1)
}

func maxAge(t *testing.T, c *bus.Conn, stream string) time.Duration {
	t.Helper()
	js, err := c.Core().JetStream()
	if err != nil {
		t.Fatal(err)
	}
	info, err := js.StreamInfo(stream)
	if err != nil {
		return 0
	}
	return info.Config.MaxAge
}
