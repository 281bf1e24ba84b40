package infer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// records are those of a sample as a Parser sees them.
type records struct {
	columns []string // of a table
	json    bool
	rows    [][]string // cells of a table; of JSON one: the record itself
	names   []string   // $key of JSON records
	raws    []string
	// other reports a row that is of another kind.
	other func(row []string) bool
	// unread are the records that could not be read, reasons why.
	unread  int
	reasons []string
	// broken is why the sample as a whole cannot be read.
	broken error
}

var errEnough = errors.New("enough records")

var sampleTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Sample) meta() parse.Meta {
	return parse.Meta{Source: "example.example", URL: s.URL, Filename: s.Filename, ContentType: s.ContentType, Collected: sampleTime}
}

// read takes the records out of the sample with the very reader that the Parser
// will use. A rule that no record fulfils has each of them rejected, and with
// that its bytes.
func (t *text) read(in *v1alpha1.InputSpec) (*records, error) {
	probe := v1alpha1.ParserSpec{Input: *in, Constants: map[string]string{"category": "other"},
		Mapping: []v1alpha1.MappingRule{{Field: "name", Value: ptr("x"), When: "false", Required: true}}}
	r := &records{json: isDocument(in)}
	if r.json {
		probe.Mapping = append(probe.Mapping, from("extra.record", "$"))
		if in.JSON != nil || in.INI != nil {
			probe.Mapping = append(probe.Mapping, from("extra.key", "$key"))
		}
		return r, t.probe(&probe, r)
	}
	if err := t.probe(&probe, r); err != nil || len(r.columns) == 0 {
		return r, err
	}
	for i, c := range r.columns[:min(len(r.columns), 1024)] {
		probe.Mapping = append(probe.Mapping, from(fmt.Sprintf("extra.c%d", i), c))
	}
	*r = records{}
	return r, t.probe(&probe, r)
}

func (t *text) probe(spec *v1alpha1.ParserSpec, r *records) error {
	p, err := parse.Compile(spec)
	if err != nil {
		return err
	}
	see := &seeing{records: r, width: len(p.Inputs())}
	_, err = p.Parse(context.Background(), bytes.NewReader(t.sample.Data), t.sample.meta(), see, see)
	if err != nil && !errors.Is(err, errEnough) {
		r.broken = err
	}
	return nil
}

// isDocument reports whether the records of a format have paths, not columns.
func isDocument(in *v1alpha1.InputSpec) bool {
	return in.CSV == nil && in.Text == nil && in.Hosts == nil && in.XLSX == nil && (in.HTML == nil || len(in.HTML.Fields) > 0)
}

// seeing notes the records that a Parser reads.
type seeing struct {
	*records
	width int
	seen  bool // the record that is rejected next was read
}

func (s *seeing) Columns(names []string) { s.columns = append([]string(nil), names...) }

func (s *seeing) Record(r *parse.Record) {
	cells := make([]string, 0, s.width)
	for i := range s.width {
		v, _ := r.Input(i)
		cells = append(cells, strings.Clone(v))
	}
	if s.json && s.width > 1 {
		s.names = append(s.names, cells[1])
		cells = cells[:1]
	}
	s.rows = append(s.rows, cells)
	s.seen = true
}

func (s *seeing) Event(*event.Event) error { return nil }

func (s *seeing) Reject(r *parse.Rejection) error {
	if s.seen {
		s.raws = append(s.raws, string(r.Record))
		s.seen = false
	} else {
		s.unread++
		if len(s.reasons) < 3 {
			s.reasons = append(s.reasons, r.Reason)
		}
	}
	if len(s.rows) >= maxRecords || s.unread >= maxRecords {
		return errEnough
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

func from(field string, columns ...string) v1alpha1.MappingRule {
	return v1alpha1.MappingRule{Field: field, From: columns}
}

// decodeRecord reads a JSON record.
func decodeRecord(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	return decodeValue(d, 0)
}
