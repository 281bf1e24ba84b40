package diff

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

// packed compares how the files were packed. A consumer of a plain file cannot read
// a packed one; the other way round most can, since their unpackers look.
func packed(old, new *Payload) *status.Finding {
	if old.Packed == new.Packed {
		return nil
	}
	f := &status.Finding{Code: drift.CodeContainer, Class: drift.ClassBreakingHard, Breaking: true,
		Before: orPlain(old.Packed), After: orPlain(new.Packed)}
	switch {
	case new.Packed == "":
		f.Sentence = fmt.Sprintf("The file was %s and is not packed any more.", article(old.Packed))
	case old.Packed == "":
		f.Sentence = fmt.Sprintf("The file is %s now, with the feed inside.", article(new.Packed))
	default:
		f.Sentence = fmt.Sprintf("The file was %s and is %s now.", article(old.Packed), article(new.Packed))
	}
	return f
}

func orPlain(packed string) string {
	if packed == "" {
		return "plain"
	}
	return packed
}

// surface lists the differences that no reader minds who knows the format.
func (c *comparison) surface() (out []status.Finding) {
	cosmetic := func(code, before, after, format string, args ...any) {
		out = append(out, status.Finding{Code: code, Class: drift.ClassCosmetic, Before: before, After: after, Sentence: fmt.Sprintf(format, args...)})
	}
	if a, b := markOf(c.old.Data), markOf(c.new.Data); a != b {
		cosmetic(CodeMark, a, b, "The byte-order mark was %s and is %s now.", a, b)
	}
	if a, b := newlineOf(c.old.Data), newlineOf(c.new.Data); a != b && a != "" && b != "" {
		cosmetic(CodeNewline, a, b, "Lines ended with %s and end with %s now.", a, b)
	}
	if c.was == nil || c.is == nil || !repair.Related(&c.was.Spec.Input, &c.is.Spec.Input) {
		return out
	}
	if c.was.Spec.Input.CSV != nil {
		if a, b := c.quoting(c.old, c.was), c.quoting(c.new, c.is); a != b && a != "" && b != "" {
			cosmetic(CodeQuoting, a, b, "Quotes were around %s and are around %s now.", a, b)
		}
	}
	if before, after := c.recased(); before != "" {
		cosmetic(CodeHeader, before, after, "The names of the columns are in other letters: %q was %q. Readers that mind case do not find them.", after, before)
	}
	out = append(out, c.comments()...)
	if a, b := c.charset(), c.is.Charset; a != b {
		class := drift.ClassCosmetic
		if c.now.Rejected > 0 {
			class = drift.ClassDegraded
		}
		out = append(out, status.Finding{Code: CodeCharset, Class: class, Before: orUTF8(a), After: orUTF8(b),
			Sentence: fmt.Sprintf("The character set was %s and looks like %s now.", orUTF8(a), orUTF8(b))})
	}
	return out
}

// recased finds a column whose name differs in case alone.
func (c *comparison) recased() (before, after string) {
	for _, after := range c.is.Names {
		if slices.Contains(c.was.Names, after) {
			continue
		}
		for _, before := range c.was.Names {
			if strings.EqualFold(before, after) && !slices.Contains(c.is.Names, before) {
				return before, after
			}
		}
	}
	return "", ""
}

// comments compares the lines that are no data. One that the old reader takes for
// data is a record that it rejects.
func (c *comparison) comments() []status.Finding {
	a, b := len(c.was.Preamble), len(c.is.Preamble)
	f := status.Finding{Code: CodeComments, Class: drift.ClassCosmetic, Before: lines(a), After: lines(b)}
	switch {
	case c.was.Comment == c.is.Comment && a != b:
		f.Sentence = fmt.Sprintf("Before the data there were %s of comments, and now there are %s.", lines(a), lines(b))
		if a == 1 {
			f.Sentence = fmt.Sprintf("Before the data there was %s of comments, and now there are %s.", lines(a), lines(b))
		}
	case c.was.Comment != c.is.Comment && len(c.is.Comments) > 0 && (c.given || c.was.Comment == "" || len(c.was.Comments) > 0):
		f.Before, f.After = orNone(c.was.Comment), c.is.Comment
		f.Sentence = fmt.Sprintf("There are comments that begin with %q now, for example %q.", c.is.Comment, cut(c.is.Comments[0], 80))
		if c.now.Rejected > 0 {
			f.Class = drift.ClassDegraded
		}
	default:
		return nil
	}
	return []status.Finding{f}
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

func orUTF8(charset string) string {
	if charset == "" {
		return "utf-8"
	}
	return charset
}

// charset is that of the old payload.
func (c *comparison) charset() string {
	if c.was != nil {
		return c.was.Charset
	}
	if c.spec.Input.Charset == "auto" {
		return ""
	}
	return c.spec.Input.Charset
}

func markOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return "that of UTF-8"
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "that of UTF-16"
	}
	return "none"
}

// newlineOf is how most of the lines end, "" for what has one line or none.
func newlineOf(b []byte) string {
	b = b[:min(len(b), 64<<10)]
	all, dos := bytes.Count(b, []byte("\n")), bytes.Count(b, []byte("\r\n"))
	switch old := bytes.Count(b, []byte("\r")); {
	case all == 0 && old > 1:
		return "CR"
	case all == 0:
		return ""
	case dos*2 > all:
		return "CR LF"
	}
	return "LF"
}

// quoting tells which cells of a table are quoted. Cells that must be, since the
// delimiter is in them, say nothing.
func (c *comparison) quoting(p *Payload, r *infer.Reading) string {
	csv := r.Spec.Input.CSV
	if csv.Quote == "None" {
		return ""
	}
	all, quoted, rows := 0, 0, 0
	for line := range bytes.Lines(p.Data[:min(len(p.Data), 256<<10)]) {
		text := strings.TrimSpace(string(line))
		if text == "" || r.Comment != "" && strings.HasPrefix(text, r.Comment) {
			continue
		}
		if rows++; rows > 200 {
			break
		}
		cells := strings.Split(text, delimiter(csv))
		all += len(cells)
		for _, cell := range cells {
			if cell = strings.TrimSpace(cell); len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
				quoted++
			}
		}
	}
	switch {
	case rows < 2:
		return ""
	case quoted*4 >= all*3:
		return "all cells"
	case quoted*4 <= all:
		return "few or no cells"
	}
	return ""
}

// firstLine is the first line of data.
func firstLine(b []byte, comment string) string {
	for line := range bytes.Lines(b[:min(len(b), 64<<10)]) {
		text := strings.TrimSpace(string(line))
		if text != "" && (comment == "" || !strings.HasPrefix(text, comment)) {
			return cut(text, 80)
		}
	}
	return ""
}

func commentOf(r *infer.Reading) string {
	if r == nil {
		return ""
	}
	return r.Comment
}

// positional tells whether a consumer reads the columns of the old payload by their
// positions: nothing but a comment names them. A Parser that is given decides
// itself.
func (c *comparison) positional() bool {
	if c.given || c.was == nil || c.was.Spec.Input.CSV == nil {
		return false
	}
	header := c.was.Spec.Input.CSV.Header
	return header == "Commented" || header == "None"
}

// shifted judges the findings about columns by whether they are read by name or by
// position: by name another order is no change, by position a column in between
// is one of all columns behind it.
func (c *comparison) shifted(found []status.Finding) []status.Finding {
	positional := c.positional()
	if named := c.named(); named != nil {
		found = slices.DeleteFunc(found, func(f status.Finding) bool { return aboutPositions[f.Code] })
		found = append(named, found...)
	}
	for i := range found {
		f := &found[i]
		switch {
		case f.Code == drift.CodeHeaderReordered && !positional:
			f.Breaking, f.Class = false, drift.ClassCosmetic
		case f.Code == drift.CodeHeaderReordered:
			f.Breaking, f.Class = true, drift.ClassBreakingSilent
			f.Sentence = strings.TrimSuffix(f.Sentence, "They are read by name.") + "Readers take them by position."
		case f.Code == drift.CodeColumnAdded && positional && c.now.Named && c.moves(f.Path):
			f.Code, f.Breaking, f.Class = drift.CodeColumnInserted, true, drift.ClassBreakingSilent
			f.Sentence = fmt.Sprintf("Column %q was inserted: what is read by position moves to the right from position %d on.", f.Path,
				slices.Index(c.now.Columns, f.Path)+1)
		}
	}
	return append(found, c.unnamed(found)...)
}

// moves tells whether a new column stands before one that was there.
func (c *comparison) moves(name string) bool {
	at := slices.Index(c.now.Columns, name)
	return at >= 0 && slices.ContainsFunc(c.now.Columns[at+1:], func(n string) bool { return slices.Contains(c.base.Columns, n) })
}

// aboutPositions are the codes of findings that names explain better.
var aboutPositions = map[string]bool{drift.CodeColumnInserted: true, drift.CodeColumnAdded: true, drift.CodeColumnMoved: true,
	drift.CodeColumnsSwapped: true, drift.CodeCellsMissing: true, drift.CodeColumnMissing: true}

// named compares the names of columns that stand in a comment which the reader
// cannot take them from. nil if nothing changed.
func (c *comparison) named() (out []status.Finding) {
	if !c.positional() || c.now.Named || c.is == nil || c.was.Names == nil || c.is.Names == nil || c.is.Spec.Input.CSV == nil {
		return nil
	}
	before, after := c.was.Names, c.is.Names
	kept := slices.DeleteFunc(slices.Clone(before), func(n string) bool { return !slices.Contains(after, n) })
	for i, name := range after {
		if slices.Contains(before, name) {
			continue
		}
		if i < len(before) && len(before) == len(after) && !slices.Contains(after, before[i]) {
			out = append(out, status.Finding{Code: drift.CodeColumnRenamed, Path: before[i], Class: drift.ClassCosmetic, Before: before[i], After: name,
				Sentence: fmt.Sprintf("Column %d is called %q now; it was %q.", i+1, name, before[i])})
			continue
		}
		f := status.Finding{Code: drift.CodeColumnAdded, Path: name, Class: drift.ClassAdditive, After: fmt.Sprintf("column %d", i+1),
			Sentence: fmt.Sprintf("Column %q was appended.", name)}
		if slices.ContainsFunc(after[i+1:], func(n string) bool { return slices.Contains(kept, n) }) {
			f.Code, f.Class, f.Breaking = drift.CodeColumnInserted, drift.ClassBreakingSilent, true
			f.Sentence = fmt.Sprintf("Column %q was inserted: what is read by position moves to the right from position %d on.", name, i+1)
		}
		out = append(out, f)
	}
	return append(out, lostOrMoved(before, after, kept)...)
}

// lostOrMoved lists the names that are gone, and what stands in another order.
func lostOrMoved(before, after, kept []string) (out []status.Finding) {
	if len(before) != len(after) {
		for i, name := range before {
			if !slices.Contains(after, name) {
				out = append(out, status.Finding{Code: drift.CodeColumnMissing, Path: name, Class: drift.ClassBreakingSilent, Breaking: true,
					Before: fmt.Sprintf("column %d", i+1), Sentence: fmt.Sprintf("Column %q is gone.", name)})
			}
		}
	}
	now := slices.DeleteFunc(slices.Clone(after), func(n string) bool { return !slices.Contains(kept, n) })
	if len(kept) == len(now) && !slices.Equal(kept, now) {
		out = append(out, status.Finding{Code: drift.CodeHeaderReordered, Path: moved(kept, now), Class: drift.ClassBreakingSilent, Breaking: true,
			Before: strings.Join(kept, ", "), After: strings.Join(now, ", "), Sentence: fmt.Sprintf("The columns are in another order: %s.", list(now))})
	}
	return out
}

func moved(before, after []string) string {
	for i := range before {
		if before[i] != after[i] {
			return before[i]
		}
	}
	return ""
}

// unnamed lists the new columns of formats whose columns the monitor does not
// compare by name: pages and workbooks.
func (c *comparison) unnamed(found []status.Finding) (out []status.Finding) {
	if c.was == nil || c.is == nil || c.now.Named || len(c.is.Names) == 0 || len(c.was.Names) == 0 ||
		c.was.Spec.Input.HTML == nil && c.was.Spec.Input.XLSX == nil {
		return nil
	}
	for _, name := range c.is.Names {
		told := slices.ContainsFunc(found, func(f status.Finding) bool { return f.Path == name || strings.Contains(f.After, name) })
		if !told && !slices.Contains(c.was.Names, name) {
			out = append(out, status.Finding{Code: drift.CodeColumnAdded, Path: name, Class: drift.ClassAdditive,
				Sentence: fmt.Sprintf("Column %q is new; no rule uses it yet.", name)})
		}
	}
	return out
}
