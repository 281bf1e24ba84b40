package parse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const utf8Name = "utf-8"

// charset is the character set of a payload. A nil encoding is UTF-8.
type charset struct {
	name     string
	encoding encoding.Encoding
	// assumed: neither the payload, nor the Parser or the transport has named it.
	assumed bool
}

// lookupCharset finds a character set by its label in the WHATWG Encoding
// Standard.
func lookupCharset(label string) (charset, error) {
	enc, err := htmlindex.Get(label)
	if err != nil {
		return charset{}, err
	}
	name, err := htmlindex.Name(enc)
	if err != nil || name == "replacement" {
		return charset{}, fmt.Errorf("%q cannot be decoded", label)
	}
	if name == utf8Name {
		return charset{name: utf8Name}, nil
	}
	return charset{name: name, encoding: enc}, nil
}

var boms = []struct {
	bom []byte
	set charset
}{
	{[]byte("\xEF\xBB\xBF"), charset{name: utf8Name}},
	{[]byte("\xFF\xFE"), charset{name: "utf-16le", encoding: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}},
	{[]byte("\xFE\xFF"), charset{name: "utf-16be", encoding: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}},
}

// decode returns r as UTF-8. A byte-order mark wins, as the Encoding Standard
// has it, then the declared set, then that of the content type, then UTF-8.
func decode(r io.Reader, declared *charset, contentType string) (io.Reader, charset, error) {
	br := bufio.NewReaderSize(r, 4096)
	start, err := br.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, charset{}, err
	}
	set, found := charset{name: utf8Name}, false
	for _, b := range boms {
		if bytes.HasPrefix(start, b.bom) {
			if _, err := br.Discard(len(b.bom)); err != nil {
				return nil, charset{}, err
			}
			set, found = b.set, true
			break
		}
	}
	switch {
	case found:
	case declared != nil:
		set = *declared
	default:
		set = transportCharset(contentType)
	}
	if set.encoding == nil {
		return br, set, nil
	}
	return transform.NewReader(br, set.encoding.NewDecoder()), set, nil
}

// transportCharset is the charset parameter of a content type; UTF-8 if there
// is none that is known.
func transportCharset(contentType string) charset {
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		if set, err := lookupCharset(params["charset"]); err == nil {
			return set
		}
	}
	return charset{name: utf8Name, assumed: true}
}

// invalid says what is wrong with the bytes of a record; "" if nothing is.
// Decoders leave U+FFFD where bytes have no meaning.
func (c charset) invalid(rec []byte) string {
	if c.encoding != nil {
		if bytes.Contains(rec, []byte("\uFFFD")) {
			return fmt.Sprintf("holds bytes that %s does not have; set spec.input.charset", c.name)
		}
		return ""
	}
	if utf8.Valid(rec) {
		return ""
	}
	i := 0
	for i < len(rec) {
		r, n := utf8.DecodeRune(rec[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return fmt.Sprintf("is not valid UTF-8 (byte 0x%02X at position %d); set spec.input.charset", rec[i], i+1)
}

// compileCharset reads spec.input.charset; nil is auto.
func compileCharset(label string) (*charset, error) {
	if label == "" || strings.EqualFold(label, "auto") {
		return nil, nil
	}
	set, err := lookupCharset(label)
	if err != nil {
		return nil, fmt.Errorf("spec.input.charset: %q is no name of the WHATWG Encoding Standard; "+
			"write one such as utf-8, windows-1250, iso-8859-2, shift_jis, or auto", label)
	}
	return &set, nil
}
