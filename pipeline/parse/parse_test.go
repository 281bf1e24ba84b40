package parse

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// collect is a sink that keeps the fields of events as text.
type collect struct {
	fields   []string // of events, to keep
	events   [][]string
	rejected []string
	records  []string
}

func (c *collect) Event(e *event.Event) error {
	var row []string
	for _, name := range c.fields {
		f, _ := event.Lookup(name)
		v, _ := f.Get(e)
		row = append(row, strings.Clone(v))
	}
	c.events = append(c.events, row)
	return nil
}

func (c *collect) Reject(r *Rejection) error {
	text := r.Reason
	if r.Field != "" {
		text = r.Field + ": " + text
	}
	c.rejected = append(c.rejected, text)
	c.records = append(c.records, string(r.Record))
	return nil
}

var testMeta = Meta{
	Source: "example.test", URL: "https://feeds.example/list.csv", Filename: "list.csv",
	Collected: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

func specOf(t testing.TB, text string) *v1alpha1.ParserSpec {
	t.Helper()
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return &spec
}

func parserOf(t testing.TB, text string) *Parser {
	t.Helper()
	p, err := Compile(specOf(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// balanced checks that every record is accounted for.
func balanced(t testing.TB, s Stats) {
	t.Helper()
	skipped := int64(0)
	for _, n := range s.Skipped {
		skipped += n
	}
	if s.Records+s.Exploded != s.Events+s.Rejected+skipped || s.Exploded < 0 {
		t.Errorf("%d records and %d exploded became %d events, %d rejected, %d skipped", s.Records, s.Exploded, s.Events, s.Rejected, skipped)
	}
}

// parseCase is a payload and what comes out of it: for each event its fields,
// joined by "|"; for each rejected record a part of the reason.
type parseCase struct {
	name     string
	spec     string // after the standard category
	fields   string
	payload  string
	events   []string
	rejected []string
	records  []string // of rejections
	err      string
	meta     *Meta
}

func (c *parseCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		spec := c.spec
		if !strings.Contains(spec, "constants:") {
			spec += "\nconstants: {category: bots}"
		}
		p := parserOf(t, spec)
		meta := testMeta
		if c.meta != nil {
			meta = *c.meta
		}
		var first collect
		for i, r := range []func() *collect{
			func() *collect { return c.parse(t, p, meta, false) },
			func() *collect { return c.parse(t, p, meta, true) },
		} {
			got := r()
			if i == 0 {
				first = *got
			} else if !reflect.DeepEqual(first, *got) {
				t.Errorf("read byte by byte, the payload gives\n%+v, not\n%+v", *got, first)
			}
		}
		c.compare(t, &first)
	})
}

func (c *parseCase) parse(t *testing.T, p *Parser, meta Meta, bytewise bool) *collect {
	sink := &collect{fields: strings.Fields(c.fields)}
	reader := iotest.DataErrReader(strings.NewReader(c.payload))
	if bytewise {
		reader = iotest.OneByteReader(strings.NewReader(c.payload))
	}
	stats, err := p.Parse(context.Background(), reader, meta, sink, nil)
	balanced(t, stats)
	switch {
	case c.err == "" && err != nil:
		t.Errorf("got error %v", err)
	case c.err != "":
		var unreadable *UnreadableError
		if !errors.As(err, &unreadable) || !strings.Contains(err.Error(), c.err) {
			t.Errorf("got error %v, want %q", err, c.err)
		}
	}
	return sink
}

func (c *parseCase) compare(t *testing.T, got *collect) {
	var events []string
	for _, row := range got.events {
		events = append(events, strings.Join(row, "|"))
	}
	if !reflect.DeepEqual(events, c.events) {
		t.Errorf("got events\n  %s\nwant\n  %s", strings.Join(events, "\n  "), strings.Join(c.events, "\n  "))
	}
	if len(got.rejected) != len(c.rejected) {
		t.Fatalf("rejected %q, want %q", got.rejected, c.rejected)
	}
	for i, want := range c.rejected {
		if !strings.Contains(got.rejected[i], want) {
			t.Errorf("rejected with %s, want %s", got.rejected[i], want)
		}
	}
	if c.records != nil && !reflect.DeepEqual(got.records, c.records) {
		t.Errorf("rejected records %q, want %q", got.records, c.records)
	}
}
