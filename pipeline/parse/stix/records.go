package stix

import (
	"fmt"
	"slices"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Sink takes what becomes of an object. The record is valid during the call.
type Sink interface {
	Record(text []byte) error
	// Pass says why an object, or a part of it, is no observable.
	Pass(reason string)
}

// Reader makes records of objects, one after the other.
type Reader struct {
	c    *Context
	buf  []byte // of a record
	tail []byte // its end, which all records of an object share
	// members are the memory of those of an object.
	members []member
}

// NewReader makes a Reader for objects of a payload with a context.
func NewReader(c *Context) *Reader { return &Reader{c: c} }

// Object makes records of an object, which must be JSON. reject says why the object
// cannot be read.
func (r *Reader) Object(text string, sink Sink) (reject string, err error) {
	o := object{members: r.members[:0]}
	o.read(text)
	r.members = o.members
	switch {
	case o.typ == "":
		return "it is no object of STIX: it has no type", nil
	case r.hides(&o) != "":
		return "its marking " + r.hides(&o) + " is defined in a part of the payload that has not been read, so that it is not known who may see it", nil
	case o.revoked:
		sink.Pass("revoked")
	case o.typ == "indicator":
		return r.indicator(&o, sink)
	case o.typ == "observed-data" && o.get("objects").Kind == record.Object:
		return "", r.observedData(&o, sink)
	default:
		found, known := r.observables(&o, r.c.values)
		if !known || len(found) == 0 {
			sink.Pass("object " + o.typ)
			return "", nil
		}
		return "", r.each(&o, found, r.c.sightings[o.id], sink)
	}
	return "", nil
}

// hides is a marking of the object that may say more than is known.
func (r *Reader) hides(o *object) (ref string) {
	if r.c.Whole {
		return ""
	}
	o.eachMarking(func(m string) {
		if r.c.unknown(m) {
			ref = m
		}
	})
	return ref
}

func (r *Reader) indicator(o *object, sink Sink) (reject string, err error) {
	if kind := o.text("pattern_type"); kind != "" && kind != "stix" {
		sink.Pass("pattern " + kind)
		return "", nil
	}
	if labelled(o, "benign") {
		sink.Pass("benign")
		return "", nil
	}
	found, passed, err := Pattern(o.text("pattern"))
	if err != nil {
		return "pattern: " + err.Error(), nil //nolint:nilerr // it is why the record is rejected
	}
	for _, reason := range passed {
		sink.Pass(reason)
	}
	r.share(o, nil)
	s := sharedOf(o, nil)
	for i := range found {
		if err := r.record(&found[i], s, nil, sink); err != nil {
			return "", err
		}
	}
	return "", nil
}

func labelled(o *object, label string) bool {
	all := append(o.texts("labels"), o.texts("indicator_types")...)
	return len(all) > 0 && !slices.ContainsFunc(all, func(l string) bool { return normalLabel(l) != label })
}

// observedData takes the observables out of observed-data of STIX 2.0, which holds
// them itself, under names that they refer to each other by.
func (r *Reader) observedData(o *object, sink Sink) error {
	values := map[string]value{}
	record.Members(o.get("objects").Text, func(name string, v record.Value) bool {
		inner := readObject(v.Text)
		values[name] = value{inner.typ, inner.text("value")}
		return len(values) < maxMembers
	})
	s := sightingOf(o)
	var err error
	record.Members(o.get("objects").Text, func(_ string, v record.Value) bool {
		inner := readObject(v.Text)
		found, known := r.observables(&inner, values)
		if !known || len(found) == 0 {
			sink.Pass("object " + inner.typ)
			return true
		}
		for _, name := range []string{"id", "labels", "object_marking_refs", "created_by_ref"} {
			if of := o.get(name); of.Present() && !inner.get(name).Present() {
				inner.members = append(inner.members, member{name, of})
			}
		}
		inner.id = o.id
		err = r.each(&inner, found, s, sink)
		return err == nil
	})
	return err
}

// each makes the records of an observable object: one, or one for each end of a
// connection.
func (r *Reader) each(o *object, found []Observable, s *sighting, sink Sink) error {
	r.share(o, s)
	sh := sharedOf(o, s)
	if o.typ != "network-traffic" {
		return r.record(&found[0], sh, found[1:], sink)
	}
	for i := range found {
		if err := r.record(&found[i], sh, nil, sink); err != nil {
			return err
		}
	}
	return nil
}

// plain are the types of observables with the property that is their value, the best
// first.
var plain = map[string][]string{
	"ipv4-addr": {"value"}, "ipv6-addr": {"value"}, "domain-name": {"value"}, "url": {"value"}, "email-addr": {"value"},
	"mac-addr": {"value"}, "autonomous-system": {"number"}, "mutex": {"name"}, "windows-registry-key": {"key"},
	"user-account": {"account_login", "user_id", "display_name"}, "process": {"command_line", "name"}, "directory": {"path"},
}

// observables are what an observable object has; known is false for other objects.
func (r *Reader) observables(o *object, values map[string]value) (found []Observable, known bool) {
	if properties, ok := plain[o.typ]; ok {
		for _, p := range properties {
			if v := o.text(p); v != "" {
				return []Observable{{Type: o.typ, Property: p, Value: v}}, true
			}
		}
		return nil, true
	}
	switch o.typ {
	case "file", "artifact", "x509-certificate":
		return hashed(o), true
	case "network-traffic":
		return traffic(o, values), true
	}
	return nil, false
}

// hashed are the hashes of an object, the best first, then its name or number.
func hashed(o *object) (found []Observable) {
	given := map[string]string{}
	if v := o.get("hashes"); v.Kind == record.Object {
		record.Members(v.Text, func(name string, v record.Value) bool {
			if v.Kind == record.String && len(given) < 32 {
				given[hashName(name)] = v.Text
			}
			return true
		})
	}
	order := []string{"SHA-256", "SHA-1", "MD5", "SHA-512", "SHA-224", "SHA-384", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH", "IMPHASH"}
	for _, kind := range order {
		if sum := given[kind]; sum != "" {
			found = append(found, Observable{Type: o.typ, Property: hashProperty(kind), Value: sum})
		}
	}
	for _, p := range []string{"name", "serial_number", "url"} {
		if v := o.text(p); v != "" {
			if other := (Observable{Type: o.typ, Property: p, Value: v}); other.known() {
				found = append(found, other)
			}
		}
	}
	return found
}

func hashProperty(kind string) string {
	if kind == "MD5" || kind == "SSDEEP" || kind == "TLSH" || kind == "IMPHASH" {
		return "hashes." + kind
	}
	return "hashes.'" + kind + "'"
}

// traffic are the ends of a connection that are known.
func traffic(o *object, values map[string]value) (found []Observable) {
	protocol := transport(o.texts("protocols"))
	for _, end := range []string{"dst", "src"} {
		if v := values[o.text(end+"_ref")]; v.text != "" && v.typ != "mac-addr" {
			found = append(found, Observable{
				Type: o.typ, Property: end + "_ref.value", Value: v.text, Port: o.text(end + "_port"), Protocol: protocol, Source: end == "src",
			})
		}
	}
	return found
}

func sharedOf(o *object, s *sighting) *shared {
	sh := &shared{labels: append(o.texts("labels"), o.texts("indicator_types")...), phases: o.phases(), confidence: o.text("confidence")}
	if sh.confidence == "" && s != nil {
		sh.confidence = s.confidence
	}
	return sh
}

// record writes one record: what is its own, then what all of the object share.
func (r *Reader) record(o *Observable, s *shared, more []Observable, sink Sink) error {
	w := record.NewWriter(append(r.buf[:0], '{'), false)
	o.write(&w, s, more)
	r.buf = append(append(w.Bytes(), r.tail...), '}')
	return sink.Record(r.buf)
}

// What a record keeps of the object.
const (
	maxKeptMember = 4 << 10
	maxKeptObject = 32 << 10
)

// share writes what all records of an object share.
func (r *Reader) share(o *object, s *sighting) {
	w := record.NewWriter(r.tail[:0], true)
	w.Text("id", o.id)
	for _, name := range []string{"name", "description", "confidence", "created", "modified", "valid_from", "valid_until"} {
		if v := o.get(name); len(v.Text) <= maxKeptMember {
			w.Value(name, v)
		}
	}
	w.Texts("labels", append(o.texts("labels"), o.texts("indicator_types")...))
	w.Texts("kill_chain", o.phases())
	r.marked(&w, o, s)
	r.related(&w, o)
	if s != nil {
		w.Text("first_observed", s.first)
		w.Text("last_observed", s.last)
		w.Text("number_observed", s.number)
		if o.text("created") == "" {
			w.Text("created", s.created)
			w.Text("modified", s.modified)
		}
	}
	r.kept(&w, o)
	r.tail = w.Bytes()
}

// marked writes the narrowest label, and the statements.
func (r *Reader) marked(w *record.Writer, o *object, s *sighting) {
	label := ""
	var statements []string
	mark := func(ref string) {
		label = narrower(label, r.c.labelOf(ref))
		if t := r.c.statements[ref]; t != "" && len(statements) < maxNames {
			statements = append(statements, t)
		}
	}
	o.eachMarking(mark)
	if s != nil {
		for _, ref := range s.markings {
			mark(ref)
		}
	}
	w.Text("tlp", label)
	w.Texts("statements", statements)
}

// related writes the names that an indicator indicates, and that of its author.
func (r *Reader) related(w *record.Writer, o *object) {
	var malware, actors []string
	for _, ref := range r.c.indicates[o.id] {
		switch n := r.c.names[ref]; {
		case n.name == "":
		case n.typ == "malware" || n.typ == "tool":
			malware = append(malware, n.name)
		case n.typ != "identity" && n.typ != "infrastructure":
			actors = append(actors, n.name)
		}
	}
	w.Texts("malware", malware)
	w.Texts("threat_actors", actors)
	w.Text("created_by", r.c.names[o.text("created_by_ref")].name)
	w.Texts("cves", o.cves())
}

// cves are the names of vulnerabilities that the object refers to.
func (o *object) cves() (out []string) {
	record.EachObject(o.get("external_references"), func(text string) {
		ref := readObject(text)
		if ref.text("source_name") == "cve" && ref.text("external_id") != "" && len(out) < maxNames {
			out = append(out, ref.text("external_id"))
		}
	})
	return out
}

// kept writes the object itself, without members that are long.
func (r *Reader) kept(w *record.Writer, o *object) {
	w.Open("object")
	room := maxKeptObject
	for _, m := range o.members {
		if len(m.value.Text) <= maxKeptMember && len(m.value.Text) <= room {
			w.Value(m.name, m.value)
			room -= len(m.name) + len(m.value.Text)
		}
	}
	w.Close()
}

// Failed says what a server of TAXII says instead of objects; "" if it does not.
func Failed(text string) string {
	o := readObject(text)
	if o.typ != "" || o.text("title") == "" {
		return ""
	}
	return fmt.Sprintf("the server answers with an error: %.300s", text)
}
