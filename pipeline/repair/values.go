package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// maxValues is how many records are looked at for the values of the columns.
const maxValues = 2000

// Values reads the columns or paths of a payload: for each name its values by
// record, "" where there is none. What the input cannot read has no values.
func Values(ctx context.Context, spec *v1alpha1.ParserSpec, names []string, data []byte, m parse.Meta) (map[string][]string, error) {
	probe := &v1alpha1.ParserSpec{Input: *spec.Input.DeepCopy(), Explode: spec.Explode, Constants: map[string]string{"category": "other"}}
	out := make(map[string][]string, len(names))
	for i, name := range names[:min(len(names), maxSide)] {
		probe.Mapping = append(probe.Mapping, v1alpha1.MappingRule{Field: fmt.Sprintf("extra.c%d", i), From: []string{name}})
		if _, err := parse.Compile(probe); err != nil { // a name that no rule can have, or that is not there
			probe.Mapping = probe.Mapping[:len(probe.Mapping)-1]
		}
	}
	if len(probe.Mapping) == 0 {
		return out, nil
	}
	p, err := parse.Compile(probe)
	if err != nil {
		return out, nil //nolint:nilerr // nothing can be read like that
	}
	see := &seeing{names: p.Inputs(), values: out}
	_, err = p.Parse(ctx, bytes.NewReader(data), m, see, see)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if unreadable := (*parse.UnreadableError)(nil); err != nil && !errors.Is(err, errEnough) && !errors.As(err, &unreadable) {
		return nil, err
	}
	return out, nil
}

var errEnough = errors.New("seen enough")

// seeing notes values.
type seeing struct {
	names  []parse.Input
	values map[string][]string
	n      int
}

func (s *seeing) Columns([]string) {}

func (s *seeing) Record(r *parse.Record) {
	if s.n++; s.n > maxValues {
		return
	}
	for i := range s.names {
		v, _ := r.Input(i)
		s.values[s.names[i].Name] = append(s.values[s.names[i].Name], strings.Clone(v[:min(len(v), 512)]))
	}
}

func (s *seeing) Event(*event.Event) error      { return s.more() }
func (s *seeing) Reject(*parse.Rejection) error { return s.more() }

func (s *seeing) more() error {
	if s.n > maxValues {
		return errEnough
	}
	return nil
}

// names are the columns or paths of a profile, in order; those of arrays are the
// first element's.
//
// Below a list that explode rules take apart, rules leave out that it is one.
func namesOf(p *drift.Profile, explode []v1alpha1.ExplodeRule) []string {
	if len(p.Paths) == 0 {
		return p.Columns
	}
	var out []string
	for _, path := range slices.Sorted(maps.Keys(p.Paths)) {
		for _, rule := range explode {
			if rest, ok := strings.CutPrefix(path, rule.From+"[]."); ok {
				path = rule.From + "." + rest
			}
		}
		out = append(out, strings.ReplaceAll(path, "[]", "[0]"))
	}
	return out
}

// width is how many cells most rows have.
func width(p *drift.Profile) int {
	best, most := 0, int64(0)
	for cells, n := range p.Cells {
		if n > most || n == most && cells > best {
			best, most = cells, n
		}
	}
	return best
}

// learn is the profile of a payload.
func learn(ctx context.Context, lens *drift.Lens, data []byte, m parse.Meta) (*drift.Profile, error) {
	profile, err := lens.Learn(ctx, bytes.NewReader(data), m)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return profile, lens.Probe(ctx, open, m, profile)
}

// columnsOf are the columns of a payload, read with an input.
func columnsOf(ctx context.Context, spec *v1alpha1.ParserSpec, names []string, data []byte, m parse.Meta) ([]*column, error) {
	values, err := Values(ctx, spec, names, data, m)
	if err != nil {
		return nil, err
	}
	out := make([]*column, 0, len(names))
	for i, name := range names[:min(len(names), maxSide)] {
		out = append(out, newColumn(name, i, len(names), values[name]))
	}
	return out, nil
}
