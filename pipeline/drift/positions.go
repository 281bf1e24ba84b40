package drift

import (
	"fmt"
	"slices"

	"github.com/weir-project/weir/pipeline/status"
)

// Columns without a header are compared by what is in them.
const (
	same       = 0.8 // similarity of columns that are taken for the same
	different  = 0.5 // below, they are taken for different ones
	maxAligned = 256 // columns that are aligned
)

// checkPositions explains rows without header whose cells moved. It speaks only
// where a mapped column is not what it was, or rows are too short.
func checkPositions(c *comparison) {
	if c.now.Named || c.now.Declared != formatCSV || c.base == nil {
		return
	}
	was, is := c.base.modalCells(), c.now.modalCells()
	if was == 0 || is == 0 {
		return
	}
	changed := slices.ContainsFunc(c.now.Inputs, func(in Column) bool {
		base := c.base.input(in.Name)
		return base != nil && c.retyped(base, &in)
	})
	switch {
	case is < len(c.now.Columns):
		c.shortened(was, is)
	case changed && was == is:
		c.swapped()
	case changed && is > was:
		c.inserted(was, is)
	case is > was:
		c.add(status.Finding{Code: CodeColumnAdded, Path: position(is), Before: fmt.Sprint(was), After: fmt.Sprint(is),
			Sentence: fmt.Sprintf("Rows have %d cells instead of %d: columns were appended; no rule uses them yet.", is, was)})
	}
}

// checkCells notices rows with more cells than any row had: a delimiter in one of
// their values moved those behind it to the right.
func checkCells(c *comparison) {
	if c.base == nil || c.now.Named || c.now.Declared != formatCSV || c.broken() {
		return
	}
	most, rows := 0, int64(0)
	for cells, n := range c.base.Cells {
		most, rows = max(most, cells), rows+n
	}
	var longer int64
	longest := 0
	for cells, n := range c.now.Cells {
		if cells > most {
			longer, longest = longer+n, max(longest, cells)
		}
	}
	if most != c.now.modalCells() || rows < minWiden || longer < minMore {
		return
	}
	c.slipped = longer
	c.rejectionsExplained = c.rejectionsExplained || c.now.Rejected <= longer
	c.add(status.Finding{Code: CodeCellsMore, Before: fmt.Sprintf("at most %d cells", most), After: fmt.Sprintf("up to %d cells", longest),
		Evidence: &status.Evidence{WasOf: rows, Is: longer, IsOf: c.now.Looked},
		Sentence: fmt.Sprintf("%s of %s have more than %d cells, which none had: the delimiter seems to be in a value there, and what is behind it is read from the wrong columns.",
			number64(longer), count(c.now.Looked, "row"), most)})
}

// position names a column that has no name.
func position(n int) string { return fmt.Sprintf("column %d", n) }

// sequence is what is known of the columns of a profile from left to right.
func sequence(p *Profile, cells int) []*Column {
	cells = min(cells, maxAligned)
	columns := make([]*Column, cells)
	for i := range columns {
		name := position(i + 1)
		if i < len(p.Columns) {
			name = p.Columns[i]
		}
		columns[i] = p.column(name)
	}
	return columns
}

// swapped finds pairs of columns that changed places.
func (c *comparison) swapped() {
	cells := c.now.modalCells()
	base, now := sequence(c.base, cells), sequence(c.now, cells)
	for i := range base {
		for j := i + 1; j < len(base); j++ {
			if similarity(base[i], now[i]) >= different || similarity(base[j], now[j]) >= different ||
				similarity(base[i], now[j]) < same || similarity(base[j], now[i]) < same {
				continue
			}
			a, b := base[i].Name, base[j].Name
			if c.explained[a] || c.explained[b] || c.now.input(a) == nil && c.now.input(b) == nil {
				continue
			}
			c.explained[b] = true
			c.explain(a, status.Finding{Code: CodeColumnsSwapped, Path: a, Breaking: true,
				Before: describe(base[i]), After: describe(now[i]),
				Sentence: fmt.Sprintf("Columns %q and %q changed places: column %d holds %s now and column %d %s.", a, b,
					i+1, kindOf(now[i]), j+1, kindOf(now[j]))})
		}
	}
	c.moved(base, now)
}

// moved finds columns that stand elsewhere without a partner to change with.
func (c *comparison) moved(base, now []*Column) {
	for i, b := range base {
		if b == nil || c.explained[b.Name] || c.now.input(b.Name) == nil || similarity(b, now[i]) >= different {
			continue
		}
		for j, n := range now {
			if j != i && similarity(b, n) >= same && similarity(base[j], n) < different {
				c.explain(b.Name, status.Finding{Code: CodeColumnMoved, Path: b.Name, Breaking: true,
					Before: describe(b), After: describe(n),
					Sentence: fmt.Sprintf("Column %q stood at position %d and stands at position %d now.", b.Name, i+1, j+1)})
				break
			}
		}
	}
}

// inserted finds the columns that came in between.
func (c *comparison) inserted(was, is int) {
	base, now := sequence(c.base, was), sequence(c.now, is)
	pairs := align(base, now)
	for j := range now {
		if slices.Contains(pairs, j) {
			continue
		}
		// The first known column to the right moved because of this one.
		at := slices.IndexFunc(pairs, func(p int) bool { return p > j })
		if at < 0 {
			continue
		}
		before := base[at].Name
		c.add(status.Finding{Code: CodeColumnInserted, Path: before, Breaking: true, After: position(j + 1),
			Sentence: fmt.Sprintf("A column was inserted before %q: column %d holds %s now.", before, j+1, orUnknown(kindOf(now[j])))})
	}
	c.explainAll(base)
}

// shortened finds the columns that went away.
func (c *comparison) shortened(was, is int) {
	base, now := sequence(c.base, was), sequence(c.now, is)
	pairs := align(base, now)
	var gone []string
	for i, b := range base {
		if pairs[i] < 0 && b != nil {
			gone = append(gone, b.Name)
		}
	}
	f := status.Finding{Code: CodeCellsMissing, Breaking: true, Before: fmt.Sprint(was), After: fmt.Sprint(is),
		Sentence: fmt.Sprintf("Rows have %d cells instead of %d.", is, was)}
	if is == 1 {
		f.Code = CodeDelimiter
		f.Sentence = fmt.Sprintf("The delimiter changed: rows have one cell instead of %d.", was)
	}
	if len(gone) > 0 && len(gone) == was-is && is > 1 {
		f.Code, f.Path = CodeColumnMissing, gone[0]
		verb := "is"
		if len(gone) > 1 {
			verb = "are"
		}
		f.Sentence = fmt.Sprintf("Rows have %d cells instead of %d: %s %s gone.", is, was, quoted(gone), verb)
	}
	c.add(f)
	c.explainAll(base)
}

// explainAll takes all columns out of the later checks, if there is a cause.
func (c *comparison) explainAll(columns []*Column) {
	if !c.broken() {
		return
	}
	for _, col := range columns {
		if col != nil {
			c.explained[col.Name] = true
		}
	}
}

func orUnknown(kind string) string {
	if kind == "" {
		return "something else"
	}
	return kind
}

// align pairs the columns of two sequences in order, so that the sum of their
// similarities is greatest. It returns for each of a its partner in b, or -1.
func align(a, b []*Column) []int {
	best := make([][]float64, len(a)+1)
	for i := range best {
		best[i] = make([]float64, len(b)+1)
	}
	gain := func(i, j int) float64 {
		if s := similarity(a[i], b[j]); s >= different {
			common, _ := a[i].Sketch.shared(b[j].Sketch)
			return s + common/2 // of columns of one kind the values decide
		}
		return -1
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1], gain(i, j)+best[i+1][j+1])
		}
	}
	pairs := make([]int, len(a))
	for i, j := 0, 0; i < len(a); {
		switch {
		case j < len(b) && gain(i, j) >= 0 && best[i][j] == gain(i, j)+best[i+1][j+1]:
			pairs[i] = j
			i, j = i+1, j+1
		case j < len(b) && best[i][j] == best[i][j+1]:
			j++
		default:
			pairs[i] = -1
			i++
		}
	}
	return pairs
}
