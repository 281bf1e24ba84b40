package format

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// csvHeader is n6's choice of columns.
const csvHeader = `"time","id","source","category","name","md5","ip","url","fqdn","asn","cc","details"` + "\r\n"

// csvEncoder is n6's csv: every cell in quotes, lines end in CRLF, and one more
// newline at the end.
//
// A cell that a spreadsheet would take for a formula (it starts with = + - @, a
// tab or a carriage return) gets an apostrophe in front. Only name can hold one:
// details starts with a word of ours, urls start with a scheme, and the alphabets
// of the other columns cannot spell a call.
type csvEncoder struct {
	cell []byte
}

func (*csvEncoder) ContentType() string     { return "text/csv; charset=UTF-8" }
func (*csvEncoder) Begin(dst []byte) []byte { return append(dst, csvHeader...) }
func (*csvEncoder) End(dst []byte) []byte   { return append(dst, '\n') }

func (c *csvEncoder) Event(dst []byte, e *event.Event) []byte {
	dst = append(dst, '"')
	dst = e.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","`...)
	dst = hex.AppendEncode(dst, e.ID[:])
	dst = appendCell(append(dst, `","`...), e.Source)
	dst = appendCell(append(dst, `","`...), e.Category.String())
	dst = append(dst, `","`...)
	if e.Name != "" && startsFormula(e.Name[0]) {
		dst = append(dst, '\'')
	}
	dst = appendCell(dst, escapeNewlines(e.Name))
	dst = appendCell(append(dst, `","`...), e.MD5)
	dst = c.addresses(append(dst, `","`...), e, appendIP)
	dst = appendCell(append(dst, `","`...), e.URL)
	dst = appendCell(append(dst, `","`...), e.FQDN)
	dst = c.addresses(append(dst, `","`...), e, appendASN)
	dst = c.addresses(append(dst, `","`...), e, appendCC)
	dst = c.details(append(dst, `","`...), e)
	return append(dst, "\"\r\n"...)
}

func (c *csvEncoder) details(dst []byte, e *event.Event) []byte {
	c.cell = appendDetails(c.cell[:0], e)
	return appendBytes(dst, c.cell)
}

// addresses joins one property of all addresses with blanks.
func (c *csvEncoder) addresses(dst []byte, e *event.Event, add func([]byte, *event.Address) []byte) []byte {
	first := true
	for i := range e.Address {
		c.cell = add(c.cell[:0], &e.Address[i])
		if len(c.cell) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = append(dst, c.cell...)
	}
	return dst
}

func startsFormula(c byte) bool { return strings.IndexByte("=+-@\t\r", c) >= 0 }

func appendIP(dst []byte, a *event.Address) []byte { return a.IP.AppendTo(dst) }
func appendCC(dst []byte, a *event.Address) []byte { return append(dst, a.CC...) }

func appendASN(dst []byte, a *event.Address) []byte {
	if !a.ASN.Set {
		return dst
	}
	return strconv.AppendUint(dst, uint64(a.ASN.V), 10)
}

// appendDetails appends "tcp from port 1025 to 192.0.2.7:80 target Example Bank",
// as far as it is known.
func appendDetails(dst []byte, e *event.Event) []byte {
	start := len(dst)
	word := func(s string) {
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, s...)
	}
	if e.Proto != 0 {
		word(e.Proto.String())
	}
	if e.SPort.Set {
		word("from port ")
		dst = strconv.AppendUint(dst, uint64(e.SPort.V), 10)
	}
	if e.DIP.IsValid() || e.ADIP != "" {
		word("to ")
		dst = appendDestination(dst, e)
	} else if e.DPort.Set {
		word("to port ")
		dst = strconv.AppendUint(dst, uint64(e.DPort.V), 10)
	}
	if e.Target != "" {
		word("target ")
		dst = append(dst, escapeNewlines(e.Target)...)
	}
	return dst
}

func appendDestination(dst []byte, e *event.Event) []byte {
	switch {
	case e.DIP.IsValid() && e.DPort.Set:
		return netip.AddrPortFrom(e.DIP, e.DPort.V).AppendTo(dst)
	case e.DIP.IsValid():
		return e.DIP.AppendTo(dst)
	}
	// Anonymized, and like an address: one with colons is bracketed before a port.
	six := e.DPort.Set && strings.Contains(e.ADIP, ":")
	if six {
		dst = append(dst, '[')
	}
	dst = append(dst, e.ADIP...)
	if six {
		dst = append(dst, ']')
	}
	if e.DPort.Set {
		dst = strconv.AppendUint(append(dst, ':'), uint64(e.DPort.V), 10)
	}
	return dst
}

// appendCell appends the content of a quoted cell: quotes are doubled.
func appendCell(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), `""`...)
		s = s[i+1:]
	}
}

// appendBytes is appendCell for bytes.
func appendBytes(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), `""`...)
		s = s[i+1:]
	}
}

var newlines = strings.NewReplacer("\n", `\n`, "\r", `\r`)

func escapeNewlines(s string) string {
	if strings.ContainsAny(s, "\r\n") {
		return newlines.Replace(s)
	}
	return s
}
