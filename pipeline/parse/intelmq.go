package parse

import (
	"slices"
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
// extras are members of one object, since their names are free. Beside them,
// confidence says in a word what feed.accuracy says in percent, and server_port is
// the port of the source where that is a server.
func flattenIDF(dst []byte, object string) (rec []byte, pass string) {
	f := idfWriter{dst: append(dst, '{')}
	record.Members(object, f.look)
	if f.report {
		return dst, "report"
	}
	f.fields(object, "", 0)
	if slices.Contains(idfServers, f.typ) {
		f.text("server_port", f.port)
	}
	f.name(idfExtra)
	f.dst = append(f.dst, '{')
	f.first = true
	f.extras(object)
	return append(f.dst, "}}"...), ""
}

// idfServers are the types whose source is a server.
var idfServers = []string{
	"c2-server", "c&c", "c2server", "malware-distribution", "phishing", "proxy", "ddos-amplifier", "vulnerable-system",
	"vulnerable service", "potentially-unwanted-accessible", "information-disclosure", "weak-crypto",
}

type idfWriter struct {
	dst       []byte
	first     bool
	begun     bool
	report    bool
	located   bool // the source has an address
	typ, port string
}

// look finds out what has to be known before the rest.
func (f *idfWriter) look(name string, v record.Value) bool {
	switch name {
	case "__type":
		f.report = v.Text == "Report"
	case "source.ip":
		f.located = f.located || v.Present() && v.Text != ""
	case "source":
		if v.Kind == record.Object {
			record.Members(v.Text, func(name string, v record.Value) bool {
				return name != "ip" || f.look("source.ip", v)
			})
		}
	}
	return true
}

// field writes one field under its dotted name. What describes an address that there
// is not has no place in an event but the extras: source.asn is called source_asn
// then.
func (f *idfWriter) field(name string, v record.Value) {
	switch name {
	case "classification.type":
		f.typ = strings.ToLower(strings.TrimSpace(v.Text))
	case "source.port":
		f.port = v.Text
	case "source.asn", "source.geolocation.cc", "source.reverse_dns":
		if !f.located {
			name = strings.ReplaceAll(name, ".", "_")
		}
	case idfAccuracy:
		if percent, err := strconv.ParseFloat(v.Text, 64); err == nil {
			f.text("confidence", event.ConfidenceOf(percent).String())
		}
	}
	f.name(name)
	f.dst = record.AppendValue(f.dst, v)
}

func (f *idfWriter) text(name, value string) {
	if value != "" {
		f.name(name)
		f.dst = record.AppendString(f.dst, value)
	}
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
		f.field(name, v)
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
