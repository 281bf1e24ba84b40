package drift

import (
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxSaid bounds the texts that are looked at.
const maxSaid = 64

// stringsIn are the strings of JSON that may be cut off: first those of errors, which
// say most, then the others. Names of members are none.
func stringsIn(text string) []string {
	d := json.NewDecoder(strings.NewReader(text))
	type level struct {
		object, value bool // value: the next token is one, not a name
		name          string
	}
	var levels []level
	var first, rest []string
	for len(first)+len(rest) < maxSaid {
		token, err := d.Token()
		if err != nil {
			break
		}
		at := len(levels) - 1
		named := at >= 0 && levels[at].object
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				if named {
					levels[at].value = false
				}
				levels = append(levels, level{object: t == '{'})
			default:
				levels = levels[:at]
			}
			continue
		case string:
			switch {
			case named && !levels[at].value:
				levels[at].name, levels[at].value = t, true
				continue
			case named && errorName.MatchString(levels[at].name):
				first = append(first, t)
			default:
				rest = append(rest, t)
			}
		}
		if named {
			levels[at].value = false
		}
	}
	return slices.Concat(first, rest)
}

var errorName = regexp.MustCompile(`(?i)^(error|errors|error_?(message|description)|message|detail|details|reason|msg|description|title)$`)

var (
	hiddenTags = regexp.MustCompile(`(?is)<(script|style)\b.*?(</(script|style)\s*>|$)|<!--.*?(-->|$)`)
	titleTag   = regexp.MustCompile(`(?is)<title[^>]*>.*?</title\s*>`)
	anyTag     = regexp.MustCompile(`(?s)<[^>]*(>|$)`)
)

// shown are the texts of a page, the title first.
func shown(page string) []string {
	page = hiddenTags.ReplaceAllString(page, "\n")
	var out []string
	for line := range strings.SplitSeq(titleTag.FindString(page)+"\n"+anyTag.ReplaceAllString(page, "\n"), "\n") {
		line = strings.Join(strings.Fields(html.UnescapeString(anyTag.ReplaceAllString(line, " "))), " ")
		if line != "" && len(out) < maxSaid && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// quote puts quotes around a text, those that it has not among them.
func quote(s string) string {
	if q := strconv.Quote(s); strings.Contains(s, `"`) && !strings.ContainsAny(s, "`") && strings.ReplaceAll(q, `\"`, `"`) == `"`+s+`"` {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}
