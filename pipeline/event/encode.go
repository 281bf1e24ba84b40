package event

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the canonical JSON of e, without a newline: fixed key order,
// absent fields left out, times in RFC 3339 with Z and no trailing zeros. e must
// be valid: times outside Validate's bounds and extras that are no JSON come out
// as they are.
//
// Text is escaped as little as JSON and line-based tools allow: quotes,
// backslashes, control characters, U+2028 and U+2029. Bytes that are no UTF-8
// become U+FFFD.
func AppendJSON(dst []byte, e *Event) []byte {
	start := len(dst)
	// Every key begins with a comma; the first one becomes the brace.
	b := appendHead(dst, e)
	b = appendNetwork(b, e)
	b = appendDetails(b, e)
	b = appendTail(b, e)
	if len(b) == start {
		b = append(b, '{')
	}
	b[start] = '{'
	return append(b, '}')
}

func appendHead(b []byte, e *Event) []byte {
	b = appendID(b, `,"id":"`, e.ID)
	b = appendText(b, `,"source":"`, e.Source)
	b = appendName(b, `,"restriction":"`, e.Restriction.String())
	b = appendName(b, `,"confidence":"`, e.Confidence.String())
	b = appendName(b, `,"category":"`, e.Category.String())
	b = appendTimeField(b, `,"time":"`, e.Time)
	b = appendTimeField(b, `,"modified":"`, e.Modified)
	b = appendText(b, `,"name":"`, e.Name)
	return appendText(b, `,"target":"`, e.Target)
}

func appendNetwork(b []byte, e *Event) []byte {
	b = appendAddresses(b, e.Address)
	b = appendText(b, `,"fqdn":"`, e.FQDN)
	b = appendText(b, `,"url":"`, e.URL)
	b = appendName(b, `,"proto":"`, e.Proto.String())
	b = appendNumber(b, `,"sport":`, uint32(e.SPort.V), e.SPort.Set)
	b = appendNumber(b, `,"dport":`, uint32(e.DPort.V), e.DPort.Set)
	b = appendIP(b, `,"dip":"`, e.DIP)
	return appendText(b, `,"adip":"`, e.ADIP)
}

func appendDetails(b []byte, e *Event) []byte {
	b = appendText(b, `,"md5":"`, e.MD5)
	b = appendText(b, `,"sha1":"`, e.SHA1)
	b = appendText(b, `,"sha256":"`, e.SHA256)
	b = appendText(b, `,"x509fp_sha1":"`, e.X509FPSHA1)
	b = appendName(b, `,"origin":"`, e.Origin.String())
	b = appendName(b, `,"status":"`, e.Status.String())
	b = appendText(b, `,"action":"`, e.Action)
	b = appendText(b, `,"email":"`, e.Email)
	b = appendText(b, `,"iban":"`, e.IBAN)
	b = appendText(b, `,"phone":"`, e.Phone)
	b = appendText(b, `,"username":"`, e.Username)
	b = appendText(b, `,"registrar":"`, e.Registrar)
	return appendText(b, `,"url_pattern":"`, e.URLPattern)
}

func appendTail(b []byte, e *Event) []byte {
	b = appendTimeField(b, `,"until":"`, e.Until)
	b = appendNumber(b, `,"count":`, e.Count.V, e.Count.Set)
	b = appendTimeField(b, `,"expires":"`, e.Expires)
	b = appendTimeField(b, `,"first_seen":"`, e.FirstSeen)
	b = appendTimeField(b, `,"last_seen":"`, e.LastSeen)
	b = appendID(b, `,"replaces":"`, e.Replaces)
	b = appendList(b, `,"client":[`, e.Client)
	b = appendTrue(b, `,"ignored":true`, e.Ignored)
	b = appendName(b, `,"tlp":"`, e.TLP.String())
	b = appendTrue(b, `,"undated":true`, e.Undated)
	b = appendClassification(b, e)
	b = appendList(b, `,"cves":[`, e.CVEs)
	return appendExtra(b, e.Extra)
}

func appendAddresses(b []byte, list []Address) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"address":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		a := &list[i]
		start := len(b)
		b = appendIP(b, `,"ip":"`, a.IP)
		b = appendNumber(b, `,"asn":`, a.ASN.V, a.ASN.Set)
		b = appendText(b, `,"cc":"`, a.CC)
		b = appendName(b, `,"dir":"`, a.Dir.String())
		b = appendText(b, `,"rdns":"`, a.RDNS)
		if len(b) == start {
			b = append(b, '{')
		}
		b[start] = '{'
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendClassification(b []byte, e *Event) []byte {
	if e.Taxonomy == "" && e.Type == "" {
		return b
	}
	b = append(b, `,"classification":`...)
	start := len(b)
	b = appendText(b, `,"taxonomy":"`, e.Taxonomy)
	b = appendText(b, `,"type":"`, e.Type)
	b[start] = '{'
	return append(b, '}')
}

func appendExtra(b []byte, list []Extra) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"extra":`...)
	start := len(b)
	for i := range list {
		b = append(b, ',')
		b = appendQuoted(b, list[i].Key)
		b = append(b, ':')
		if len(list[i].Value) == 0 {
			b = append(b, "null"...)
		}
		b = append(b, list[i].Value...)
	}
	b[start] = '{'
	return append(b, '}')
}

// Each of these appends a key, which includes the opening quote, and a value; or
// nothing if the field is absent. They are split so that the test for absence is
// inlined.

func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendEscaped(append(b, key...), s)
}

func appendName(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	b = append(b, key...)
	b = append(b, s...)
	return append(b, '"')
}

func appendTimeField(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(appendTime(append(b, key...), t), '"')
}

func appendNumber(b []byte, key string, n uint32, present bool) []byte {
	if !present {
		return b
	}
	return strconv.AppendUint(append(b, key...), uint64(n), 10)
}

func appendIP(b []byte, key string, ip netip.Addr) []byte {
	if !ip.IsValid() {
		return b
	}
	return append(ip.AppendTo(append(b, key...)), '"')
}

func appendID(b []byte, key string, id ID) []byte {
	if id.IsZero() {
		return b
	}
	return append(hex.AppendEncode(append(b, key...), id[:]), '"')
}

func appendTrue(b []byte, key string, v bool) []byte {
	if !v {
		return b
	}
	return append(b, key...)
}

func appendList(b []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, key...)
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, s)
	}
	return append(b, ']')
}

func appendQuoted(b []byte, s string) []byte { return appendEscaped(append(b, '"'), s) }

// appendEscaped appends the content of a JSON string and the closing quote.
func appendEscaped(b []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		switch byteClass[s[i]] {
		case bytePlain:
			i++
		case byteMulti:
			r, size := utf8.DecodeRuneInString(s[i:])
			if escape := escapedSpecial(r, size); escape != "" {
				b = append(append(b, s[done:i]...), escape...)
				done = i + size
			}
			i += size
		default:
			b = appendEscape(append(b, s[done:i]...), s[i])
			i++
			done = i
		}
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// escapedSpecial gives the escape of a character outside ASCII that needs one.
func escapedSpecial(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "\uFFFD"
	case r == 0x2028:
		return `\u2028`
	case r == 0x2029:
		return `\u2029`
	}
	return ""
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
