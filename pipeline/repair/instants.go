package repair

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
)

// overlapOfTimes is the overlap of two columns of times that are written otherwise:
// the same seconds speak for the same column.
func overlapOfTimes(old, new *column) float64 {
	if old.telling&drift.Timestamp == 0 || new.share(drift.Timestamp) < 0.5 {
		return 0
	}
	return overlap(&column{distinct: old.seconds()}, &column{distinct: new.seconds()})
}

// seconds are the different times of a column, nil where their layout is not clear.
func (c *column) seconds() map[string]bool {
	if c.instants != nil {
		return c.instants
	}
	c.instants = map[string]bool{}
	layouts, other := infer.TimesOf(c.values)
	if len(layouts) == 0 || len(other) > 0 {
		return c.instants
	}
	p, err := parse.Compile(&v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{}},
		Mapping:   []v1alpha1.MappingRule{{Field: "time", From: []string{"line"}, Time: &v1alpha1.TimeSpec{Layouts: layouts}, Required: true}},
		Constants: map[string]string{"category": "other", "name": "x"},
	})
	if err != nil {
		return c.instants
	}
	lines := make([]string, 0, len(c.values))
	for _, v := range c.values {
		lines = append(lines, strings.ReplaceAll(v, "\n", " "))
	}
	// What cannot be read leaves fewer times; that is no error.
	_, _ = p.Parse(context.Background(), bytes.NewReader([]byte(strings.Join(lines, "\n"))), whenever, secondsSeen(c.instants), nil)
	return c.instants
}

// whenever is known of a payload whose times may be any.
var whenever = parse.Meta{Source: "any.times", Collected: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}

type secondsSeen map[string]bool

func (s secondsSeen) Event(e *event.Event) error {
	if len(s) < maxDistinct {
		s[strconv.FormatInt(e.Time.Unix(), 10)] = true
	}
	return nil
}

func (secondsSeen) Reject(*parse.Rejection) error { return nil }
