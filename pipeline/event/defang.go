package event

import "strings"

// Publishers write addresses so that nobody follows them by accident:
// hxxp://evil[.]example. This file undoes it.

// marks are the bracketed stand-ins that occur in feeds, without regard to case.
var marks = strings.NewReplacer(pairs(
	"dot", ".",
	".", ".",
	":", ":",
	"://", "://",
	"/", "/",
	"at", "@",
	"@", "@",
)...)

func pairs(words ...string) []string {
	var out []string
	for i := 0; i < len(words); i += 2 {
		for _, w := range []string{words[i], strings.ToUpper(words[i])} {
			for _, b := range []string{"[]", "()", "{}"} {
				out = append(out, b[:1]+w+b[1:], words[i+1])
			}
		}
	}
	return out
}

// refang undoes bracketed stand-ins: "192.0.2[.]1" is 192.0.2.1. It goes on until
// there are none, so that doing it twice is doing it once. Callers bound s.
func refang(s string) string {
	for strings.ContainsAny(s, "[({") {
		fixed := marks.Replace(s)
		if fixed == s {
			break
		}
		s = fixed
	}
	return s
}

// Refang undoes what publishers do to addresses so that nobody follows them:
// hxxp://evil[.]example is http://evil.example. Text without such marks is
// returned as it is.
func Refang(s string) string {
	s = refang(s)
	i := strings.Index(s, "://")
	if i <= 0 || i > 8 {
		return s
	}
	scheme := strings.ToLower(s[:i])
	if plain := refangScheme(scheme); plain != scheme {
		return plain + s[i:]
	}
	return s
}

// refangScheme gives the scheme that a mangled one stands for. s is in lower case.
func refangScheme(s string) string {
	switch s {
	case "hxxp", "h**p", "hxtp", "htxp", "hxp", "hp", "meow":
		return "http"
	case "hxxps", "h**ps", "hxtps", "htxps", "hxps", "hps", "meows":
		return "https"
	case "fxp":
		return "ftp"
	case "fxps":
		return "ftps"
	case "sfxp":
		return "sftp"
	}
	return s
}
