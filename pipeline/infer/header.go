package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

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
	return label.MatchString(s) && k.strong() == 0 && !k.has(drift.Timestamp|drift.ASN|drift.UUID) && !drift.IsNothing(s)
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
	if delimiter == "\t" { // comments name what cannot be seen
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(tabName.ReplaceAllString(line, "\t")), "<CR>"))
	}
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

var tabName = regexp.MustCompile(`(?i)\s*<tab>\s*`)

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

// invented are the names of columns by what they hold, in order of what is asked
// first.
var invented = []struct {
	kinds drift.Kinds
	name  string
}{
	{drift.CIDR4 | drift.CIDR6, "network"}, {drift.IPPort, "ip_port"}, {drift.URL, "url"}, {drift.FQDN, "domain"}, {drift.Email, "email"},
	{drift.SHA256, "sha256"}, {drift.SHA1, "sha1"}, {drift.MD5, "md5"}, {drift.CVE, "cve"}, {drift.Timestamp, "time"},
}

// inventName is a name for a column of these values; "" for what has no kind.
func inventName(values []string) string {
	c := newColumn("", values)
	if c.all(ipKinds) {
		return "ip"
	}
	for _, i := range invented {
		if c.nonNull > 0 && c.kindIs(i.kinds) {
			return i.name
		}
	}
	return ""
}
