package drift

import (
	"maps"
	"slices"
)

// For returns what of a baseline still holds for a Parser: nothing if the Parser
// reads the payload differently, and nothing about inputs whose rules changed.
// It does not modify p; p may be nil.
func (p *Profile) For(l *Lens) *Profile {
	if p == nil || p.Version != version || p.Input != l.empty.Input {
		return nil
	}
	if p.allOf(l) {
		return p
	}
	kept := *p
	kept.Inputs = nil
	kept.Others = slices.Clone(p.Others)
	for _, c := range p.Inputs {
		if in := l.empty.input(c.Name); in != nil && in.Rules == c.Rules {
			kept.Inputs = append(kept.Inputs, c)
		} else if find(kept.Others, c.Name) == nil {
			c.Rules, c.Fields, c.Required = "", nil, false
			kept.Others = append(kept.Others, c)
		}
	}
	return &kept
}

// allOf tells whether all that is known holds for a Parser.
func (p *Profile) allOf(l *Lens) bool {
	for i := range p.Inputs {
		c := &p.Inputs[i]
		in := l.empty.at(i, c.Name)
		if in == nil || in.Rules != c.Rules {
			return false
		}
	}
	return true
}

// Merge returns the baseline after a payload was accepted: the structure of the
// payload, and the counts of both. What was long ago counts less and less, so
// that the baseline follows a slow change. base may be nil; neither is modified.
func Merge(base, now *Profile) *Profile {
	m := *now
	m.Reasons, m.Unreadable, m.Excerpt, m.Head = nil, "", "", ""
	m.Doubt = nil
	m.Inputs = slices.Clone(now.Inputs)
	fresh := renewal(base, now)
	for i := range m.Inputs {
		var known *Column
		if base != nil {
			known = base.at(i, m.Inputs[i].Name)
		}
		m.Inputs[i] = merge(known, &now.Inputs[i], fresh)
	}
	m.Cells = maps.Clone(now.Cells)
	if base == nil {
		m.Paths = maps.Clone(now.Paths)
		return &m
	}
	if now.Looked == 0 { // an empty payload says nothing about structure
		m.Columns, m.Cells = base.Columns, base.Cells
		m.Container, m.Bytes = base.Container, base.Bytes
		if len(now.Columns) > 0 {
			m.Columns = now.Columns
		}
	}
	m.Payloads = base.Payloads + 1
	m.Doubt = rejectionDoubt(base, now, fresh)
	m.Cut = base.Cut
	m.Files = mergeFiles(base.Files, now.Files)
	m.learnTimes(base, now)
	m.Rising, m.Falling = fade(base.Rising, base.Falling, now.Rising, now.Falling)
	m.Reversed, m.Ranges = fade(base.Reversed, base.Ranges-base.Reversed, now.Reversed, now.Ranges-now.Reversed)
	m.Ranges += m.Reversed
	m.Future, m.Dated = fade(base.Future, base.Dated-base.Future, now.Future, now.Dated-now.Future)
	m.Dated += m.Future
	m.Events, m.Rejected = fade(base.Events, base.Rejected, now.Events, now.Rejected)
	m.Records = base.Records + now.Records
	m.Looked = min(base.Looked+now.Looked, maxBaseline)
	m.Paths = mergePaths(base, now)
	m.Walked = min(base.walked()+now.walked(), maxBaseline)
	m.Others = mergeOthers(base.Others, &m)
	return &m
}

// merge adds the counts of one payload to what is known of a column.
func merge(base, now *Column, fresh float64) Column {
	m := *now
	m.scale(maxWeight)
	if base == nil {
		m.anchor(nil, &m, fresh)
		return m
	}
	m.Doubt, m.Missing = kindDoubt(base, now, fresh), missingDoubt(base, now, fresh)
	if now.Values+now.Empty == 0 {
		// What is gone does not become usual before it was told.
		old := *base
		old.Unseen = min(base.Unseen+now.Absent, maxBaseline)
		if old.Unseen < maxUnseen {
			return old
		}
	}
	if now.Values < minNow {
		m.Sketch = base.Sketch
	}
	m.Split, m.Unsplit = base.Split+now.Split, base.Unsplit+now.Unsplit
	if n := m.Split + m.Unsplit; n > maxBaseline {
		m.Split, m.Unsplit = m.Split/2, m.Unsplit/2
	}
	m.Members = base.Members.plus(now.Members)
	old := *base
	old.scale(maxBaseline - (m.Values + m.Empty + m.Absent))
	m.Values += old.Values
	m.Empty += old.Empty
	m.Absent += old.Absent
	for i := range m.Kinds {
		m.Kinds[i] += old.Kinds[i]
	}
	m.Layouts = m.Layouts.plus(old.Layouts)
	m.Top, m.Lost = mergeTop(old.Top, m.Top), old.Lost+m.Lost
	if len(m.Samples) == 0 {
		m.Samples = old.Samples
	}
	switch {
	case base.Anchor == nil:
		m.anchor(nil, &m, fresh)
	case len(m.Doubt) == 0: // what is in doubt is not learned
		m.anchor(base.Anchor, now, fresh)
	default:
		m.Anchor = base.Anchor
	}
	return m
}

// maxUnseen is how many records without a value make it usual that there is none.
const maxUnseen = 2048

// anchored is how many values make an anchor.
const anchored = 1024

// anchor keeps what a column was at first. It stops learning after some values, so
// that it stays where it is while the baseline moves on.
func (c *Column) anchor(before *Anchor, now *Column, fresh float64) {
	c.Anchor = before
	if before != nil && before.fresh() >= anchored || now.Values == 0 {
		return
	}
	f := familyNamed(before)
	if f == nil {
		if f = own(now); f == nil {
			return
		}
		before = &Anchor{Family: f.name}
	}
	right, of := f.of(now), now.Values
	if of > anchored {
		right, of = right*anchored/of, anchored
	}
	c.Anchor = &Anchor{f.name, before.Right + right, before.Of + of, before.fresh() + fresh*float64(of)}
}

func familyNamed(a *Anchor) *family {
	if a == nil {
		return nil
	}
	for i := range families {
		if families[i].name == a.Family {
			return &families[i]
		}
	}
	return nil
}

// scale reduces the counts so that they stand for at most so many records.
func (c *Column) scale(most int64) {
	n := c.Values + c.Empty + c.Absent
	if n <= most {
		return
	}
	down := func(v int64) int64 { return (v*most + n/2) / n }
	c.Top = slices.Clone(c.Top)
	for i := range c.Top {
		c.Top[i].Count = down(c.Top[i].Count)
	}
	c.Lost = down(c.Lost)
	c.Values, c.Empty, c.Absent = down(c.Values), down(c.Empty), down(c.Absent)
	for i := range c.Kinds {
		c.Kinds[i] = min(down(c.Kinds[i]), c.Values)
	}
	var layouts Layouts
	for _, l := range c.Layouts {
		if l.Values = down(l.Values); l.Values > 0 {
			layouts = append(layouts, l)
		}
	}
	c.Layouts = layouts
}

// fade adds two pairs of counts, the older of which loses weight.
func fade(events, rejected, nowEvents, nowRejected int64) (e, r int64) {
	weigh := func(a, b, most int64) (x, y int64) {
		if n := a + b; n > most {
			return a * most / n, b * most / n
		}
		return a, b
	}
	nowEvents, nowRejected = weigh(nowEvents, nowRejected, maxWeight)
	events, rejected = weigh(events, rejected, maxBaseline-maxWeight)
	return events + nowEvents, rejected + nowRejected
}

// mergePaths keeps how often each path occurs among the records that were walked
// through. A path that fades away is forgotten.
func mergePaths(base, now *Profile) map[string]*Path {
	if len(base.Paths) == 0 {
		return maps.Clone(now.Paths)
	}
	merged := make(map[string]*Path, len(now.Paths))
	sums := make([]Path, 0, len(now.Paths))
	names, of := 0, base.walked()+now.walked()
	for name, p := range now.Paths {
		sums = append(sums, p.plus(base.Paths[name], of))
		merged[name] = &sums[len(sums)-1]
		names += len(name)
	}
	for _, name := range onlyIn(base.Paths, now.Paths) {
		p := base.Paths[name].half(now.Looked >= minNow)
		if p.Records > 0 && len(merged) < maxPaths && names+len(name) <= maxNames {
			names += len(name)
			merged[name] = p
		}
	}
	return merged
}

// onlyIn are the paths that the other ones lack, in order.
func onlyIn(paths, other map[string]*Path) []string {
	var only []string
	for name := range paths {
		if _, there := other[name]; !there {
			only = append(only, name)
		}
	}
	slices.Sort(only)
	return only
}

// plus adds the counts of q, which may be nil, and reduces them so that they stand
// for at most maxBaseline of so many records.
func (p *Path) plus(q *Path, of int64) Path {
	sum := *p
	if q != nil {
		sum.Records += q.Records
		for typ, n := range q.Types {
			sum.Types[typ] += n
		}
	}
	if of > maxBaseline {
		sum.Records = (sum.Records*maxBaseline + of/2) / of
		for typ, n := range sum.Types {
			sum.Types[typ] = (n*maxBaseline + of/2) / of
		}
	}
	return sum
}

func (p *Path) half(do bool) *Path {
	if !do {
		return p
	}
	h := &Path{Records: p.Records / 2}
	for typ, n := range p.Types {
		h.Types[typ] = n / 2
	}
	return h
}

// mergeOthers keeps what is known of columns that no rule uses, as long as they
// are there.
func mergeOthers(base []Column, m *Profile) []Column {
	others := slices.Clone(m.Others)
	for _, c := range base {
		if m.column(c.Name) == nil && m.hasName(c.Name) {
			others = append(others, c)
		}
	}
	return others[:min(len(others), maxColumns)]
}

func (p *Profile) hasName(name string) bool {
	_, path := p.Paths[name]
	return path || slices.Contains(p.Columns, name) || !p.Named && len(p.Paths) == 0
}
