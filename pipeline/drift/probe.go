package drift

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// What a probe reads of a payload.
const (
	probeBytes   = 1 << 20
	probeRecords = 256
	perRule      = 16  // inputs of one rule, by the schema of Parser
	mostProbed   = 512 // columns or paths
)

// Wants tells whether a probe of an accepted payload would teach the baseline
// something: columns or paths that it knows only by name.
func (p *Profile) Wants(now *Profile) bool {
	for _, name := range now.unmapped() {
		if p == nil || p.column(name) == nil {
			return true
		}
	}
	return false
}

// unmapped are the names of what no rule uses.
func (p *Profile) unmapped() []string {
	var names []string
	if len(p.Paths) > 0 {
		for _, path := range slices.Sorted(maps.Keys(p.Paths)) {
			if p.reads(path) == nil && p.Paths[path].Records*2 >= p.walked() {
				names = append(names, path)
			}
		}
	} else {
		for i := range max(len(p.Columns), p.modalCells()) {
			name := position(i + 1)
			if i < len(p.Columns) {
				name = p.Columns[i]
			}
			if p.input(name) == nil {
				names = append(names, name)
			}
		}
	}
	return names[:min(len(names), mostProbed)]
}

// Probe looks at the beginning of a payload again and adds to its profile what
// the mapping does not read: the kinds of all other columns or paths. What
// cannot be read is left out; only the failure of open or ctx is an error.
func (l *Lens) Probe(ctx context.Context, open func() (io.ReadCloser, error), m parse.Meta, p *Profile) error {
	if p.Declared == formatText || p.Declared != formatCSV && !hasPaths(p.Declared) {
		return nil
	}
	positional := p.Declared == formatCSV && !p.Named
	if positional && len(p.Cells) == 0 { // every row was too short to be read
		counted, err := l.probe(ctx, open, m, []string{position(1)}, positional)
		if err != nil || counted == nil {
			return err
		}
		p.Cells = counted.Cells
	}
	names := p.unmapped()
	if positional {
		names = nil
		for i := range min(p.modalCells(), mostProbed) {
			names = append(names, position(i+1))
		}
	}
	if len(names) == 0 {
		return nil
	}
	seen, err := l.probe(ctx, open, m, names, positional)
	if err != nil || seen == nil {
		return err
	}
	if positional {
		p.adoptPositions(seen)
	} else {
		p.Others = seen.Inputs
	}
	return nil
}

// adoptPositions gives the probed columns their declared names. Where rows were
// too short for the Parser, the probe is all that is known of mapped columns too.
func (p *Profile) adoptPositions(seen *Profile) {
	p.Others = nil
	for i := range seen.Inputs {
		c := seen.Inputs[i]
		if i < len(p.Columns) {
			c.Name = p.Columns[i]
		}
		in := p.input(c.Name)
		switch {
		case in == nil:
			p.Others = append(p.Others, c)
		case in.Values+in.Empty == 0:
			in.Values, in.Empty, in.Kinds, in.Layouts, in.Samples = c.Values, c.Empty, c.Kinds, c.Layouts, c.Samples
		}
	}
}

// probe learns about the named columns with a Parser that reads nothing else. nil
// means that there is nothing to learn.
func (l *Lens) probe(ctx context.Context, open func() (io.ReadCloser, error), m parse.Meta, names []string, positional bool) (*Profile, error) {
	spec := &v1alpha1.ParserSpec{Input: *l.spec.Input.DeepCopy(), Constants: map[string]string{"category": "other"}}
	if set := spec.Input.SchemaSet; set != nil {
		spec.Input.SchemaSet, spec.Input.CSV = nil, set.CSV
		if set.CSV == nil {
			spec.Input.CSV = &v1alpha1.CSVSpec{}
		}
	}
	if positional {
		spec.Input.CSV.Columns = names
	}
	leaves := make(map[string]string)
	for i, name := range names {
		if first := strings.ReplaceAll(name, "[]", "[0]"); first != name { // of an array, the first element will do
			leaves[first] = name
			names[i] = first
		}
	}
	for rest, i := names, 0; len(rest) > 0; i++ {
		n := min(len(rest), perRule)
		spec.Mapping = append(spec.Mapping, v1alpha1.MappingRule{Field: fmt.Sprintf("extra.c%d", i), From: rest[:n]})
		rest = rest[n:]
	}
	lens, err := NewLens(spec)
	if err != nil {
		return nil, nil // a name that no Parser could use: the explanation goes without the kinds
	}
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	profiler := lens.Profiler()
	_, err = lens.Parse(ctx, io.LimitReader(r, probeBytes), m, &enough{left: probeRecords}, profiler)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if unreadable := (*parse.UnreadableError)(nil); err != nil && !errors.Is(err, errEnough) && !errors.As(err, &unreadable) {
		return nil, err
	}
	for i := range profiler.profile.Inputs {
		in := &profiler.profile.Inputs[i]
		in.Rules, in.Fields = "", nil
		if leaf, ok := leaves[in.Name]; ok {
			in.Name = leaf
		}
	}
	return profiler.Profile(), nil
}

var errEnough = errors.New("seen enough")

// enough ends parsing after some records.
type enough struct{ left int }

func (s *enough) Event(*event.Event) error      { return s.count() }
func (s *enough) Reject(*parse.Rejection) error { return s.count() }

func (s *enough) count() error {
	if s.left--; s.left <= 0 {
		return errEnough
	}
	return nil
}
