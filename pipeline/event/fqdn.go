package event

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// domains maps as browsers do (UTS 46, non-transitional) and leaves the checks of
// labels to us: underscores are common in feeds.
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// normalFQDN gives a domain name in A-labels and lower case without the final
// dot. Labels have 1 to 63 of [-_a-z0-9]; the last one is not a number.
func normalFQDN(s string) (string, string) {
	if isFQDN(s) {
		return s, ""
	}
	if s = strings.TrimSpace(s); len(s) > 8*maxFQDN {
		return "", tooLong(len(s), maxFQDN)
	}
	s = refang(s)
	if reason := refuseText(s); reason != "" {
		return "", reason
	}
	if reason := notFQDN(s); reason != "" {
		return "", reason
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return "", ""
	}
	if !isPlain(s) {
		ascii, err := domains.ToASCII(s)
		if err != nil {
			return "", "is no internationalized domain name (IDNA)"
		}
		s = strings.TrimSuffix(ascii, ".")
	}
	s = lowerASCII(s)
	if isFQDN(s) {
		return s, ""
	}
	return "", badFQDN(s)
}

// isFQDN reports whether s is in normal form.
func isFQDN(s string) bool {
	if s == "" || len(s) > maxFQDN {
		return false
	}
	label, numeric := 0, true
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			if label == 0 || label > 63 {
				return false
			}
			label, numeric = 0, true
			continue
		}
		if fqdnByte[c] == 0 {
			return false
		}
		label++
		numeric = numeric && fqdnByte[c] == 2
	}
	return label > 0 && label <= 63 && !numeric
}

// fqdnByte is 1 for what may be in a label, 2 for digits.
var fqdnByte = func() (t [256]uint8) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz-_") {
		t[c] = 1
	}
	for _, c := range []byte("0123456789") {
		t[c] = 2
	}
	return t
}()

// notFQDN recognizes what feeds put into columns named host or domain.
func notFQDN(s string) string {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return "is an IP address; map it to ip"
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return "is an IP address with a port; map them to ip and dport"
	}
	switch {
	case strings.Contains(s, "://"):
		return "is a URL; map it to url, or extract the host"
	case strings.ContainsRune(s, '@'):
		return "is an email address; map it to email, or extract the domain"
	case strings.ContainsRune(s, '/'):
		return "has a path; map it to url with a scheme, or extract the host"
	case strings.ContainsRune(s, ':'):
		return "has a port; extract the host, and map the port to dport"
	case strings.HasPrefix(s, "*."):
		return "has a wildcard; extract the domain"
	}
	return ""
}

// badFQDN says what is wrong with a name that isFQDN refuses.
func badFQDN(s string) string {
	if len(s) > maxFQDN {
		return tooLong(len(s), maxFQDN)
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "":
			return "has an empty label (two dots in a row, or one at the start)"
		case len(label) > 63:
			return "has a label of more than 63 characters"
		}
		for i := range len(label) {
			if fqdnByte[label[i]] == 0 {
				return "has the character " + quote(label[i:i+1]) + ", which no domain name has"
			}
		}
		last = label
	}
	return "ends in the number " + last + ", which is no top-level domain"
}
