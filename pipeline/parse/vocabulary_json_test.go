package parse

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weir-project/weir/pipeline/event"
)

// whole is a sink that keeps events as JSON.
type whole struct {
	events   []string
	rejected []string
}

func (w *whole) Event(e *event.Event) error {
	w.events = append(w.events, string(event.AppendJSON(nil, e)))
	return nil
}

func (w *whole) Reject(r *Rejection) error {
	w.rejected = append(w.rejected, r.Field+": "+r.Reason)
	return nil
}

// Every part of a payload that ends too early is read without panic, every record
// is accounted for, and the events before the end are the same.
func cutDocument(t *testing.T, spec, payload string) {
	t.Helper()
	p := parserOf(t, spec)
	var full whole
	if _, err := p.Parse(context.Background(), strings.NewReader(payload), testMeta, &full, nil); err != nil {
		t.Fatal(err)
	}
	for i := range payload {
		var got whole
		stats, err := p.Parse(context.Background(), iotest.HalfReader(strings.NewReader(payload[:i])), testMeta, &got, nil)
		balanced(t, stats)
		var unreadable *UnreadableError
		if err != nil && !errors.As(err, &unreadable) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		if len(got.events) > len(full.events) || !slices.Equal(got.events, full.events[:len(got.events)]) {
			t.Fatalf("cut at %d: %v, events\n%s", i, err, strings.Join(got.events, "\n"))
		}
	}
}

// skippedAs parses and checks what was passed over.
func skippedAs(t *testing.T, spec, payload string, want map[string]int64) {
	t.Helper()
	var got whole
	stats, err := parserOf(t, spec).Parse(context.Background(), strings.NewReader(payload), testMeta, &got, nil)
	balanced(t, stats)
	if err != nil || !reflect.DeepEqual(stats.Skipped, want) {
		t.Errorf("skipped %v, want %v; %v, rejected %q", stats.Skipped, want, err, got.rejected)
	}
}

// fuzzVocabulary is the fuzz target of a format: whatever comes, it does not panic,
// accounts for all records, and does not depend on how the bytes arrive.
func fuzzVocabulary(f *testing.F, spec string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	p := parserOf(f, spec)
	f.Fuzz(func(t *testing.T, payload []byte) {
		var first whole
		stats, err := p.Parse(context.Background(), bytes.NewReader(payload), testMeta, &first, nil)
		balanced(t, stats)
		var unreadable *UnreadableError
		if err != nil && !errors.As(err, &unreadable) {
			t.Fatal(err)
		}
		var second whole
		_, again := p.Parse(context.Background(), iotest.OneByteReader(bytes.NewReader(payload)), testMeta, &second, nil)
		if !reflect.DeepEqual(first, second) || (err == nil) != (again == nil) {
			t.Fatalf("byte by byte %+v, %v; at once %+v, %v", second, again, first, err)
		}
	})
}
