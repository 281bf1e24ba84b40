// Package mapping is the language in which a Parser says how a record becomes an
// event: explode, skip, mapping rules, constants. A Program is compiled once; a
// Runner runs it on one record after the other and reuses its memory.
package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Input is one column or path that a Program uses. Its index is the slot of
// Record.Values.
type Input struct {
	Name string
	// Path in a JSON record; empty for columns.
	Path record.Path
	// Position of a column that is named by it, from 0; -1 for others.
	Position int
	// Fields of the event that it fills.
	Fields []string
	// Required: a rule that requires its field has this as its only input.
	Required bool
}

// Program is a compiled mapping. It is safe for concurrent use.
type Program struct {
	document bool // JSON records; tables otherwise
	inputs   []Input
	slots    map[string]int // by column or canonical path
	metas    []string       // names of what is known of the payload
	derive   []*deriveRule
	derived  []string // names of what derive rules make
	// celRefs are the values that expressions name as members of record.
	celRefs map[string]operand
	explode []*explodeRule
	skip    []skipRule
	targets []target
	// variants are the events that a record may become; at least one.
	variants []variant
	lookups  []*lookup
	// constants are fields that no rule has set.
	constants []constant
	// targetOf has the targets by name.
	targetOf  map[string]int
	blacklist *blacklist
}

// variant is one of the events that a record may become.
type variant struct {
	when  *expression
	rules []rule
	// constants are those of the emit rule.
	constants []constant
	// required are targets that must be set.
	required []int
}

// target is one field that rules set. That of observables has no field.
type target struct {
	name   string
	field  event.Field
	inputs []int // slots; -1 for what is none
}

type skipRule struct {
	when   *expression
	reason string
}

type constant struct {
	target int
	value  string
}

// Options say what the records are.
type Options struct {
	// JSON records have paths, others columns.
	JSON bool
	// Columns are the names of all columns if they are known; ColumnsAt is where
	// the Parser has them.
	Columns   []string
	ColumnsAt string
	// Meta are the names of values that the input captures.
	Meta []string
}

// Compile checks the mapping of a spec. The error joins all that is wrong, each
// with its place and mend.
func Compile(spec *v1alpha1.ParserSpec, opts Options) (*Program, error) {
	c := &compiler{
		Program: &Program{
			document: opts.JSON, slots: map[string]int{}, celRefs: map[string]operand{},
			metas: append(slices.Clone(payloadMeta), opts.Meta...),
		},
		opts:    opts,
		byField: map[string]int{},
	}
	for i := range spec.Derive {
		c.deriveRule(&spec.Derive[i], fmt.Sprintf("spec.derive[%d]", i))
	}
	c.emit(spec)
	for i := range spec.Lookups {
		c.lookup(&spec.Lookups[i], fmt.Sprintf("spec.lookups[%d]", i))
	}
	c.constants = c.constantFields(spec.Constants, "spec.constants")
	c.kind(spec)
	for i := range spec.Skip {
		c.skipRule(&spec.Skip[i], fmt.Sprintf("spec.skip[%d]", i))
	}
	for i := range spec.Explode {
		c.explodeRule(&spec.Explode[i], fmt.Sprintf("spec.explode[%d]", i))
	}
	c.finish()
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	return c.Program, nil
}

// Inputs are what the mapping refers to, by slot.
func (p *Program) Inputs() []Input { return p.inputs }

type compiler struct {
	*Program
	opts    Options
	byField map[string]int
	// derivedFields are the fields that derived values fill.
	derivedFields map[int][]string
	errs          []error
}

func (c *compiler) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *compiler) check(err error) bool {
	if err != nil {
		c.errs = append(c.errs, err)
	}
	return err == nil
}

// input finds or makes the slot of a column or path.
func (c *compiler) input(name, at string) (int, bool) {
	key, path, position := name, record.Path(nil), -1
	switch {
	case c.document:
		var err error
		if path, err = record.ParsePath(name); err != nil {
			c.fail("%s: %w", at, err)
			return 0, false
		}
		if path.Has(record.Any) {
			c.fail(`%s: %q: * is only for spec.input.json.records; explode takes the elements of an array apart`, at, name)
			return 0, false
		}
		key = path.String()
	case slices.Contains(c.opts.Columns, name):
	default:
		if position = positionOf(name); position < 0 && len(c.opts.Columns) > 0 {
			c.fail("%s: %q is not in %s (has: %s)", at, name, c.opts.ColumnsAt, strings.Join(c.opts.Columns, ", "))
			return 0, false
		}
	}
	slot := c.slot(key, name, path)
	c.inputs[slot].Position = position
	return slot, true
}

// positionOf is the position that [0], [1], ... name; -1 for other names.
func positionOf(name string) int {
	if len(name) < 3 || name[0] != '[' || name[len(name)-1] != ']' {
		return -1
	}
	n, err := strconv.ParseUint(name[1:len(name)-1], 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

func (c *compiler) slot(key, name string, path record.Path) int {
	slot, ok := c.slots[key]
	if !ok {
		slot = len(c.inputs)
		c.slots[key] = slot
		c.inputs = append(c.inputs, Input{Name: name, Path: path, Position: -1})
	}
	return slot
}

func (c *compiler) fills(slot int, field string) {
	if in := &c.inputs[slot]; field != "" && !slices.Contains(in.Fields, field) {
		in.Fields = append(in.Fields, field)
	}
}

// target finds or makes the target of a field.
func (c *compiler) target(name, at string) (int, bool) {
	if t, ok := c.byField[name]; ok {
		return t, true
	}
	field, ok := event.Lookup(name)
	if !ok {
		c.fail("%s: %q is no field of an event%s", at, name, suggestion(name))
		return 0, false
	}
	t := len(c.targets)
	c.byField[name] = t
	c.targets = append(c.targets, target{name: name, field: field})
	return t, true
}

func suggestion(name string) string {
	switch name {
	case "source", "id", "modified", "client", "ignored", "replaces", "undated":
		return " that a Parser may fill; the platform sets it"
	}
	if s := event.Suggest(name); s != "" && s != name {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return "; what has no field goes to extra.<key>, such as extra." + strings.ReplaceAll(name, ".", "_")
}

// expression compiles CEL and makes inputs of what it names.
func (c *compiler) expression(source, at, field string, condition bool) *expression {
	e, err := compileExpression(source, at, c.document || c.unpacks(), condition)
	if !c.check(err) {
		return nil
	}
	for _, key := range e.keys {
		v, ok := c.member(key, at)
		if !ok {
			continue
		}
		c.celRefs[key] = v
		if v.of == inRecord {
			c.fills(v.i, field)
		}
	}
	for _, key := range e.metaKeys {
		if !slices.Contains(c.metas, key) {
			c.fail("%s: meta has no %q; it has: %s", at, key, strings.Join(c.metas, ", "))
		}
	}
	return e
}

// unpacks reports whether members of record may be other things than text, even in
// a table.
func (c *compiler) unpacks() bool {
	return slices.ContainsFunc(c.derive, func(d *deriveRule) bool { return d.tree != nil })
}

// member finds what an expression calls record.<key>.
func (c *compiler) member(key, at string) (operand, bool) {
	if v, ok := c.derivedNamed(key); ok {
		return v, true
	}
	if !c.document {
		slot, ok := c.input(key, at)
		return operand{inRecord, slot}, ok
	}
	path := record.Path{{Kind: record.Key, Key: key}}
	if key == record.NamePath {
		path[0] = record.Segment{Kind: record.Name}
	}
	return operand{inRecord, c.slot(path.String(), path.String(), path)}, true
}

func (c *compiler) skipRule(spec *v1alpha1.SkipRule, at string) {
	if e := c.expression(spec.When, at+".when", "", true); e != nil {
		c.skip = append(c.skip, skipRule{e, spec.Reason})
	}
}

func (c *compiler) constantFields(constants map[string]string, place string) []constant {
	var out []constant
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		at := place + "." + name
		t, ok := c.target(name, at)
		if !ok {
			continue
		}
		value := constants[name]
		if err := c.targets[t].field.Set(&event.Event{}, value); err != nil {
			c.fail("%s: %w", at, reasonOf(err))
			continue
		}
		out = append(out, constant{t, value})
	}
	return out
}

// reasonOf is the error without the field, which the place names already.
func reasonOf(err error) error {
	var fe *event.FieldError
	if errors.As(err, &fe) {
		return fmt.Errorf("%q %s", fe.Value, fe.Reason)
	}
	return err
}

// defaultConfidence is that of feeds which do not say.
const defaultConfidence = "medium"

func (c *compiler) finish() {
	if _, ok := c.byField["category"]; !ok && !c.misspelt("category") {
		c.fail("spec.constants: nothing sets category, which every event needs; add category: bots, or another of %s",
			strings.Join(categories(), ", "))
	}
	t, ok := c.target("confidence", "spec.constants")
	if ok && !c.hasConstant(t) {
		c.constants = append(c.constants, constant{t, defaultConfidence})
	}
	c.deriveSources()
	c.targetOf = c.byField
	for i := range c.variants {
		for _, t := range c.variants[i].required {
			if in := c.targets[t].inputs; len(in) == 1 && in[0] >= 0 && len(c.variants) == 1 {
				c.inputs[in[0]].Required = true
			}
		}
	}
}

func (c *compiler) hasConstant(t int) bool {
	return slices.ContainsFunc(c.constants, func(k constant) bool { return k.target == t })
}

// misspelt reports whether an error already proposes the field.
func (c *compiler) misspelt(field string) bool {
	return slices.ContainsFunc(c.errs, func(err error) bool {
		return strings.HasSuffix(err.Error(), fmt.Sprintf("did you mean %q?", field))
	})
}

func categories() []string {
	f, _ := event.Lookup("category")
	return f.Choices()
}
