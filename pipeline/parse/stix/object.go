// Package stix takes the observables out of objects of STIX 2.0 and 2.1, and says
// what observables of any version of STIX mean.
package stix

import (
	"github.com/weir-project/weir/pipeline/parse/record"
)

// object is an object of STIX with its members.
type object struct {
	typ, id, name string
	revoked       bool
	members       []member
}

type member struct {
	name  string
	value record.Value
}

func readObject(text string) object {
	var o object
	o.read(text)
	return o
}

func (o *object) read(text string) {
	record.Members(text, func(name string, v record.Value) bool {
		o.member(name, v)
		return true
	})
}

// maxMembers bounds the members of an object that are looked at.
const maxMembers = 256

func (o *object) member(name string, v record.Value) {
	switch name {
	case "type":
		o.typ = v.Text
	case "id":
		o.id = v.Text
	case "name":
		o.name = v.Text
	case "revoked":
		o.revoked = v.Text == "true"
	}
	if len(o.members) < maxMembers && v.Present() {
		o.members = append(o.members, member{name, v})
	}
}

// get is a member; absent if there is none. Of several the last counts.
func (o *object) get(name string) record.Value {
	for i := len(o.members) - 1; i >= 0; i-- {
		if o.members[i].name == name {
			return o.members[i].value
		}
	}
	return record.Value{}
}

// text is a member that is text or a number.
func (o *object) text(name string) string {
	if v := o.get(name); v.Kind == record.String || v.Kind == record.Number {
		return v.Text
	}
	return ""
}

// texts are the elements of a member.
func (o *object) texts(name string) (out []string) {
	record.EachText(o.get(name), func(s string) {
		if len(out) < maxMembers {
			out = append(out, s)
		}
	})
	return out
}

// eachMarking yields the markings of the object and of parts of it.
func (o *object) eachMarking(yield func(ref string)) {
	record.EachText(o.get("object_marking_refs"), yield)
	record.EachObject(o.get("granular_markings"), func(object string) {
		record.Members(object, func(name string, v record.Value) bool {
			if name == "marking_ref" {
				yield(v.Text)
			}
			return true
		})
	})
}

// phases are the names of the phases of kill chains.
func (o *object) phases() (out []string) {
	record.EachObject(o.get("kill_chain_phases"), func(object string) {
		record.Members(object, func(name string, v record.Value) bool {
			if name == "phase_name" && v.Kind == record.String && len(out) < maxMembers {
				out = append(out, v.Text)
			}
			return true
		})
	})
	return out
}
