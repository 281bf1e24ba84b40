package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// What is usual: each is implemented as its users do, with its usual settings.
// All of them notice a payload that the Parser cannot read at all.
const (
	headerHash = iota // the names of columns or keys are others than ever before
	arity             // a row has a number of cells that no row had
	required          // a column that a rule reads is not there
	threeSigma        // records, share of nulls or distinct values outside of mean +- 3 standard deviations
	topValues         // share of a frequent value differs from that in the payload before by more than 0.01
	baselineCount
)

var baselineNames = [baselineCount]string{"header hash", "arity check", "required columns", "mean +- 3 sd (Deequ)", "L-inf 0.01 (TFDV)"}

// sample is what the baselines see of a payload.
type sample struct {
	unreadable bool
	header     string
	names      []string // columns, or paths that any record has
	cells      map[int]bool
	records    float64
	columns    []columnStats
}

type columnStats struct {
	values, empty float64
	counts        map[string]float64
}

// baselines are all of them, for one feed.
type baselines struct {
	feed    *feed
	parser  *parse.Parser
	headers map[string]bool
	cells   map[int]bool
	always  map[string]bool // names that were in each payload
	metrics [][]float64
	before  []columnStats
}

func newBaselines(f *feed) *baselines {
	p, err := parse.Compile(f.spec)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", f, err))
	}
	return &baselines{feed: f, parser: p, headers: map[string]bool{}, cells: map[int]bool{}}
}

func (b *baselines) fork() *baselines {
	c := *b
	c.headers, c.cells, c.always = maps.Clone(b.headers), maps.Clone(b.cells), maps.Clone(b.always)
	c.metrics = slices.Clone(b.metrics)
	return &c
}

// observer collects a sample.
type observer struct {
	*sample
	keys map[string]bool
}

func (o *observer) Columns(names []string) {
	o.names = slices.Clone(names)
	o.header = strings.Join(names, "\x00")
}

func (o *observer) Record(r *parse.Record) {
	o.records++
	if n := r.Cells(); n > 0 {
		o.cells[n] = true
	}
	r.Keys(func(path string, _ record.Kind) bool {
		if !o.keys[path] {
			o.keys[strings.Clone(path)] = true
		}
		return true
	})
	for i := range o.columns {
		c := &o.columns[i]
		v, ok := r.Input(i)
		if !ok || v == "" {
			c.empty++
			continue
		}
		c.values++
		if n, known := c.counts[v]; known {
			c.counts[v] = n + 1
		} else {
			c.counts[strings.Clone(v)] = 1
		}
	}
}

func (o *observer) Event(*event.Event) error { return nil }

// Reject counts rows that could not be taken apart: their number of cells is none
// that was seen.
func (o *observer) Reject(r *parse.Rejection) error {
	if r.Field == "" {
		o.cells[-1] = true
	}
	return nil
}

func (b *baselines) sample(p *payload) *sample {
	o := &observer{sample: &sample{cells: map[int]bool{}}, keys: map[string]bool{}}
	for range b.parser.Inputs() {
		o.columns = append(o.columns, columnStats{counts: map[string]float64{}})
	}
	_, err := b.parser.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, o, o)
	unreadable := (*parse.UnreadableError)(nil)
	o.unreadable = errors.As(err, &unreadable)
	if len(o.keys) > 0 {
		o.names = slices.Sorted(maps.Keys(o.keys))
		o.header = strings.Join(o.names, "\x00")
	}
	return o.sample
}

// metricsOf are the numbers that are watched.
func metricsOf(s *sample) []float64 {
	out := []float64{s.records}
	for i := range s.columns {
		c := &s.columns[i]
		out = append(out, c.empty/max(1, c.empty+c.values), float64(len(c.counts)))
	}
	return out
}

// learn takes a payload in.
func (b *baselines) learn(s *sample) {
	b.headers[s.header] = true
	maps.Copy(b.cells, s.cells)
	present := map[string]bool{}
	for _, name := range s.names {
		if b.always == nil || b.always[name] {
			present[name] = true
		}
	}
	b.always = present
	b.metrics = append(b.metrics, metricsOf(s))
	if n := len(b.metrics); n > 60 {
		b.metrics = b.metrics[n-60:]
	}
	b.before = s.columns
}

// alarms are those that a payload raises.
func (b *baselines) alarms(s *sample) [baselineCount]bool {
	var out [baselineCount]bool
	out[headerHash] = b.feed.byName() && !b.headers[s.header]
	for n := range s.cells {
		out[arity] = out[arity] || !b.cells[n]
	}
	if b.feed.byName() {
		for _, in := range b.parser.Inputs() {
			name := plain(in.Name)
			out[required] = out[required] || b.always[name] && !slices.Contains(s.names, name)
		}
	}
	out[threeSigma] = b.outside(metricsOf(s))
	out[topValues] = b.before != nil && shifted(b.before, s.columns)
	if s.unreadable {
		return [baselineCount]bool{true, true, true, true, true}
	}
	return out
}

func plain(path string) string { return strings.TrimPrefix(path, "$.") }

// outside tells whether a number is further than three standard deviations from
// its mean. It takes ten payloads to know them.
func (b *baselines) outside(now []float64) bool {
	if len(b.metrics) < 10 {
		return false
	}
	n := float64(len(b.metrics))
	for i, x := range now {
		mean, square := 0.0, 0.0
		for _, m := range b.metrics {
			mean += m[i] / n
		}
		for _, m := range b.metrics {
			square += (m[i] - mean) * (m[i] - mean) / n
		}
		if sd := math.Sqrt(square); math.Abs(x-mean) > 3*sd+1e-9 {
			return true
		}
	}
	return false
}

// shifted compares the shares of the values that were or are among the twenty most
// frequent ones.
func shifted(before, now []columnStats) bool {
	for i := range now {
		a, b := &before[i], &now[i]
		if a.values == 0 || b.values == 0 {
			if a.values != b.values {
				return true
			}
			continue
		}
		for _, v := range append(top(a), top(b)...) {
			if math.Abs(a.counts[v]/a.values-b.counts[v]/b.values) > 0.01 {
				return true
			}
		}
	}
	return false
}

func top(c *columnStats) []string {
	if len(c.counts) > 4096 && float64(len(c.counts)) == c.values {
		return nil // no value comes twice
	}
	keys := slices.Collect(maps.Keys(c.counts))
	slices.SortFunc(keys, func(x, y string) int {
		if d := c.counts[y] - c.counts[x]; d != 0 {
			return int(d)
		}
		return strings.Compare(x, y)
	})
	return keys[:min(20, len(keys))]
}
