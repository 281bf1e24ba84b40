package infer

import (
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
	var all []dialect
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
	slices.SortStableFunc(all, func(a, b dialect) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	var out []format
	for i := range all[:min(len(all), 3)] {
		out = append(out, t.table(&all[i]))
	}
	return out
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
	case isNull(cell):
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

// header finds the names of the columns: in the first row, in a comment, or
// nowhere.
func (t *text) header(d *dialect, f *format) {
	csv := f.input.CSV
	regular := d.fitting == len(d.rows)
	if names := d.rows[0]; isHeader(names, d.rows[1:]) {
		if regular {
			f.choices = append(f.choices, Choice{About: "header", Chosen: "First", Confidence: 0.95, Reason: "the first row has names where the others have values"})
			return
		}
		if widest(d.rows) <= len(names) {
			csv.ShortRows = v1alpha1.ShortRowsFill
			f.choices = append(f.choices, Choice{About: "header", Chosen: "First, and short rows are filled", Confidence: 0.8,
				Reason: "some rows have fewer cells than the header"})
			return
		}
		csv.Header, csv.Columns = v1alpha1.HeaderNone, uniqueNames(names[:min(len(names), shortest(d.rows[1:]))])
		f.skip = append(f.skip, v1alpha1.SkipRule{Reason: "header",
			When: celColumn(csv.Columns[0]) + fmt.Sprintf(" == %q", names[0])})
		f.other = func(row []string) bool { return row[0] == names[0] }
		f.choices = append(f.choices, Choice{About: "header", Chosen: "None, with the names of the first row", Confidence: 0.8,
			Reason: "rows have another number of cells than the header"})
		return
	}
	csv.Header = v1alpha1.HeaderNone
	if names, last := t.commentedNames(d); names != nil {
		if last && regular && len(names) == d.width && uniqueAsTheyAre(names) {
			csv.Header = v1alpha1.HeaderCommented
			f.choices = append(f.choices, Choice{About: "header", Chosen: "Commented", Confidence: 0.9, Reason: "the last comment before the rows names the columns"})
			return
		}
		csv.Columns = uniqueNames(names[:min(len(names), shortest(d.rows))])
		f.choices = append(f.choices, Choice{About: "header", Chosen: "None, with the names of a comment", Confidence: 0.8, Reason: "a comment names the columns"})
		return
	}
	csv.Columns, f.unnamed = inventNames(d), true
	f.choices = append(f.choices, Choice{About: "header", Chosen: "None", Confidence: 0.8,
		Reason: "neither the first row nor a comment names the columns; their names are made up after what they hold"})
}

// celColumn is how an expression names a column of a table.
func celColumn(name string) string {
	if celIdent.MatchString(name) && !strings.Contains(name, ".") {
		return "record." + name
	}
	return fmt.Sprintf("record[%q]", name)
}

func shortest(rows [][]string) int {
	n := 1 << 20
	for _, r := range rows {
		n = min(n, len(r))
	}
	return n
}

func widest(rows [][]string) int {
	n := 0
	for _, r := range rows {
		n = max(n, len(r))
	}
	return n
}

// isHeader reports whether a row has names, and not values as the rows below it.
func isHeader(names []string, rows [][]string) bool {
	known := 0
	seen := map[string]bool{}
	for _, n := range names {
		if n == "" {
			continue
		}
		if !likeLabel(n) || seen[n] {
			return false
		}
		seen[n] = true
		if isKnownName(n) {
			known++
		}
	}
	if len(seen) == 0 {
		return false
	}
	if len(rows) == 0 {
		return known*2 > len(seen)
	}
	for i, n := range names {
		for _, row := range rows[:min(len(rows), 20)] {
			if i < len(row) && row[i] != "" && (kindsOf(row[i]).strong() != 0 || kindsOf(row[i]).has(drift.Timestamp|drift.Int|drift.Float|drift.UUID)) && n != "" {
				return true
			}
		}
	}
	return known*2 >= len(seen)
}

var label = regexp.MustCompile(`^[\p{L}_@#$][\p{L}\p{N}_ .:/()&?#-]{0,63}$`)

// likeLabel reports whether a text may be the name of a column.
func likeLabel(s string) bool {
	k := kindsOf(s)
	return label.MatchString(s) && k.strong() == 0 && !k.has(drift.Timestamp|drift.ASN|drift.UUID) && !isNull(s)
}

// commentedNames finds a comment with the names of the columns, and whether it is
// the last that says something before the first row.
func (t *text) commentedNames(d *dialect) (names []string, last bool) {
	said := 0
	for i := t.before - 1; i >= 0; i-- {
		line := t.comments[i]
		for strings.HasPrefix(line, t.comment) {
			line = line[len(t.comment):]
		}
		line = strings.TrimSpace(line)
		if strings.Trim(line, "#-=*_ ") == "" {
			if line != "" {
				said++
			}
			continue
		}
		for _, candidate := range headerCandidates(line, d.delimiter, d.quote) {
			if namesOf(candidate, d.width) {
				return candidate, said == 0 && len(candidate) == d.width && direct(line, candidate, d)
			}
		}
		said++
	}
	return nil, false
}

// direct reports whether the CSV reader would find the same names in the line.
func direct(line string, names []string, d *dialect) bool {
	cells, closed := split(line, d.delimiter, d.quote)
	return closed && slices.Equal(cells, names)
}

// headerCandidates are the ways to read names out of a comment: as the rows are
// written, with other delimiters, behind a label such as "CSV: ".
func headerCandidates(line, delimiter, quote string) [][]string {
	line = strings.TrimRight(line, " #*")
	var out [][]string
	for _, l := range []string{line[strings.Index(line, ": ")+1:], line} {
		for _, del := range []string{delimiter, strings.TrimSpace(delimiter), ",", "|", "\t", ";"} {
			if del == "" || !strings.Contains(l, del) {
				continue
			}
			cells, closed := split(strings.TrimSpace(l), del, quote)
			if closed {
				cells = slices.DeleteFunc(cells, func(s string) bool { return del == "\t" && s == "" })
				out = append(out, cells)
			}
		}
	}
	return out
}

func namesOf(cells []string, width int) bool {
	if len(cells) < 2 || len(cells) > width+1 || len(cells) < width-1 {
		return false
	}
	known := 0
	for _, c := range cells {
		if !likeLabel(c) || len(c) > 32 {
			return false
		}
		if isKnownName(c) {
			known++
		}
	}
	return known*2 >= len(cells) || len(cells) == width && known > 0
}

func uniqueAsTheyAre(names []string) bool {
	return slices.Equal(uniqueNames(names), names)
}

// uniqueNames names what has no name, and tells apart those that are the same.
func uniqueNames(names []string) []string {
	out := make([]string, len(names))
	seen := map[string]bool{}
	for i, n := range names {
		if n = strings.TrimSpace(n); n == "" {
			n = fmt.Sprintf("column_%d", i+1)
		}
		base := n
		for k := 2; seen[n]; k++ {
			n = fmt.Sprintf("%s_%d", base, k)
		}
		seen[n], out[i] = true, n
	}
	return out
}

// inventNames names columns after what they hold.
func inventNames(d *dialect) []string {
	width := d.width
	if s := shortest(d.rows); s < width {
		width = s
	}
	names := make([]string, width)
	for i := range names {
		var values []string
		for _, r := range d.rows {
			values = append(values, r[i])
		}
		names[i] = inventName(values)
	}
	return uniqueNames(names)
}

// inventName is a name for a column of these values; "" for what has no kind.
func inventName(values []string) string {
	c := newColumn("", values)
	switch k := c.kind; {
	case k == 0 || c.nonNull == 0:
		return ""
	case k&ipKinds != 0 && c.all(ipKinds):
		return "ip"
	case k&(drift.CIDR4|drift.CIDR6) != 0:
		return "network"
	case k&drift.IPPort != 0:
		return "ip_port"
	case k&drift.URL != 0:
		return "url"
	case k&drift.FQDN != 0:
		return "domain"
	case k&drift.Email != 0:
		return "email"
	case k&drift.SHA256 != 0:
		return "sha256"
	case k&drift.SHA1 != 0:
		return "sha1"
	case k&drift.MD5 != 0:
		return "md5"
	case k&drift.CVE != 0:
		return "cve"
	case k&drift.Timestamp != 0:
		return "time"
	}
	return ""
}
