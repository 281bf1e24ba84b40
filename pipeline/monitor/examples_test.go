package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/monitor"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const examples = table + `
examples:
- name: good
  input: "first_seen,dst_ip,dst_port,malware\n2026-01-02 03:04:05,192.0.2.1,443,a\n"
  events: [{dport: 443, name: a}]
- name: bad
  input: "first_seen,dst_ip,dst_port,malware\n2026-01-02 03:04:05,192.0.2.1,443,a\n"
  events: [{dport: 80}]
`

const parserKey = "parser.default.table"

// examined waits for a status of a Parser.
func (w *world) examined(ok func(status.Parser) bool) status.Parser {
	w.tb.Helper()
	var s status.Parser
	w.wait("the status of the Parser is right", func() bool {
		s = status.Parser{}
		b, err := w.conn.Status().Get(w.tb.Context(), parserKey)
		if err != nil {
			return false
		}
		if err := json.Unmarshal(b, &s); err != nil {
			w.tb.Fatal(err)
		}
		return ok(s)
	})
	return s
}

func TestAStageWorksForItsShareOfTheParsers(t *testing.T) {
	w := newWorld(t)
	w.stop()
	reg := prometheus.NewRegistry()
	stage, err := monitor.New(monitor.Options{Conn: w.conn, Log: logr.Discard(), Metrics: reg, Keys: []string{"monitor.default."},
		Share: plan.Share{Index: 1 - plan.Shard("default", "table", 2), Count: 2}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	w.parser(table)
	w.publish(good(1, 3))
	w.wait("the stage is ready", func() bool { return stage.Ready() == nil })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "weir_monitor_payloads_total"); err != nil || n > 0 {
		t.Errorf("%d feeds of another share, %v", n, err)
	}
	w.start()
	w.done()
}

func TestExamplesOfAParserAreRunWhenItChanges(t *testing.T) {
	w := newWorld(t)
	w.parser(examples)
	s := w.examined(func(s status.Parser) bool { return s.Examples == 2 })
	if s.OK || s.Reason != v1alpha1.ReasonExampleMismatch || len(s.Failed) != 1 || s.Failed[0] != "bad" ||
		!strings.Contains(s.Message, "example bad: ") || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	// What fails as an example is parsed all the same.
	w.publish(good(1, 3))
	w.done()
	w.addresses(3)

	since := s.Since
	w.stop()
	w.start()
	w.parser(strings.Replace(examples, "dport: 80", "dport: 81", 1))
	s = w.examined(func(s status.Parser) bool { return strings.Contains(s.Message, "81") })
	if !s.Since.Equal(since) {
		t.Errorf("it has failed since %s, told is %s", since, s.Since)
	}
	w.parser(strings.Replace(examples, "dport: 80", "dport: 443", 1))
	if s = w.examined(func(s status.Parser) bool { return s.OK }); s.Reason != v1alpha1.ReasonSucceeded || len(s.Failed) > 0 {
		t.Errorf("%+v", s)
	}
	w.parser(strings.Replace(examples, "from: [dst_ip]", "from: [dst_ip], expr: '('", 1))
	w.examined(func(s status.Parser) bool { return s.Reason == v1alpha1.ReasonInvalidSpec })

	if err := w.conn.Config().Delete(t.Context(), plan.Key(plan.PrefixMonitor, "default", "table")); err != nil {
		t.Fatal(err)
	}
	w.wait("the status is gone", func() bool {
		_, err := w.conn.Status().Get(t.Context(), parserKey)
		return errors.Is(err, bus.ErrNotFound)
	})
}
