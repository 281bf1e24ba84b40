package parse

import (
	"fmt"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// xmlCapture takes the text or an attribute of an element that is in no record.
type xmlCapture struct {
	*capture
	at   *markup.Path
	attr string // "" for the text
}

// capture takes values of elements beside the records, and of attributes around
// them.
func (x *xmlDocument) capture(captures []capture) error {
	for i := range captures {
		c := &captures[i]
		if c.path == "" {
			return fmt.Errorf("spec.input.capture[%d].pattern: is for formats of lines; write the path of an element, such as "+
				"/rss/channel/pubDate", i)
		}
		element, attr, _ := strings.Cut(c.path, "/@")
		path, err := markup.ParsePath(element)
		if err != nil {
			return fmt.Errorf("spec.input.capture[%d].path: %q: %w", i, c.path, err)
		}
		x.captures = append(x.captures, xmlCapture{c, path, attr})
	}
	return nil
}

// capturing wants the elements that are captured, besides those that are records.
func (x *xmlReader) capturing(want func([]markup.Open) bool) func([]markup.Open) bool {
	if len(x.captures) == 0 {
		return want
	}
	return func(open []markup.Open) bool {
		x.captured = nil
		for i := range x.captures {
			switch c := &x.captures[i]; {
			case !c.at.Match(open):
			case c.attr == "":
				x.captured = c
			default:
				if v := open[len(open)-1].Attr(c.attr); v != "" {
					x.know(c.capture, v)
				}
			}
		}
		if want(open) {
			x.captured = nil
			return true
		}
		return x.captured != nil
	}
}
