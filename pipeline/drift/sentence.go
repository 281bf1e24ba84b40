package drift

import (
	"fmt"
	"strconv"
	"strings"
)

// quoted lists a few names.
func quoted(names []string) string {
	const most = 6
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == most:
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			return b.String()
		case i > 0 && i == len(names)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(name))
	}
	return b.String()
}

// fills tells what an input is for.
func fills(in *Column) string {
	if len(in.Fields) == 0 {
		return ""
	}
	return "; it fills " + strings.Join(in.Fields[:min(len(in.Fields), 4)], ", ")
}

// describe tells what a column held: "ipv4 in 40 of 40 values: "192.0.2.1", ...".
func (c *comparison) describe(p *Profile, name string) string {
	if p == nil {
		return ""
	}
	col := p.column(name)
	if col == nil {
		return ""
	}
	return describe(col)
}

func describe(col *Column) string {
	if col.Values == 0 {
		return "no values"
	}
	f := familyOf(col)
	s := fmt.Sprintf("%s in %s of %s", f.label(col), number64(f.of(col)), count(col.Values, "value"))
	if len(col.Samples) > 0 {
		s += ": " + quoted(col.Samples)
	}
	return s
}

// kindOf names the kind of most values, "" for a column without any.
func kindOf(col *Column) string {
	if col == nil || col.Values == 0 {
		return ""
	}
	return familyOf(col).label(col)
}
