package markup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Path is where in a document elements are: /rss/channel/item from the root, or
// //entry at any depth. * stands for any name.
type Path struct {
	steps    []string
	anywhere bool
}

// ParsePath reads the text form.
func ParsePath(s string) (*Path, error) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return nil, errors.New("begins with / (from the root, /rss/channel/item) or // (at any depth, //entry)")
	}
	p := &Path{}
	rest, p.anywhere = strings.CutPrefix(rest, "/")
	for step := range strings.SplitSeq(rest, "/") {
		switch {
		case step == "":
			return nil, errors.New("a name is missing between two /; // is only for the beginning")
		case strings.ContainsAny(step, ":"):
			return nil, fmt.Errorf("%q: names have no prefixes; write %s", step, step[strings.LastIndexByte(step, ':')+1:])
		case strings.ContainsAny(step, " \t\r\n[]@()\"'=<>&") || strings.Contains(step, "*") && step != "*":
			return nil, fmt.Errorf("%q is no name of an element; it may only have names and *, choose records by spec.skip", step)
		}
		p.steps = append(p.steps, step)
	}
	if len(p.steps) > maxOpen {
		return nil, fmt.Errorf("has more than %d steps", maxOpen)
	}
	return p, nil
}

// Match reports whether the last of the open elements is at the path.
func (p *Path) Match(open []Open) bool {
	if len(open) < len(p.steps) || !p.anywhere && len(open) > len(p.steps) {
		return false
	}
	return fits(p.steps, open[len(open)-len(p.steps):])
}

func fits(steps []string, open []Open) bool {
	for i, o := range open {
		if steps[i] != "*" && steps[i] != o.Name {
			return false
		}
	}
	return true
}

// maxSeen is how many names an error lists.
const maxSeen = 12

// Finder finds the elements at a path, and remembers where the path led.
type Finder struct {
	Path *Path
	// deep is how many steps of the path were there, other what was there instead
	// of the next one.
	deep  int
	other []string
	under string
	root  string
}

// Want is for NewReader.
func (f *Finder) Want(open []Open) bool {
	if f.root == "" {
		f.root = open[0].Name
	}
	if f.Path.Match(open) {
		f.deep = len(f.Path.steps)
		return true
	}
	n := len(open)
	if f.Path.anywhere || n > len(f.Path.steps) || n <= f.deep || !fits(f.Path.steps, open[:n-1]) {
		return false
	}
	if fits(f.Path.steps, open) {
		f.deep, f.other, f.under = n, nil, open[n-1].Name
	} else if name := open[n-1].Name; len(f.other) < maxSeen && n == f.deep+1 && !slices.Contains(f.other, name) {
		f.other = append(f.other, name)
	}
	return false
}

// Missing says at the end of a document where the path ended; "" if there were
// records, or a place for them.
func (f *Finder) Missing() string {
	if f.Path.anywhere && f.deep == 0 && strings.EqualFold(f.root, "html") {
		return "the document is HTML"
	}
	if f.Path.anywhere || f.deep >= len(f.Path.steps)-1 && f.deep > 0 || f.deep == 0 && len(f.other) == 0 {
		return ""
	}
	step := f.Path.steps[f.deep]
	switch {
	case f.deep == 0:
		return fmt.Sprintf("the document is <%s>, not <%s>", f.other[0], step)
	case len(f.other) == 0:
		return fmt.Sprintf("in <%s> there is no <%s>; it is empty", f.under, step)
	}
	return fmt.Sprintf("in <%s> there is no <%s>; it has: %s", f.under, step, strings.Join(f.other, ", "))
}
