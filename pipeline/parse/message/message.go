// Package message reads mail: what it says, and the abuse reports that it may
// carry: ARF (RFC 5965), X-ARF and XARF.
package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// What a message may have. The library reads all that lies in a part once for each
// part around it.
const (
	maxBoundaries  = 200
	maxDashes      = 20_000
	maxHeaders     = 500
	maxAttachments = 200
	maxReceived    = 50
)

// parser believes what a part says of its character set.
var parser = enmime.NewParser(enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true),
	enmime.MaxStoredPartErrors(20), enmime.DisableCharacterDetection(true), enmime.DisableTextConversion(true),
	enmime.StripMediaTypeInvalidCharacters(true))

// AppendJSON appends a message as a JSON object. The error says why it cannot be
// read.
func AppendJSON(dst, raw []byte) (out []byte, err error) {
	if err := check(raw); err != nil {
		return dst, err
	}
	defer func() {
		if p := recover(); p != nil {
			out, err = dst, fmt.Errorf("the message is malformed: %v", p)
		}
	}()
	e, err := parser.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		return dst, fmt.Errorf("the message is malformed: %w", err)
	}
	for _, x := range e.Root.Errors {
		if x.Name == enmime.ErrorMissingBoundary {
			return dst, errors.New("the message breaks off: its last part has no end")
		}
	}
	if len(e.Root.Header) == 0 {
		return dst, errors.New("the message has no header")
	}
	o := object{dst: append(dst, '{')}
	o.headers(e.GetHeader, e.GetHeaderValues)
	if from, err := e.AddressList("From"); err == nil && len(from) > 0 {
		o.text("from_address", from[0].Address)
	}
	o.allHeaders(e)
	o.bodies(e)
	o.attachments(e)
	o.reports(e)
	return append(o.dst, '}'), nil
}

// check bounds what the library is given.
func check(raw []byte) error {
	if n := bytes.Count(bytes.ToLower(raw), []byte("boundary")); n > maxBoundaries {
		return fmt.Errorf("the message has more than %d boundaries of parts", maxBoundaries)
	}
	if n := bytes.Count(raw, []byte("\n--")); n > maxDashes {
		return fmt.Errorf("the message has more than %d parts", maxDashes)
	}
	return nil
}

// object is a JSON object in the making.
type object struct {
	dst   []byte
	comma bool
}

func (o *object) name(name string) {
	if o.comma {
		o.dst = append(o.dst, ',')
	}
	o.comma = true
	o.dst = append(record.AppendString(o.dst, name), ':')
}

// text adds a member if it has a value.
func (o *object) text(name, value string) {
	if value = strings.TrimSpace(value); value != "" {
		o.name(name)
		o.dst = record.AppendString(o.dst, value)
	}
}

func (o *object) list(name string, values []string) {
	if len(values) > 0 {
		o.name(name)
		o.dst = append(o.dst, '[')
		for i, v := range values {
			if i > 0 {
				o.dst = append(o.dst, ',')
			}
			o.dst = record.AppendString(o.dst, strings.TrimSpace(v))
		}
		o.dst = append(o.dst, ']')
	}
}

// values adds a member: a text, or an array if there are several.
func (o *object) values(name string, values []string) {
	if len(values) == 1 {
		o.text(name, values[0])
		return
	}
	o.list(name, values)
}

// inner adds a member that fn fills.
func (o *object) inner(name string, fn func(in *object)) {
	o.name(name)
	in := object{dst: append(o.dst, '{')}
	fn(&in)
	o.dst = append(in.dst, '}')
}

// headers adds what most mails have.
func (o *object) headers(get func(string) string, all func(string) []string) {
	for _, h := range []string{"From", "To", "Subject", "Message-Id", "Reply-To"} {
		o.text(memberName(h), get(h))
	}
	o.text("date", isoDate(get("Date")))
	received := all("Received")
	o.list("received", received[:min(len(received), maxReceived)])
}

// memberName is the name of a header or key in a record.
func memberName(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
}

// isoDate is a date of a header in ISO 8601; one that cannot be read stays as it is.
func isoDate(text string) string {
	t, err := mail.ParseDate(strings.TrimSpace(text))
	if err != nil {
		return text
	}
	return t.Format(time.RFC3339)
}

func (o *object) allHeaders(e *enmime.Envelope) {
	keys := e.GetHeaderKeys()
	slices.Sort(keys)
	o.inner("headers", func(in *object) {
		for _, k := range keys[:min(len(keys), maxHeaders)] {
			in.values(memberName(k), e.GetHeaderValues(k))
		}
	})
}

// bodies adds the plain text and the HTML as text; a message with HTML alone has
// its text twice.
func (o *object) bodies(e *enmime.Envelope) {
	html := ""
	if e.HTML != "" {
		html = htmlText(e.HTML)
	}
	text := e.Text
	if strings.TrimSpace(text) == "" {
		text = html
	}
	o.text("text", strings.ReplaceAll(text, "\r\n", "\n"))
	o.text("html", html)
}

// attachments adds what parts are there beside the bodies.
func (o *object) attachments(e *enmime.Envelope) {
	parts := e.Root.DepthMatchAll(func(p *enmime.Part) bool {
		return p.FirstChild == nil && (p.FileName != "" || p.Disposition == "attachment")
	})
	if len(parts) == 0 {
		return
	}
	o.name("attachments")
	o.dst = append(o.dst, '[')
	for i, p := range parts[:min(len(parts), maxAttachments)] {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		in := object{dst: append(o.dst, '{')}
		in.text("name", p.FileName)
		in.text("type", p.ContentType)
		in.name("size")
		in.dst = fmt.Appendf(in.dst, "%d", len(p.Content))
		sum := sha256.Sum256(p.Content)
		in.text("sha256", hex.EncodeToString(sum[:]))
		o.dst = append(in.dst, '}')
	}
	o.dst = append(o.dst, ']')
}
