package contract

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/export/format"
)

// values compares how the same events are written. Other words in a text are a
// patch; another id, unit, time or name of a category is not what readers had.
func values(c *Change, was, is Sample) error {
	before, err := records(was, was.Columns)
	if err != nil {
		return err
	}
	columns := is.Columns
	if was.Shape.NoHeader { // read by position
		columns = was.Columns
	}
	after, err := records(is, columns)
	if err != nil {
		if c.Level < Major {
			c.add(Major, drift.CodeUnreadable, "", "The newer version cannot be read: %v.", err)
		}
		return nil
	}
	for _, d := range was.Columns {
		if c.tells(d.Name) {
			continue
		}
		for i := range min(len(before), len(after)) {
			x, y := before[i][d.Name], after[i][d.Name]
			if slices.Equal(x, y) || sameTimes(x, y) {
				continue
			}
			level := Major
			if d.Kind == "text" {
				level = Patch
			}
			c.add(level, CodeValues, d.Name, "%q of the same event was %s and is %s now.", d.Name, shown(x), shown(y))
			break
		}
	}
	return nil
}

func shown(values []string) string {
	if len(values) == 0 {
		return "absent"
	}
	return strconv.Quote(strings.Join(values, " "))
}

func sameTimes(x, y []string) bool {
	if len(x) != 1 || len(y) != 1 {
		return false
	}
	s, err := time.Parse(time.RFC3339Nano, x[0])
	t, err2 := time.Parse(time.RFC3339Nano, y[0])
	return err == nil && err2 == nil && s.Equal(t)
}

// record has the values of columns or paths.
type record map[string][]string

// records reads a sample back.
func records(s Sample, columns []format.Described) ([]record, error) {
	if s.Shape.Format == format.CSV {
		return rows(s, columns)
	}
	dec := json.NewDecoder(bytes.NewReader(s.Payload))
	dec.UseNumber()
	var out []record
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("sample of %s: %w", s.Shape.Format, err)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, o := range list {
			r := record{}
			flatten(r, "", o)
			// A path that names a list has its elements.
			for _, d := range columns {
				if d.List {
					r[d.Name] = r[d.Name+"[]"]
				}
			}
			out = append(out, r)
		}
	}
}

func flatten(r record, path string, v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			flatten(r, strings.TrimPrefix(path+"."+k, "."), e)
		}
	case []any:
		for _, e := range x {
			flatten(r, path+"[]", e)
		}
	default:
		r[path] = append(r[path], fmt.Sprint(x))
	}
}

func rows(s Sample, columns []format.Described) ([]record, error) {
	rd := csv.NewReader(bytes.NewReader(s.Payload))
	rd.FieldsPerRecord = -1
	all, err := rd.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("sample of csv: %w", err)
	}
	names := make([]string, len(columns))
	for i, d := range columns {
		names[i] = d.Name
	}
	if !s.Shape.NoHeader && len(all) > 0 {
		names, all = all[0], all[1:]
	}
	out := make([]record, len(all))
	for i, cells := range all {
		out[i] = record{}
		for j, cell := range cells {
			if j < len(names) && cell != "" {
				out[i][names[j]] = []string{cell}
			}
		}
	}
	return out, nil
}
