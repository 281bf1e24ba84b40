package buslink

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
)

func entry(key, value string) bus.Entry { return bus.Entry{Key: key, Value: []byte(value)} }

func value(s string) written { return written{value: digestOf([]byte(s))} }

func confirmed() error { return nil }

func TestMirrorIsNotMisledByWhatTheBucketTellsLate(t *testing.T) {
	m := newConfigMirror()
	_ = m.write("k", value("1"), confirmed)
	_ = m.write("k", value("2"), confirmed)
	if m.told(entry("k", "1")) || !m.has("k", value("2")) {
		t.Fatal("the echo of the first write undid the second")
	}
	if m.told(entry("k", "2")) || !m.has("k", value("2")) {
		t.Fatal("the echo of the second write is news")
	}
	_ = m.write("k", written{gone: true}, confirmed)
	if m.has("k", value("2")) || len(m.under("")) != 0 {
		t.Fatal("a deleted key is present")
	}
	if m.told(entry("k", "2")) || !m.has("k", written{gone: true}) {
		t.Fatal("an old value brought a deleted key back")
	}
	if m.told(bus.Entry{Key: "k"}) || !m.has("k", written{gone: true}) {
		t.Fatal("the echo of the deletion is news")
	}
	if !m.told(entry("k", "3")) || !m.has("k", value("3")) {
		t.Fatal("a foreign value is no news")
	}
	if !m.told(bus.Entry{Key: "k"}) || !m.has("k", written{gone: true}) {
		t.Fatal("a foreign deletion is no news")
	}
}

func TestMirrorHearsOfAWriteBeforeItIsConfirmed(t *testing.T) {
	m := newConfigMirror()
	for _, w := range []struct {
		written
		entry bus.Entry
	}{{value("1"), entry("k", "1")}, {written{gone: true}, bus.Entry{Key: "k"}}} {
		_ = m.write("k", w.written, func() error {
			if m.told(w.entry) {
				t.Error("an own write is news")
			}
			return nil
		})
		if m.doubt(time.Now().Add(time.Minute)) || !m.has("k", w.written) {
			t.Error("what the bucket told is doubted")
		}
	}
}

func TestMirrorDoubtsWhatTheBucketNeverTold(t *testing.T) {
	m := newConfigMirror()
	_ = m.write("lost", value(""), confirmed)
	m.told(entry("there", "1"))
	if m.doubt(time.Now().Add(-time.Minute)) {
		t.Fatal("doubted at once")
	}
	if !m.doubt(time.Now().Add(time.Minute)) || m.has("lost", value("")) || !m.has("there", value("1")) {
		t.Fatal("the lost write is believed in, or more than that is doubted")
	}
	if err := m.write("failed", value("1"), func() error { return errors.New("no") }); err == nil || m.has("failed", value("1")) {
		t.Fatal("a write that failed is believed in")
	}
}

func TestKeysUnderAPrefix(t *testing.T) {
	m := newConfigMirror()
	for _, k := range []string{"b.ns.two", "b.ns.one", "b", "bx.ns", "b-c.ns", "b/c.ns"} {
		m.told(entry(k, ""))
	}
	for prefix, want := range map[string][]string{
		"":         {"b", "b-c.ns", "b.ns.one", "b.ns.two", "b/c.ns", "bx.ns"},
		"b":        {"b", "b.ns.one", "b.ns.two"},
		"b.":       {"b.ns.one", "b.ns.two"},
		"b.ns.one": {"b.ns.one"},
		"c":        nil,
	} {
		if got := m.under(prefix); !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, want %q", prefix, got, want)
		}
	}
}

func BenchmarkConfigOfOneKeyAmongTenThousand(b *testing.B) {
	m := newConfigMirror()
	for i := range 10_000 {
		m.told(entry(fmt.Sprintf("collector.default.feed%d", i), "1"))
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(m.under("collector.default.feed7000")) != 1 {
			b.Fatal("not found")
		}
	}
}
