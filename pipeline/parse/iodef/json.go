package iodef

import (
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Tree makes a tree of an incident in JSON (RFC 8727), whose members have the names
// of the elements and attributes.
func Tree(t *markup.Tree, json string) error {
	t.Reset()
	v, err := record.Parse(json)
	if err != nil {
		return err
	}
	return element(t, "Incident", v)
}

func element(t *markup.Tree, name string, v record.Value) error {
	if v.Kind == record.Array {
		var err error
		record.Elements(v.Text, func(e record.Value) bool {
			err = element(t, name, e)
			return err == nil
		})
		return err
	}
	if err := t.Open(name); err != nil {
		return err
	}
	if v.Kind == record.Object {
		if err := inside(t, v.Text); err != nil {
			return err
		}
	} else if v.Present() {
		if err := t.Text([]byte(v.Text)); err != nil {
			return err
		}
	}
	t.Close()
	return nil
}

// inside adds the members of an object: value is the text, what begins with a small
// letter an attribute.
func inside(t *markup.Tree, object string) error {
	var err error
	record.Members(object, func(name string, v record.Value) bool {
		switch {
		case name == "" || !v.Present():
		case name == "value":
			err = t.Text([]byte(v.Text))
		case name[0] >= 'a' && name[0] <= 'z' && v.Kind != record.Object && v.Kind != record.Array:
			err = t.Attr(strings.Clone(name), strings.Clone(v.Text))
		default:
			err = element(t, strings.Clone(name), v)
		}
		return err == nil
	})
	return err
}

// InOrder yields the children of an incident, those that hold for all of it first.
func InOrder(n *markup.Node) func(yield func(*markup.Node) bool) {
	last := []string{"EventData", "IndicatorData"}
	return func(yield func(*markup.Node) bool) {
		for _, late := range []bool{false, true} {
			for c := range n.Children() {
				if slices.Contains(last, c.Name) == late && !yield(c) {
					return
				}
			}
		}
	}
}
