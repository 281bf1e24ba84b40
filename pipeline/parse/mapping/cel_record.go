package mapping

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// scope is the variables of expressions: record and meta. One serves all the
// expressions of a Runner, one after the other.
type scope struct {
	record *celRecord
	meta   ref.Val
}

var _ interpreter.Activation = (*scope)(nil)

func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "record":
		return s.record, true
	case "meta":
		return s.meta, true
	}
	return nil, false
}

func (s *scope) Parent() interpreter.Activation { return nil }

// celRecord is the map "record". What an expression names by a constant is
// taken from the inputs; all members are made only where something else is done
// with it.
type celRecord struct {
	program *Program
	runner  *Runner
	rec     *Record
	// made holds the members that have been made for this record, by input, then by
	// derived value.
	made []ref.Val
	all  traits.Mapper
}

var _ traits.Mapper = (*celRecord)(nil)

// reset turns to another record, or the same one with other values.
func (c *celRecord) reset(rec *Record) {
	c.rec = rec
	c.all = nil
	clear(c.made)
}

func (c *celRecord) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key), false
	}
	at, ok := c.program.celRefs[string(name)]
	if !ok {
		return c.full().Find(key)
	}
	slot := at.i
	if at.of == inDerived {
		slot += len(c.program.inputs)
	}
	if c.made[slot] == nil {
		v := c.runner.get(c.rec, at)
		if v.Kind == record.Absent {
			return nil, false
		}
		c.made[slot] = c.member(string(name), v, at.of)
	}
	return c.made[slot], true
}

func (c *celRecord) member(name string, v record.Value, of place) ref.Val {
	if v.Kind == record.String {
		return types.String(v.Text)
	}
	native := record.Native(v)
	if of == inRecord {
		native = c.program.exploded(name, native, c.rec)
	}
	return types.DefaultTypeAdapter.NativeToValue(native)
}

// full is the record with all its members.
func (c *celRecord) full() traits.Mapper {
	if c.all != nil {
		return c.all
	}
	members := map[string]any{}
	if c.program.document {
		record.Members(c.rec.JSON, func(name string, v record.Value) bool {
			members[name] = c.program.exploded(name, record.Native(v), c.rec)
			return true
		})
	}
	for i, name := range c.rec.Columns {
		if i < len(c.rec.Cells) {
			members[name] = c.rec.Cells[i]
		}
	}
	maps.Copy(members, c.program.explodedCells(c.rec))
	for i, name := range c.program.derived {
		if v := c.rec.derived[i]; v.Kind != record.Absent {
			members[name] = record.Native(v)
		}
	}
	c.all = types.NewStringInterfaceMap(types.DefaultTypeAdapter, members)
	return c.all
}

func (c *celRecord) Get(key ref.Val) ref.Val {
	if v, ok := c.Find(key); ok || types.IsError(v) {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

func (c *celRecord) Contains(key ref.Val) ref.Val {
	v, ok := c.Find(key)
	if types.IsError(v) {
		return v
	}
	return types.Bool(ok)
}

func (c *celRecord) Iterator() traits.Iterator                   { return c.full().Iterator() }
func (c *celRecord) Size() ref.Val                               { return c.full().Size() }
func (c *celRecord) Equal(other ref.Val) ref.Val                 { return c.full().Equal(other) }
func (c *celRecord) ConvertToType(t ref.Type) ref.Val            { return c.full().ConvertToType(t) }
func (c *celRecord) ConvertToNative(t reflect.Type) (any, error) { return c.full().ConvertToNative(t) }
func (c *celRecord) Type() ref.Type                              { return types.MapType }
func (c *celRecord) Value() any                                  { return c.full().Value() }

// result is the value of an expression: text, a time, or several texts.
type result struct {
	value  record.Value
	time   time.Time
	isTime bool
	list   []record.Value
	isList bool
}

var errResult = errors.New("the expression gives neither text, a number, a boolean, a timestamp nor a list of these")

// eval runs a value expression.
func (e *expression) eval(s *scope) (result, error) {
	v, err := e.run(s)
	if err != nil {
		return result{}, err
	}
	switch v := v.(type) {
	case types.Timestamp:
		return result{time: v.Time, isTime: true}, nil
	case traits.Lister:
		r := result{isList: true}
		for it := v.Iterator(); it.HasNext() == types.True; {
			part, err := scalar(it.Next())
			if err != nil {
				return result{}, err
			}
			r.list = append(r.list, part)
		}
		return r, nil
	}
	value, err := scalar(v)
	return result{value: value}, err
}

// holds runs a condition.
func (e *expression) holds(s *scope) (bool, error) {
	v, err := e.run(s)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("the condition gives " + v.Type().TypeName() + ", not true or false")
	}
	return bool(b), nil
}

func (e *expression) run(s *scope) (ref.Val, error) {
	v, _, err := e.program.Eval(s)
	if err != nil {
		return nil, explainEval(err)
	}
	return v, nil
}

// explainEval says in the user's words what went wrong.
func explainEval(err error) error {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "no such key: "):
		name := strings.TrimPrefix(text, "no such key: ")
		return errors.New("the record has no " + strconv.Quote(name) + "; where it may be missing, ask has(record." + name + ") first")
	case strings.Contains(text, "cost limit exceeded"):
		return errors.New("the expression takes too long for this record")
	case strings.HasPrefix(text, "no such overload"):
		return errors.New("the expression fails: a value is of a type that it cannot work with")
	}
	return fmt.Errorf("the expression fails: %w", err)
}

func scalar(v ref.Val) (record.Value, error) {
	switch v := v.(type) {
	case types.String:
		return record.Value{Text: string(v), Kind: record.String}, nil
	case types.Int:
		return record.Value{Text: strconv.FormatInt(int64(v), 10), Kind: record.Number}, nil
	case types.Uint:
		return record.Value{Text: strconv.FormatUint(uint64(v), 10), Kind: record.Number}, nil
	case types.Double:
		return float(float64(v))
	case types.Bool:
		return record.Value{Text: strconv.FormatBool(bool(v)), Kind: record.Bool}, nil
	case types.Null:
		return record.Value{Kind: record.Null}, nil
	case types.Timestamp:
		return record.Value{Text: v.UTC().Format(time.RFC3339Nano), Kind: record.String}, nil
	}
	if v.Type().HasTrait(traits.ContainerType) {
		return record.Value{}, errResult
	}
	if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return record.Value{Text: string(s), Kind: record.String}, nil
	}
	return record.Value{}, errResult
}

func float(f float64) (record.Value, error) {
	if f-f != 0 { // infinite or not a number
		return record.Value{}, errors.New("the expression gives no finite number")
	}
	return record.Value{Text: strconv.FormatFloat(f, 'f', -1, 64), Kind: record.Number}, nil
}
