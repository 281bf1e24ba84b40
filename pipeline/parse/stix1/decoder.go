package stix1

import (
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// Decoder makes records of the indicators and observables of a package: JSON objects
// with observable (type, property, value, port, protocol, side) in the terms of
// STIX 2, name, description, labels, confidence (0 to 100), created, modified,
// valid_from, valid_until, tlp, id, kill_chain, malware.
type Decoder struct {
	// Record takes a record, valid during the call; raw is the element.
	Record func(json, raw []byte) error
	// Pass takes the reason why something is no record.
	Pass func(reason string)

	// Package: there was one; Root is the element of the document.
	Package bool
	Root    string

	tlp     string
	created string
	// held are observables that an indicator may refer to, by id.
	held  map[string]*held
	order []string
	room  int
	json  []byte
}

// held is an observable that no indicator has referred to yet.
type held struct {
	objects
	name, description, tlp, created string
	raw                             []byte
	used                            bool
}

// What is held of a package.
const (
	maxHeld    = 8 << 20
	maxHeldRaw = 1 << 10
)

// Want is for markup.NewReader.
func (d *Decoder) Want(open []markup.Open) bool {
	last := &open[len(open)-1]
	if len(open) == 1 {
		d.Root = last.Name
	}
	parent := ""
	if len(open) > 1 {
		parent = open[len(open)-2].Name
	}
	switch last.Name {
	case "STIX_Package":
		d.Package = true
		d.tlp, d.created = "", last.Attr("timestamp")
	case "Observables":
		d.Package = true
	case "STIX_Header":
		return parent == "STIX_Package"
	case "Indicator":
		return parent == "Indicators"
	case "Observable":
		return parent == "Observables"
	}
	return false
}

// Take takes an element that Want has wanted.
func (d *Decoder) Take(rec *markup.Record) error {
	switch n := rec.Root; n.Name {
	case "STIX_Header":
		d.tlp = marking(n, "")
		return nil
	case "Observable":
		return d.observable(n, rec.Raw)
	default:
		return d.indicator(n, rec.Raw)
	}
}

// tlps are the labels from wide to narrow.
var tlps = []string{"", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}

// marking is the narrowest label of the Traffic Light Protocol in n, or outer.
func marking(n *markup.Node, outer string) string {
	for m := range n.All("Marking_Structure") {
		label := strings.ToUpper(m.Attr("color"))
		if label == "WHITE" {
			label = "CLEAR"
		}
		for i, l := range tlps {
			if l == label && i > indexOf(outer) {
				outer = l
			}
		}
	}
	return strings.Clone(outer)
}

func indexOf(label string) int {
	for i, l := range tlps {
		if l == label {
			return i
		}
	}
	return 0
}

func (d *Decoder) observable(n *markup.Node, raw []byte) error {
	h := &held{
		name: strings.Clone(n.At("Title").Trimmed()), description: strings.Clone(n.At("Description").Trimmed()),
		tlp: marking(n, d.tlp), created: d.created,
	}
	h.observable(n, func(id string) bool {
		other := d.held[id]
		if other != nil {
			h.found = append(h.found, other.found...)
			other.used = true
		}
		return other != nil
	})
	id := strings.Clone(n.Attr("id"))
	size := len(raw) + 256*len(h.found)
	if id == "" || d.room+size > maxHeld || d.held[id] != nil {
		return d.lone(id, h, raw)
	}
	for i := range h.found {
		h.found[i].value = strings.Clone(h.found[i].value)
	}
	h.raw = append([]byte(nil), raw[:min(len(raw), maxHeldRaw)]...)
	if d.held == nil {
		d.held = map[string]*held{}
	}
	d.held[id] = h
	d.order = append(d.order, id)
	d.room += size
	return nil
}

// Finish gives the observables that no indicator has referred to. It is to be called
// at the end of the document, even if that is broken.
func (d *Decoder) Finish() error {
	for _, id := range d.order {
		if h := d.held[id]; !h.used {
			if err := d.lone(id, h, h.raw); err != nil {
				return err
			}
		}
	}
	d.order, d.held = nil, nil
	return nil
}

// lone gives an observable that belongs to no indicator.
func (d *Decoder) lone(id string, h *held, raw []byte) error {
	var rest markup.Object
	rest.Text("id", id)
	rest.Text("name", h.name)
	rest.Text("description", h.description)
	rest.Text("created", h.created)
	rest.Text("tlp", h.tlp)
	return d.give(&h.objects, &rest, raw)
}

func (d *Decoder) give(o *objects, rest *markup.Object, raw []byte) error {
	for _, reason := range o.passed {
		d.Pass(reason)
	}
	shared := rest.String()
	for i := range o.found {
		d.json = append(d.json[:0], `{"observable":`...)
		d.json = append(d.json, o.found[i].String()...)
		if len(shared) > 2 {
			d.json = append(append(d.json, ','), shared[1:]...)
		} else {
			d.json = append(d.json, '}')
		}
		if err := d.Record(d.json, raw); err != nil {
			return err
		}
	}
	if len(o.found) == 0 && len(o.passed) == 0 {
		d.Pass(NoObject)
	}
	return nil
}

// confidences are percentages of the vocabulary of STIX 1.
var confidences = map[string]string{"high": "85", "medium": "50", "low": "15", "none": "0"}

func (d *Decoder) indicator(n *markup.Node, raw []byte) error {
	if n.Attr("idref") != "" {
		d.Pass("indicator by reference")
		return nil
	}
	if strings.EqualFold(n.Attr("negate"), "true") {
		d.Pass(Negated)
		return nil
	}
	var o objects
	d.inIndicator(n, &o)
	var rest markup.Object
	rest.Text("id", n.Attr("id"))
	rest.Text("name", n.At("Title").Trimmed())
	rest.Text("description", firstOf(n.At("Description").Trimmed(), n.At("Short_Description").Trimmed()))
	var labels, phases, malware []string
	for c := range n.Children("Type") {
		if t := c.Trimmed(); t != "" {
			labels = append(labels, t)
		}
	}
	for p := range n.Child("Kill_Chain_Phases").Children() {
		if name := p.Attr("name"); name != "" {
			phases = append(phases, name)
		}
	}
	for t := range n.Children("Indicated_TTP") {
		ttp := t.Child("TTP")
		for m := range ttp.At("Behavior", "Malware").Children("Malware_Instance") {
			if name := firstOf(m.At("Name").Trimmed(), m.At("Title").Trimmed()); name != "" {
				malware = append(malware, name)
			}
		}
		if title := ttp.At("Title").Trimmed(); title != "" && len(malware) == 0 {
			malware = append(malware, title)
		}
	}
	rest.Texts("labels", typesOf(labels))
	rest.Texts("kill_chain", phases)
	rest.Texts("malware", malware)
	rest.Raw("confidence", confidences[strings.ToLower(n.At("Confidence", "Value").Trimmed())])
	created := firstOf(n.At("Producer", "Time", "Produced_Time").Trimmed(), n.Attr("timestamp"), d.created)
	rest.Text("created", created)
	rest.Text("modified", n.Attr("timestamp"))
	rest.Text("valid_from", n.At("Valid_Time_Position", "Start_Time").Trimmed())
	rest.Text("valid_until", n.At("Valid_Time_Position", "End_Time").Trimmed())
	rest.Text("tlp", marking(n, d.tlp))
	return d.give(&o, &rest, raw)
}

// inIndicator finds the observables of an indicator, and of those that it is
// composed of.
func (d *Decoder) inIndicator(n *markup.Node, o *objects) {
	for c := range n.Children("Observable") {
		o.observable(c, func(id string) bool {
			h := d.held[id]
			if h != nil {
				o.found = append(o.found, h.found...)
				o.passed = append(o.passed, h.passed...)
				h.used = true
			}
			return h != nil
		})
	}
	for c := range n.Child("Composite_Indicator_Expression").Children("Indicator") {
		switch {
		case c.Attr("idref") != "":
			o.pass("indicator by reference")
		case strings.EqualFold(c.Attr("negate"), "true"):
			o.pass(Negated)
		default:
			d.inIndicator(c, o)
		}
	}
}

// types are what the types of indicators mean in the vocabulary of STIX 2.
var types = map[string]string{"c2": "c2", "malicious e-mail": "phishing", "url watchlist": "", "ip watchlist": "", "domain watchlist": "",
	"exfiltration": "command-and-control", "anonymization": "anonymization", "malware artifacts": "malware", "file hash watchlist": "malware"}

// typesOf are the labels of types, each with what it means.
func typesOf(labels []string) []string {
	for _, l := range labels {
		if t := types[strings.ToLower(l)]; t != "" {
			return append(labels, t)
		}
	}
	return labels
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
