package format

import (
	"github.com/weir-project/weir/pipeline/event"
)

// jsonEncoder is n6's json: one array, objects indented by four, ASCII only. The
// keys are in the order of the canonical form; n6 leaves the order open.
type jsonEncoder struct {
	object func([]byte, *event.Event) []byte // appends an event, compact
	line   []byte
	later  bool // not the first event
}

func (*jsonEncoder) ContentType() string     { return "application/json" }
func (*jsonEncoder) Begin(dst []byte) []byte { return append(dst, "[\n"...) }
func (*jsonEncoder) End(dst []byte) []byte   { return append(dst, "\n]"...) }

func (j *jsonEncoder) Event(dst []byte, e *event.Event) []byte {
	if j.later {
		dst = append(dst, ",\n"...)
	}
	j.later = true
	j.line = j.object(j.line[:0], e)
	return appendIndented(dst, j.line)
}
