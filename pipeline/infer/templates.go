package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// token is a word of a line.
type token struct {
	text string
	// class is what words of one template have in common: a kind, or the text
	// itself where it is punctuation.
	class   string
	literal bool
}

var (
	dateTime = regexp.MustCompile(`^(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4})\s+(\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)`)
	spaces   = regexp.MustCompile(`\s+`)
)

// words takes a line apart at white space, and keeps date and time together.
func words(line string) []token {
	var out []token
	rest := strings.TrimSpace(line)
	for rest != "" && len(out) < 64 {
		if m := dateTime.FindString(rest); m != "" && (len(m) == len(rest) || rest[len(m)] == ' ' || rest[len(m)] == '\t') {
			out = append(out, token{text: m, class: "time"})
			rest = strings.TrimSpace(rest[len(m):])
			continue
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		out = append(out, tokenOf(rest[:end], len(out) == 0))
		rest = strings.TrimSpace(rest[end:])
	}
	return out
}

func tokenOf(s string, first bool) token {
	k := kindsOf(s)
	switch {
	case k.has(ipKinds):
		return token{text: s, class: "ip"}
	case k.strong() != 0:
		return token{text: s, class: k.strong().String()}
	case k.has(drift.Int | drift.Float):
		return token{text: s, class: "number"}
	case k.has(drift.Timestamp):
		return token{text: s, class: "time"}
	case strings.Trim(s, "#;:|,-=>()[]/*") == "":
		return token{text: s, class: s, literal: true}
	case first && word.MatchString(s):
		return token{text: s, class: "=" + s, literal: true}
	}
	return token{text: s, class: "word"}
}

// templates takes the largest group of lines that are built alike.
func (t *text) templates(lines []string) *format {
	groups := map[string][][]token{}
	for _, l := range lines {
		ws := words(l)
		classes := make([]string, len(ws))
		for i, w := range ws {
			classes[i] = w.class
		}
		key := strings.Join(classes, " ")
		groups[key] = append(groups[key], ws)
	}
	best := largest(groups)
	g := groups[best]
	if len(g) == 0 || len(g[0]) < 2 && !strings.Contains(best, "ip") {
		return nil
	}
	share := float64(len(g)) / float64(len(lines))
	if share < 0.2 || len(g[0]) > 24 || t.tabbed(g[0], lines) {
		return nil
	}
	names, known := t.templateNames(g)
	pattern := patternOf(g[0], names)
	f := format{name: "lines of a pattern", confidence: min(0.9, 0.4+share/2), score: 0.8 * share,
		reason: fmt.Sprintf("%d of %d lines are built alike", len(g), len(lines)),
		input:  v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{Comment: t.comment, Pattern: "^" + pattern + "$"}}, unnamed: !known}
	if share < 1 {
		f.score, f.confidence = 0.75*share, 0.9*share
		f.input.Text.Pattern = `^(?:` + pattern + `|.*)$`
		f.skip = append(f.skip, v1alpha1.SkipRule{Reason: "other-line", When: fmt.Sprintf(`record.%s == ""`, names[0])})
		f.other = func(row []string) bool { return row[0] == "" }
		f.choices = append(f.choices, Choice{About: "records", Chosen: "skip lines that are built otherwise", Confidence: 0.5 + share/4,
			Reason: fmt.Sprintf("%d of %d lines are built otherwise", len(lines)-len(g), len(lines))})
	}
	return &f
}

// largest is the key of the largest group with a telling word.
func largest(groups map[string][][]token) (best string) {
	for key, g := range groups {
		if isTelling(g[0]) && (best == "" || len(g) > len(groups[best]) || len(g) == len(groups[best]) && key < best) {
			best = key
		}
	}
	return best
}

// tabbed reports whether the words are what tabs part: then it is a table.
func (t *text) tabbed(ws []token, lines []string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return strings.Count(l, "\t")+1 != len(ws) })
}

func isTelling(ws []token) bool {
	return slices.ContainsFunc(ws, func(w token) bool { return kindsOf(w.text).strong() != 0 })
}

// patternOf is a regular expression for lines like this one.
func patternOf(ws []token, names []string) string {
	var b strings.Builder
	b.WriteString(`\s*`)
	n := 0
	for i, w := range ws {
		if i > 0 {
			b.WriteString(`\s+`)
		}
		switch {
		case w.literal:
			b.WriteString(regexp.QuoteMeta(w.text))
			continue
		case w.class == "time" && strings.ContainsAny(w.text, " \t"):
			fmt.Fprintf(&b, `(?P<%s>\S+\s+\S+)`, names[n])
		default:
			fmt.Fprintf(&b, `(?P<%s>\S+)`, names[n])
		}
		n++
	}
	b.WriteString(`\s*`)
	return b.String()
}

// templateNames names the parts: after a comment that lists as many names, or
// after what they hold.
func (t *text) templateNames(g [][]token) (names []string, known bool) {
	var columns [][]string
	for i, w := range g[0] {
		if w.literal {
			continue
		}
		var values []string
		for _, ws := range g {
			values = append(values, ws[i].text)
		}
		columns = append(columns, values)
	}
	if names := t.commentedWords(len(columns)); names != nil {
		return groupNames(names), true
	}
	names = make([]string, len(columns))
	for i, values := range columns {
		if names[i] = inventName(values); names[i] == "" {
			names[i] = fmt.Sprintf("column_%d", i+1)
		}
	}
	return groupNames(names), false
}

var wideGap = regexp.MustCompile(`\t+|\s{2,}|\s*[#|;,]\s*`)

// commentedWords finds a comment before the first line that has n names.
func (t *text) commentedWords(n int) []string {
	for i := t.before - 1; i >= 0 && n > 1; i-- {
		line := strings.Trim(strings.TrimLeft(t.comments[i], t.comment), " \t#*")
		for _, re := range []*regexp.Regexp{wideGap, spaces} {
			var cells []string
			known := 0
			for _, c := range re.Split(line, -1) {
				if c = strings.TrimSpace(c); c != "" {
					cells = append(cells, c)
					if isKnownName(c) {
						known++
					}
				}
			}
			// "Expires: Tue, 09 Apr 2024" has two cells too.
			said := slices.ContainsFunc(cells, func(c string) bool { return !likeLabel(c) || strings.Contains(c, ": ") })
			if len(cells) == n && known*2 >= n && !said {
				return cells
			}
		}
	}
	return nil
}

var notInGroup = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// groupNames makes names of groups: letters, digits and underscores.
func groupNames(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		n = strings.Trim(notInGroup.ReplaceAllString(strings.ToLower(n), "_"), "_")
		if n == "" || n[0] >= '0' && n[0] <= '9' {
			n = "c_" + n
		}
		out[i] = n
	}
	return uniqueNames(out)
}
