package drift

import (
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
)

// formats that a Parser can declare, besides those that the checks treat in their
// own ways: how they begin, and what their records are.
var formats = []struct {
	name, title string
	is          func(*v1alpha1.InputSpec) bool
	// begins are the containers that a payload of the format may look like.
	begins []string
	// paths: what the records have is the publisher's, and not made by a reader.
	paths bool
}{
	{"xml", "XML", func(in *v1alpha1.InputSpec) bool { return in.XML != nil }, []string{containerXML, containerHTML}, true},
	{"html", "HTML", func(in *v1alpha1.InputSpec) bool { return in.HTML != nil }, []string{containerHTML, containerXML}, true},
	{"keyValue", "pairs of keys and values", func(in *v1alpha1.InputSpec) bool { return in.KeyValue != nil }, nil, true},
	{"ini", "INI", func(in *v1alpha1.InputSpec) bool { return in.INI != nil }, []string{containerJSON}, true},
	{"hosts", "a hosts file", func(in *v1alpha1.InputSpec) bool { return in.Hosts != nil }, nil, false},
	{"zone", "a zone file", func(in *v1alpha1.InputSpec) bool { return in.Zone != nil }, nil, false},
	{"xlsx", "a workbook", func(in *v1alpha1.InputSpec) bool { return in.XLSX != nil }, []string{"zip"}, false},
	{"stix", "STIX", func(in *v1alpha1.InputSpec) bool { return in.STIX != nil }, []string{containerJSON, containerXML}, false},
	{"misp", "MISP", func(in *v1alpha1.InputSpec) bool { return in.MISP != nil }, []string{containerJSON}, false},
	{"n6", "events of n6", func(in *v1alpha1.InputSpec) bool { return in.N6 != nil }, []string{containerJSON}, true},
	{"intelmq", "events of IntelMQ", func(in *v1alpha1.InputSpec) bool { return in.IntelMQ != nil }, []string{containerJSON}, true},
	{"iodef", "IODEF", func(in *v1alpha1.InputSpec) bool { return in.IODEF != nil }, []string{containerJSON, containerXML}, false},
	{"openioc", "OpenIOC", func(in *v1alpha1.InputSpec) bool { return in.OpenIOC != nil }, []string{containerXML}, false},
	{"idea", "IDEA", func(in *v1alpha1.InputSpec) bool { return in.IDEA != nil }, []string{containerJSON}, true},
	{"mail", "mail", func(in *v1alpha1.InputSpec) bool { return in.Mail != nil }, nil, false},
}

// declaredFormat is the name of the format that an input names.
func declaredFormat(in *v1alpha1.InputSpec) string {
	switch {
	case in.CSV != nil, in.SchemaSet != nil:
		return formatCSV
	case in.JSON != nil:
		return formatJSON
	case in.JSONLines != nil:
		return formatJSONLines
	}
	for _, f := range formats {
		if f.is(in) {
			return f.name
		}
	}
	return formatText
}

// hasPaths reports whether records of the format have paths that a publisher may
// add and drop.
func hasPaths(declared string) bool {
	for _, f := range formats {
		if f.name == declared {
			return f.paths
		}
	}
	return declared == formatJSON || declared == formatJSONLines
}

// looksLike reports whether a payload of the format may look like the container.
func looksLike(declared, container string) bool {
	for _, f := range formats {
		if f.name == declared {
			return slices.Contains(f.begins, container)
		}
	}
	return (declared == formatJSON || declared == formatJSONLines) && container == containerJSON
}

// titleOf is how sentences name a format of the list; "" for others.
func titleOf(name string) string {
	for _, f := range formats {
		if f.name == name {
			return f.title
		}
	}
	return ""
}
