package store

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/weir-project/weir/pipeline/event"
)

// ErrFull is wrapped by the error of a Record that found no space left. Nothing
// of the batch is kept half; the same Record works again when there is space.
var ErrFull = errors.New("no space left for the archive")

// ErrQuery is wrapped by the error of a Search whose query is wrong: unknown
// field, operator that does not fit the field, value that the field cannot have.
var ErrQuery = errors.New("invalid query")

// Filter is a checked query that can be asked about events in memory. Dialects
// use it for what their indexes cannot decide.
type Filter struct {
	// Where holds the conditions with values in the form that events have them
	// (lower-case names of hosts, folded names of threats, ...).
	Where []Cond
	Limit int64

	match []func(*event.Event) bool
}

// Compile checks q. Its errors wrap ErrQuery and name the condition.
func Compile(q Query) (*Filter, error) {
	if q.Limit < 0 {
		return nil, fmt.Errorf("%w: limit is %d, must not be negative", ErrQuery, q.Limit)
	}
	f := &Filter{Limit: q.Limit}
	for i, c := range q.Where {
		norm, match, err := compile(c)
		if err != nil {
			return nil, fmt.Errorf("%w: where[%d]: %w", ErrQuery, i, err)
		}
		f.Where = append(f.Where, norm)
		f.match = append(f.match, match)
	}
	return f, nil
}

// Match reports whether e meets every condition.
func (f *Filter) Match(e *event.Event) bool {
	for _, m := range f.match {
		if !m(e) {
			return false
		}
	}
	return true
}

func compile(c Cond) (Cond, func(*event.Event) bool, error) {
	switch c.Op {
	case In:
		return compileIn(c)
	case Contains:
		return compileContains(c)
	case InNet:
		return compileNet(c)
	case Min, Max, Until:
		return compileTime(c)
	case AtMost, AtLeast:
		return compileOrder(c)
	case Subdomain:
		return compileSubdomain(c)
	}
	return c, nil, fmt.Errorf("field %q: unknown operator %d", c.Field, c.Op)
}

// String is the operator's name in messages.
func (op Op) String() string {
	names := []string{"", "in", "contains", "in net", "min", "max", "until", "at most", "at least", "subdomain"}
	if op == 0 || int(op) >= len(names) {
		return "operator " + strconv.Itoa(int(op))
	}
	return names[op]
}

func unfit(c Cond) error {
	return fmt.Errorf("field %q cannot be asked with %q", c.Field, c.Op)
}
