package parse

import (
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

func compileIntelMQ(*v1alpha1.IntelMQSpec) (format, error) {
	return &jsonObjects{
		name: "intelmq", what: "events of IntelMQ in JSON", around: []string{"events"}, rewrite: flattenIDF,
	}, nil
}

const (
	idfExtra    = "extra"
	idfAccuracy = "feed.accuracy"
)

// flattenIDF gives an event the form that IntelMQ itself uses on the wire, with one
// exception: members have dotted names, whether they came so or nested, but the
// extras are members of one object, since their names are free. confidence says in
// a word what feed.accuracy says in percent.
func flattenIDF(dst []byte, object string) []byte {
	f := idfWriter{dst: append(dst, '{')}
	f.fields(object, "", 0)
	f.name(idfExtra)
	f.dst = append(f.dst, '{')
	f.first = true
	f.extras(object)
	return append(f.dst, "}}"...)
}

type idfWriter struct {
	dst   []byte
	path  []byte
	first bool
	begun bool
}

func (f *idfWriter) name(name string) {
	if f.begun && !f.first {
		f.dst = append(f.dst, ',')
	}
	f.begun, f.first = true, false
	f.dst = append(record.AppendString(f.dst, name), ':')
}

// fields writes everything but the extras.
func (f *idfWriter) fields(object, prefix string, depth int) {
	record.Members(object, func(name string, v record.Value) bool {
		if depth == 0 && (name == idfExtra || strings.HasPrefix(name, idfExtra+".")) {
			return true
		}
		if prefix != "" {
			name = prefix + "." + name
		}
		if v.Kind == record.Object && depth < record.MaxDepth && name != "output" {
			f.fields(v.Text, name, depth+1)
			return true
		}
		f.name(name)
		f.dst = record.AppendValue(f.dst, v)
		if name == idfAccuracy {
			if percent, err := strconv.ParseFloat(v.Text, 64); err == nil {
				f.name("confidence")
				f.dst = record.AppendString(f.dst, event.ConfidenceOf(percent).String())
			}
		}
		return true
	})
}

// extras writes extra.<key>, the members of extra, and of extra as text.
func (f *idfWriter) extras(object string) {
	record.Members(object, func(name string, v record.Value) bool {
		switch {
		case name == idfExtra && v.Kind == record.String:
			if inner, err := record.Parse(v.Text); err == nil && inner.Kind == record.Object {
				f.members(inner.Text)
			} else {
				f.member(name, v)
			}
		case name == idfExtra && v.Kind == record.Object:
			f.members(v.Text)
		case name == idfExtra:
			f.member(name, v)
		case strings.HasPrefix(name, idfExtra+"."):
			f.member(name[len(idfExtra)+1:], v)
		}
		return true
	})
}

func (f *idfWriter) members(object string) {
	record.Members(object, func(name string, v record.Value) bool {
		f.member(name, v)
		return true
	})
}

func (f *idfWriter) member(name string, v record.Value) {
	f.name(name)
	f.dst = record.AppendValue(f.dst, v)
}
