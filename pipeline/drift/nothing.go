package drift

import "strings"

// nothingWords are words that people write where there is no value, in small letters.
var nothingWords = map[string]bool{
	"-": true, "--": true, "?": true, "??": true,
	"null": true, "(null)": true, "nil": true, "<nil>": true, "none": true, "(none)": true, "nothing": true, "nan": true,
	"n/a": true, "n.a.": true, "n\\a": true, "na": true, "\\n": true, "no data": true, "not found": true, "not available": true, "not applicable": true,
	"unknown": true, "undefined": true, "unspecified": true,
}

const maxNothing = 16 // bytes of the longest word

// IsNothing tells whether people write a word where there is no value: null, N/A. It
// may be a value all the same: a family of malware may be unknown, NA is a country.
func IsNothing(value string) bool {
	return len(value) <= maxNothing && nothingWords[strings.ToLower(value)]
}

// MayBeNothing tells whether a value that means something elsewhere stands for none in
// many feeds: 0.0.0.0 among addresses, NXDOMAIN among names.
func MayBeNothing(value string) bool {
	switch value { // of all values of a payload
	case "0", "-1", "0.0.0.0", "255.255.255.255", "::", "1970-01-01", "1970-01-01 00:00:00", "1970-01-01T00:00:00Z",
		"0000-00-00 00:00:00", "0000-00-00", "nxdomain", "NXDOMAIN":
		return true
	}
	return false
}
