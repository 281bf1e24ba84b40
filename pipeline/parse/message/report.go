package message

import (
	"bytes"
	"encoding/json"
	"net/textproto"
	"slices"
	"strings"

	"github.com/jhillyerd/enmime/v2"
	"go.yaml.in/yaml/v3"
)

const (
	maxReport = 1 << 20
	// maxKeys bounds the members of a report.
	maxKeys = 500
)

// reports adds what an abuse report has besides text: "report" is that of ARF,
// "original" the header of the mail that it is about, "xarf" that of X-ARF.
func (o *object) reports(e *enmime.Envelope) {
	var report, original, xarf bool
	marked := e.GetHeader("X-ARF") != "" || e.GetHeader("X-XARF") != ""
	n := 0
	for _, p := range e.Root.DepthMatchAll(func(p *enmime.Part) bool { return p.FirstChild == nil }) {
		n++
		switch p.ContentType {
		case "message/feedback-report":
			if !report {
				report = o.feedback(p.Content)
			}
		case "message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers":
			if !original {
				original = o.original(p.Content)
			}
		case "application/json", "text/json", "application/xarf+json", "application/vnd.xarf+json":
			if !xarf {
				xarf = o.json(p.Content)
			}
		default:
			xarf = xarf || o.xarf(p, n, marked)
		}
	}
}

// xarf takes the n-th part of a mail if it is a report of X-ARF in YAML, or in a
// file of JSON.
func (o *object) xarf(p *enmime.Part, n int, marked bool) bool {
	switch p.ContentType {
	case "text/plain", "application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml":
		// The first part is for people.
		return (n > 1 || p.ContentType != "text/plain") && o.yaml(p.Content, marked)
	}
	return strings.HasSuffix(strings.ToLower(p.FileName), ".json") && o.json(p.Content)
}

// lists are the fields of ARF that may be there several times.
var lists = []string{"reported_uri", "original_rcpt_to"}

// feedback reads the fields of a feedback report.
func (o *object) feedback(content []byte) bool {
	header := fields(content)
	if len(header) == 0 {
		return false
	}
	o.inner("report", func(in *object) {
		for _, k := range sorted(header) {
			name, values := memberName(k), header[k]
			switch {
			case slices.Contains(lists, name):
				in.list(name, values)
			case strings.HasSuffix(name, "_date") && len(values) == 1:
				in.text(name, isoDate(values[0]))
			case name == "source_ip" && len(values) == 1:
				in.text(name, strings.Trim(strings.TrimPrefix(values[0], "IPv6:"), "[]"))
			default:
				in.values(name, values)
			}
		}
	})
	return true
}

// fields reads header fields. Lines that are none are passed over.
func fields(content []byte) textproto.MIMEHeader {
	header := textproto.MIMEHeader{}
	name := ""
	for line := range bytes.Lines(bytes.TrimSpace(content[:min(len(content), maxReport)])) {
		text := strings.TrimSpace(string(line))
		if text == "" {
			break
		}
		if values := header[name]; (line[0] == ' ' || line[0] == '\t') && len(values) > 0 {
			values[len(values)-1] += " " + text
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key)); ok && name != "" && len(header) < maxKeys {
			header[name] = append(header[name], strings.TrimSpace(value))
		} else {
			name = ""
		}
	}
	return header
}

func sorted(header textproto.MIMEHeader) []string {
	keys := make([]string, 0, len(header))
	for k := range header {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys[:min(len(keys), maxKeys)]
}

func (o *object) original(content []byte) bool {
	header := fields(content)
	if len(header) == 0 {
		return false
	}
	o.inner("original", func(in *object) {
		in.headers(func(name string) string { return decoded(header.Get(name)) }, header.Values)
	})
	return true
}

// decoded is a header with its encoded words read.
func decoded(text string) string {
	out, err := words.DecodeHeader(text)
	if err != nil {
		return text
	}
	return out
}

// json takes a report that is one of XARF as it is.
func (o *object) json(content []byte) bool {
	content = bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xEF\xBB\xBF")))
	var known struct {
		Version  json.RawMessage `json:"xarf_version"`
		Old      json.RawMessage `json:"Version"`
		Report   json.RawMessage `json:"Report"`
		Reporter json.RawMessage `json:"ReporterInfo"`
	}
	if err := json.Unmarshal(content, &known); err != nil || known.Version == nil && (known.Report == nil || known.Reporter == nil) {
		return false
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, content); err != nil {
		return false
	}
	o.name("xarf")
	o.dst = append(o.dst, compact.Bytes()...)
	return true
}

// yaml reads a report of X-ARF 0.1 or 0.2. In a mail that does not say that it is
// one it takes what every report has.
func (o *object) yaml(content []byte, marked bool) bool {
	if len(content) > maxReport {
		return false
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return false
	}
	pairs := doc.Content[0].Content
	if !isXARF(pairs, marked) {
		return false
	}
	o.inner("xarf", func(in *object) {
		for i := 0; i+1 < min(len(pairs), 2*maxKeys); i += 2 {
			name, value := memberName(pairs[i].Value), pairs[i+1]
			switch value.Kind {
			case yaml.ScalarNode:
				text := value.Value
				if name == "date" {
					text = isoDate(text)
				}
				in.text(name, text)
			case yaml.SequenceNode:
				var texts []string
				for _, v := range value.Content[:min(len(value.Content), maxKeys)] {
					if v.Kind == yaml.ScalarNode {
						texts = append(texts, v.Value)
					}
				}
				in.list(name, texts)
			}
		}
	})
	return true
}

// isXARF looks for the keys that every report has.
func isXARF(pairs []*yaml.Node, marked bool) bool {
	found := map[string]bool{}
	for i := 0; i+1 < len(pairs); i += 2 {
		found[memberName(pairs[i].Value)] = true
	}
	return (found["report_type"] || found["category"]) && (marked || found["reported_from"] && found["source"])
}
