package parse

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/misp"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// mispFormat reads events of MISP, lists of events, attributes or objects, and
// manifests of feeds. A record is an attribute, or an event of a manifest.
type mispFormat struct {
	tree *record.Tree
}

func compileMISP(*v1alpha1.MISPSpec) (format, error) { return &mispFormat{}, nil }

func (*mispFormat) options() mapping.Options { return mapping.Options{JSON: true} }

func (*mispFormat) base() (*v1alpha1.ParserSpec, error) { return vocabularyOf("misp") }

func (f *mispFormat) bind(p *mapping.Program) error {
	f.tree = treeOf(p)
	return nil
}

// firstPass bounds what is read of an object before its records, to learn what all
// of them share: members may come in any order.
const firstPass = 16 << 20

func (f *mispFormat) read(r *run) error {
	if err := r.start("MISP JSON"); err != nil {
		return err
	}
	m := &mispReader{check: record.NewWalker(record.NewTree())}
	m.documentReader = &documentReader{run: r, format: &jsonDocument{}, walker: record.NewWalker(f.tree)}
	return m.documents(m.document)
}

type mispReader struct {
	*documentReader
	check *record.Walker
	text  []byte
}

func (m *mispReader) document() error {
	m.found = true
	if c, err := m.expect(); err != nil || c != '{' && c != '[' {
		if err == nil {
			err = m.notJSON()
		}
		return err
	}
	return m.node()
}

// node reads what is at the top, or inside of what only wraps: an object, or an
// array of them.
func (m *mispReader) node() error {
	c, err := m.expect()
	switch {
	case err != nil:
		return err
	case c == '[':
		return m.elements(m.node)
	case c == '{':
		return m.object()
	case c == 'n':
		return m.skip()
	}
	return m.refuseNext("there is " + kindName(c) + ", not an event, attribute or object of MISP")
}

// refuseNext rejects the next value.
func (m *mispReader) refuseNext(reason string) error {
	raw, _, err := m.value(maxRejected)
	if err != nil {
		return err
	}
	return m.reject(reason, raw)
}

// object reads an object that may be any of those that MISP gives.
func (m *mispReader) object() error {
	start, _, err := m.ahead(maxMemberName)
	if err != nil {
		return err
	}
	switch first := firstMember(start); {
	case first == "response" || first == "Event":
		return m.wrapper()
	case isUUID(first):
		return m.manifest()
	}
	text, whole, err := m.ahead(firstPass)
	if err != nil {
		return err
	}
	return m.known(memberNames(text), text, whole)
}

// known reads an object by the members that it has.
func (m *mispReader) known(names map[string]bool, text []byte, whole bool) error {
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(name string) bool { return names[name] })
	}
	switch {
	case names["type"] && names["value"]:
		return m.attribute(nil, nil)
	case has("info", "Orgc"):
		return m.event()
	case has("meta-category", "template_uuid"):
		return m.objectOf(nil)
	case has("Event", "response", "Attribute", "Object"):
		return m.wrapper()
	case has("message", "errors"):
		return &UnreadableError{fmt.Sprintf("MISP answers with an error: %.300s", text)}
	case whole && len(names) == 0:
		return m.skip()
	}
	return m.refuseNext("it is no event, attribute or object of MISP")
}

// firstMember is the name of the first member of an object.
func firstMember(object []byte) string {
	name := bytes.TrimLeft(object[min(1, len(object)):], " \t\r\n")
	if end := bytes.IndexByte(name[min(1, len(name)):], '"'); len(name) > 0 && name[0] == '"' && end >= 0 {
		return string(name[1 : 1+end])
	}
	return ""
}

// memberNames are the names of the members of an object that may end in the middle.
func memberNames(object []byte) map[string]bool {
	names := map[string]bool{}
	record.Members(record.Text(object), func(name string, _ record.Value) bool {
		names[strings.Clone(name)] = true
		return len(names) < 256
	})
	return names
}

func isUUID(s string) bool {
	const form = "00000000-0000-0000-0000-000000000000"
	if len(s) != len(form) {
		return false
	}
	for i := range form {
		hex := s[i]-'0' <= 9 || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f'
		if form[i] == '-' && s[i] != '-' || form[i] == '0' && !hex {
			return false
		}
	}
	return true
}

// wrapper goes through an object that only holds others.
func (m *mispReader) wrapper() error {
	return m.membersOf(func(name string) error {
		c, err := m.expect()
		switch {
		case err != nil:
			return err
		case name == "Event" && c == '{':
			return m.event()
		case name == "Attribute" && c == '[':
			return m.elements(func() error { return m.attribute(nil, nil) })
		case name == "Object" && c == '[':
			return m.elements(func() error { return m.objectOf(nil) })
		case name == "Object" && c == '{':
			return m.objectOf(nil)
		case name == "Attribute" && c == '{':
			return m.attribute(nil, nil)
		case name == "response" || name == "Event":
			return m.node()
		}
		return m.skip()
	})
}

// manifest lists events by their UUIDs.
func (m *mispReader) manifest() error {
	return m.membersOf(func(uuid string) error {
		uuid = strings.Clone(uuid)
		raw, ok, err := m.recordNext()
		if !ok || err != nil {
			return err
		}
		m.text = misp.Summary(m.text[:0], record.Text(raw))
		return m.made(m.walker, m.text, raw, uuid)
	})
}

// recordNext reads the next value, which must be an object that fits into a record;
// it is false if it has been rejected.
func (m *mispReader) recordNext() (raw []byte, ok bool, err error) {
	raw, long, err := m.value(m.p.max)
	if err != nil {
		return nil, false, err
	}
	reason := ""
	switch {
	case long:
		reason = m.tooLong()
	case !isObject(raw):
		reason = "the record is no JSON object"
	default:
		reason = m.set.invalid(raw)
	}
	if reason == "" {
		if err := m.check.Extract(raw, nil); err != nil {
			reason = "malformed JSON: " + err.Error()
		}
	}
	if reason != "" {
		return nil, false, m.reject(reason, raw)
	}
	return raw, true, nil
}

// event reads an event: first what its attributes share, then each of them.
func (m *mispReader) event() error {
	text, whole, err := m.ahead(firstPass)
	if err != nil {
		return err
	}
	e := misp.ReadEvent(record.Text(text))
	if !whole && !e.Tagged {
		// Who may see the attributes is not known.
		if m.src.eof {
			return m.truncated()
		}
		return m.unreadable("an event of more than %d MiB has its tags behind its attributes, so that it is not known who may "+
			"see them; fetch it in parts, or as the file of a feed", firstPass>>20)
	}
	before := m.stats.Records
	err = m.membersOf(func(name string) error {
		c, err := m.expect()
		switch {
		case err != nil:
			return err
		case name == "Attribute" && c == '[':
			return m.elements(func() error { return m.attribute(e, nil) })
		case name == "Object" && c == '[':
			return m.elements(func() error { return m.objectOf(e) })
		case name == "ShadowAttribute" && c == '[':
			return m.elements(func() error { m.pass("proposal"); return m.skip() })
		}
		return m.skip()
	})
	if err == nil && m.stats.Records == before {
		m.pass("event-without-attributes")
	}
	return err
}

// objectOf reads an object and its attributes.
func (m *mispReader) objectOf(e *misp.Event) error {
	if c, err := m.expect(); err != nil || c != '{' {
		if err == nil {
			err = m.refuseNext("there is " + kindName(c) + ", not an object of MISP")
		}
		return err
	}
	text, _, err := m.ahead(m.p.max)
	if err != nil {
		return err
	}
	o := misp.ReadObject(record.Text(text))
	return m.membersOf(func(name string) error {
		c, err := m.expect()
		if err == nil && name == "Attribute" && c == '[' {
			return m.elements(func() error { return m.attribute(e, o) })
		}
		if err == nil {
			err = m.skip()
		}
		return err
	})
}

func (m *mispReader) attribute(e *misp.Event, o *misp.Object) error {
	raw, ok, err := m.recordNext()
	if !ok || err != nil {
		return err
	}
	text, pass := misp.Attribute(m.text[:0], record.Text(raw), e, o)
	m.text = text
	if pass != "" {
		m.passAs(pass)
		return nil
	}
	return m.made(m.walker, text, raw, "")
}
