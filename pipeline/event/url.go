package event

import "strings"

// normalURL undoes defanging and puts the scheme and the host in lower case. The
// rest is evidence and stays as it was: escapes, dots and even spaces of a URL
// tell one phishing kit from another.
func normalURL(s string) (string, string) {
	if isPlain(s) && len(s) <= maxURL && isNormalURL(s) {
		return s, ""
	}
	if s = strings.TrimSpace(s); len(s) > 8*maxURL {
		return "", tooLong(len(s), maxURL)
	}
	if reason := refuseText(s); s == "" || reason != "" {
		return "", reason
	}
	scheme, rest, defanged := splitScheme(s)
	if reason := refuseScheme(scheme, rest); reason != "" {
		return "", reason
	}
	if strings.HasPrefix(rest, "//") {
		var reason string
		if rest, reason = normalAuthority(scheme, rest[2:], defanged); reason != "" {
			return "", reason
		}
	}
	return normalText(scheme+":"+rest, maxURL)
}

// isNormalURL recognizes the common case: scheme://host, in lower case, without
// brackets or credentials.
func isNormalURL(s string) bool {
	i := strings.IndexByte(s, ':')
	if i < 2 || len(s) < i+4 || s[i+1] != '/' || s[i+2] != '/' || s[len(s)-1] == ' ' {
		return false
	}
	if scheme := s[:i]; !isScheme(scheme) || refangScheme(scheme) != scheme {
		return false
	}
	host := s[i+3:]
	for j := range len(host) {
		switch c := host[j]; {
		case c == '/' || c == '?' || c == '#':
			return j > 0
		case fqdnByte[c] == 0 && c != '.' && c != ':':
			return false
		}
	}
	return true
}

// splitScheme cuts "scheme:rest", undoing hxxp, [:] and [://]. An empty scheme
// means that there is none.
func splitScheme(s string) (scheme, rest string, defanged bool) {
	for _, sep := range [...]string{"[://]", "(://)", "[:]//", "(:)//", "[:]", ":"} {
		before, after, ok := strings.Cut(s, sep)
		if !ok || !isScheme(refangScheme(lowerASCII(before))) {
			continue
		}
		if strings.Contains(sep, "//") {
			after = "//" + after
		}
		lower := lowerASCII(before)
		scheme = refangScheme(lower)
		return scheme, after, scheme != lower || sep != ":"
	}
	return "", s, false
}

// isScheme follows RFC 3986 section 3.1, for lower-case letters.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c-'a' >= 26 && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func refuseScheme(scheme, rest string) string {
	// "example.com:8080/x" reads as scheme and rest, but is none.
	if scheme == "" || scheme == "localhost" || strings.ContainsRune(scheme, '.') && !strings.HasPrefix(rest, "//") {
		return "has no scheme such as http://; put one before it with an expression"
	}
	if rest == "" {
		return "has nothing after the scheme"
	}
	return ""
}

// normalAuthority normalizes what follows "//" and returns it with the slashes.
func normalAuthority(scheme, rest string, defanged bool) (string, string) {
	end := authorityEnd(rest)
	authority, tail := rest[:end], rest[end:]
	if fixed := refang(authority); fixed != authority {
		authority, defanged = fixed, true
	}
	// Who defangs the host often defangs the whole URL; where the host is intact,
	// brackets in the path are the URL's own.
	if defanged {
		tail = refang(tail)
		// A slash of the path may have been in brackets.
		if i := strings.IndexAny(authority, "/?#"); i >= 0 {
			authority, tail = authority[:i], authority[i:]+tail
		}
	}
	user, host := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host = authority[:i+1], authority[i+1:]
	}
	if host == "" && scheme != "file" {
		return "", "has no host"
	}
	return "//" + user + lowerASCII(host) + tail, ""
}

// authorityEnd finds the end of the authority; a bracketed slash is none.
func authorityEnd(s string) int {
	for i := range len(s) {
		switch s[i] {
		case '?', '#':
			return i
		case '/':
			if i == 0 || i+1 == len(s) || s[i-1] != '[' || s[i+1] != ']' {
				return i
			}
		}
	}
	return len(s)
}
