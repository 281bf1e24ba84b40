package parse

import (
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Record is one record as it was read. It is valid during the call.
type Record struct {
	m   mapping.Record
	raw []byte
	// path is scratch memory of Keys.
	path []byte
}

// Input returns the value of input i (see Parser.Inputs) as text; false if the
// record does not have it. JSON null counts as absent. Arrays and objects are
// JSON text.
func (r *Record) Input(i int) (string, bool) {
	v := r.m.Values[i]
	return v.Text, v.Present()
}

// Kind is the JSON type of input i: string, number, boolean, object, array, null
// or absent. Cells of tables are strings.
func (r *Record) Kind(i int) string { return r.m.Values[i].Kind.String() }

// Cells is how many cells the record has (CSV, text), 0 for JSON.
func (r *Record) Cells() int { return len(r.m.Cells) }

// JSON is the text of a record that has paths, "" for cells of tables.
func (r *Record) JSON() string { return r.m.JSON }

// Keys yields the leaf paths of a JSON record, each with its kind: a.b,
// tags[] for the elements of an array, so that a path may come several times. An
// empty object or array is a leaf. The path is valid during the call.
func (r *Record) Keys(yield func(path string, k record.Kind) bool) {
	if r.m.JSON == "" {
		return
	}
	r.path = record.Leaves(r.m.JSON, r.path, yield)
}
