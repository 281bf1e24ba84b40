package monitor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// later is the Parser of the announced format.
var later = strings.ReplaceAll(table, "dst_ip", "ip_address")

func announce(t *testing.T, parser string, in time.Duration) func(*plan.MonitorFeed) {
	spec := specOf(t, parser)
	return func(f *plan.MonitorFeed) {
		f.Announced = []plan.AnnouncedParser{{Parser: "later", From: time.Now().Add(in).UTC().Format(time.RFC3339), Spec: &spec}}
	}
}

func TestAnAnnouncedChangeSwitchesAtThePayloadThatFits(t *testing.T) {
	w := newWorld(t)
	w.parser(table, announce(t, later, 48*time.Hour))
	w.publish(good(1, 9))
	w.publish(good(2, 9))
	s := w.done()
	if s.Parser == nil || s.Parser.Name != "table" || !s.Parser.Since.IsZero() || s.Message != "" {
		t.Errorf("before the switch: %+v, Parser %+v", s, s.Parser)
	}
	w.publish(renamed(3, 9))
	s = w.done()
	if !s.OK || s.Held != 0 || s.Parser.Name != "later" || s.Parser.Payload != "p3" || !s.Parser.Since.Equal(started.Add(3*time.Minute)) {
		t.Errorf("after the switch: %+v, Parser %+v", s, s.Parser)
	}
	w.publish(renamed(4, 9))
	w.publish(good(5, 9)) // for good
	s = w.done()
	if s.Held != 1 || s.Events != 36 || s.Parser.Name != "later" {
		t.Errorf("the former format afterwards: %+v", s)
	}
	w.stop()
	w.start()
	w.publish(renamed(6, 9))
	if s = w.done(); s.Parser.Payload != "p3" || s.Events != 45 || s.Held != 1 {
		t.Errorf("after a restart: %+v, Parser %+v", s, s.Parser)
	}
	want := slices.Concat(nets(1, 9), nets(2, 9), nets(3, 9), nets(4, 9), nets(6, 9))
	if got := w.addresses(45); !slices.Equal(got, want) || w.lineCount() != 45 {
		t.Errorf("%d events of %v", w.lineCount(), got)
	}
}

func TestAnAnnouncedParserTakesNothingElse(t *testing.T) {
	for name, tc := range map[string]struct {
		parser, payload string
		in              time.Duration
	}{
		"far too early":         {later, renamed(2, 9), 8 * 24 * time.Hour},
		"another format":        {later, rows(2, 9, "first_seen", "address", "dst_port", "malware"), 0},
		"a page":                {later, "<html><title>Sign in</title></html>", 0},
		"most is rejected":      {strings.Replace(later, "[ip_address]", "[dst_port]", 1), renamed(2, 9), 0},
		"a Parser with a fault": {strings.Replace(later, "field: ip,", "field: addr,", 1), renamed(2, 9), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.parser(table, announce(t, tc.parser, tc.in))
			w.publish(good(1, 9))
			w.publish(tc.payload)
			w.publish(good(3, 9))
			if s := w.done(); s.Held != 1 || s.Events != 18 || s.Parser.Name != "table" {
				t.Errorf("status: %+v, Parser %+v", s, s.Parser)
			}
		})
	}
}

func TestWhatIsHeldIsReadInOrderWhenTheAnnouncedParserTakesOver(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(renamed(2, 9))
	w.publish("<html><title>Sign in</title></html>")
	w.publish(renamed(4, 9))
	w.done()
	w.parser(table, announce(t, later, 8*24*time.Hour))
	w.publish(renamed(5, 9))
	if s := w.done(); s.Held != 4 || s.Parser == nil || s.Parser.Name != "table" {
		t.Fatalf("before: %+v", s)
	}
	w.parser(table, announce(t, later, 6*24*time.Hour))
	s := w.until("they are read", func(s status.Monitor) bool {
		return s.Held == 1 && s.Parser != nil && s.Parser.Name == "later" && strings.Contains(s.Message, "Sign in")
	})
	if s.Parser.Payload != "p2" || s.Events != 36 {
		t.Errorf("status: %+v, Parser %+v", s, s.Parser)
	}
	if got, want := w.addresses(36), slices.Concat(nets(1, 9), nets(2, 9), nets(4, 9), nets(5, 9)); !slices.Equal(got, want) {
		t.Errorf("events of %v, want %v", got, want)
	}
}

func TestANewPayloadWaitsBehindThoseThatAreHeld(t *testing.T) {
	w := newWorld(t)
	w.parser(table, announce(t, later, 0), emitValid)
	w.publish(good(1, 9))
	w.publish("<html><title>Sign in</title></html>") // held, so that others wait behind it
	w.publish(renamed(3, 9))
	s := w.until("it is read", func(s status.Monitor) bool { return s.Payloads == 3 && s.Held == 1 && s.Events == 18 })
	if s.Parser.Payload != "p3" || s.Rejected != 0 {
		t.Errorf("status: %+v, Parser %+v", s, s.Parser)
	}
}

func TestAnAnnouncedChangeThatDoesNotComeIsOverdue(t *testing.T) {
	w := newWorld(t)
	w.parser(table, announce(t, later, -75*time.Hour))
	w.publish(good(1, 9))
	s := w.done()
	if !s.OK || !strings.HasSuffix(s.Message, `(Parser "later") is overdue by 3 days.`) {
		t.Errorf("status: %+v", s)
	}
	w.parser(table, func(f *plan.MonitorFeed) {
		f.Announced = []plan.AnnouncedParser{{Parser: "later", From: "2026-01-01T00:00:00Z", Problem: "there is no such Parser"}}
	})
	w.publish(good(2, 9))
	if s = w.until("the Parser is missed", func(s status.Monitor) bool { return strings.Contains(s.Message, "no such Parser") }); !s.OK {
		t.Errorf("status: %+v", s)
	}
}

func TestTheFeedNamesTheParserItselfAfterwards(t *testing.T) {
	w := newWorld(t)
	w.parser(table, announce(t, later, 0))
	w.publish(good(1, 9))
	w.publish(renamed(2, 9))
	if s := w.done(); s.Parser.Name != "later" {
		t.Fatalf("status: %+v, Parser %+v", s, s.Parser)
	}
	w.parser(later)
	w.until("nothing is announced", func(s status.Monitor) bool { return s.Parser == nil })
	w.publish(renamed(3, 9))
	if s := w.done(); s.Held != 0 || s.Events != 27 || s.Baseline != 2 {
		t.Errorf("status: %+v", s)
	}
	// Announced once more, it waits for its payload again.
	w.parser(table, announce(t, later, 0))
	w.publish(renamed(4, 9))
	if s := w.done(); s.Parser == nil || s.Parser.Payload != "p4" {
		t.Errorf("status: %+v, Parser %+v", s, s.Parser)
	}
}
