// Package schema reads schema documents: JSON that says, for many kinds of
// reports in CSV, which column becomes which field of an event. Their structure is
// the one that Shadowserver publishes for IntelMQ; docs/formats.md has it.
package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Bounds of a document.
const (
	MaxBytes   = 16 << 20
	maxReports = 4096
	maxColumns = 1024 // of a report
	maxName    = 256  // bytes of a name
	// maxProblems bounds what is told of a document that is wrong in many places.
	maxProblems = 20
)

// Document is a schema document. It does not change.
type Document struct {
	// Created is when the publisher made it.
	Created time.Time
	// Digest is the SHA-256 of its bytes, in hex.
	Digest string
	// Reports by the name that payloads have.
	Reports map[string]*Report
	// Problems are what a check refuses; the document can be used all the same:
	// columns that it is unclear about become extras.
	Problems []string
}

// Report is one kind of reports.
type Report struct {
	Name string
	// Columns are the mappings, required ones first. A column of the report may
	// have several.
	Columns []Column
	// Constants by key of the vocabulary.
	Constants map[string]string
}

// Column says what one column of a report becomes.
type Column struct {
	// Name of the column.
	Name string
	// Key of the vocabulary, source.ip; "extra." keeps the name of the column, ""
	// drops it.
	Key string
	// Func is done with the value first.
	Func Func
	// Required columns must be in the header.
	Required bool
}

// Decode reads a document. The error is for what cannot be used at all.
func Decode(data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the schema document has more than %d bytes", MaxBytes)
	}
	text := bytes.TrimLeft(data, " \t\r\n\ufeff")
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("the schema document is no JSON object")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("the schema document is no JSON: %w", err)
	}
	sum := sha256.Sum256(data)
	d := decoder{doc: &Document{Digest: hex.EncodeToString(sum[:]), Reports: map[string]*Report{}}, names: map[string]string{}}
	if err := d.meta(members["_meta"]); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if strings.HasPrefix(key, "_") {
			continue
		}
		if len(d.doc.Reports) == maxReports {
			return nil, fmt.Errorf("the schema document has more than %d reports", maxReports)
		}
		d.report(key, members[key])
	}
	if len(d.doc.Reports) == 0 {
		return nil, errors.Join(errors.New("the schema document has no report"), d.err())
	}
	return d.doc, nil
}

// Err joins the problems; nil if there are none.
func (d *Document) Err() error {
	if len(d.Problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(d.Problems, "; "))
}

// Columns counts the mappings of all reports.
func (d *Document) Columns() (n int) {
	for _, r := range d.Reports {
		n += len(r.Columns)
	}
	return n
}

type decoder struct {
	doc   *Document
	names map[string]string // one copy of each
	more  int
}

func (d *decoder) err() error { return d.doc.Err() }

func (d *decoder) problem(format string, args ...any) {
	if len(d.doc.Problems) < maxProblems {
		d.doc.Problems = append(d.doc.Problems, fmt.Sprintf(format, args...))
		return
	}
	d.more++
	d.doc.Problems[maxProblems-1] = fmt.Sprintf("and %d more", d.more+1)
}

func (d *decoder) meta(data json.RawMessage) error {
	var meta struct {
		Created string `json:"date_created"`
	}
	if data == nil || json.Unmarshal(data, &meta) != nil || meta.Created == "" {
		return errors.New("the schema document has no _meta.date_created")
	}
	t, ok := event.ParseTime(meta.Created)
	if !ok {
		return fmt.Errorf("_meta.date_created of the schema document: %.64q is no time such as 2026-01-31T12:00:00Z", meta.Created)
	}
	d.doc.Created = t
	return nil
}

var (
	reportName = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	keyName    = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z0-9_]+)*$`)
)

func (d *decoder) report(key string, data json.RawMessage) {
	var in struct {
		File      string              `json:"file_name"`
		Constants map[string]any      `json:"constant_fields"`
		Required  [][]json.RawMessage `json:"required_fields"`
		Optional  [][]json.RawMessage `json:"optional_fields"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		d.problem("report %.64q: %v", key, err)
		return
	}
	switch {
	case !reportName.MatchString(in.File):
		d.problem("report %.64q: file_name %.64q is not 1 to 64 letters, digits and underscores", key, in.File)
		return
	case d.doc.Reports[in.File] != nil:
		d.problem("report %.64q: another report has the file_name %q", key, in.File)
		return
	case len(in.Required) == 0:
		d.problem("report %s: has no required_fields", in.File)
		return
	case len(in.Required)+len(in.Optional) > maxColumns:
		d.problem("report %s: has more than %d fields", in.File, maxColumns)
		return
	}
	r := &Report{Name: in.File, Constants: d.constants(in.File, in.Constants),
		Columns: make([]Column, 0, len(in.Required)+len(in.Optional))}
	d.columns(r, in.Required, "required_fields", true)
	d.columns(r, in.Optional, "optional_fields", false)
	d.doc.Reports[in.File] = r
}

// constants takes text, numbers and booleans.
func (d *decoder) constants(report string, in map[string]any) map[string]string {
	out := make(map[string]string, len(in))
	for _, key := range slices.Sorted(maps.Keys(in)) {
		value, ok := in[key].(string)
		switch in[key].(type) {
		case float64, bool:
			value, ok = fmt.Sprint(in[key]), true
		}
		at := fmt.Sprintf("report %s: constant_fields: %.64q", report, key)
		switch {
		case !validKey(key) || key == extraKey:
			d.problem("%s is no key", at)
		case !ok || len(value) > 2048:
			d.problem("%s: is no text", at)
		default:
			if reason := refuseConstant(key, value); reason != "" {
				d.problem("%s: %s", at, reason)
			}
			out[d.name(key)] = d.name(value)
		}
	}
	return out
}

func validKey(key string) bool {
	rest, extra := strings.CutPrefix(key, extraKey)
	if extra && (rest == "" || keyName.MatchString(rest) && len(rest) <= 64) {
		return true
	}
	return !extra && keyName.MatchString(key) && len(key) <= 64
}

func (d *decoder) columns(r *Report, in [][]json.RawMessage, at string, required bool) {
	for i, field := range in {
		c := Column{Required: required}
		if reason := d.column(&c, field); reason != "" {
			d.problem("report %s: %s[%d]: %s", r.Name, at, i, reason)
		}
		if c.Name != "" {
			r.Columns = append(r.Columns, c)
		}
	}
}

// column reads [key, column, function, row]. What is wrong has a reason; if the
// column has a name all the same, it is used as an extra.
func (d *decoder) column(c *Column, in []json.RawMessage) (reason string) {
	var key, name, function string
	if len(in) < 2 || len(in) > 4 || json.Unmarshal(in[1], &name) != nil || !validName(name) {
		return "is not [key, column], [key, column, function] or [key, column, function, true]"
	}
	c.Name = d.name(name)
	var use any
	if err := json.Unmarshal(in[0], &use); err != nil {
		return "the key is no JSON"
	}
	if use == false {
		return "" // the column is dropped
	}
	key, _ = use.(string)
	switch {
	case !validKey(key):
		c.Key, reason = extraKey, fmt.Sprintf("%.64s is no key", in[0])
	case c.Required && !known(key):
		c.Key, reason = key, fmt.Sprintf("Weir does not know the key %q", key)
	default:
		c.Key = d.name(key)
	}
	if len(in) == 2 || string(in[2]) == "null" || json.Unmarshal(in[2], &function) == nil && d.function(c, function) {
		return reason
	}
	c.Key = extraKey
	return fmt.Sprintf("Weir does not know the function %.64s of column %q (it knows: %s)", in[2], name, strings.Join(Functions(), ", "))
}

func (d *decoder) function(c *Column, name string) (known bool) {
	c.Func, known = functions[name]
	return known
}

func validName(name string) bool { return name != "" && len(name) <= maxName }

// name gives equal names one memory: documents repeat a few of them.
func (d *decoder) name(s string) string {
	if known, ok := d.names[s]; ok {
		return known
	}
	s = strings.Clone(s)
	d.names[s] = s
	return s
}
