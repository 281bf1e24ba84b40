package diff

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

// causes are the differences between the ways in which two payloads of one family
// are read, each of which breaks the reader of the old one.
func (c *comparison) causes(old, new *v1alpha1.InputSpec) (causes []status.Finding) {
	hard := func(code, path, before, after, format string, args ...any) {
		causes = append(causes, status.Finding{Code: code, Path: path, Class: drift.ClassBreakingHard, Breaking: true,
			Before: before, After: after, Sentence: fmt.Sprintf(format, args...)})
	}
	if c.is.Charset != "" && !strings.EqualFold(old.Charset, c.is.Charset) && c.charset() == "" {
		hard(CodeCharset, "", "utf-8", c.is.Charset, "The bytes are no UTF-8 any more; they look like %s.", c.is.Charset)
	}
	switch {
	case old.CSV != nil && new.CSV != nil:
		c.csvCauses(old.CSV, new.CSV, hard)
	case old.Text != nil && new.Text != nil:
		c.textCauses(old.Text, new.Text, hard)
	case repair.Family(old) != repair.Family(new):
		hard(drift.CodeContainer, "", describe(old), describe(new), "The payload was %s and is %s now.", describe(old), describe(new))
	case c.elsewhere():
		recordsMoved(old, new, hard)
	}
	return causes
}

// recordsMoved tells where the records are now.
func recordsMoved(old, new *v1alpha1.InputSpec, hard adder) {
	switch {
	case old.JSON != nil && old.JSON.Records != new.JSON.Records:
		hard(CodeRecords, orNone(old.JSON.Records), old.JSON.Records, new.JSON.Records, "The records were at %q and are at %q now.",
			at(old.JSON.Records), at(new.JSON.Records))
	case old.XML != nil && old.XML.Records != new.XML.Records:
		hard(CodeRecords, old.XML.Records, old.XML.Records, new.XML.Records, "The records were at %s and are at %s now.",
			old.XML.Records, new.XML.Records)
	case old.HTML != nil && old.HTML.Records != new.HTML.Records:
		hard(CodeRecords, old.HTML.Records, old.HTML.Records, new.HTML.Records, "The rows were those of %q and are those of %q now.",
			old.HTML.Records, new.HTML.Records)
	}
}

// elsewhere tells whether the old reader does not find the records of the new payload.
// Where it does, another way to name their place is no change.
func (c *comparison) elsewhere() bool {
	return c.now.Unreadable != "" || c.now.Records*2 <= int64(c.is.Records) ||
		!slices.ContainsFunc(c.now.Inputs, func(in drift.Column) bool { return in.Values > 0 })
}

func (c *comparison) textCauses(old, new *v1alpha1.TextSpec, hard adder) {
	if old.Comment != new.Comment && len(c.is.Preamble) > 0 {
		hard(CodeComments, "", orNone(old.Comment), orNone(new.Comment), "Comments begin with %q, for example %q.", new.Comment, cut(c.is.Preamble[0], 80))
	}
	if shape(old.Pattern) != shape(new.Pattern) {
		before, after := firstLine(c.old.Data, commentOf(c.was)), firstLine(c.new.Data, c.is.Comment)
		hard(CodeLines, "", before, after, "Lines are built otherwise: %q was one, %q is one now.", before, after)
	}
}

var groupName = regexp.MustCompile(`\(\?P<[^>]*>`)

// shape is a pattern without the names of its groups, which may come from a
// comment.
func shape(pattern string) string { return groupName.ReplaceAllString(pattern, "(") }

func at(path string) string {
	if path == "" {
		return "the document itself"
	}
	return path
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

type adder func(code, path, before, after, format string, args ...any)

func (c *comparison) csvCauses(old, new *v1alpha1.CSVSpec, hard adder) {
	if a, b := delimiter(old), delimiter(new); a != b {
		hard(drift.CodeDelimiter, "", a, b, "The delimiter was %q and is %q now.", a, b)
	}
	if old.Comment != new.Comment && new.Comment != "" && len(c.is.Preamble) > 0 && c.headerOf(old) == c.headerOf(new) {
		hard(CodeComments, "", orNone(old.Comment), new.Comment, "There are comment lines now, that begin with %q; the first is %q.",
			new.Comment, cut(c.is.Preamble[0], 80))
	}
	if c.read(old).SkipLines != new.SkipLines && old.SkipLines != new.SkipLines {
		first := firstLine(c.new.Data, "")
		hard(CodeComments, "", lines(int(old.SkipLines)), lines(int(new.SkipLines)), "There is something above the header now: %q.", first)
	}
	if c.headerOf(c.read(old)) != c.headerOf(new) {
		c.headerCause(c.headerOf(old), c.headerOf(new), hard)
	}
}

// read is the dialect in which the old payload would be read as the new one is: a
// Parser may pass over a header that both have. old if that is not known.
func (c *comparison) read(old *v1alpha1.CSVSpec) *v1alpha1.CSVSpec {
	if c.was == nil || c.was.Spec.Input.CSV == nil {
		return old
	}
	return c.was.Spec.Input.CSV
}

// Where the names of the columns are.
const (
	headerFirst     = "the first row"
	headerCommented = "a comment"
	headerNone      = "nowhere"
)

func (c *comparison) headerOf(csv *v1alpha1.CSVSpec) string {
	switch csv.Header {
	case v1alpha1.HeaderCommented:
		return headerCommented
	case v1alpha1.HeaderNone:
		return headerNone
	}
	return headerFirst
}

func (c *comparison) headerCause(before, after string, hard adder) {
	switch {
	case before == after:
	case after == headerNone && c.is.Names != nil: // a comment names them, but the reader cannot take them from it
		if before == headerFirst {
			hard(CodeHeader, "", before, headerCommented, "The names of the columns were in the first row and are in a comment now.")
		}
	case after == headerNone:
		hard(drift.CodeHeaderMissing, "", before, after, "The header is gone: the names of the columns were in %s; rows begin with %s now.",
			before, list(c.firstRow()))
	case before == headerNone && after == headerFirst:
		hard(CodeHeader, "", before, after, "There is a header now: the first row names the columns (%s).", list(c.is.Columns))
	case before == headerNone: // a comment is passed over
	default:
		hard(CodeHeader, "", before, after, "The names of the columns were in %s and are in %s now (%s).", before, after, list(c.is.Columns))
	}
}

func (c *comparison) firstRow() []string {
	line := firstLine(c.new.Data, c.is.Comment)
	if csv := c.is.Spec.Input.CSV; csv != nil {
		cells := strings.Split(line, delimiter(csv))
		return cells[:min(len(cells), 3)]
	}
	return []string{line}
}
