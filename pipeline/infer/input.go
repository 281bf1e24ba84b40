package infer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Reading is how a sample is read: what Infer finds out before it writes a
// manifest. A vocabulary (MISP, STIX) is read as the plain JSON or XML that it is,
// so that every path of it is seen.
type Reading struct {
	// Name describes the format: CSV with the delimiter ";".
	Name string
	// Confidence of the format, between 0 and 1.
	Confidence float64
	// Spec reads the sample: its input, and a rule for each column or path that has
	// values.
	Spec *v1alpha1.ParserSpec
	// Columns or paths of the records, in order; those of Spec.
	Columns []string
	// Names are what the publisher calls the columns of a table, nil if it does not.
	// They are Columns, or come from a comment.
	Names []string
	// Vocabulary is the name of the vocabulary that the sample speaks, "" for none.
	Vocabulary string
	// Charset is "" for UTF-8 and what says itself what it is.
	Charset string
	// Records were read for the mapping, at most 500.
	Records int
	// Comment is the prefix of comments, Preamble how many come before the data,
	// Comments all of them.
	Comment  string
	Preamble []string
	Comments []string
}

// ReadingOf finds out how a sample is read.
func ReadingOf(s Sample) (*Reading, error) {
	t, err := newText(&s)
	if err != nil {
		return nil, err
	}
	found, err := t.formats()
	if err != nil {
		return nil, err
	}
	r := &Reading{}
	if found[0].vocabulary {
		if plain := t.withoutVocabulary(); plain != nil {
			r.Vocabulary = found[0].name
			found = plain
		}
	}
	best, err := t.choose(found)
	if err != nil {
		return nil, err
	}
	d := &drafting{text: t, format: best, draft: &Draft{notes: map[int][]string{}}}
	d.spec.Input = best.input
	d.spec.Input.Charset = t.charset
	if err := d.mapAll(); err != nil {
		return nil, fmt.Errorf("the mapping: %w", err)
	}
	r.Name, r.Confidence, r.Spec, r.Columns = best.name, best.confidence, &d.spec, d.draft.Columns
	r.Charset, r.Records = t.charset, len(best.records.rows)
	r.Comment, r.Comments, r.Preamble = t.comment, t.comments, t.comments[:min(t.before, len(t.comments))]
	if !best.unnamed && !isDocument(&best.input) {
		r.Names = r.Columns
	}
	return r, nil
}

// mapAll is build without what a manifest needs besides.
func (d *drafting) mapAll() error {
	d.spec.Constants = map[string]string{}
	d.fields = map[string]*column{}
	d.spec.Skip = d.format.skip
	d.learnWords()
	if d.format.other != nil && !d.format.records.json {
		d.format.records.other = d.format.other
	}
	d.columns = d.format.records.all()
	for _, c := range d.columns {
		d.draft.Columns = append(d.draft.Columns, c.name)
		if d.format.unnamed {
			c.words, c.unnamed = nil, true
		}
	}
	if d.format.vocabulary {
		return d.vocabulary()
	}
	d.explode()
	d.mapColumns()
	d.identify()
	return d.settle()
}

// withoutVocabulary lists the formats of a document whose vocabulary is not looked
// at; nil for a mail.
func (t *text) withoutVocabulary() []format {
	body := strings.TrimLeft(t.body, " \t\r\n\ufeff")
	switch {
	case body == "":
		return nil
	case body[0] == '<':
		_, paths := t.elements()
		best := repeated(paths)
		if best == nil {
			return nil
		}
		return []format{{name: "XML", confidence: 0.9, score: 1, input: v1alpha1.InputSpec{XML: &v1alpha1.XMLSpec{Records: best.path}}}}
	case body[0] != '{' && body[0] != '[':
		return nil
	}
	if len(t.lines) > 1 && json.Valid([]byte(t.lines[0])) && json.Valid([]byte(t.lines[1])) {
		return []format{{name: "JSON lines", confidence: 0.95, score: 1, input: v1alpha1.InputSpec{JSONLines: &v1alpha1.JSONLinesSpec{}}}}
	}
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.UseNumber()
	doc, err := decodeValue(d, 0)
	if err != nil {
		return nil
	}
	f := format{name: "JSON", confidence: 0.95, score: 1, input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{}}}
	var best place
	for _, p := range recordPaths(doc) {
		if p.weight() > best.weight() {
			best = p
		}
	}
	f.input.JSON.Records = best.path
	return []format{f}
}

// TimesOf tells the layouts that a rule needs to read the times among values, nil if
// they are none. Where day and month could be the other way round, other are the
// layouts for that.
func TimesOf(values []string) (layouts, other []string) {
	t := timesOf(newColumn("", values))
	if t == nil {
		return nil, nil
	}
	if t.ambiguous {
		other = t.other
	}
	return t.layouts, other
}
