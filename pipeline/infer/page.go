package infer

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

var (
	tableTag = regexp.MustCompile(`(?is)<table\b([^>]*)>(.*?)(?:</table>|$)`)
	rowTag   = regexp.MustCompile(`(?i)<tr\b`)
	headTag  = regexp.MustCompile(`(?i)<th\b`)
	idAttr   = regexp.MustCompile(`(?i)\bid\s*=\s*["']?([\w-]+)`)
	cellTag  = regexp.MustCompile(`(?is)<td\b[^>]*>([^<]*(?:<(?:a|b|i|span|code|font|strong)\b[^>]*>[^<]*)?)`)
	itemTag  = regexp.MustCompile(`(?is)<li\b[^>]*>(.*?)(?:</li>|$)`)
	linkTag  = regexp.MustCompile(`(?is)<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)`)
	anyTag   = regexp.MustCompile(`<[^>]*>`)
	classOf  = regexp.MustCompile(`(?i)\bclass\s*=\s*["']?([\w-]+)`)
)

// html is the table with the most rows; where no cell of it is telling, what the
// page links to, or lists.
func (t *text) html() []format {
	f := t.htmlTable()
	if !t.tellingCells() {
		for _, other := range []*format{t.htmlLinks(), t.htmlList()} {
			if other != nil {
				return []format{*other, f}
			}
		}
	}
	return []format{f}
}

// tellingCells reports whether a cell of a table has a telling value.
func (t *text) tellingCells() bool {
	for _, m := range cellTag.FindAllStringSubmatch(t.body, 2000) {
		for _, w := range strings.Fields(anyTag.ReplaceAllString(m[1], " ")) {
			if kindsOf(html.UnescapeString(w)).strong() != 0 {
				return true
			}
		}
	}
	return false
}

// htmlLinks are links that end with a telling value, behind the same beginning:
// host.php?q=192.0.2.1.
func (t *text) htmlLinks() *format {
	groups := map[string]int{}
	for _, m := range linkTag.FindAllStringSubmatch(t.body, 4000) {
		ref := html.UnescapeString(m[1])
		i := strings.LastIndexAny(ref, "=/") + 1
		if i > 1 && i <= 100 && !strings.ContainsAny(ref[:i], "\"\\[]") && !strings.HasSuffix(ref[:i], "//") && kindsOf(ref[i:]).strong() != 0 {
			groups[ref[:i]]++
		}
	}
	best := ""
	for prefix, n := range groups {
		if n > groups[best] || n == groups[best] && prefix < best {
			best = prefix
		}
	}
	if groups[best] < 2 {
		return nil
	}
	return &format{name: "HTML", confidence: 0.65, score: 1, reason: fmt.Sprintf("%d links of the page end with what it is about", groups[best]),
		input:  v1alpha1.InputSpec{HTML: &v1alpha1.HTMLSpec{Records: `a[href^="` + best + `"]`, Fields: map[string]string{"link": "@href"}}},
		derive: map[string]string{"link": `^` + strings.ReplaceAll(regexp.QuoteMeta(best), "%", "%%") + `(?P<%s>[^&#]+)`}}
}

// htmlList is the items of lists, if most are telling.
func (t *text) htmlList() *format {
	items, fit := itemTag.FindAllStringSubmatch(t.body, 2000), 0
	for _, m := range items {
		if kindsOf(html.UnescapeString(strings.TrimSpace(anyTag.ReplaceAllString(m[1], "")))).strong() != 0 {
			fit++
		}
	}
	if fit < 2 || fit*2 < len(items) {
		return nil
	}
	return &format{name: "HTML", confidence: 0.6, score: 1, reason: fmt.Sprintf("%d items of lists are what it is about", fit),
		input: v1alpha1.InputSpec{HTML: &v1alpha1.HTMLSpec{Records: "ul", Fields: map[string]string{"item": "li"}}}}
}

func (t *text) htmlTable() format {
	f := format{name: "HTML", confidence: 0.7, score: 1, input: v1alpha1.InputSpec{HTML: &v1alpha1.HTMLSpec{}}}
	tables := tableTag.FindAllStringSubmatch(t.body, 64)
	most, best := 0, -1
	for i, m := range tables {
		if n := len(rowTag.FindAllString(m[2], -1)); n > most {
			most, best = n, i
		}
	}
	if best < 0 {
		f.confidence, f.reason = 0.2, "it is a page without a table: say in spec.input.html.records and fields where the values are"
		return f
	}
	f.reason = fmt.Sprintf("it is a page; its largest table has %d rows", most)
	attrs := tables[best][1]
	switch {
	case len(tables) == 1:
		f.input.HTML.Records = "table tr"
	case idAttr.MatchString(attrs):
		f.input.HTML.Records = "table#" + idAttr.FindStringSubmatch(attrs)[1] + " tr"
	case classOf.MatchString(attrs):
		f.input.HTML.Records = "table." + classOf.FindStringSubmatch(attrs)[1] + " tr"
	default:
		f.input.HTML.Records, f.confidence = "table tr", 0.5
	}
	if !headTag.MatchString(tables[best][2]) {
		f.confidence -= 0.1
	}
	return f
}
