// Package format writes events in the forms that subscribers get, and describes
// these forms: columns, kinds, a schema that programs can read.
package format

import (
	"github.com/weir-project/weir/pipeline/event"
)

// Encoder turns events into one of n6's formats. It appends, so that memory
// stays that of one buffer however many events an answer has. Not safe for
// concurrent use: each answer has its own.
type Encoder interface {
	ContentType() string
	// Begin, Event and End append what comes before, for each, and after the events.
	Begin(dst []byte) []byte
	Event(dst []byte, e *event.Event) []byte
	End(dst []byte) []byte
}

// The formats, by the suffix of the address, and Stream: what each event of a
// live stream has as its data.
const (
	JSON   = "json"
	SJSON  = "sjson"
	CSV    = "csv"
	Stream = "stream"
)

// Names of the formats of queries, in the order of the index.
var Names = []string{JSON, SJSON, CSV}

// Builtin is the schema version of each format as it is without columns of its
// own. A test compares the formats with the samples of these versions and says
// when one must grow.
var Builtin = map[string]string{JSON: "1.0.0", SJSON: "1.0.0", CSV: "1.0.0", Stream: "1.0.0"}

// Shape is what an export writes. It does not change.
type Shape struct {
	Format string
	// Columns of csv, and keys of json and sjson; nil: those of n6.
	Columns []Column
	// NoHeader leaves out the line with the names of the columns.
	NoHeader bool
}

// Column shows a field of events under a name.
type Column struct {
	Name string
	// Field is one of Fields; nothing is written for another.
	Field string
}

// Encoder of one answer. The format is one of Names or Stream.
func (s *Shape) Encoder() Encoder {
	switch {
	case s.Format == CSV && s.Columns == nil:
		return &csvEncoder{}
	case s.Format == CSV:
		return &columnsCSV{columns: resolve(s.Columns), noHeader: s.NoHeader}
	case s.Format == Stream:
		return &lineEncoder{}
	}
	line := canonical
	if s.Columns != nil {
		columns := resolve(s.Columns)
		line = func(dst []byte, e *event.Event) []byte { return appendObject(dst, columns, e) }
	}
	if s.Format == JSON {
		return &jsonEncoder{object: line}
	}
	return &sjsonEncoder{object: line}
}

// canonical is the shape of JSON without columns.
var canonical = event.AppendJSON

// lineEncoder writes what a live stream has as data, one event a line.
type lineEncoder struct{}

func (*lineEncoder) ContentType() string     { return "text/event-stream" }
func (*lineEncoder) Begin(dst []byte) []byte { return dst }
func (*lineEncoder) End(dst []byte) []byte   { return dst }
func (*lineEncoder) Event(dst []byte, e *event.Event) []byte {
	return append(event.AppendJSON(dst, e), '\n')
}
