// Package infer drafts a Parser from a sample of a feed: which format it is, what
// each column or path holds, and which field of the event that is. It computes
// only: bytes in, a draft out.
//
// Every choice has a confidence and a reason. What is less sure than askBelow
// becomes a question: a draft that is wrong without saying so costs more than one
// that asks.
package infer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	// MaxSample is how much of a feed is looked at.
	MaxSample = 8 << 20
	// askBelow is the confidence below which a choice is a question.
	askBelow = 0.6
	// maxRecords is how many records a column is judged by.
	maxRecords = 500
)

// Sample is the beginning of a feed, or all of it, unpacked.
type Sample struct {
	Data []byte
	// Truncated says that the feed goes on after Data.
	Truncated   bool
	URL         string
	Filename    string
	ContentType string
}

// Options are what a person knows of the feed.
type Options struct {
	Provider string
	Channel  string
	// Like are Parsers of similar feeds, such as others of the provider; the one that
	// has most columns in common is followed.
	Like []v1alpha1.Parser
	// LikeSource is the FeedSource of such a feed: its policy and schedule are taken.
	LikeSource *v1alpha1.FeedSource
	// Exchange is the name of the Exchange; main if absent.
	Exchange string
	// Members, of an archive, is what spec.unpack.include must say.
	Members []string
}

// Choice is one decision of the draft.
type Choice struct {
	// About is what was decided: input, category, or the column or path.
	About string `json:"about"`
	// Field is the field of the event, if it is about one.
	Field string `json:"field,omitempty"`
	// Chosen is the decision: "ip", "csv with the delimiter \";\"".
	Chosen string `json:"chosen"`
	// Confidence is between 0 and 1.
	Confidence   float64  `json:"confidence"`
	Reason       string   `json:"reason"`
	Alternatives []string `json:"alternatives,omitempty"`
}

// Question reports whether a person should look at the choice.
func (c *Choice) Question() bool { return c.Confidence < askBelow }

// Draft is a Parser, and how it came about.
type Draft struct {
	Parser *v1alpha1.Parser
	// Source is the FeedSource, nil if nothing tells where the feed comes from.
	Source  *v1alpha1.FeedSource
	Choices []Choice
	// Records, Events, Rejected and Skipped are what the Parser makes of the sample.
	Records, Events, Rejected, Skipped int64
	// Columns are what the records have, in order.
	Columns []string

	notes map[int][]string // comments, by rule of the mapping
}

// Questions are the choices that a person should look at, the least sure first.
func (d *Draft) Questions() []Choice {
	var out []Choice
	for i := range d.Choices {
		if d.Choices[i].Question() {
			out = append(out, d.Choices[i])
		}
	}
	slices.SortStableFunc(out, func(a, b Choice) int {
		switch {
		case a.Confidence < b.Confidence:
			return -1
		case a.Confidence > b.Confidence:
			return 1
		}
		return 0
	})
	return out
}

// ErrEmpty says that a sample has nothing to learn from.
var ErrEmpty = errors.New("the sample is empty: nothing can be learned from it")

// Infer drafts a Parser. The Parser of the draft compiles, and its examples are
// what it gives.
func Infer(s Sample, o Options) (*Draft, error) {
	t, err := newText(&s)
	if err != nil {
		return nil, err
	}
	found, err := t.formats()
	if err != nil {
		return nil, err
	}
	best, err := t.choose(found)
	if err != nil {
		return nil, err
	}
	d := &drafting{text: t, opts: o, format: best, draft: &Draft{notes: map[int][]string{}}}
	d.spec.Input = best.input
	d.choose(Choice{About: "input", Chosen: best.name, Confidence: best.confidence, Reason: best.reason, Alternatives: best.others})
	if t.charset != "" {
		d.spec.Input.Charset = t.charset
		d.choose(Choice{About: "input", Chosen: "charset: " + t.charset, Confidence: 0.5,
			Reason: "the bytes are no UTF-8", Alternatives: []string{"windows-1250", "windows-1251", "iso-8859-2"}})
	}
	if err := d.build(); err != nil {
		return nil, fmt.Errorf("the draft: %w", err)
	}
	return d.draft, nil
}
