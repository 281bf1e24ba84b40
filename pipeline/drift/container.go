package drift

import (
	"fmt"
	"regexp"

	"github.com/weir-project/weir/pipeline/status"
)

var prolog = regexp.MustCompile(`^\s*<\?xml[^>]*\?>`)

// checkContainer notices a payload of another format altogether: a web page, an
// error body, an archive.
func checkContainer(c *comparison) {
	now := c.now
	if now.Container == now.Declared || now.Container == "" || c.base != nil && c.base.Container == now.Container {
		return
	}
	if now.Container == containerEmpty {
		if now.Unreadable != "" {
			c.add(status.Finding{Code: CodeContainer, Before: now.Declared, After: containerEmpty, Breaking: true,
				Sentence: fmt.Sprintf("The payload is empty; %s was expected.", formatName(now.Declared))})
		}
		c.done = true
		return
	}
	// Lines of text may look like anything. What becomes events is no foreign
	// container, except that a page with links in it is still a page.
	page := now.Container == containerHTML && c.base != nil
	if now.Events > now.Rejected && !page {
		return
	}
	if c.refused() {
		words := excerptOf(prolog.ReplaceAll([]byte(now.Head), nil))
		for _, text := range stringsIn(now.Head) {
			if isErrorText(text) {
				words = cut(text, 2*maxExcerpt)
				break
			}
		}
		c.refuse(words)
		return
	}
	shown := ""
	if now.Excerpt != "" {
		shown = fmt.Sprintf(" (%s)", quote(now.Excerpt))
	}
	c.add(status.Finding{Code: CodeContainer, Before: now.Declared, After: now.Container, Breaking: true,
		Sentence: fmt.Sprintf("The payload is %s%s instead of %s.", formatName(now.Container), shown, formatName(now.Declared))})
	c.done = true
}

// checkReadable reports what the Parser could not make sense of, unless a change
// of the header or of the paths explains it.
func checkReadable(c *comparison) {
	if c.now.Unreadable == "" {
		return
	}
	if !c.broken() {
		c.add(status.Finding{Code: CodeUnreadable, Breaking: true, After: c.now.Unreadable,
			Sentence: fmt.Sprintf("The payload cannot be read as %s: %s.", formatName(c.now.Declared), c.now.Unreadable)})
	}
	c.done = true
}

func formatName(format string) string {
	if title := titleOf(format); title != "" {
		return title
	}
	switch format {
	case formatCSV:
		return "CSV"
	case formatJSON:
		return "JSON"
	case formatJSONLines:
		return "JSON lines"
	case formatText:
		return "text"
	case containerHTML:
		return "HTML"
	case containerXML:
		return "XML"
	case containerBinary:
		return "binary data"
	}
	return "a " + format + " file"
}
