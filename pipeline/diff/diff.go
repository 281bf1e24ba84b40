// Package diff tells how two payloads of a feed differ in format, also where there
// is no Parser: then it reads the new one as a consumer of the old one would. It
// computes only: bytes in, findings out.
package diff

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

// Codes of findings besides those of the drift monitor.
const (
	CodeHeader   = "header-changed"   // plain, commented or not there
	CodeComments = "comments-changed" // prefix of comments, lines before the data
	CodeQuoting  = "quoting-changed"
	CodeNewline  = "newline-changed"
	CodeMark     = "byte-order-mark"
	CodeCharset  = "charset-changed"
	CodeRecords  = "records-moved" // the list of records is elsewhere in the document
	CodeLines    = "lines-changed" // lines are built otherwise
)

// Options say how to compare.
type Options struct {
	// Spec is the Parser that decides what is read, its bases resolved; nil to find
	// out how the old payload is read, and to look at all of it.
	Spec *v1alpha1.ParserSpec
}

// Result is how the new payload differs from the old one.
type Result struct {
	// Class is the worst class among the findings, "" for none.
	Class    string
	Breaking bool
	Findings []status.Finding
	// Repair is the change of the Parser that reads the new payload, nil if none is
	// needed or was found.
	Repair *status.Repair

	// Spec is the Parser that the comparison was made with, and what Repair patches;
	// Mended what comes of it, nil if no patch is needed.
	Spec, Mended *v1alpha1.ParserSpec

	// given: somebody gave the Parser.
	given bool
	// events and rejected are what Spec makes of the new payload.
	events, rejected int64
}

// ErrOld says that the old payload is no measure: nothing can be read in it.
var ErrOld = errors.New("nothing can be read in the old payload")

// comparison is one Compare.
type comparison struct {
	old, new *Payload
	// given: a Parser decides what is read.
	given bool
	spec  *v1alpha1.ParserSpec
	// was and is are the readings of old and new; nil where nothing could be found
	// out.
	was, is   *infer.Reading
	base, now *drift.Profile
	// alone: the new payload is one object without a list of records.
	alone bool
}

// Compare compares two payloads. An error is about the old payload, the Parser or
// ctx; that the new payload is unreadable is a finding.
func Compare(ctx context.Context, old, new *Payload, o Options) (*Result, error) {
	old, new, gone := inside(old, new, o)
	c := &comparison{old: old, new: new, given: o.Spec != nil, spec: o.Spec}
	r := &Result{Findings: []status.Finding{}, given: c.given}
	was, err := infer.ReadingOf(sample(old))
	switch {
	case err == nil:
		c.was = was
	case !c.given:
		return nil, fmt.Errorf("%w: %w", ErrOld, err)
	}
	if !c.given {
		c.spec = whole(c.was)
	}
	r.Spec = c.spec
	if gone != nil {
		return r.finish([]status.Finding{*gone}), nil
	}
	var packing []status.Finding
	if f := packed(old, new); f != nil {
		packing = append(packing, *f)
	}
	if bytes.Equal(old.Data, new.Data) {
		return c.same(ctx, r.finish(packing))
	}
	found, err := c.compare(ctx)
	if err != nil {
		return nil, err
	}
	r.finish(append(packing, found...))
	if c.now != nil {
		r.events, r.rejected = c.now.Events, c.now.Rejected
	}
	if r.Breaking {
		err = r.mend(ctx, old, new)
	}
	return r, err
}

// same is the result for the same bytes, which may be packed otherwise.
func (c *comparison) same(ctx context.Context, r *Result) (*Result, error) {
	if !r.Breaking {
		return r, nil
	}
	lens, err := drift.NewLens(c.spec)
	if err != nil {
		return nil, fmt.Errorf("the Parser: %w", err)
	}
	now, err := learn(ctx, lens, c.new)
	if err != nil {
		return nil, err
	}
	r.events, r.rejected = now.Events, now.Rejected
	return r, r.mend(ctx, c.old, c.new)
}

// mend looks for the change of the Parser that reads the new payload.
func (r *Result) mend(ctx context.Context, old, new *Payload) error {
	found, err := repair.Search(ctx, &repair.Problem{Spec: r.Spec, Findings: r.Findings,
		Good: old.Data, GoodMeta: old.Meta, Bad: new.Data, BadMeta: new.Meta})
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		r.Repair = &found[0].Repair
		if r.Repair.Patch != "" {
			r.Mended = found[0].Spec
		}
	case r.events > 0 && r.rejected == 0 && !slices.ContainsFunc(r.Findings, needsParser):
		r.Repair = &status.Repair{Changes: []string{}, Confidence: 0.95, Safe: true, Events: r.events}
		if slices.ContainsFunc(r.Findings, func(f status.Finding) bool {
			return f.Code == drift.CodeColumnInserted || f.Code == drift.CodeHeaderReordered
		}) {
			r.Repair.Changes = append(r.Repair.Changes, "Read the columns by the names that the comment gives them, as a Parser with header: Commented does.")
		}
	default:
		return nil
	}
	if new.Packed != "" && old.Packed != new.Packed {
		r.Repair.Changes = append([]string{fmt.Sprintf("Unpack the payload, which is %s (FeedSource.spec.unpack).", article(new.Packed))}, r.Repair.Changes...)
	}
	return nil
}

// needsParser tells whether a finding is one that only another Parser mends; not so
// how the file is packed, and where columns stand that have names.
func needsParser(f status.Finding) bool {
	switch f.Code {
	case drift.CodeContainer:
		return !slices.ContainsFunc(magics, func(m magic) bool { return m.name == f.After || m.name == f.Before })
	case drift.CodeColumnInserted, drift.CodeHeaderReordered:
		return false
	}
	return f.Breaking
}

func sample(p *Payload) infer.Sample {
	return infer.Sample{Data: p.Data, Truncated: p.Truncated, URL: p.Meta.URL, Filename: p.Meta.Filename, ContentType: p.Meta.ContentType}
}

// compare looks at the insides.
func (c *comparison) compare(ctx context.Context) ([]status.Finding, error) {
	lens, err := c.learn(ctx)
	if err != nil {
		return nil, err
	}
	c.is = c.readNew()
	found := c.inOrder(c.kinds(c.few(lens, drift.CompareOnce(c.base.For(lens), c.now))))
	if c.failed(found) {
		if found, err = c.explain(ctx, found); err == nil && len(found) == 0 {
			found = append(found, c.unfit())
		}
		return found, err
	}
	if !c.given { // which field a column might fill is nothing to the reader of a column
		found = slices.DeleteFunc(found, func(f status.Finding) bool {
			return f.Code == drift.CodeRejections && slices.ContainsFunc(found, func(g status.Finding) bool { return g.Code == drift.CodeWidened && g.Path == f.Path })
		})
	}
	if c.now.Events == 0 && c.base.Events > 0 && !drift.Breaking(found) && !c.over(found) {
		found = append(found, c.nothing())
	}
	for _, f := range []*status.Finding{c.headed(), c.joined()} {
		if f != nil {
			found = append(found, *f)
		}
	}
	separated, err := c.separators(ctx, found)
	if err != nil {
		return nil, err
	}
	return slices.Concat(c.shifted(found), c.types(found), separated, c.surface()), nil
}

// learn learns both payloads with the reader of the old one.
func (c *comparison) learn(ctx context.Context) (*drift.Lens, error) {
	lens, err := drift.NewLens(c.spec)
	if err != nil {
		return nil, fmt.Errorf("the Parser: %w", err)
	}
	learned, err := learn(ctx, lens, c.old)
	if err != nil {
		return nil, err
	}
	if learned.Records == 0 || learned.Events == 0 && c.given {
		return nil, fmt.Errorf("%w: %s", ErrOld, why(learned))
	}
	c.base = drift.Merge(nil, learned)
	if c.now, err = learn(ctx, lens, c.new); err != nil {
		return nil, err
	}
	return lens, nil
}

// readNew finds out how the new payload is read. nil where it has nothing to read:
// comments alone, or, where the old one was a document with a list of records, one
// without.
func (c *comparison) readNew() *infer.Reading {
	if onlyComments(c.new.Data, c.comment()) {
		return nil
	}
	names := make([]string, 0, len(c.base.Inputs))
	for _, in := range c.base.Inputs {
		names = append(names, in.Name)
	}
	r, err := repair.Read(sample(c.new), &c.spec.Input, names)
	if err != nil { // the findings tell it
		return nil
	}
	in := &r.Spec.Input
	if lone := in.JSONLines != nil && r.Records == 1 || in.JSON != nil && in.JSON.Records == "" && !in.JSON.Concatenated && isObject(c.new.Data); lone &&
		c.spec.Input.JSON != nil {
		c.alone = true
		return nil
	}
	return r
}

// comment is the prefix of comments of the old payload.
func (c *comparison) comment() string {
	switch in := &c.spec.Input; {
	case in.CSV != nil && in.CSV.Comment != "":
		return in.CSV.Comment
	case in.Text != nil && in.Text.Comment != "":
		return in.Text.Comment
	}
	return commentOf(c.was)
}

func onlyComments(b []byte, prefix string) bool {
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) > 0 && (prefix == "" || !bytes.HasPrefix(line, []byte(prefix))) {
			return false
		}
	}
	return true
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(b) > 0 && b[0] == '{'
}

// inOrder sorts findings about columns as the columns stand.
func (c *comparison) inOrder(found []status.Finding) []status.Finding {
	names := c.base.Columns
	if len(names) == 0 && c.was != nil {
		names = c.was.Columns
	}
	slices.SortStableFunc(found, func(a, b status.Finding) int {
		if a.Code != b.Code || a.Breaking != b.Breaking {
			return 0
		}
		return slices.Index(names, a.Path) - slices.Index(names, b.Path)
	})
	return found
}

// headed notices names of columns where there were none: a reader by position takes
// them for a record.
func (c *comparison) headed() *status.Finding {
	if c.was == nil || c.is == nil || c.was.Spec.Input.CSV == nil || c.is.Spec.Input.CSV == nil {
		return nil
	}
	before, after := c.headerOf(c.was.Spec.Input.CSV), c.headerOf(c.is.Spec.Input.CSV)
	if before != headerNone || after != headerFirst || c.spec.Input.CSV == nil || c.headerOf(c.spec.Input.CSV) != headerNone {
		return nil
	}
	f := &status.Finding{Code: CodeHeader, Class: drift.ClassBreakingHard, Breaking: true, Before: before, After: after,
		Sentence: fmt.Sprintf("There is a header now: the first row names the columns (%s).", list(c.is.Columns))}
	if c.given {
		f.Class, f.Breaking = drift.ClassDegraded, false
	}
	return f
}

// joined notices documents that came one after the other and are one array now. Weir
// reads both in the same way, others do not.
func (c *comparison) joined() *status.Finding {
	if c.given || c.was == nil || c.is == nil || c.was.Spec.Input.JSON == nil || c.is.Spec.Input.JSON == nil ||
		!c.was.Spec.Input.JSON.Concatenated || c.is.Spec.Input.JSON.Concatenated {
		return nil
	}
	return &status.Finding{Code: drift.CodeContainer, Class: drift.ClassBreakingHard, Breaking: true, Before: "documents one after the other", After: "one document",
		Sentence: "The payload was documents of JSON one after the other and is one document now."}
}

// failed tells whether the reader of the old payload fails on the new one, so that
// it is worth while to ask how it is to be read.
func (c *comparison) failed(found []status.Finding) bool {
	return drift.Breaking(found) || c.now.Unreadable != "" || c.now.Rejected > c.now.Events && c.base.Events >= c.base.Rejected ||
		c.now.Events == 0 && c.is != nil && c.is.Records > 0
}

// unfit is the finding about records none of which is what the old ones were.
func (c *comparison) unfit() status.Finding {
	f := status.Finding{Code: drift.CodeUnfit, Class: drift.ClassBreakingHard, Breaking: true, After: firstLine(c.new.Data, c.comment())}
	f.Sentence = fmt.Sprintf("None of %s can be read as the old ones were; the first is %q.", records(max(c.now.Records, 1)), f.After)
	if c.now.Events > 0 {
		f.Sentence = fmt.Sprintf("%d of %s cannot be read as the old ones were.", c.now.Rejected, records(c.now.Records))
	}
	return f
}

// nothing is the finding about a payload without records.
func (c *comparison) nothing() status.Finding {
	return status.Finding{Code: drift.CodeEmpty, Class: drift.ClassAnomaly, Before: records(c.base.Records), After: records(0),
		Sentence: fmt.Sprintf("There are no records any more; there were %d.", c.base.Records)}
}

// why is why a payload gave no events: what most records were rejected for.
func why(p *drift.Profile) string {
	if p.Unreadable != "" {
		return p.Unreadable
	}
	if len(p.Reasons) == 0 {
		return "there are no records"
	}
	field := slices.MinFunc(slices.Collect(maps.Keys(p.Reasons)), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.Reasons[b].Count, p.Reasons[a].Count), cmp.Compare(a, b))
	})
	return field + ": " + p.Reasons[field].First
}

// ofRules is what findings say of the rules of a Parser, for where there is none.
var ofRules = regexp.MustCompile(`; it fills [\w., ]*\w|; no rule uses (it|them)( yet)?|; the Parser does not read them`)

// finish sorts the findings, the breaking ones first, and judges the whole.
func (r *Result) finish(found []status.Finding) *Result {
	for i := range found {
		f := &found[i]
		if !r.given {
			f.Sentence = ofRules.ReplaceAllString(f.Sentence, "")
		}
		for _, text := range []*string{&f.Path, &f.Before, &f.After, &f.Sentence} {
			*text = strings.ToValidUTF8(*text, "\uFFFD")
		}
		f.Class = drift.ClassOf(f)
		if f.Class == drift.ClassRetired {
			f.Breaking = true // whoever reads the feed gets nothing any more
		}
		r.Breaking = r.Breaking || f.Breaking
	}
	slices.SortStableFunc(found, func(a, b status.Finding) int { return rank(&a) - rank(&b) })
	if class := drift.Classify(found); class != "" {
		r.Class = class
	}
	r.Findings = append(r.Findings, found[:min(len(found), maxFindings)]...)
	return r
}

const (
	maxFindings = 32
	unknownLast = 100
)

// rank keeps what matters first; among findings that break, the cause.
func rank(f *status.Finding) int {
	at := drift.Severity(f.Class)
	switch {
	case f.Breaking && f.Class == drift.ClassBreakingHard:
		return -2
	case f.Breaking:
		return -1
	case at < 0:
		return unknownLast
	}
	return at
}
