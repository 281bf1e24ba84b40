package export

import (
	"github.com/weir-project/weir/pipeline/event"
)

// sjsonEncoder is n6's sjson: one object a line, with a blank after commas and
// colons, ASCII only, and an empty line at the end, which tells a reader that
// the answer is complete.
type sjsonEncoder struct {
	line []byte
}

func (*sjsonEncoder) contentType() string     { return "text/plain; charset=UTF-8" }
func (*sjsonEncoder) begin(dst []byte) []byte { return dst }
func (*sjsonEncoder) end(dst []byte) []byte   { return append(dst, '\n') }

func (s *sjsonEncoder) event(dst []byte, e *event.Event) []byte {
	s.line = event.AppendJSON(s.line[:0], e)
	return append(appendSpaced(dst, s.line), '\n')
}
