package message

import (
	"io"
	"mime"

	"golang.org/x/net/html/charset"
)

// words reads encoded words (RFC 2047) in any character set.
var words = mime.WordDecoder{
	CharsetReader: func(label string, in io.Reader) (io.Reader, error) { return charset.NewReaderLabel(label, in) },
}
