package event

import "strings"

// The fields whose values follow a pattern.

// normalSource checks "<provider>.<channel>".
func normalSource(s string) (string, string) {
	provider, channel, ok := strings.Cut(s, ".")
	if !ok || !isSourceLabel(provider) || !isSourceLabel(channel) {
		return "", `is not "<provider>.<channel>" of lower-case letters, digits and hyphens`
	}
	if len(s) > maxSource {
		return "", tooLong(len(s), maxSource)
	}
	return s, ""
}

func isSourceLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'a' >= 26 && !isDigit(c) && c != '-' {
			return false
		}
	}
	return s != ""
}

// hashOf normalizes a digest of the given number of hex digits to lower case;
// fingerprints may have colons between the bytes.
func hashOf(name string, digits int) normalizer {
	return func(s string) (string, string) {
		if len(s) == digits && isLowerHex(s) {
			return s, ""
		}
		s = strings.TrimSpace(s)
		if s == "" {
			return "", ""
		}
		if len(s) == digits/2*3-1 {
			s = strings.ReplaceAll(s, ":", "")
		}
		if s = lowerASCII(s); len(s) == digits && isLowerHex(s) {
			return s, ""
		}
		return "", "is not the hex form of a " + name
	}
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && c-'a' >= 6 {
			return false
		}
	}
	return true
}

// normalEmail undoes defanging and wants something on both sides of one "@".
func normalEmail(s string) (string, string) {
	s, reason := normalText(s, 8*maxEmail)
	if reason != "" || s == "" {
		return "", reason
	}
	s = refang(s)
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") || strings.Contains(local, " ") {
		return "", "is not an email address"
	}
	return normalText(s, maxEmail)
}

// normalIBAN gives an account number (ISO 13616) in upper case without spaces.
func normalIBAN(s string) (string, string) {
	s, reason := normalText(s, 64)
	if reason != "" || s == "" {
		return "", reason
	}
	s = upperASCII(strings.ReplaceAll(s, " ", ""))
	if len(s) < 12 || len(s) > 34 || !isAlpha(s[0]) || !isAlpha(s[1]) || !isDigit(s[2]) || !isDigit(s[3]) {
		return "", "is not an IBAN"
	}
	for i := 4; i < len(s); i++ {
		if s[i]-'A' >= 26 && !isDigit(s[i]) {
			return "", "is not an IBAN"
		}
	}
	return s, ""
}

// normalADIP checks an anonymized IPv4 address: x for the octets left out, the
// first always among them.
func normalADIP(s string) (string, string) {
	const reason = "is not an anonymized address such as x.x.3.4"
	s = lowerASCII(strings.TrimSpace(s))
	if s == "" {
		return "", ""
	}
	if !strings.HasPrefix(s, "x.") || strings.Count(s, ".") != 3 {
		return "", reason
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "x" {
			continue
		}
		if n, bad := parseUint(part, 8, reason); bad != "" || n < 10 && len(part) > 1 || n < 100 && len(part) > 2 {
			return "", reason
		}
	}
	return s, ""
}

// normalClient checks the id of an organisation.
func normalClient(s string) (string, string) {
	for i := range len(s) {
		if fqdnByte[s[i]] == 0 && s[i] != '.' {
			return "", "is not an organisation's id of lower-case letters, digits, dots, hyphens and underscores"
		}
	}
	if len(s) > maxClient {
		return "", tooLong(len(s), maxClient)
	}
	return s, ""
}

// normalCVE gives CVE-2021-44228 in upper case.
func normalCVE(s string) (string, string) {
	const reason = "is not a CVE id such as CVE-2021-44228"
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if len(s) < len("CVE-2021-1234") || len(s) > 28 {
		return "", reason
	}
	s = upperASCII(s)
	if s[:4] != "CVE-" || s[8] != '-' {
		return "", reason
	}
	for i := 4; i < len(s); i++ {
		if i != 8 && !isDigit(s[i]) {
			return "", reason
		}
	}
	return s, ""
}
