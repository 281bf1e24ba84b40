package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Diff says in words how a document differs from the one before; "" if all reports
// are the same.
func Diff(before, now *Document) string {
	var added, gone []string
	var columns, dropped, changed int
	for name, r := range now.Reports {
		old := before.Reports[name]
		if old == nil {
			added = append(added, name)
			continue
		}
		a, d, c := compare(old, r)
		columns, dropped, changed = columns+a, dropped+d, changed+c
	}
	for name := range before.Reports {
		if now.Reports[name] == nil {
			gone = append(gone, name)
		}
	}
	var parts []string
	reports := func(names []string, what string) {
		if len(names) == 0 {
			return
		}
		slices.Sort(names)
		text := fmt.Sprintf("%s %s (%s)", plural(len(names), "report"), what, strings.Join(names[:min(len(names), 5)], ", "))
		if len(names) > 5 {
			text = strings.TrimSuffix(text, ")") + ", ...)"
		}
		parts = append(parts, text)
	}
	reports(added, "new")
	reports(gone, "gone")
	for _, p := range []struct {
		n    int
		what string
	}{{columns, "new"}, {dropped, "gone"}, {changed, "otherwise"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, "column")+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

// Size says how much a document has: 170 reports, 6104 columns.
func (d *Document) Size() string {
	return plural(len(d.Reports), "report") + ", " + plural(d.Columns(), "column")
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// compare counts the columns of a report that are new, gone, and mapped otherwise.
// A constant that is another one counts as a column.
func compare(before, now *Report) (added, gone, changed int) {
	was, is := byColumn(before), byColumn(now)
	for name, c := range is {
		if old, ok := was[name]; !ok {
			added++
		} else if old != c {
			changed++
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			gone++
		}
	}
	for key, value := range now.Constants {
		if before.Constants[key] != value {
			changed++
		}
	}
	for key := range before.Constants {
		if _, ok := now.Constants[key]; !ok {
			changed++
		}
	}
	return added, gone, changed
}

func byColumn(r *Report) map[string]string {
	m := make(map[string]string, len(r.Columns))
	for _, c := range r.Columns {
		m[c.Name] += fmt.Sprintf("%s %d %t;", c.Key, c.Func, c.Required)
	}
	return m
}
