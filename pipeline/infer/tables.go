package infer

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

const maxDialectLines = 200

// dialect is a way to take lines apart into cells, judged as CleverCSV does (van
// den Burg, Nazabal, Sutton 2019): how regular the rows are, times how many cells
// have a kind. Kinds of security feeds count more than text.
type dialect struct {
	delimiter string
	quote     string // `"`, "'" or None
	rows      [][]string
	width     int // of most rows
	fitting   int // rows of that width
	score     float64
}

// delimiters in order of how usual they are.
var delimiters = []string{",", ";", "\t", "|", "  |  ", " | ", "#", "^", "~", ":::", "::", ", ", " ; ", " - ", "||"}

// tables lists the dialects in which the lines are a table.
func (t *text) tables() []format {
	lines := t.data[:min(len(t.data), maxDialectLines)]
	if len(lines) == 0 {
		return nil
	}
	if one, _ := t.oneValue(lines); one >= 0.9 {
		return nil
	}
	all := t.dialects(lines)
	slices.SortStableFunc(all, func(a, b dialect) int { return cmp.Compare(b.score, a.score) })
	var out []format
	for i := range all[:min(len(all), 3)] {
		out = append(out, t.table(&all[i]))
	}
	return out
}

// dialects judges each way to take the lines apart that gives more than one cell.
func (t *text) dialects(lines []string) (all []dialect) {
	for _, d := range delimiters {
		if t.comment != "" && strings.HasPrefix(d, t.comment) || !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, d) }) {
			continue
		}
		for _, quote := range []string{`"`, "None", "'"} {
			if quote == "'" && !quotedWith(lines, d, '\'') || quote == "None" && !strings.Contains(t.body, `"`) {
				continue
			}
			if q := judge(lines, d, quote); q.width > 1 {
				all = append(all, q)
			}
		}
	}
	return all
}

// quotedWith reports whether cells begin and end with a quote.
func quotedWith(lines []string, delimiter string, quote byte) bool {
	for _, l := range lines[:min(len(lines), 20)] {
		for _, cell := range strings.Split(l, delimiter) {
			if cell = strings.TrimSpace(cell); len(cell) > 1 && cell[0] == quote && cell[len(cell)-1] == quote {
				return true
			}
		}
	}
	return false
}

func judge(lines []string, delimiter, quote string) dialect {
	d := dialect{delimiter: delimiter, quote: quote}
	widths := map[int]int{}
	kinds, cells := 0.0, 0
	open := ""
	for _, l := range lines {
		if open != "" {
			l, open = open+"\n"+l, ""
		}
		row, closed := split(l, delimiter, quote)
		if !closed {
			if strings.Count(l, "\n") < 8 {
				open = l
				continue
			}
		}
		d.rows = append(d.rows, row)
		widths[len(row)]++
		for _, cell := range row {
			kinds += cellScore(cell)
			cells++
		}
	}
	if cells == 0 {
		return d
	}
	pattern := d.pattern(widths)
	if open != "" {
		pattern /= 2
	}
	d.score = pattern / float64(len(d.rows)) * max(kinds/float64(cells), 1e-10) * d.habit()
	return d
}

// pattern is how regular the rows are, and notes the width of most of them.
func (d *dialect) pattern(widths map[int]int) float64 {
	sum := 0.0
	for width, n := range widths {
		sum += float64(n) * max(1e-3, float64(width-1)) / float64(width)
		if n > d.fitting || n == d.fitting && width > d.width {
			d.width, d.fitting = width, n
		}
	}
	return sum / float64(len(widths))
}

// habit is how usual the dialect is.
func (d *dialect) habit() float64 {
	factor := 1.0
	if len(d.delimiter) > 1 {
		factor = 1.02 // a longer delimiter that fits as well says more
	}
	switch d.delimiter {
	case ",", ";", "\t", "|":
	default:
		factor *= 0.9
	}
	if d.quote == "None" {
		factor *= 0.95
	}
	return factor
}

// cellScore is how sure it is that a text is one cell.
func cellScore(cell string) float64 {
	if cell == "" {
		return 0.5
	}
	k := kindsOf(cell)
	switch {
	case k.strong() != 0:
		return 1
	case k.has(drift.Timestamp | drift.UUID | drift.MAC):
		return 0.95
	case k.has(drift.Int | drift.Float | drift.ASN | drift.CC | drift.Bool | proto):
		return 0.85
	case drift.IsNothing(cell):
		return 0.8
	case word.MatchString(cell):
		return 0.75
	case phrase.MatchString(cell):
		return 0.5
	}
	return 0.2
}

var (
	word   = regexp.MustCompile(`^[\p{L}][\p{L}\p{N}_.+-]*$`)
	phrase = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}_.+()/&:' -]*$`)
)

// split takes a line apart. It is not closed if a quoted cell goes on.
func split(line, delimiter, quote string) (cells []string, closed bool) {
	if quote == "None" || !strings.Contains(line, quote) {
		for c := range strings.SplitSeq(line, delimiter) {
			cells = append(cells, strings.TrimSpace(c))
		}
		return cells, true
	}
	rest := line
	for {
		inner := strings.TrimLeft(rest, " ")
		if !strings.HasPrefix(inner, quote) {
			cell, after, more := strings.Cut(rest, delimiter)
			cells = append(cells, strings.TrimSpace(cell))
			if !more {
				return cells, true
			}
			rest = after
			continue
		}
		cell, after, ok := cutQuoted(inner[1:], delimiter, quote)
		cells = append(cells, cell)
		if !ok {
			return cells, false
		}
		if after == nil {
			return cells, true
		}
		rest = *after
	}
}

// cutQuoted takes a quoted cell off; after is nil at the end of the line.
func cutQuoted(s, delimiter, quote string) (cell string, after *string, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i:i+1] != quote {
			continue
		}
		if strings.HasPrefix(s[i+1:], quote) {
			i++
			continue
		}
		rest := strings.TrimLeft(s[i+1:], " ")
		if rest == "" {
			return strings.ReplaceAll(s[:i], quote+quote, quote), nil, true
		}
		for _, r := range []string{s[i+1:], rest} {
			if next, found := strings.CutPrefix(r, delimiter); found {
				return strings.ReplaceAll(s[:i], quote+quote, quote), &next, true
			}
		}
	}
	return s, nil, false
}

// table makes a format of a dialect: it looks for the header.
func (t *text) table(d *dialect) format {
	csv := &v1alpha1.CSVSpec{Comment: t.comment}
	if d.delimiter != "," {
		csv.Delimiter = d.delimiter
	}
	if d.quote != `"` {
		csv.Quote = d.quote
	}
	f := format{input: v1alpha1.InputSpec{CSV: csv}, score: d.score}
	share := float64(d.fitting) / float64(len(d.rows))
	f.confidence = min(0.95, 0.4+0.55*share*share)
	f.reason = fmt.Sprintf("%d of %d rows have %d cells", d.fitting, len(d.rows), d.width)
	f.regular = share == 1 && d.width > 2
	f.name = fmt.Sprintf("CSV with the delimiter %q", d.delimiter)
	t.header(d, &f)
	return f
}
