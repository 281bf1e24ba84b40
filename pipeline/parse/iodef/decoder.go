package iodef

import (
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// Decoder takes one incident after the other. Child is to be called for each child
// of an incident; what holds for all of it comes before its events.
type Decoder struct {
	// Emit takes a record as JSON, valid during the call.
	Emit func(json []byte) error
	// Pass takes the reason why something is no record.
	Pass func(reason string)

	incident scope
	id       [4]string // id, name, purpose, status
	records  int
	json     []byte
}

// Why there is no record.
const (
	NoSystems  = "incident without systems"
	NoValue    = "system without an address or name"
	Referenced = "observable by reference"
	Negated    = "negated indicator"
)

// Begin begins an incident, whose attributes attr gives.
func (d *Decoder) Begin(attr func(name string) string) {
	d.incident, d.id, d.records = scope{}, [4]string{2: attr("purpose"), 3: attr("status")}, 0
	d.incident.restrict(attr("restriction"), attr("ext-restriction"))
}

// End ends the incident.
func (d *Decoder) End() {
	if d.records == 0 {
		d.Pass(NoSystems)
	}
}

// Child takes a child of the incident.
func (d *Decoder) Child(n *markup.Node) error {
	switch n.Name {
	case "IncidentID":
		d.id[0], d.id[1] = strings.Clone(firstOf(n.Trimmed(), n.Attr("id"))), strings.Clone(n.Attr("name"))
	case "EventData":
		return d.event(n, &d.incident)
	case "IndicatorData":
		for i := range n.All("Indicator") {
			if err := d.indicator(i); err != nil {
				return err
			}
		}
	default:
		d.incident.note(n)
	}
	return nil
}

func inner(n *markup.Node, outer *scope) *scope {
	s := &scope{outer: outer}
	s.restrict(n.Attr("restriction"), n.Attr("ext-restriction"))
	for c := range n.Children() {
		s.note(c)
	}
	return s
}

// event takes an EventData, and those inside, which inherit.
func (d *Decoder) event(n *markup.Node, outer *scope) error {
	s := inner(n, outer)
	for c := range n.Children() {
		var err error
		switch c.Name {
		case "Flow":
			err = d.flow(c, s)
		case "EventData":
			err = d.event(c, s)
		case "Record":
			for data := range c.All("FileData") {
				if err = d.other("file", data, s, nil); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return err
		}
	}
	// In JSON there is no Flow around systems.
	return d.flow(n, s)
}

// flow takes systems that have to do with one another.
func (d *Decoder) flow(n *markup.Node, s *scope) error {
	var systems []*system
	var nodes []*markup.Node
	for c := range n.Children("System") {
		systems, nodes = append(systems, systemOf(c)), append(nodes, c)
	}
	for i, sys := range systems {
		own := inner(nodes[i], s)
		// A description of a system is about it alone.
		own.texts[description] = ""
		peer := (*system)(nil)
		for _, other := range systems {
			if other != sys && other.category != sys.category && (other.category == "source" || other.category == "target") {
				peer = other
				break
			}
		}
		if err := d.emit("system", sys, peer, own, nil); err != nil {
			return err
		}
	}
	return nil
}

// emit makes a record.
func (d *Decoder) emit(kind string, s, peer *system, around *scope, more func(*markup.Object)) error {
	d.records++
	if s.empty() {
		d.Pass(NoValue)
		return nil
	}
	var o, incident markup.Object
	for i, name := range []string{"id", "name", "purpose", "status"} {
		incident.Text(name, d.id[i])
	}
	o.Raw("incident", incident.String())
	o.Text("kind", kind)
	around.append(&o)
	o.Raw("system", s.String())
	if peer != nil {
		o.Raw("peer", peer.String())
	}
	o.Text("category", category(s, around))
	if more != nil {
		more(&o)
	}
	d.json = o.Append(d.json[:0])
	return d.Emit(d.json)
}

// indicator takes an Indicator of IODEF 2.
func (d *Decoder) indicator(n *markup.Node) error {
	s := inner(n, &d.incident)
	if c := n.Child("Confidence"); c != nil {
		s.set(confidence, rating(c))
	}
	var roles []string
	for r := range n.Children("NodeRole") {
		roles = append(roles, either(r.Attr("category"), r.Attr("ext-category")))
	}
	more := func(o *markup.Object) {
		id := n.Child("IndicatorID")
		o.Text("indicator", firstOf(id.Trimmed(), id.Attr("id")))
	}
	return d.observables(n, s, roles, false, more)
}

// observables takes those of an indicator, and of expressions of them.
func (d *Decoder) observables(n *markup.Node, s *scope, roles []string, negated bool, more func(*markup.Object)) error {
	for c := range n.Children() {
		var err error
		switch {
		case c.Name == "IndicatorExpression":
			err = d.observables(c, s, roles, negated != (strings.ToLower(c.Attr("operator")) == "not"), more)
		case c.Name == "ObservableReference", c.Name == "IndicatorReference":
			d.records++
			d.Pass(Referenced)
		case c.Name != "Observable":
		case negated:
			d.records++
			d.Pass(Negated)
		default:
			err = d.observable(c, s, roles, more)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) observable(n *markup.Node, s *scope, roles []string, more func(*markup.Object)) error {
	for c := range n.Children() {
		switch c.Name {
		case "System":
			sys := systemOf(c)
			sys.roles = append(sys.roles, roles...)
			if err := d.emit("indicator", sys, nil, inner(c, s), more); err != nil {
				return err
			}
		case "BulkObservable":
			if err := d.bulk(c, s, roles, more); err != nil {
				return err
			}
		case "AdditionalData":
		default:
			sys := &system{roles: slices.Clone(roles)}
			sys.read(c)
			if err := d.emit("indicator", sys, nil, s, more); err != nil {
				return err
			}
		}
	}
	return nil
}

// bulk takes a list of values, one a line.
func (d *Decoder) bulk(n *markup.Node, s *scope, roles []string, more func(*markup.Object)) error {
	kind := strings.ToLower(either(n.Attr("type"), n.Attr("ext-type")))
	for list := range n.Children("BulkObservableList") {
		for line := range strings.SplitSeq(list.Content(), "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			sys := &system{roles: slices.Clone(roles)}
			sys.observe(kind, line)
			if err := d.emit("bulk", sys, nil, s, more); err != nil {
				return err
			}
		}
	}
	return nil
}

// other takes what is no system.
func (d *Decoder) other(kind string, n *markup.Node, s *scope, more func(*markup.Object)) error {
	sys := &system{}
	sys.read(n)
	return d.emit(kind, sys, nil, s, more)
}

// roleCategories say what a node with a role is.
var roleCategories = map[string]string{
	"c2-server": "cnc", "malware-distribution": "malurl", "phishing-site": "phish", "spear-phishing-site": "phish",
	"fraudulent-site": "fraud", "recruiting-site": "scam", "reflector": "amplifier", "anomyzation": "proxy", "anonymization": "proxy",
	"drop-server": "cnc", "hop-point": "proxy",
}

// impactCategories say what a source does, and a target suffers.
var impactCategories = map[string][2]string{
	"dos": {"dos-attacker", "dos-victim"}, "recon": {"scanning", "scanning"}, "info-leak": {"leak", "leak"},
	"misconfiguration": {"vulnerable", "vulnerable"}, "social-engineering": {"phish", "phish"},
	"admin": {"server-exploit", "server-exploit"}, "user": {"server-exploit", "server-exploit"}, "file": {"server-exploit", "server-exploit"},
	"extortion": {"fraud", "fraud"}, "unauthorized-access": {"server-exploit", "server-exploit"},
}

// category is what can be said of an event by its role or impact; "" if nothing.
func category(s *system, around *scope) string {
	for _, r := range s.roles {
		if c := roleCategories[r]; c != "" {
			return c
		}
	}
	impact := strings.ToLower(around.get(impactType))
	switch {
	case strings.HasPrefix(impact, "availability-"):
		impact = "dos"
	case strings.HasPrefix(impact, "breach-"):
		impact = "info-leak"
	case strings.HasPrefix(impact, "takeover-"), strings.HasPrefix(impact, "integrity-"):
		impact = "admin"
	}
	pair := impactCategories[impact]
	if s.category == "target" {
		return pair[1]
	}
	return pair[0]
}
