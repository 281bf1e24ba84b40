package infer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// format is a way to read the sample.
type format struct {
	name       string
	input      v1alpha1.InputSpec
	confidence float64
	reason     string
	others     []string
	// vocabulary: the format brings its own mapping.
	vocabulary bool
	// skip are rules for lines that the format has and that are no records.
	skip []v1alpha1.SkipRule
	// other reports a row that skip passes over.
	other func(row []string) bool
	// regular: all rows of a table have the same number of cells, and not just two.
	regular bool
	// unnamed: the names of the columns are made up.
	unnamed bool
	// derive are patterns for columns out of others, by the column; %s is their name.
	derive map[string]string
	// syndicated: it is RSS or Atom.
	syndicated bool
	// explode: each record is a list of values.
	explode bool
	// choices were made on the way.
	choices []Choice
	records *records
	score   float64
}

// formats lists the ways to read the sample, the likeliest first.
func (t *text) formats() ([]format, error) {
	start := strings.TrimLeft(t.body[:min(len(t.body), 4096)], " \t\r\n\ufeff")
	switch {
	case start == "PK":
		return []format{{name: "a workbook (XLSX)", input: v1alpha1.InputSpec{XLSX: &v1alpha1.XLSXSpec{}}, confidence: 0.8,
			reason: "it begins as a zip archive"}}, nil
	case start[0] == '<' && isMarkup(start):
		return t.markup(start)
	case start[0] == '{' || start[0] == '[':
		if found := t.jsonFormats(); found != nil {
			return found, nil
		}
	}
	if f := t.mail(start); f != nil {
		return []format{*f}, nil
	}
	tables := t.tables()
	found := slices.Concat(t.special(), tables, t.lists(len(tables) > 0 && tables[0].regular))
	if len(found) == 0 {
		found = append(found, t.wholeLines(0.2, "no line looks like a record that is known"))
	}
	return found, nil
}

// choose reads the sample in each of the ways and takes the best. Ways that this
// reader does not have, or that the sample does not fit, are passed over.
func (t *text) choose(found []format) (*format, error) {
	var best *format
	var errs []error
	for i := range found {
		f := &found[i]
		r, err := t.read(&f.input)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
			continue
		case len(r.rows) == 0 && r.broken != nil:
			errs = append(errs, fmt.Errorf("%s: %w", f.name, r.broken))
			continue
		case len(r.rows) == 0:
			errs = append(errs, fmt.Errorf("%s: %w", f.name, errNoRecords))
			continue
		}
		f.records = r
		read := float64(len(r.rows)) / float64(len(r.rows)+r.unread)
		if f.score *= read * read; best == nil || f.score > best.score {
			best = f
		}
	}
	if best == nil {
		return nil, errors.Join(errs...)
	}
	for i := range found {
		if f := &found[i]; f != best && f.records != nil && len(best.others) < 3 && f.score > best.score/4 {
			best.others = append(best.others, f.name)
		}
	}
	return best, nil
}

var errNoRecords = errors.New("there are no records")

// jsonFormats are those of a sample that begins as JSON; nil if it is none.
func (t *text) jsonFormats() []format {
	if f := t.jsonSequence(); f != nil {
		return []format{*f}
	}
	d := json.NewDecoder(strings.NewReader(t.body))
	d.UseNumber()
	doc, err := decodeValue(d, 0)
	if err != nil && !t.sample.Truncated {
		list, ok := doc.([]any)
		if !ok || len(list) == 0 {
			return nil
		}
		if _, ok := list[0].(*object); !ok {
			return nil
		}
	}
	switch doc.(type) {
	case []any, *object:
	default:
		return nil
	}
	if err == nil && d.More() {
		f := t.ofJSON("concatenated JSON documents", v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{Concatenated: true}},
			[]any{doc}, "one document follows another")
		return []format{f}
	}
	return t.document(doc)
}

// jsonSequence recognizes a document a line.
func (t *text) jsonSequence() *format {
	var docs []any
	for _, line := range t.lines[:min(len(t.lines), 50)] {
		v, err := decodeRecord(line)
		if err != nil || !json.Valid([]byte(line)) {
			return nil
		}
		docs = append(docs, v)
	}
	if len(docs) < 2 {
		// One line: a document, unless its name says otherwise.
		o, ok := docs[0].(*object)
		name := strings.ToLower(t.sample.Filename + t.sample.URL)
		if !ok || !strings.HasSuffix(name, "jsonl") && !strings.HasSuffix(name, "ndjson") && recordPaths(o) != nil {
			return nil
		}
		if !strings.HasSuffix(name, "jsonl") && !strings.HasSuffix(name, "ndjson") && vocabularyIn(docs) == "" {
			f := t.ofJSON("JSON lines", v1alpha1.InputSpec{JSONLines: &v1alpha1.JSONLinesSpec{}}, docs, "its only line is one object")
			f.confidence = 0.55
			f.others = []string{"json (one document that is the only record)"}
			return &f
		}
	}
	f := t.ofJSON("JSON lines", v1alpha1.InputSpec{JSONLines: &v1alpha1.JSONLinesSpec{}}, docs, "every line is a JSON document")
	return &f
}

// ofJSON is the format, or the vocabulary that its documents speak.
func (t *text) ofJSON(name string, in v1alpha1.InputSpec, docs []any, reason string) format {
	f := format{name: name, input: in, confidence: 0.95, reason: reason, score: 1}
	if v := vocabularyIn(docs); v != "" {
		return vocabularyFormat(v)
	}
	return f
}

// vocabularyInputs are the formats that bring their own mapping.
var vocabularyInputs = map[string]v1alpha1.InputSpec{
	"stix": {STIX: &v1alpha1.STIXSpec{}}, "misp": {MISP: &v1alpha1.MISPSpec{}}, "n6": {N6: &v1alpha1.N6Spec{}}, "intelmq": {IntelMQ: &v1alpha1.IntelMQSpec{}},
	"iodef": {IODEF: &v1alpha1.IODEFSpec{}}, "openioc": {OpenIOC: &v1alpha1.OpenIOCSpec{}}, "idea": {IDEA: &v1alpha1.IDEASpec{}},
}

func vocabularyFormat(v string) format {
	in := vocabularyInputs[v]
	return format{name: v, vocabulary: true, confidence: 0.9, score: 1, reason: "it has the members of " + v, input: *in.DeepCopy()}
}

// vocabularyIn recognizes a vocabulary of JSON by what its objects must have.
func vocabularyIn(docs []any) string {
	for _, doc := range docs {
		if list, ok := doc.([]any); ok && len(list) > 0 {
			doc = list[0]
		}
		o, ok := doc.(*object)
		if !ok {
			return ""
		}
		for _, v := range vocabularies {
			if v.speaks(o) {
				return v.name
			}
		}
	}
	return ""
}

var vocabularies = []struct {
	name   string
	speaks func(*object) bool
}{
	{"stix", func(o *object) bool {
		id, _ := o.values["id"].(string)
		return o.text("type") == "bundle" && strings.HasPrefix(id, "bundle--") || o.text("spec_version") == "2.1" ||
			o.hasList("objects", func(e *object) bool { return strings.Contains(e.text("id"), "--") && e.text("type") != "" })
	}},
	{"misp", func(o *object) bool {
		if e, ok := o.values["Event"].(*object); ok {
			return e.has("Attribute") || e.has("info") || e.has("Object")
		}
		if o.hasList("response", func(e *object) bool { return e.has("Event") }) {
			return true
		}
		r, ok := o.values["response"].(*object)
		return ok && r.has("Attribute")
	}},
	{"iodef", func(o *object) bool { return o.has("Incident") && (o.has("version") || o.has("lang")) }},
	{"idea", func(o *object) bool {
		return strings.HasPrefix(o.text("Format"), "IDEA") || o.has("DetectTime") && o.has("Category") && o.has("ID")
	}},
	{"intelmq", func(o *object) bool {
		n := 0
		for _, k := range o.keys {
			if strings.HasPrefix(k, "classification.") || strings.HasPrefix(k, "feed.") || k == "time.source" ||
				k == "time.observation" || strings.HasPrefix(k, "source.") || strings.HasPrefix(k, "destination.") {
				n++
			}
		}
		return n >= 3
	}},
	{"n6", func(o *object) bool {
		return o.has("category") && o.has("source") && o.has("confidence") && o.has("time") && (o.has("address") || o.has("id"))
	}},
}

func (o *object) has(key string) bool { _, ok := o.values[key]; return ok }

func (o *object) text(key string) string { s, _ := o.values[key].(string); return s }

func (o *object) hasList(key string, first func(*object) bool) bool {
	list, _ := o.values[key].([]any)
	if len(list) == 0 {
		return false
	}
	e, ok := list[0].(*object)
	return ok && first(e)
}

var mailHeader = regexp.MustCompile(`^(?:From |(?i:received|return-path|delivered-to|mime-version|from|date|subject|message-id): ?\S)`)

// mail recognizes a message or an mbox.
func (t *text) mail(start string) *format {
	if !mailHeader.MatchString(start) {
		return nil
	}
	seen := map[string]bool{}
	for _, line := range t.lines[:min(len(t.lines), 60)] {
		if name, _, ok := strings.Cut(line, ":"); ok {
			seen[strings.ToLower(name)] = true
		}
	}
	if !seen["from"] || !seen["subject"] && !seen["message-id"] && !seen["received"] {
		return nil
	}
	return &format{name: "mail", vocabulary: true, confidence: 0.85, score: 1, reason: "it begins with the header of a message",
		input: v1alpha1.InputSpec{Mail: &v1alpha1.MailSpec{}}}
}

func (t *text) wholeLines(confidence float64, reason string) format {
	return format{name: "a value a line", confidence: confidence, reason: reason, score: confidence,
		input: v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{Comment: t.comment}}}
}
