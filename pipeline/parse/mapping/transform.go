package mapping

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"math/bits"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// transforms are done one after the other.
type transforms []v1alpha1.Transform

// apply gives the text after all of them, or why one cannot work with it.
func (t transforms) apply(s string) (out, reason string) {
	for _, one := range t {
		if s, reason = transform(one, s); reason != "" {
			return "", reason
		}
	}
	return s, ""
}

// refang undoes what keeps people from clicking.
func refang(s string) string { return event.Refang(s) }

func transform(t v1alpha1.Transform, s string) (out, reason string) {
	switch t {
	case v1alpha1.TransformLower:
		return strings.ToLower(s), ""
	case v1alpha1.TransformUpper:
		return strings.ToUpper(s), ""
	case v1alpha1.TransformUnquote:
		return unquote(s), ""
	case v1alpha1.TransformRefang:
		return refang(s), ""
	case v1alpha1.TransformHTMLDecode:
		return html.UnescapeString(s), ""
	case v1alpha1.TransformURLDecode, v1alpha1.TransformBase64, v1alpha1.TransformHex:
		return decode(t, s)
	case v1alpha1.TransformURLHost:
		return urlHost(s)
	}
	return addressTransform(t, s)
}

func addressTransform(t v1alpha1.Transform, s string) (out, reason string) {
	switch t {
	case v1alpha1.TransformUnpadOctets:
		return unpadOctets(s), ""
	case v1alpha1.TransformIPFromInteger:
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return "", "is no IPv4 address as a number"
		}
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String(), ""
	}
	first, last, ok := bounds(s)
	if !ok {
		return "", "is no network, range or address"
	}
	switch t {
	case v1alpha1.TransformFirstAddress:
		return first.String(), ""
	case v1alpha1.TransformLastAddress:
		return last.String(), ""
	}
	p, ok := prefixOf(first, last)
	if !ok {
		return "", "is a range that is not one network; take its FirstAddress and LastAddress"
	}
	return p.String(), ""
}

func decode(t v1alpha1.Transform, s string) (out, reason string) {
	switch t {
	case v1alpha1.TransformURLDecode:
		d, err := url.PathUnescape(s)
		if err != nil {
			return "", "is not in URL encoding"
		}
		return text(d)
	case v1alpha1.TransformHex:
		d, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
		if err != nil {
			return "", "is not hexadecimal"
		}
		return text(string(d))
	}
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	d, err := enc.DecodeString(s)
	if err != nil {
		return "", "is not Base64"
	}
	return text(string(d))
}

func text(s string) (out, reason string) {
	if !utf8.ValidString(s) {
		return "", "does not decode to text"
	}
	return s, ""
}

func unquote(s string) string {
	for len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

func urlHost(s string) (out, reason string) {
	s = refang(s)
	if !strings.Contains(s, "://") {
		s = "//" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return "", "is no URL with a host"
	}
	return u.Hostname(), ""
}

// unpadOctets takes the zeroes before the numbers of a dotted address, and what
// follows it (a port, a prefix length) stays.
func unpadOctets(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		digit := isDigit(s[i])
		starts := i == 0 || !isDigit(s[i-1])
		if digit && starts {
			for i+1 < len(s) && s[i] == '0' && isDigit(s[i+1]) {
				i++
			}
		}
		if !digit && s[i] != '.' {
			return string(append(out, s[i:]...))
		}
		out = append(out, s[i])
	}
	return string(out)
}

// bounds are the first and last address of a/24, a/255.255.255.0, a mask, a-b, a b
// or an address alone.
func bounds(s string) (first, last netip.Addr, ok bool) {
	s = strings.TrimSpace(refang(s))
	if a, b, found := cutRange(s); found {
		from, err := netip.ParseAddr(unpadOctets(a))
		to, err2 := netip.ParseAddr(unpadOctets(b))
		if err != nil || err2 != nil || from.Is4() != to.Is4() {
			return first, last, false
		}
		if n, ok := maskBits(to); ok && !strings.Contains(s, "-") {
			return boundsOf(from, n)
		}
		return from, to, from.Compare(to) <= 0
	}
	addr, length, isNet := strings.Cut(s, "/")
	from, err := netip.ParseAddr(unpadOctets(addr))
	if err != nil {
		return first, last, false
	}
	if !isNet {
		return from, from, true
	}
	if mask, err := netip.ParseAddr(length); err == nil {
		n, ok := maskBits(mask)
		if !ok {
			return first, last, false
		}
		return boundsOf(from, n)
	}
	n, err := strconv.Atoi(length)
	if err != nil {
		return first, last, false
	}
	return boundsOf(from, n)
}

func cutRange(s string) (a, b string, ok bool) {
	if a, b, ok = strings.Cut(s, "-"); !ok {
		a, b, ok = strings.Cut(s, " ")
	}
	return strings.TrimSpace(a), strings.TrimSpace(b), ok
}

// maskBits is the prefix length of an IPv4 mask.
func maskBits(mask netip.Addr) (int, bool) {
	if !mask.Is4() {
		return 0, false
	}
	b := mask.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones := bits.LeadingZeros32(^n)
	return ones, n == ^uint32(0)<<(32-ones)
}

func boundsOf(addr netip.Addr, length int) (first, last netip.Addr, ok bool) {
	p, err := addr.Prefix(length)
	if err != nil {
		return first, last, false
	}
	bytes := p.Addr().AsSlice()
	for i := range bytes {
		if free := 8*(i+1) - length; free > 0 {
			bytes[i] |= byte(1<<min(free, 8) - 1)
		}
	}
	last, ok = netip.AddrFromSlice(bytes)
	return p.Addr(), last, ok
}

// prefixOf is the network from first to last, if they are one.
func prefixOf(first, last netip.Addr) (netip.Prefix, bool) {
	for length := first.BitLen(); length >= 0; length-- {
		from, to, ok := boundsOf(first, length)
		if !ok || from != first {
			return netip.Prefix{}, false
		}
		if to == last {
			return netip.PrefixFrom(first, length), true
		}
	}
	return netip.Prefix{}, false
}
