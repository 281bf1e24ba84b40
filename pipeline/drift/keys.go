package drift

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Types tells how many values have which JSON type. In JSON it is an object with
// the types that occur.
type Types [record.Array + 1]int64

// Of is how many values have the type of that name.
func (t *Types) Of(name string) int64 {
	for k, n := range t {
		if record.Kind(k).String() == name {
			return n
		}
	}
	return 0
}

// Names are the types that occur, in the order of the alphabet.
func (t *Types) Names() []string {
	var names []string
	for _, k := range alphabetical {
		if t[k] > 0 {
			names = append(names, k.String())
		}
	}
	return names
}

var alphabetical = [...]record.Kind{record.Array, record.Bool, record.Null, record.Number, record.Object, record.String}

// MarshalJSON writes {"string":12}.
func (t Types) MarshalJSON() ([]byte, error) {
	m := make(map[string]int64, 2)
	for k, n := range t {
		if n != 0 {
			m[record.Kind(k).String()] = n
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON wrote; types that it does not know are
// dropped.
func (t *Types) UnmarshalJSON(b []byte) error {
	var m map[string]int64
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("counts of types: %w", err)
	}
	for k := range t {
		t[k] = max(m[record.Kind(k).String()], 0)
	}
	return nil
}

// keys counts the leaf paths of records. Records of a feed mostly have the same
// paths in the same order, so that a look at the one which came next the last time
// tells which it is.
type keys struct {
	list  []key
	index map[string]int
	nr    int64 // of the record
	at    int   // the path before; 0 at the beginning of a record
}

type key struct {
	name string
	Path
	last int64 // record that was counted last
	next int
}

func (k *keys) reset() {
	clear(k.list)
	k.list = append(k.list[:0], key{}) // the beginning of a record
	clear(k.index)

}

// see counts a path of the record. spend tells whether there may be one more name.
func (k *keys) see(path string, typ record.Kind, spend func(n int) bool) {
	at := k.list[k.at].next
	if at == 0 || k.list[at].name != path {
		if at = k.at; k.list[at].name != path { // the elements of an array share a path
			if at = k.find(path, spend); at == 0 {
				return
			}
			k.list[k.at].next = at
		}
	}
	k.at = at
	one := &k.list[at]
	if one.last != k.nr {
		one.last = k.nr
		one.Records++
	}
	one.Types[typ]++
}

func (k *keys) find(path string, spend func(n int) bool) int {
	if at, known := k.index[path]; known {
		return at
	}
	if len(path) > maxName || len(k.list) > maxPaths || !spend(len(path)) {
		return 0
	}
	if k.index == nil {
		k.index = make(map[string]int)
	}
	path = strings.Clone(path)
	k.index[path] = len(k.list)
	k.list = append(k.list, key{name: path})
	return len(k.list) - 1
}

// paths are the counts so far; nil if there are none.
func (k *keys) paths() map[string]*Path {
	if len(k.list) <= 1 {
		return nil
	}
	paths := make([]Path, len(k.list)-1)
	m := make(map[string]*Path, len(paths))
	for i := range paths {
		paths[i] = k.list[i+1].Path
		m[k.list[i+1].name] = &paths[i]
	}
	return m
}
