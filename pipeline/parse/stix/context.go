package stix

import (
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Context is what objects of a payload say about other ones: names, markings,
// relationships, values that others refer to.
type Context struct {
	markings   map[string]string // labels of the Traffic Light Protocol by id
	statements map[string]string
	names      map[string]named
	indicates  map[string][]string // ids of what an indicator indicates
	values     map[string]value    // of observables by id
	sightings  map[string]*sighting
	defined    map[string]bool // the markings that there is a definition of
	// members are the memory of those of an object.
	members []member
	// Whole: all that there is has been looked at.
	Whole bool
}

type named struct{ typ, name string }

type value struct{ typ, text string }

// sighting is what observed-data says of the observables that it refers to.
type sighting struct {
	first, last, number, created, modified string
	markings                               []string
	confidence                             string
}

// knownMarkings are the labels that the standard defines, of TLP 1.0 and 2.0.
var knownMarkings = map[string]string{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "amber",
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
	"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "clear",
	"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
	"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
	"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
	"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}

// labels from the widest to the narrowest.
var labels = [...]string{"white", "clear", "green", "amber", "amber+strict", "red"}

// ReadContext looks at all objects of a text: a bundle, an envelope, an array, or
// objects one after the other. The text may end in the middle; objects that are not
// whole are not looked at. Nothing of the text is kept.
func ReadContext(text string) *Context {
	c := &Context{
		markings: map[string]string{}, statements: map[string]string{}, names: map[string]named{}, indicates: map[string][]string{},
		values: map[string]value{}, sightings: map[string]*sighting{}, defined: map[string]bool{}, Whole: true,
	}
	// broken bounds how often the rest of the text is looked at in vain.
	const maxBroken = 8
	data, broken := []byte(text), 0
	for i := 0; i < len(data); {
		if data[i] != '{' && data[i] != '[' {
			i++
			continue
		}
		var scan record.Scanner
		end, whole := scan.Scan(data, i)
		if !whole {
			// What is inside of it may be whole.
			if c.Whole = false; broken == maxBroken {
				break
			}
			broken++
			i++
			continue
		}
		c.value(text[i:end], data[i] == '[')
		i = end
	}
	return c
}

func (c *Context) value(text string, array bool) {
	if array {
		record.EachObject(record.Value{Text: text, Kind: record.Array}, c.object)
		return
	}
	c.object(text)
}

// object takes one object, or those of a bundle.
func (c *Context) object(text string) {
	o := object{members: c.members[:0]}
	bundle := false
	record.Members(text, func(name string, v record.Value) bool {
		if name == "objects" && v.Kind == record.Array {
			record.EachObject(v, c.object)
			bundle = true
		}
		o.member(name, v)
		return true
	})
	if !bundle {
		c.members = o.members
	}
	if bundle || o.id == "" {
		return
	}
	id := strings.Clone(o.id)
	switch o.typ {
	case "marking-definition":
		c.marking(id, &o)
	case "malware", "threat-actor", "intrusion-set", "campaign", "tool", "identity", "infrastructure":
		c.names[id] = named{o.typ, strings.Clone(o.name)}
	case "relationship":
		if o.text("relationship_type") == "indicates" {
			from := strings.Clone(o.text("source_ref"))
			if len(c.indicates[from]) < maxNames {
				c.indicates[from] = append(c.indicates[from], strings.Clone(o.text("target_ref")))
			}
		}
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "mac-addr":
		c.values[id] = value{o.typ, strings.Clone(o.text("value"))}
	case "observed-data":
		c.observed(&o)
	}
}

// maxNames bounds how many targets of one indicator are kept.
const maxNames = 64

// marking reads the label of a definition, in the ways of TLP 1.0 and 2.0.
func (c *Context) marking(id string, o *object) {
	c.defined[id] = true
	label := ""
	for _, name := range []string{"definition", "extensions"} {
		findText(o.get(name), func(key, text string) {
			switch key {
			case "tlp", "tlp_2_0":
				label = narrower(label, strings.ToLower(text))
			case "statement":
				c.statements[id] = strings.Clone(text)
			}
		})
	}
	if tlp, ok := strings.CutPrefix(strings.ToLower(o.name), "tlp:"); ok && label == "" {
		label = narrower("", tlp)
	}
	if label != "" {
		c.markings[id] = label
	}
}

// findText yields the texts inside of an object, up to two levels down.
func findText(v record.Value, yield func(key, text string)) {
	if v.Kind != record.Object {
		return
	}
	record.Members(v.Text, func(key string, v record.Value) bool {
		switch v.Kind {
		case record.String:
			yield(key, v.Text)
		case record.Object:
			record.Members(v.Text, func(key string, v record.Value) bool {
				if v.Kind == record.String {
					yield(key, v.Text)
				}
				return true
			})
		}
		return true
	})
}

// narrower is the one of two labels for fewer people; what is no label counts for
// nothing. The result is a text of this package.
func narrower(a, b string) string {
	for i := len(labels) - 1; i >= 0; i-- {
		if labels[i] == a || labels[i] == b {
			return labels[i]
		}
	}
	return ""
}

func (c *Context) observed(o *object) {
	s := sightingOf(o)
	record.EachText(o.get("object_refs"), func(ref string) {
		if c.sightings[ref] == nil {
			c.sightings[strings.Clone(ref)] = s
		}
	})
}

func sightingOf(o *object) *sighting {
	s := &sighting{
		first: strings.Clone(o.text("first_observed")), last: strings.Clone(o.text("last_observed")),
		number: strings.Clone(o.text("number_observed")), created: strings.Clone(o.text("created")),
		modified: strings.Clone(o.text("modified")), confidence: strings.Clone(o.text("confidence")),
	}
	o.eachMarking(func(ref string) { s.markings = append(s.markings, strings.Clone(ref)) })
	return s
}

// labelOf is the label of a marking; "" if it is none that is known.
func (c *Context) labelOf(ref string) string {
	if label := c.markings[ref]; label != "" {
		return label
	}
	return knownMarkings[ref]
}

// unknown reports whether a marking has a definition that may not have been seen.
func (c *Context) unknown(ref string) bool {
	return !c.Whole && !c.defined[ref] && knownMarkings[ref] == ""
}
