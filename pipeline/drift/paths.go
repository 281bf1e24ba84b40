package drift

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/record"
	"github.com/weir-project/weir/pipeline/status"
)

// checkPaths compares the leaf paths of JSON records.
func checkPaths(c *comparison) {
	if !hasPaths(c.now.Declared) || c.now.Looked == 0 {
		return
	}
	taken := c.lostPaths()
	if c.base == nil {
		return
	}
	c.arrived()
	for _, path := range onlyIn(c.now.Paths, c.base.Paths) {
		if c.isNewPath(path) && !taken[path] {
			c.reportPathAdded(path)
		}
	}
	if c.now.Looked < minNow {
		return
	}
	c.typesOfPaths()
	for _, path := range onlyIn(c.base.Paths, c.now.Paths) {
		if c.now.reads(path) == nil && c.always(path) {
			c.add(status.Finding{Code: CodePathDropped, Path: path, Sentence: fmt.Sprintf("%q is gone; no rule uses it.", path)})
		}
	}
}

// lostPaths reports inputs that are gone or nested, and returns the paths that
// took their places.
func (c *comparison) lostPaths() map[string]bool {
	taken := make(map[string]bool)
	for i := range c.now.Inputs {
		in := &c.now.Inputs[i]
		path := in.path()
		switch below := c.below(path); {
		case below != "" && c.now.Paths[path] == nil && c.base != nil && c.always(path):
			c.reportNested(in, path, below)
		case c.unlisted(path):
			c.reportUnlisted(in, path)
		case c.reshaped(in, path):
		case c.vanished(in) && !c.covered(in, hasPath):
			c.reportVanished(in, path, taken)
		}
	}
	return taken
}

// hasPath tells whether any record has a value for an input; of a baseline, of the
// last payload.
func hasPath(p *Profile, name string) bool {
	in := p.input(name)
	return in != nil && in.Values+in.Empty > 0 && in.Unseen == 0
}

// vanished tells whether no record has a path any more that nearly all had. A
// rare path cannot be declared missing by one payload.
func (c *comparison) vanished(in *Column) bool {
	if in.Values+in.Empty > 0 || c.now.Looked < minAll && !in.Required {
		return false
	}
	base := c.known(in.Name)
	if base == nil { // the first payload, or a rule that is new
		return in.Required && (c.base == nil || c.base.input(in.Name) == nil)
	}
	there := base.Values + base.Empty
	if there >= minBefore && share(there, there+base.Absent) >= ownShare {
		return true
	}
	// A path that not all records have may be missing from a payload, unless that
	// is too much of a coincidence: in many records, or as something else came.
	return c.absence(base) < 10*c.whole && c.anyNewPath(in.path())
}

// absence is the chance that none of so many records has a path.
func (c *comparison) absence(base *Column) float64 {
	there := base.Values + base.Empty
	return fewer(there, there+base.Absent, 0, base.Unseen+c.now.Looked)
}

// anyNewPath tells whether a path beside the given one is new.
func (c *comparison) anyNewPath(path string) bool {
	parent := path[:strings.LastIndexByte(path, '.')+1]
	for leaf, p := range c.now.Paths {
		if strings.HasPrefix(leaf, parent) && c.isNewPath(leaf) && p.Records >= minAll {
			return true
		}
	}
	return false
}

// always tells whether nearly all records of the baseline had a path.
func (c *comparison) always(path string) bool {
	p := c.base.Paths[path]
	return p != nil && c.base.walked() >= minBefore && share(p.Records, c.base.walked()) >= ownShare
}

// reportNested tells that what was one value is a list or an object now.
func (c *comparison) reportNested(in *Column, path, below string) {
	is := "an object"
	if strings.HasPrefix(below[len(path):], "[]") {
		is = "an array"
	}
	c.explain(in.Name, status.Finding{Code: CodePathType, Path: in.Name, Breaking: true,
		Before: c.describe(c.base, in.Name), After: below,
		Sentence: fmt.Sprintf("%q was a single value and is %s now (%q).", in.Name, is, below)})
}

// unlisted tells whether what was a list of values is a single one now.
func (c *comparison) unlisted(path string) bool {
	if c.base == nil || c.now.Paths[path] == nil || c.base.Paths[path] != nil || c.now.Paths[path+"[]"] != nil {
		return false
	}
	p := c.base.Paths[path+"[]"]
	return p != nil && p.Records >= minBefore
}

func (c *comparison) reportUnlisted(in *Column, path string) {
	c.explain(in.Name, status.Finding{Code: CodePathType, Path: in.Name, Breaking: true,
		Before: c.describe(c.base, in.Name), After: c.describe(c.now, in.Name),
		Sentence: fmt.Sprintf("%q was a list of values and is a single one now.", path)})
}

// reshaped reports that what was a list is an object, or the other way round.
func (c *comparison) reshaped(in *Column, path string) bool {
	if at := c.now.Paths[path]; c.base == nil || in.Values == 0 || c.now.Paths[path+"[]"] != nil ||
		at != nil && at.Types[record.String]+at.Types[record.Number]+at.Types[record.Bool] > 0 {
		return false // as nearly all are
	}
	was, n, _ := c.base.shape(path)
	is, m, below := c.now.shape(path)
	if was == "" || is == "" || was == is || n < minBefore || m < minAll {
		return false
	}
	c.explain(in.Name, status.Finding{Code: CodePathType, Path: in.Name, Breaking: true, Before: was, After: below,
		Sentence: fmt.Sprintf("%q was %s and is %s now (%q).", in.Name, was, is, below)})
	return true
}

// shape tells whether a list or an object is at a path, in how many records at least,
// and a leaf in it; "" if it is something else, or not always the same.
func (p *Profile) shape(path string) (shape string, records int64, leaf string) {
	for name, at := range p.Paths {
		rest, ok := strings.CutPrefix(name, path)
		if !ok || path == "" || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		is := "a list"
		switch {
		case rest == "" && at.Types[record.Null]+at.Types[record.Array]+at.Types[record.Object] > 0:
			continue // nothing, or an empty one
		case rest == "":
			return "", 0, ""
		case rest[0] == '.':
			is = "an object"
		}
		if shape != "" && shape != is {
			return "", 0, ""
		}
		shape, records = is, records+at.Records
		if leaf == "" || name < leaf {
			leaf = name
		}
	}
	return shape, records, leaf
}

// arrived reports paths that rules read and that have come at last.
func (c *comparison) arrived() {
	for i := range c.now.Inputs {
		in := &c.now.Inputs[i]
		base := c.base.input(in.Name)
		if base == nil || base.Values+base.Empty > 0 || base.Absent < minBefore || in.Values < minAll || c.explained[in.Name] || !hasPaths(c.now.Declared) {
			continue
		}
		c.add(status.Finding{Code: CodePathAdded, Path: in.Name, After: describe(in),
			Sentence: fmt.Sprintf("%q has come, in %s of %s%s.", in.Name, number64(in.Values), count(c.now.Looked, "record"), fills(in))})
	}
}

func (c *comparison) reportVanished(in *Column, path string, taken map[string]bool) {
	f := status.Finding{Code: CodePathMissing, Path: in.Name, Breaking: true, Before: c.describe(c.base, in.Name)}
	switch moved := c.movedTo(in, path); {
	case moved != "":
		taken[moved] = true
		f.Code, f.After = CodePathMoved, moved
		kind := kindOf(c.now.column(moved))
		f.Sentence = fmt.Sprintf("%q is gone; %q has the same kind of values (%s) and took its place.", in.Name, moved, kind)
		switch {
		case lastName(moved) == lastName(path) && lastName(path) != "value":
			f.Sentence = fmt.Sprintf("%q has moved to %q.", in.Name, moved)
		case c.sharedWith(in, moved) >= wentThere:
			f.Sentence = fmt.Sprintf("%q is gone; %q has the same values and took its place.", in.Name, moved)
		case kind == "":
			f.Sentence = fmt.Sprintf("%q is gone; the values are now at %q, it seems.", in.Name, moved)
		}
	case c.base == nil:
		f.Sentence = fmt.Sprintf("%q is in none of %s%s; there is %s.", in.Name, count(c.now.Looked, "record"), fills(in),
			quoted(slices.Sorted(maps.Keys(c.now.Paths))))
	default:
		f.Sentence = fmt.Sprintf("%q is in none of %s%s.", in.Name, count(c.now.Looked, "record"), fills(in))
	}
	c.explain(in.Name, f)
}

// below finds a new leaf inside what was a leaf.
func (c *comparison) below(path string) string {
	best := ""
	for leaf := range c.now.Paths {
		rest, ok := strings.CutPrefix(leaf, path)
		if !ok || rest == "" || rest[0] != '.' && rest[0] != '[' || best != "" && best < leaf {
			continue
		}
		if c.base == nil || c.base.Paths[leaf] == nil {
			best = leaf
		}
	}
	return best
}

// movedTo finds the new path with the same last name, or else with the most
// similar values and name.
func (c *comparison) movedTo(in *Column, path string) string {
	best, most := "", 0.0
	for _, leaf := range slices.Sorted(maps.Keys(c.now.Paths)) {
		if !c.isNewPath(leaf) {
			continue
		}
		score := c.score(in, leaf, -1)
		same, shared := lastName(leaf) == lastName(path), c.sharedWith(in, leaf)
		if same {
			score++
		}
		if score += shared; score > most && (same || shared >= wentThere || c.telling(in, leaf) || nameSimilarity(lastName(path), lastName(leaf)) >= minLikeName) {
			best, most = leaf, score
		}
	}
	if most < minScore {
		return ""
	}
	return best
}

// minLikeName is how alike the last names of two paths are that have nothing but text
// or numbers in common.
const minLikeName = 0.4

// telling tells whether the kind of a lost path is one that says more than that there
// is text or a number.
func (c *comparison) telling(in *Column, leaf string) bool {
	base, now := c.known(in.Name), c.now.column(leaf)
	return base == nil || now == nil || now.Values == 0 || familyOf(base).kinds&(Text|Int|Float|Bool) == 0
}

// sharedWith is the share of the values of a lost path that a new one has.
func (c *comparison) sharedWith(in *Column, leaf string) float64 {
	base, now := c.known(in.Name), c.now.column(leaf)
	if base == nil || now == nil {
		return 0
	}
	share, of := base.Sketch.shared(now.Sketch)
	if of < minShared {
		return 0
	}
	return share
}

func (c *comparison) isNewPath(path string) bool {
	return (c.base == nil || c.base.Paths[path] == nil) && c.now.reads(path) == nil
}

// typesOfPaths tells that scalars are written as another type: numbers as strings.
// The Parser reads both.
func (c *comparison) typesOfPaths() {
	var other []string
	for path, now := range c.now.Paths {
		if base := c.base.Paths[path]; base != nil && now.Records >= minAll && base.Records >= minBefore && retypedPath(base, now) {
			other = append(other, path)
		}
	}
	slices.Sort(other)
	for _, path := range other {
		was, is := c.base.Paths[path].scalar().String(), c.now.Paths[path].scalar().String()
		f := status.Finding{Code: CodePathType, Path: path, Before: was, After: is,
			Sentence: fmt.Sprintf("%q was a %s and is a %s now.", path, was, is)}
		if in := c.now.reads(path); in != nil {
			f.Path = in.Name
		}
		if !c.explained[f.Path] {
			c.add(f)
		}
	}
}

func retypedPath(base, now *Path) bool {
	was, is := base.scalar(), now.scalar()
	return was != is && was != record.Absent && is != record.Absent && base.Types[is] == 0 && now.Types[was] == 0
}

// scalar is the type of nearly all values, without null; Absent if there is none.
func (p *Path) scalar() record.Kind {
	best, all := record.Absent, int64(0)
	for k, n := range p.Types {
		if record.Kind(k) == record.Null {
			continue
		}
		if all += n; n > p.Types[best] {
			best = record.Kind(k)
		}
	}
	if share(p.Types[best], all) < ownShare {
		return record.Absent
	}
	return best
}

func (c *comparison) reportPathAdded(path string) {
	n := c.now.Paths[path].Records
	of := c.now.walked()
	if n < min(minAll, of) && n*100 < of { // names that are data come once
		return
	}
	c.add(status.Finding{Code: CodePathAdded, Path: path, After: typeNames(c.now.Paths[path]),
		Sentence: fmt.Sprintf("%q is new, in %s of %s; no rule uses it yet.", path, number64(n), count(of, "record"))})
}

func typeNames(p *Path) string { return strings.Join(p.Types.Names(), "|") }

// reads returns the input that reads a leaf path.
func (p *Profile) reads(leaf string) *Column {
	for i := range p.Inputs {
		path := p.Inputs[i].path()
		rest, ok := strings.CutPrefix(leaf, path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			if in := &p.Inputs[i]; in.Values+in.Empty > 0 || rest == "" {
				return in
			}
		}
	}
	return nil
}

// path is where the input is among the leaves of records.
func (c *Column) path() string {
	if c.leaf != "" {
		return c.leaf
	}
	return plainPath(c.Name)
}

// leafOf is the path of an input among the leaves: below a list that is exploded,
// rules leave out that it is one.
func leafOf(spec *v1alpha1.ParserSpec, input string) string {
	path := plainPath(input)
	for i := range spec.Explode {
		from := plainPath(spec.Explode[i].From)
		if rest, ok := strings.CutPrefix(path, from+"."); ok && from != "" {
			path = from + "[]." + rest
		}
	}
	return path
}

// plainPath is a path as the leaves of records are told: without "$" and with []
// for each index.
func plainPath(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".")
	if !strings.Contains(path, "[") {
		return path
	}
	var b strings.Builder
	for path != "" {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			break
		}
		shut := strings.IndexByte(path[open:], ']')
		if shut < 2 || classes[path[open+1]] != cDigit {
			b.WriteString(path[:open+1])
			path = path[open+1:]
			continue
		}
		b.WriteString(path[:open] + "[]")
		path = path[open+shut+1:]
	}
	b.WriteString(path)
	return b.String()
}

func lastName(path string) string {
	path = strings.TrimRight(path, "[]")
	return path[strings.LastIndexAny(path, ".[")+1:]
}
