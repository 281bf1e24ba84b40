package diff

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

// explain finds out why the reader of the old payload fails on the new one. Where
// the new one is of the same family, it is read in its own way, so that what else
// changed is told too.
func (c *comparison) explain(ctx context.Context, found []status.Finding) ([]status.Finding, error) {
	asFound := func() ([]status.Finding, error) { return append(c.shifted(found), c.surface()...), nil }
	if f := c.whole(found); f != nil {
		return append([]status.Finding{*f}, c.surface()...), nil
	}
	if c.over(found) || c.is == nil || !repair.Related(&c.spec.Input, &c.is.Spec.Input) {
		return asFound()
	}
	causes := c.causes(&c.spec.Input, &c.is.Spec.Input)
	if len(causes) == 0 {
		return asFound()
	}
	rest, better, err := c.again(ctx, found)
	switch {
	case err != nil:
		return nil, err
	case !better:
		return asFound()
	}
	surface := slices.DeleteFunc(c.surface(), func(f status.Finding) bool {
		return slices.ContainsFunc(causes, func(cause status.Finding) bool { return cause.Code == f.Code })
	})
	return slices.Concat(causes, rest, surface), nil
}

// whole is the one finding that explains everything, nil if there is none.
func (c *comparison) whole(found []status.Finding) *status.Finding {
	switch {
	case c.over(found):
		return nil
	case c.alone && c.now.Unreadable != "":
		f := c.noList()
		return &f
	case c.is == nil:
		return nil
	case !repair.Related(&c.spec.Input, &c.is.Spec.Input):
		if !c.isForeign(found) {
			return nil
		}
		f := c.foreign()
		return &f
	}
	return c.unlisted()
}

// again compares the payloads with the new one read in its own dialect. It is better
// if that explains more than found.
func (c *comparison) again(ctx context.Context, found []status.Finding) (rest []status.Finding, better bool, err error) {
	adapted := c.spec.DeepCopy()
	adapted.Input = repair.Dialect(&c.spec.Input, c.is, c.base.Columns)
	lens, err := drift.NewLens(adapted)
	if err != nil {
		return nil, true, nil //nolint:nilerr // the rules read what is not there in the new way: the causes are all there is to say
	}
	now, err := learn(ctx, lens, c.new)
	if err != nil {
		return nil, false, err
	}
	if now.Events == 0 && c.now.Events > 0 {
		return nil, false, nil
	}
	before := c.now
	c.now = now
	rest = c.few(lens, drift.CompareOnce(c.base, now))
	if weight(rest) >= weight(found) && before.Events > 0 {
		c.now = before
		return nil, false, nil
	}
	rest = slices.DeleteFunc(c.shifted(rest), func(f status.Finding) bool { return f.Class == drift.ClassBreakingHard && now.Events == 0 })
	return rest, true, nil
}

// noList is the finding about an object where there was a list of records: what an
// API answers to a request that it refuses.
func (c *comparison) noList() status.Finding {
	shown := cut(string(bytes.Join(bytes.Fields(c.new.Data[:min(len(c.new.Data), 256)]), []byte(" "))), 80)
	before := describe(&c.spec.Input)
	return status.Finding{Code: drift.CodeContainer, Class: drift.ClassBreakingHard, Breaking: true, Before: before, After: shown,
		Sentence: fmt.Sprintf("The payload was %s; now it is one object without a list of records: %s", before, shown)}
}

// unlisted notices that the list inside of each record, whose elements were the
// events, is elsewhere.
func (c *comparison) unlisted() *status.Finding {
	if len(c.spec.Explode) == 0 || c.now.Events > 0 || c.now.Records == 0 || c.now.Unreadable != "" {
		return nil
	}
	from := c.spec.Explode[len(c.spec.Explode)-1].From
	f := &status.Finding{Code: CodeRecords, Path: from, Class: drift.ClassBreakingHard, Breaking: true, Before: from,
		Sentence: fmt.Sprintf("The list %q, whose elements were the records, is empty or gone.", from)}
	best, most := "", 0
	counts := map[string]int{}
	for _, path := range slices.Sorted(maps.Keys(c.now.Paths)) {
		i := strings.LastIndex(path, "[]")
		if i < 0 || c.base.Paths[path] != nil {
			continue
		}
		list, name := path[:i], strings.TrimPrefix(path[i+2:], ".")
		if slices.ContainsFunc(c.base.Inputs, func(in drift.Column) bool { return in.Name == from+"."+name }) {
			if counts[list]++; counts[list] > most {
				best, most = list, counts[list]
			}
		}
	}
	if best != "" {
		f.After = best
		f.Sentence = fmt.Sprintf("The records were the elements of %q and are those of %q now.", from, best)
	}
	return f
}

// weight is how much of the findings is unexplained.
func weight(found []status.Finding) int {
	n := 0
	for i := range found {
		switch {
		case found[i].Breaking && drift.ClassOf(&found[i]) == drift.ClassBreakingHard:
			n += 100
		case found[i].Breaking:
			n += 10
		}
	}
	return n
}

// over tells whether there is nothing to read, or the publisher says why it is refused.
func (c *comparison) over(found []status.Finding) bool {
	return slices.ContainsFunc(found, func(f status.Finding) bool {
		return f.Code == drift.CodeRetired || f.Code == drift.CodeErrorBody || f.Code == drift.CodeEmpty
	})
}

// isForeign tells whether the payload is in another format altogether: its reader
// finds nothing that it knows.
func (c *comparison) isForeign(found []status.Finding) bool {
	if c.now.Unreadable != "" || c.now.Events == 0 {
		known := slices.ContainsFunc(c.now.Inputs, func(in drift.Column) bool { return in.Values > 0 })
		return c.now.Unreadable != "" || !known || c.is.Records > 0 && !c.now.Named
	}
	return c.now.Rejected > c.now.Events && !c.now.Named || slices.ContainsFunc(found, func(f status.Finding) bool { return f.Code == drift.CodeContainer })
}

// foreign is the finding about another format.
func (c *comparison) foreign() status.Finding {
	before, after := describe(&c.spec.Input), describe(&c.is.Spec.Input)
	f := status.Finding{Code: drift.CodeContainer, Class: drift.ClassBreakingHard, Breaking: true, Before: before, After: after,
		Sentence: fmt.Sprintf("The payload was %s and is %s now.", before, after)}
	if names := slices.DeleteFunc(slices.Clone(c.is.Columns), madeUp); len(names) > 0 && c.is.Confidence >= 0.5 {
		f.Sentence = strings.TrimSuffix(f.Sentence, ".") + fmt.Sprintf(", with %s.", list(names))
	}
	return f
}

// madeUp tells whether a column has no name of its own.
func madeUp(name string) bool { return name == "line" || strings.HasPrefix(name, "column_") }

// describe names a format for people.
func describe(in *v1alpha1.InputSpec) string {
	switch repair.Family(in) {
	case "csv":
		d := delimiter(in.CSV)
		if d == "," {
			return "CSV"
		}
		return fmt.Sprintf("CSV with the delimiter %q", d)
	case "json":
		if in.JSON.Records == "" {
			return "one JSON document"
		}
		return fmt.Sprintf("a JSON document with records at %q", in.JSON.Records)
	case "jsonLines":
		return "JSON lines"
	case "xml":
		return fmt.Sprintf("XML with records at %s", in.XML.Records)
	case "html":
		return "an HTML page"
	case "keyValue":
		return "lines of keys and values"
	case "ini":
		return "INI"
	case "hosts":
		return "a hosts file"
	case "zone":
		return "a zone file"
	case "xlsx":
		return "a workbook"
	case "text":
		if in.Text.Pattern == "" {
			return "a list of one value a line"
		}
		return "lines of text"
	}
	return "a document in a vocabulary of its own"
}

func delimiter(csv *v1alpha1.CSVSpec) string {
	if csv.Delimiter == "" {
		return ","
	}
	return csv.Delimiter
}

// list names a few columns.
func list(names []string) string {
	const most = 5
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", cut(name, 64))
	}
	return b.String()
}

func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
