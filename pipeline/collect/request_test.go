package collect

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func TestARequestCollectsOnceNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{body: "x"})
		b.run()
		newest(b.feed.requests, "first") // before the configuration is there
		b.feed.update(hourly())
		if starts := b.after(time.Minute); len(starts) != 1 || b.last().Requested != "first" {
			t.Errorf("collected %v, %+v", starts, b.last())
		}
		newest(b.feed.requests, "first")
		if starts := b.after(time.Minute); len(starts) != 1 {
			t.Errorf("one request is carried out twice: %v", starts)
		}
		newest(b.feed.requests, "second")
		if starts := b.after(time.Minute); len(starts) != 2 || b.last().Requested != "second" {
			t.Errorf("collected %v, %+v", starts, b.last())
		}
		b.stop()
		raw, err := json.Marshal(b.last())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.statuses.Put(t.Context(), b.feed.key, raw); err != nil {
			t.Fatal(err)
		}
		again := newBubble(t, b.script)
		again.state, again.statuses = b.state, b.statuses
		again.feed.collector.state = b.state
		again.run()
		newest(again.feed.requests, "second")
		again.feed.update(hourly())
		if starts := again.after(time.Minute); len(starts) != 2 {
			t.Errorf("a restart carries out a request again: %v", starts)
		}
		again.stop()
	})
}

func TestARequestDuringACollectionBringsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{block: true})
		b.run()
		cfg := hourly()
		cfg.Spec.Limits.Timeout = "10s"
		b.feed.update(cfg)
		b.after(time.Minute)
		newest(b.feed.requests, "first")
		b.after(5 * time.Second)
		newest(b.feed.requests, "second")
		b.after(time.Second)
		if got := b.last().Requested; got != "" {
			t.Errorf("%s is done before it ended", got)
		}
		b.after(30 * time.Second)
		if got := b.last().Requested; got != "second" {
			t.Errorf("the last request that was done is %q", got)
		}
		b.stop()
	})
}

func TestARequestOfASuspendedFeedIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{body: "x"})
		b.run()
		cfg := hourly()
		cfg.Spec.Suspend = true
		b.feed.update(cfg)
		b.after(time.Minute)
		newest(b.feed.requests, "first")
		if starts := b.after(time.Minute); len(starts) != 0 || b.last().Requested != "first" {
			t.Errorf("collected %v, %+v", starts, b.last())
		}
		b.stop()
	})
}

func TestRequestsComeOverTheBusToTheStageThatHasTheFeed(t *testing.T) {
	conn := testBus(t)
	srv := serve(t, text("x"))
	cfg := httpFeed(srv.URL)
	cfg.Spec.Schedule.Interval = "24h"
	configure(t, conn, cfg)
	request := func(id string) {
		t.Helper()
		raw, err := json.Marshal(plan.CollectNow{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Config().Put(t.Context(), plan.Key(plan.PrefixCollect, "default", "feed"), raw); err != nil {
			t.Fatal(err)
		}
	}
	request("before")
	own := plan.Shard("default", "feed", 2)
	runStage(t, Options{Conn: conn, Log: testLog(t), AllowNets: loopback, Keys: []string{"collector.default.feed"}, Share: plan.Share{Index: own, Count: 2}})
	other, _ := runStage(t, Options{Conn: conn, Log: testLog(t), AllowNets: loopback, Share: plan.Share{Index: 1 - own, Count: 2}})
	done := func(id string) func(status.Collector) bool {
		return func(s status.Collector) bool { return s.Requested == id }
	}
	attempts := waitStatus(t, conn, done("before")).Attempts
	request("later")
	if got := waitStatus(t, conn, done("later")); got.Attempts != attempts+1 {
		t.Errorf("%d attempts, %d before", got.Attempts, attempts)
	}
	waitFor(t, func() bool { return other.Ready() == nil }, func() any { return other.Ready() })
	if n := len(other.feeds); n != 0 { // of the watch, which is idle
		t.Errorf("the other stage has %d feeds", n)
	}
}
