// Package misp reads what surrounds an attribute of MISP (its event, its object, its
// tags), and says what the attribute means: the MISP core format.
package misp

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// maxTags bounds what is kept of the tags of one event or attribute.
const maxTags = 256

// Event is what all attributes of an event share.
type Event struct {
	info string
	tags []string
	said meaning
	json []byte // its members, as an object
	// Tagged: the tags have been seen, so that it is known who may see the event.
	Tagged bool
}

// ReadEvent takes the members of an event that are known from its JSON, which may
// end in the middle. Attributes and objects are left out.
func ReadEvent(object string) *Event {
	e := &Event{}
	w := record.NewWriter([]byte{'{'}, false)
	record.Members(object, func(name string, v record.Value) bool {
		switch name {
		case "Tag", "EventTag":
			e.Tagged = true
			e.tags = appendTags(e.tags, v)
		case "info":
			e.info = strings.Clone(v.Text)
			w.Value(name, v)
		case "id", "uuid", "date", "threat_level_id", "analysis", "published", "timestamp", "publish_timestamp", "extends_uuid":
			w.Value(name, v)
		case "Orgc", "Org":
			writeName(&w, name, v)
		}
		return true
	})
	w.Texts("tags", e.tags)
	w.Close()
	e.json = w.Bytes()
	e.said = meaningOf(e.tags)
	return e
}

// writeName keeps the name of an organisation.
func writeName(w *record.Writer, member string, v record.Value) {
	if v.Kind != record.Object {
		return
	}
	w.Open(member)
	record.Members(v.Text, func(name string, v record.Value) bool {
		if name == "name" || name == "uuid" {
			w.Value(name, v)
		}
		return true
	})
	w.Close()
}

// appendTags takes the names of tags: [{"name": ...}] or [{"Tag": {"name": ...}}].
func appendTags(tags []string, v record.Value) []string {
	record.EachObject(v, func(object string) {
		record.Members(object, func(name string, v record.Value) bool {
			switch {
			case name == "name" && v.Kind == record.String && len(tags) < maxTags:
				tags = append(tags, strings.Clone(v.Text))
			case name == "Tag":
				tags = appendTags(tags, v)
			}
			return true
		})
	})
	return tags
}

// Object is what the attributes of an object share.
type Object struct {
	json []byte
	// port is that of an object with exactly one, for the address beside it.
	port  string
	ports int
}

// ReadObject takes the members of an object from its JSON, which may end in the
// middle.
func ReadObject(object string) *Object {
	o := &Object{}
	w := record.NewWriter([]byte{'{'}, false)
	record.Members(object, func(name string, v record.Value) bool {
		switch name {
		case "name", "uuid", "meta-category", "comment", "first_seen", "last_seen":
			w.Value(name, v)
		case "Attribute":
			record.EachObject(v, o.portOf)
		}
		return true
	})
	w.Close()
	o.json = w.Bytes()
	if o.ports != 1 {
		o.port = ""
	}
	return o
}

func (o *Object) portOf(attribute string) {
	var typ, relation, value string
	record.Members(attribute, func(name string, v record.Value) bool {
		switch name {
		case "type":
			typ = v.Text
		case "object_relation":
			relation = v.Text
		case "value":
			value = v.Text
		}
		return true
	})
	if typ == "port" && relation != "src-port" {
		o.ports++
		o.port = strings.Clone(value)
	}
}

// meaning is what tags say.
type meaning struct{ tlp, rsit, malware, actor string }

// meaningOf reads tags: the narrowest label of the Traffic Light Protocol, the type of
// the Reference Security Incident Taxonomy, and whom the best galaxy names.
func meaningOf(tags []string) (m meaning) {
	family, actor := len(families), len(actors)
	for _, tag := range tags {
		tag = strings.TrimSpace(tag)
		if label, ok := cutPrefixFold(tag, "tlp:"); ok {
			m.tlp = narrower(m.tlp, strings.ToLower(label))
			continue
		}
		parts := quotedTag.FindStringSubmatch(tag)
		if parts == nil {
			continue
		}
		kind, value := parts[1], attackID.ReplaceAllString(parts[2], "")
		if strings.HasPrefix(kind, "rsit:") {
			m.rsit = cmp.Or(m.rsit, value)
		}
		if i := slices.Index(families, kind); i >= 0 && i < family {
			family, m.malware = i, value
		}
		if i := slices.Index(actors, kind); i >= 0 && i < actor {
			actor, m.actor = i, value
		}
	}
	return m
}

// over is what the tags of an attribute and those of its event say together.
func (m meaning) over(event meaning) meaning {
	return meaning{
		tlp: narrower(m.tlp, event.tlp), rsit: cmp.Or(m.rsit, event.rsit),
		malware: cmp.Or(m.malware, event.malware), actor: cmp.Or(m.actor, event.actor),
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// narrower is the one of two labels for fewer people; what is no label counts for
// nothing.
func narrower(a, b string) string {
	rankA, okA := labels[a]
	rankB, okB := labels[b]
	switch {
	case okB && (!okA || rankB > rankA):
		return b
	case okA:
		return a
	}
	return ""
}

var labels = map[string]int{"white": 0, "clear": 0, "green": 1, "amber": 2, "amber+strict": 3, "red": 4}

var (
	quotedTag = regexp.MustCompile(`^([A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+)="(.+)"$`)
	// attackID is what the galaxies of ATT&CK append to names: Emotet - S0367.
	attackID = regexp.MustCompile(` - [A-Z]+\d{3,5}(\.\d{3})?$`)
)

// families are the galaxies and taxonomies whose values name malware, the best first.
var families = []string{
	"misp-galaxy:malpedia", "misp-galaxy:mitre-malware", "misp-galaxy:mitre-enterprise-attack-malware", "misp-galaxy:ransomware",
	"misp-galaxy:botnet", "misp-galaxy:banker", "misp-galaxy:stealer", "misp-galaxy:rat", "misp-galaxy:backdoor",
	"misp-galaxy:cryptominers", "misp-galaxy:android", "misp-galaxy:exploit-kit", "misp-galaxy:tool", "misp-galaxy:mitre-tool",
	"misp-galaxy:mitre-enterprise-attack-tool", "ms-caro-malware:malware-family", "ms-caro-malware-full:malware-family",
}

var actors = []string{
	"misp-galaxy:threat-actor", "misp-galaxy:microsoft-activity-group", "misp-galaxy:mitre-intrusion-set",
	"misp-galaxy:mitre-enterprise-attack-intrusion-set", "misp-galaxy:360net-threat-actor",
}
