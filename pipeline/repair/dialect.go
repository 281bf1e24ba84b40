package repair

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/infer"
)

// Family names the format of an input: csv, json, jsonLines, ... ; vocabulary for
// those that have a mapping of their own.
func Family(in *v1alpha1.InputSpec) string {
	for _, f := range []struct {
		name string
		is   bool
	}{
		{"csv", in.CSV != nil}, {"json", in.JSON != nil}, {"jsonLines", in.JSONLines != nil}, {"xml", in.XML != nil},
		{"html", in.HTML != nil}, {"keyValue", in.KeyValue != nil}, {"ini", in.INI != nil}, {"hosts", in.Hosts != nil},
		{"zone", in.Zone != nil}, {"xlsx", in.XLSX != nil}, {"text", in.Text != nil},
	} {
		if f.is {
			return f.name
		}
	}
	return "vocabulary"
}

// Related tells whether records of one input may have the same columns or paths when
// read with the other.
func Related(a, b *v1alpha1.InputSpec) bool {
	return Family(a) == Family(b) && Family(a) != "vocabulary" || a.JSON != nil && b.JSONLines != nil || a.JSONLines != nil && b.JSON != nil
}

// Dialect is an input in the dialect of a reading of a related format: delimiter,
// quotes, comments, header, place of the records. Names of columns stay as they are;
// columns are those of the payloads that the input reads.
func Dialect(in *v1alpha1.InputSpec, to *infer.Reading, columns []string) v1alpha1.InputSpec {
	out, new := *in.DeepCopy(), &to.Spec.Input
	if to.Charset != "" {
		out.Charset = to.Charset
	}
	switch {
	case out.CSV != nil && new.CSV != nil:
		dialectOf(out.CSV, new.CSV, columns, len(to.Preamble))
	case out.Text != nil && new.Text != nil:
		out.Text = new.Text.DeepCopy()
	case out.JSON != nil && new.JSON != nil:
		out.JSON.Records, out.JSON.Concatenated = new.JSON.Records, new.JSON.Concatenated
	case Family(in) != Family(new):
		out.JSON, out.JSONLines = new.JSON.DeepCopy(), new.JSONLines.DeepCopy()
	case out.XML != nil && new.XML != nil:
		out.XML.Records = new.XML.Records
	case out.HTML != nil && new.HTML != nil:
		htmlOf(out.HTML, new.HTML, to.Names, columns)
	}
	return out
}

func htmlOf(html, to *v1alpha1.HTMLSpec, names, columns []string) {
	html.Records = to.Records
	if html.Header != v1alpha1.HeaderNone && len(html.Fields) == 0 && areValues(names) {
		html.Header, html.Columns = v1alpha1.HeaderNone, columns
	}
}

// maxAbove is how many lines may stand above a header that is known.
const maxAbove = 10

// Read finds out how a payload is read, knowing how payloads of the feed were and the
// names of their columns: a line of them is the header, although the names may look
// like values and other lines may stand above it.
func Read(s infer.Sample, prior *v1alpha1.InputSpec, names []string) (*infer.Reading, error) {
	r, err := infer.ReadingOf(s)
	if err != nil {
		return nil, err
	}
	var csv *v1alpha1.CSVSpec
	switch {
	case r.Spec.Input.CSV != nil && r.Spec.Input.CSV.Header == v1alpha1.HeaderNone:
		csv = r.Spec.Input.CSV.DeepCopy()
	case prior.CSV != nil && headerOf(prior.CSV) == v1alpha1.HeaderFirst && known(r.Names, names) < 2:
		csv = prior.CSV.DeepCopy()
	default:
		return r, nil
	}
	cells, above := headerAmong(s.Data, delimiter(csv), r.Comment, names)
	if cells == nil {
		return r, nil
	}
	csv.Header, csv.Columns, csv.SkipLines, csv.Comment = "", nil, int32(above), r.Comment
	out := *r
	out.Spec = r.Spec.DeepCopy()
	out.Name = fmt.Sprintf("CSV with the delimiter %q", delimiter(csv))
	out.Spec.Input = v1alpha1.InputSpec{CSV: csv, Charset: r.Charset}
	out.Spec.Mapping, out.Spec.Skip, out.Spec.Explode = nil, nil, nil
	out.Names, out.Columns = cells, cells
	return &out, nil
}

// headerAmong finds the line that has the names, and how many lines that are no
// comments stand above it.
func headerAmong(data []byte, delimiter, comment string, names []string) (cells []string, above int) {
	at := -1
	for line := range bytes.Lines(data[:min(len(data), 64<<10)]) {
		if at++; at > maxAbove {
			break
		}
		text := strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff"))
		if text == "" || comment != "" && strings.HasPrefix(text, comment) {
			continue
		}
		cells = cells[:0]
		for cell := range strings.SplitSeq(text, delimiter) {
			cells = append(cells, strings.Trim(strings.TrimSpace(cell), `"`))
		}
		if n := known(cells, names); n >= 2 && n*2 >= len(names) {
			if above > 0 {
				above = at // lines are counted as they stand
			}
			return cells, above
		}
		above++
	}
	return nil, 0
}

func known(cells, names []string) (n int) {
	for _, name := range names {
		if slices.Contains(cells, name) {
			n++
		}
	}
	return n
}

// areValues tells whether what stands where names should are values.
func areValues(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return drift.KindsOf(n)&strong != 0 })
}

func dialectOf(csv, to *v1alpha1.CSVSpec, columns []string, preamble int) {
	positional := csv.Header == v1alpha1.HeaderNone
	csv.Delimiter, csv.Quote, csv.Escape, csv.SkipLines = to.Delimiter, to.Quote, to.Escape, to.SkipLines
	if to.Comment != "" {
		csv.Comment = to.Comment
	}
	switch {
	case positional && (to.Header == "" || to.Header == v1alpha1.HeaderFirst):
		csv.SkipLines += int32(min(preamble, 1000)) + 1
	case positional:
	case to.Header == v1alpha1.HeaderNone:
		csv.Header, csv.Columns = v1alpha1.HeaderNone, columns
	default:
		csv.Header, csv.Columns = to.Header, nil
	}
}

// inputChanges tells what a dialect differs in, and whether such a change may be
// made without asking.
func inputChanges(a, b *v1alpha1.InputSpec) (changes []string, safe bool) {
	safe = true
	say := func(harmless bool, format string, args ...any) {
		changes = append(changes, fmt.Sprintf(format, args...))
		safe = safe && harmless
	}
	if a.Charset != b.Charset {
		say(false, "The character set is %s.", b.Charset)
	}
	switch {
	case Family(a) != Family(b):
		say(false, "The payload is read as %s instead of %s.", Family(b), Family(a))
	case a.CSV != nil:
		csvChanges(a.CSV, b.CSV, say)
	case a.Text != nil:
		textChanges(a.Text, b.Text, say)
	case a.JSON != nil && a.JSON.Records != b.JSON.Records:
		say(false, "The records are at %q.", b.JSON.Records)
	case a.XML != nil && a.XML.Records != b.XML.Records:
		say(false, "The records are at %s.", b.XML.Records)
	case a.HTML != nil:
		if a.HTML.Records != b.HTML.Records {
			say(false, "The rows are those of %q.", b.HTML.Records)
		}
		if a.HTML.Header != b.HTML.Header {
			say(false, "The names of the columns are %s.", whereIs(b.HTML.Header))
		}
		if !slices.Equal(a.HTML.Columns, b.HTML.Columns) {
			say(false, "The columns are %s.", joined(b.HTML.Columns))
		}
	}
	return changes, safe
}

func textChanges(a, b *v1alpha1.TextSpec, say func(bool, string, ...any)) {
	if a.Comment != b.Comment {
		say(true, "Lines that begin with %q are comments.", b.Comment)
	}
	if a.Pattern != b.Pattern {
		say(false, "Lines are taken apart by another pattern.")
	}
}

func csvChanges(a, b *v1alpha1.CSVSpec, say func(bool, string, ...any)) {
	if x, y := delimiter(a), delimiter(b); x != y {
		say(false, "The delimiter is %q.", y)
	}
	if a.Quote != b.Quote {
		say(true, "The quote is %s.", quoteOf(b))
	}
	if a.Comment != b.Comment {
		say(true, "Lines that begin with %q are comments.", b.Comment)
	}
	if a.SkipLines != b.SkipLines {
		say(true, "The first %d lines are passed over.", b.SkipLines)
	}
	if x, y := headerOf(a), headerOf(b); x != y {
		say(y != v1alpha1.HeaderNone, "The names of the columns are %s.", whereIs(y))
	}
	if !slices.Equal(a.Columns, b.Columns) && headerOf(b) == v1alpha1.HeaderNone {
		say(false, "The columns are %s.", joined(b.Columns))
	}
}

func headerOf(csv *v1alpha1.CSVSpec) v1alpha1.HeaderMode {
	if csv.Header == "" {
		return v1alpha1.HeaderFirst
	}
	return csv.Header
}

func whereIs(h v1alpha1.HeaderMode) string {
	switch h {
	case v1alpha1.HeaderCommented:
		return "in the last comment before the rows"
	case v1alpha1.HeaderNone:
		return "those of the Parser, since the payload has none"
	}
	return "in the first row"
}

func quoteOf(csv *v1alpha1.CSVSpec) string {
	if csv.Quote == "" {
		return `"`
	}
	return csv.Quote
}

func delimiter(csv *v1alpha1.CSVSpec) string {
	if csv.Delimiter == "" {
		return ","
	}
	return csv.Delimiter
}
