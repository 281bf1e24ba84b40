package format

import (
	"github.com/weir-project/weir/pipeline/event"
)

// sjsonEncoder is n6's sjson: one object a line, with a blank after commas and
// colons, ASCII only, and an empty line at the end, which tells a reader that
// the answer is complete.
type sjsonEncoder struct {
	object func([]byte, *event.Event) []byte // appends an event, compact
	line   []byte
}

func (*sjsonEncoder) ContentType() string     { return "text/plain; charset=UTF-8" }
func (*sjsonEncoder) Begin(dst []byte) []byte { return dst }
func (*sjsonEncoder) End(dst []byte) []byte   { return append(dst, '\n') }

func (s *sjsonEncoder) Event(dst []byte, e *event.Event) []byte {
	s.line = s.object(s.line[:0], e)
	return append(appendSpaced(dst, s.line), '\n')
}
