package infer

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

var (
	htmlStart = regexp.MustCompile(`(?is)^(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body|table|div|title|meta)\b`)
	xmlStart  = regexp.MustCompile(`(?is)^(?:<\?xml|<!--.*?-->\s*<|<[a-z][\w:.-]*(?:\s|>|/>))`)
	preStart  = regexp.MustCompile(`(?i)^<pre>\s*`)
)

func isMarkup(start string) bool {
	return !preStart.MatchString(start) && (htmlStart.MatchString(start) || xmlStart.MatchString(start))
}

// markup tells XML, its vocabularies and HTML apart.
func (t *text) markup(start string) ([]format, error) {
	if htmlStart.MatchString(start) {
		return t.html(), nil
	}
	root, paths := t.elements()
	switch local := strings.ToLower(root); {
	case local == "iodef-document":
		return []format{vocabularyFormat("iodef")}, nil
	case local == "ioc" && strings.Contains(t.body[:min(len(t.body), 4096)], "openioc"), local == "openioc":
		return []format{vocabularyFormat("openioc")}, nil
	case local == "stix_package":
		return []format{vocabularyFormat("stix")}, nil
	}
	best := syndicated(paths)
	if best == nil {
		best = repeated(paths)
	}
	if best == nil {
		return nil, fmt.Errorf("the sample is XML (<%s>), but no element of it looks like a record", root)
	}
	f := format{name: "XML", input: v1alpha1.InputSpec{XML: &v1alpha1.XMLSpec{Records: best.path}}, confidence: 0.9, score: 1,
		reason: fmt.Sprintf("%d elements %s hold the values", best.count, best.path)}
	f.syndicated = syndicated(paths) != nil
	if best.count == 1 && !f.syndicated {
		f.confidence = 0.5
	}
	return []format{f}, nil
}

// element is a path of a document, how often it occurs, and how many values lie
// in it.
type element struct {
	path           string
	count, telling int
	children       map[string]bool
	depth          int
}

const maxElements = 4096

// elements counts the elements of a document by path. What is no XML ends it.
func (t *text) elements() (root string, paths map[string]*element) {
	paths = map[string]*element{}
	d := xml.NewDecoder(strings.NewReader(t.body))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var stack []string
	for range 500_000 {
		tok, err := d.Token()
		if err != nil && !errors.Is(err, io.EOF) || tok == nil {
			return root, paths
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(stack) > maxDepth {
				return root, paths
			}
			if root == "" {
				root = tok.Name.Local
			}
			stack = append(stack, tok.Name.Local)
			note(paths, stack, tok.Attr)
		case xml.EndElement:
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			telling(paths, stack, strings.TrimSpace(string(tok)))
		}
	}
	return root, paths
}

func note(paths map[string]*element, stack []string, attrs []xml.Attr) {
	path := "/" + strings.Join(stack, "/")
	e := paths[path]
	if e == nil {
		if len(paths) >= maxElements {
			return
		}
		e = &element{path: path, children: map[string]bool{}, depth: len(stack)}
		paths[path] = e
	}
	e.count++
	if parent := paths["/"+strings.Join(stack[:len(stack)-1], "/")]; parent != nil {
		parent.children[stack[len(stack)-1]] = true
	}
	for _, a := range attrs {
		e.children["@"+a.Name.Local] = true
		telling(paths, stack, a.Value)
	}
}

// telling notes a value for all elements that it lies in.
func telling(paths map[string]*element, stack []string, value string) {
	if value == "" || kindsOf(value).strong() == 0 {
		return
	}
	for i := range stack {
		if e := paths["/"+strings.Join(stack[:i+1], "/")]; e != nil {
			e.telling++
		}
	}
}

// syndicated is the element of the entries of RSS and Atom: these formats say what
// it is, even if there is but one.
func syndicated(paths map[string]*element) *element {
	for _, path := range []string{"/rss/channel/item", "/RDF/item", "/feed/entry"} {
		if e := paths[path]; e != nil {
			return e
		}
	}
	return nil
}

// repeated is the element that occurs most and has parts; of those that are
// nested in each other the outermost that repeats.
func repeated(paths map[string]*element) *element {
	var best *element
	for _, e := range paths {
		if e.depth < 2 || e.telling == 0 {
			continue
		}
		if best == nil || e.better(best) {
			best = e
		}
	}
	return best.inner(paths)
}

// inner is the element inside that has all of the values and occurs more often: a
// group is no record.
func (e *element) inner(paths map[string]*element) *element {
	if e == nil {
		return nil
	}
	best := e
	for _, i := range paths {
		if strings.HasPrefix(i.path, e.path+"/") && i.telling == e.telling && i.count > best.count && len(i.children) > 0 {
			best = i
		}
	}
	return best
}

func (e *element) better(than *element) bool {
	a, b := e.rank(), than.rank()
	switch {
	case a != b:
		return a > b
	case e.telling != than.telling:
		return e.telling > than.telling
	case e.depth != than.depth:
		return e.depth < than.depth
	}
	return e.path < than.path
}

func (e *element) rank() int {
	switch {
	case e.count > 1 && len(e.children) > 1:
		return 3
	case e.count > 1:
		return 2
	case len(e.children) > 1:
		return 1
	}
	return 0
}
