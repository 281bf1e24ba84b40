package drift

import "strings"

// nameKinds are URLs, e-mail addresses and domain names.
func nameKinds(s string, sh *shape) Kinds {
	if sh.has(cSlash) && sh.has(cColon|cBracket) && !spaced(s) && isURL(s) {
		return URL
	}
	if sh.ats == 1 && sh.has(cDot) && !sh.has(cSpace) && isEmail(s) {
		return Email
	}
	if sh.has(cDot) && sh.has(letters) && sh.only(cDigit|letters|cDot|cDash|cUnder) && isFQDN(s) {
		return FQDN
	}
	return 0
}

// isURL accepts a scheme of up to 16 characters and "://", also where the colon
// is defanged.
func isURL(s string) bool {
	i := 0
	for i < len(s) && i < 16 && (classes[s[i]]&(letters|cDigit) != 0 || s[i] == '+') {
		i++
	}
	if i == 0 || classes[s[0]]&letters == 0 {
		return false
	}
	rest := s[i:]
	if after, ok := strings.CutPrefix(rest, "[:]//"); ok {
		return after != ""
	}
	return len(rest) > 3 && rest[:3] == "://"
}

func isEmail(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	return local != "" && isFQDN(domain)
}

// isFQDN wants two labels or more and a top-level domain that begins with a
// letter, so that version numbers are none. Underscores occur in feeds.
func isFQDN(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	start, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if i == start || i-start > 63 || s[i-1] == '-' {
				return false
			}
			start = i + 1
			dots++
		case c == '-' && i == start, classes[c]&(letters|cDigit|cDash|cUnder) == 0:
			return false
		}
	}
	tld := s[start:]
	return dots > 0 && len(tld) >= 2 && len(tld) <= 63 && isTLD(tld)
}

func isTLD(s string) bool {
	if len(s) > 4 && strings.EqualFold(s[:4], "xn--") {
		return true
	}
	for i := range len(s) {
		if classes[s[i]]&letters == 0 {
			return false
		}
	}
	return true
}

// hexKinds are hashes, UUIDs, MAC addresses.
func hexKinds(s string, sh *shape) Kinds {
	switch {
	case sh.only(cDigit | cHex):
		return hashOf(len(s))
	case len(s) == 36 && sh.dashes == 4 && sh.only(cDigit|cHex|cDash):
		if s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
			return UUID
		}
	case len(s) == 17 && sh.dashes+sh.colons == 5 && sh.only(cDigit|cHex|cDash|cColon):
		for i := 2; i < 17; i += 3 {
			if s[i] != s[2] || classes[s[i]]&(cColon|cDash) == 0 {
				return 0
			}
		}
		return MAC
	}
	return 0
}

// wordKinds are those of what is left: identifiers, numbers with sign or point,
// words.
func wordKinds(s string, sh *shape) Kinds {
	switch {
	case isCVE(s):
		return CVE
	case isASN(s):
		return ASN
	case isDecimal(s):
		if sh.dots == 0 {
			return Int
		}
		return Float
	case len(s) == 2 && sh.only(letters):
		if strings.EqualFold(s, "no") {
			return CC | Bool | Text
		}
		return CC | Text
	case len(s) <= 5 && isBoolWord(s):
		return Bool | Text
	}
	return Text
}

func isCVE(s string) bool {
	if len(s) < 13 || len(s) > 24 || s[0]|0x20 != 'c' || !strings.EqualFold(s[:4], "cve-") || s[8] != '-' {
		return false
	}
	_, year := number(s[4:8])
	_, seq := number(s[9:])
	return year && seq
}

func isASN(s string) bool {
	if len(s) < 3 || s[0]|0x20 != 'a' || s[1]|0x20 != 's' {
		return false
	}
	n, ok := number(strings.TrimPrefix(s[2:], " "))
	return ok && n <= 1<<32-1
}

// isDecimal accepts a sign, digits and at most one point.
func isDecimal(s string) bool {
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	digits, points := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && points == 0:
			points++
		default:
			return false
		}
	}
	return digits > 0
}

func isBoolWord(s string) bool {
	return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") || strings.EqualFold(s, "yes")
}
