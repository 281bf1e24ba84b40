package parse

import (
	"fmt"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// jsonLines has one JSON document a line.
type jsonLines struct {
	tree *record.Tree
}

func compileJSONLines(*v1alpha1.JSONLinesSpec) (format, error) { return &jsonLines{}, nil }

func (*jsonLines) options() mapping.Options { return mapping.Options{JSON: true} }

func (j *jsonLines) bind(p *mapping.Program) error {
	j.tree = treeOf(p)
	return nil
}

// treeOf is the set of paths that a mapping uses.
func treeOf(p *mapping.Program) *record.Tree {
	t := record.NewTree()
	for slot, in := range p.Inputs() {
		if !in.Path.Has(record.Name) {
			t.Add(in.Path, slot)
		}
	}
	return t
}

func (j *jsonLines) read(r *run) error {
	if err := r.start("JSON lines"); err != nil {
		return err
	}
	w := record.NewWalker(j.tree)
	for {
		line, err := r.nextLine(nil)
		if err != nil || line == nil {
			return err
		}
		if err := r.extract(w, line, ""); err != nil {
			return err
		}
	}
}

// extract takes one JSON record.
func (r *run) extract(w *record.Walker, raw []byte, name string) error {
	return r.made(w, raw, raw, name)
}

// jsonDocument is one document with records inside.
type jsonDocument struct {
	path     record.Path
	captures []capture
	at       string // the path as the Parser writes it
	many     bool   // documents follow one another
	tree     *record.Tree
}

func compileJSON(spec *v1alpha1.JSONSpec) (format, error) {
	path, err := record.ParsePath(spec.Records)
	if err != nil {
		return nil, fmt.Errorf("spec.input.json.records: %w", err)
	}
	if path.Has(record.Name) {
		return nil, fmt.Errorf("spec.input.json.records: %s is for the mapping; write * for all values of an object", record.NamePath)
	}
	return &jsonDocument{path: path, at: strings.TrimSpace(spec.Records), many: spec.Concatenated}, nil
}

func (*jsonDocument) options() mapping.Options { return mapping.Options{JSON: true} }

func (j *jsonDocument) bind(p *mapping.Program) error {
	j.tree = treeOf(p)
	return nil
}

// capture takes values beside the records: members on the way to them.
func (j *jsonDocument) capture(captures []capture) error {
	for i := range captures {
		c := captures[i]
		if c.path == "" {
			return fmt.Errorf("spec.input.capture[%d].pattern: is for formats of lines; write the path of a member", i)
		}
		if len(j.path) == 0 {
			return fmt.Errorf("spec.input.capture[%d].path: without spec.input.json.records there is nothing beside the records", i)
		}
		path, err := record.ParsePath(c.path)
		if err != nil {
			return fmt.Errorf("spec.input.capture[%d].path: %w", i, err)
		}
		if len(path) == 0 || path.Has(record.Name) || under(path, j.path) {
			return fmt.Errorf("spec.input.capture[%d].path: %q is inside of a record, or all of the document; "+
				"rules read the members of a record by their paths", i, c.path)
		}
		c.steps = path
		j.captures = append(j.captures, c)
	}
	return nil
}

func under(path, base record.Path) bool {
	_, ok := path.Under(base)
	return ok
}
