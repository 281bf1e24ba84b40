package export

import (
	"github.com/weir-project/weir/pipeline/event"
)

// encoder turns events into one of n6's formats. It appends, so that memory
// stays that of one buffer however many events an answer has. Not safe for
// concurrent use: each answer has its own.
type encoder interface {
	contentType() string
	// begin, event and end append what comes before, for each, and after the events.
	begin(dst []byte) []byte
	event(dst []byte, e *event.Event) []byte
	end(dst []byte) []byte
}

// formats by the suffix of the address.
var formats = map[string]func() encoder{
	"json":  func() encoder { return &jsonEncoder{} },
	"sjson": func() encoder { return &sjsonEncoder{} },
	"csv":   func() encoder { return &csvEncoder{} },
}

// formatNames in the order of the index.
var formatNames = []string{"json", "sjson", "csv"}
