package infer

import (
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
)

// column is a column or path of the records, with what its values are.
type column struct {
	name string // as the Parser writes it
	// words are the parts of its name; parents those of what it lies in.
	words, parents []string
	values         []string // by record; "" where it has none
	// nonNull are the values that mean something; nulls the markers that do not.
	nonNull int
	nulls   []string
	counts  [32]int
	// kind are the kinds of nearly all values, 0 if they have none in common.
	kind     drift.Kinds
	distinct map[string]int
	// JSON types.
	array, number, boolean, nested bool
	// relative is the end that the other columns make of it.
	relative end
	// unnamed: the name is made up.
	unnamed bool
	// wild: names that begin with *. occur.
	wild bool
	// split is what is between several values in a cell; they are parts as those of an
	// array are.
	split string
}

// mostly is the share of values that a kind needs.
const mostly = 0.8

func newColumn(name string, values []string) *column {
	c := &column{name: name, values: values, distinct: map[string]int{}}
	c.words, c.parents = nameWords(name)
	c.learn()
	return c
}

func (c *column) learn() {
	markers := map[string]bool{}
	for v := range c.parts() {
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		if drift.IsNothing(v) {
			markers[v] = true
			continue
		}
		c.nonNull++
		if len(c.distinct) < 256 || c.distinct[v] > 0 {
			c.distinct[v]++
		}
		for i, k := 0, drift.Kinds(c.kindsOf(v)); k != 0; i, k = i+1, k>>1 {
			if k&1 != 0 {
				c.counts[i]++
			}
		}
	}
	for m := range markers {
		c.nulls = append(c.nulls, m)
	}
	slices.Sort(c.nulls)
	for i, n := range c.counts {
		if n > 0 && float64(n) >= mostly*float64(c.nonNull) {
			c.kind |= 1 << i
		}
	}
	for _, group := range []drift.Kinds{ipKinds, drift.CIDR4 | drift.CIDR6, drift.Int | drift.Float} {
		if c.share(group) >= mostly {
			c.kind |= group
		}
	}
	c.zeroIsNull()
}

// parts are the values, those of arrays one by one.
func (c *column) parts() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range c.values {
			if !c.array {
				if !yield(v) {
					return
				}
				continue
			}
			for part := range strings.SplitSeq(v, "\n") {
				if !yield(part) {
					return
				}
			}
		}
	}
}

func (c *column) kindsOf(v string) kinds {
	k := kindsOf(v)
	if strings.HasPrefix(v, "*.") {
		c.wild = true
	}
	return k
}

// zeroIsNull takes 0.0.0.0, 0 and dates of zeros for nothing where the other
// values say what the column is.
func (c *column) zeroIsNull() {
	for v := range c.distinct {
		switch {
		case v == "0.0.0.0" || v == "::" || v == "255.255.255.255":
			if !c.kindIs(ipKinds) || len(c.distinct) == 1 {
				continue
			}
		case strings.HasPrefix(v, "0000-00-00"):
		default:
			continue
		}
		c.nulls = append(c.nulls, v)
	}
	slices.Sort(c.nulls)
}

// share is how many of the values have one of the kinds.
func (c *column) share(k drift.Kinds) float64 {
	if c.nonNull == 0 {
		return 0
	}
	n := 0
	for v, times := range c.distinct {
		if drift.Kinds(kindsOf(v))&k != 0 {
			n += times
		}
	}
	all := 0
	for _, times := range c.distinct {
		all += times
	}
	return float64(n) / float64(max(all, 1))
}

func (c *column) kindIs(k drift.Kinds) bool { return c.kind&k != 0 }

// all reports whether every value has one of the kinds.
func (c *column) all(k drift.Kinds) bool { return c.nonNull > 0 && c.share(k) == 1 }

// mixed reports whether the values are of several strong kinds.
func (c *column) mixed() bool {
	if c.nonNull == 0 || c.share(strongKinds) < mostly {
		return false
	}
	for _, group := range []drift.Kinds{ipKinds, drift.CIDR4 | drift.CIDR6, drift.IPPort, drift.URL, drift.FQDN, drift.Email,
		drift.SHA256, drift.SHA1, drift.MD5, drift.CVE, hostPort, bareURL, otherHash} {
		if c.share(group) == 1 {
			return false
		}
	}
	return true
}

// numbers are the values as numbers; false if one is none.
func (c *column) numbers() (least, most float64, ok bool) {
	for v := range c.distinct {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return 0, 0, false
		}
		if !ok || f < least {
			least = f
		}
		if !ok || f > most {
			most = f
		}
		ok = true
	}
	return least, most, ok
}

// columns lists what the records have.
func (r *records) all() []*column {
	if !r.json {
		if r.other != nil {
			r.rows = slices.DeleteFunc(slices.Clone(r.rows), r.other)
		}
		out := make([]*column, len(r.columns))
		for i, name := range r.columns {
			values := make([]string, len(r.rows))
			for j, row := range r.rows {
				if i < len(row) {
					values[j] = row[i]
				}
			}
			out[i] = newColumn(name, values)
		}
		return out
	}
	return r.paths()
}

const maxPaths = 256

// flattening collects the leaves of JSON records.
type flattening struct {
	order  []string
	leaves map[string]*column
	record int
	total  int
}

func (r *records) paths() []*column {
	docs := make([]any, len(r.rows))
	for i, row := range r.rows {
		v, err := decodeRecord(row[0])
		if err != nil {
			v = row[0] // a text that is the record
		}
		docs[i] = v
	}
	return flatten(docs, r.names)
}

// exploded lists what the records have after the array at a path was taken apart.
func (r *records) exploded(path string) []*column {
	var docs []any
	var names []string
	for at, row := range r.rows {
		v, err := decodeRecord(row[0])
		if err != nil || len(docs) >= maxRecords {
			continue
		}
		if list, ok := v.([]any); ok && path == "$" {
			for _, e := range list {
				docs, names = append(docs, e), append(names, nameAt(r.names, at))
			}
			continue
		}
		holder, last := v, path
		for i := strings.IndexByte(last, '.'); i >= 0; i = strings.IndexByte(last, '.') {
			o, ok := holder.(*object)
			if !ok {
				break
			}
			holder, last = o.values[last[:i]], last[i+1:]
		}
		o, ok := holder.(*object)
		if !ok {
			docs, names = append(docs, v), append(names, nameAt(r.names, at))
			continue
		}
		list, _ := o.values[last].([]any)
		for _, e := range list {
			o.values[last] = e
			docs, names = append(docs, clone(v)), append(names, nameAt(r.names, at))
		}
	}
	return flatten(docs, names)
}

func nameAt(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// clone copies the objects of a value.
func clone(v any) any {
	o, ok := v.(*object)
	if !ok {
		return v
	}
	c := &object{keys: o.keys, values: make(map[string]any, len(o.values))}
	for k, v := range o.values {
		c.values[k] = clone(v)
	}
	return c
}

// flatten lists the leaves of documents, with their values by document.
func flatten(docs []any, names []string) []*column {
	f := &flattening{leaves: map[string]*column{}, total: len(docs)}
	for i, v := range docs {
		f.record = i
		f.walk(v, "", 0)
	}
	var out []*column
	if slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		out = append(out, newColumn("$key", names))
	}
	for _, path := range f.order {
		c := f.leaves[path]
		c.words, c.parents = nameWords(path)
		c.learn()
		out = append(out, c)
	}
	return out
}

func (f *flattening) leaf(path string) *column {
	c := f.leaves[path]
	if c == nil {
		if len(f.order) >= maxPaths {
			return &column{values: make([]string, f.total)}
		}
		c = &column{name: path, values: make([]string, f.total), distinct: map[string]int{}}
		f.leaves[path] = c
		f.order = append(f.order, path)
	}
	return c
}

func (f *flattening) walk(v any, path string, depth int) {
	at := path
	if at == "" {
		at = "$"
	}
	switch v := v.(type) {
	case nil:
		if path != "" {
			f.leaf(path)
		}
	case string:
		f.leaf(at).values[f.record] = v
	case json.Number:
		c := f.leaf(at)
		c.values[f.record], c.number = v.String(), true
	case bool:
		c := f.leaf(at)
		c.values[f.record], c.boolean = strconv.FormatBool(v), true
	case *object:
		if len(v.keys) == 0 && path != "" {
			return
		}
		if depth > 8 {
			return
		}
		for _, k := range v.keys {
			f.walk(v.values[k], join(path, quoteKey(k)), depth+1)
		}
	case []any:
		f.list(v, path, at, depth)
	}
}

// list is an array: of values it is one leaf, of objects its first element is
// looked into.
func (f *flattening) list(list []any, path, at string, depth int) {
	var parts []string
	for _, e := range list {
		switch e := e.(type) {
		case string:
			parts = append(parts, e)
		case json.Number:
			parts = append(parts, e.String())
		case bool:
			parts = append(parts, strconv.FormatBool(e))
		}
	}
	if len(parts) > 0 && len(parts) == len(list) {
		c := f.leaf(at)
		c.array = true
		c.values[f.record] = strings.Join(parts, "\n")
		return
	}
	if len(list) == 0 || depth > 8 {
		if path != "" {
			f.leaf(at).array = true
		}
		return
	}
	c := f.leaf(at)
	c.array, c.nested = true, true
	for _, e := range list[:1] {
		f.walk(e, at+"[0]", depth+1)
	}
}
