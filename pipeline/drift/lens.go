package drift

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

// Formats that a Parser can declare.
const (
	formatCSV       = "csv"
	formatJSON      = "json"
	formatJSONLines = "jsonLines"
	formatText      = "text"
)

// Lens is a Parser that learns a profile from what it parses. Safe for
// concurrent use.
type Lens struct {
	// Report is the kind of reports that it is for, of a schema set; "" otherwise.
	Report string

	spec   *v1alpha1.ParserSpec
	parser *parse.Parser
	empty  Profile // the profile of a payload before its first byte
	// readsName: rules read the name of the payload's file.
	readsName bool

	mu      sync.Mutex
	reports map[string]*Lens // of a schema set
}

// NewLens compiles a Parser. The error is the one of parse.Compile. The spec
// must not be changed afterwards.
func NewLens(spec *v1alpha1.ParserSpec) (*Lens, error) {
	return NewSetLens(spec, nil)
}

// NewSetLens is NewLens for a schema set with its document; Of gives the Lens of a
// payload. Without a document it reads nothing.
func NewSetLens(spec *v1alpha1.ParserSpec, doc *schema.Document) (*Lens, error) {
	parser, err := parse.CompileWith(spec, doc)
	if err != nil {
		return nil, err
	}
	return newLens(spec, parser), nil
}

func newLens(spec *v1alpha1.ParserSpec, parser *parse.Parser) *Lens {
	l := &Lens{spec: spec, parser: parser, empty: Profile{
		Version:  version,
		Input:    digest(spec.Input),
		Declared: declaredFormat(&spec.Input),
		Named:    spec.Input.CSV != nil && spec.Input.CSV.Header != v1alpha1.HeaderNone || spec.Input.SchemaSet != nil,
		Open:     spec.Input.SchemaSet != nil,
		Payloads: 1,
	}, reports: map[string]*Lens{}}
	l.readsName = readsName(spec)
	for _, in := range parser.Inputs() {
		c := Column{Name: in.Name, Fields: in.Fields, Required: in.Required, Rules: rulesDigest(spec, in.Name)}
		if rules := parser.Rules(in.Name); rules != "" {
			c.Rules = digest([]string{c.Rules, rules})
		}
		c.separators, c.nulls = cleaning(spec, in.Name)
		c.readers, c.optional, c.leaf = timeReaders(spec, in.Name), mayMiss(spec, in.Name), leafOf(spec, in.Name)
		l.empty.Inputs = append(l.empty.Inputs, c)
	}
	return l
}

// Of is the Lens of a payload: that of its report, if the Parser is a schema set
// that has it, else l.
func (l *Lens) Of(m parse.Meta) *Lens {
	report, parser := l.parser.Of(m)
	if parser == nil {
		return l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reports[report] == nil {
		l.reports[report] = newLens(l.spec, parser)
		l.reports[report].Report = report
	}
	return l.reports[report]
}

// rulesDigest changes when a rule that reads the input changes, so that what was
// learned about the input under the old rule is forgotten.
func rulesDigest(spec *v1alpha1.ParserSpec, input string) string {
	var rules []any
	for i := range spec.Explode {
		if spec.Explode[i].From == input {
			rules = append(rules, spec.Explode[i])
		}
	}
	for i := range spec.Mapping {
		r := &spec.Mapping[i]
		if slices.Contains(r.From, input) || strings.Contains(r.Expr, input) || strings.Contains(r.When, input) {
			rules = append(rules, r)
		}
	}
	return digest(rules)
}

// cleaning is what the rules do to a value before it has a meaning: they split
// it, and drop what stands for nothing.
func cleaning(spec *v1alpha1.ParserSpec, input string) (separators, nulls []string) {
	for i := range spec.Explode {
		if e := &spec.Explode[i]; e.From == input && e.Separator != "" {
			separators = append(separators, e.Separator)
		}
	}
	for i := range spec.Mapping {
		r := &spec.Mapping[i]
		if !slices.Contains(r.From, input) {
			continue
		}
		if r.Split != "" {
			separators = append(separators, r.Split)
		}
		nulls = append(nulls, r.Nulls...)
	}
	return separators, nulls
}

// mayMiss tells whether all rules that read an input ask whether it is there.
func mayMiss(spec *v1alpha1.ParserSpec, input string) bool {
	asks := false
	for i := range spec.Mapping {
		r := &spec.Mapping[i]
		if !slices.Contains(r.From, input) && !strings.Contains(r.Expr, "record."+input) {
			continue
		}
		if asks = strings.Contains(r.When, "has(record."+input+")"); !asks {
			return false
		}
	}
	return asks
}

// timeReaders are those of the rules that take the values of an input as times, as
// they are written.
func timeReaders(spec *v1alpha1.ParserSpec, input string) (readers []func(string) bool) {
	for i := range spec.Mapping {
		r := &spec.Mapping[i]
		if !slices.Contains(r.From, input) || !slices.Contains(timeFields, r.Field) || r.Extract != "" || r.Split != "" || len(r.Transform) > 0 || r.Values != nil {
			continue
		}
		if reads, err := mapping.TimeReader(r.Time); err == nil {
			readers = append(readers, reads)
		}
	}
	return readers
}

// reads tells whether the rules can read the values of a column as times. Where
// that cannot be told, it is said that they can.
func (c *Column) reads() bool {
	if len(c.readers) == 0 || len(c.Samples) == 0 {
		return true
	}
	return slices.ContainsFunc(c.readers, func(reads func(string) bool) bool { return slices.ContainsFunc(c.Samples, reads) })
}

func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // specs have no values that JSON lacks
		panic(fmt.Sprintf("drift: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Profiler starts the profile of one payload.
func (l *Lens) Profiler() *Profiler {
	return newProfiler(&l.empty)
}

// Parse parses a payload as parse.Parser.Parse does and lets p learn from it.
// p has seen a record before sink gets what becomes of it. It is for one payload.
func (l *Lens) Parse(ctx context.Context, r io.Reader, m parse.Meta, sink parse.Sink, p *Profiler) (parse.Stats, error) {
	if err := p.begin(r); err != nil {
		return parse.Stats{}, err
	}
	head := p.head[:p.headLen]
	p.profile.Container, p.profile.Excerpt = sniff(head, p.profile.Declared, l.spec.Input.Charset)
	p.now = m.Collected.Unix()
	if l.readsName && m.Filename != "" {
		p.profile.Files = []string{nameShape(m.Filename)}
	}
	meter := &meter{head: head, r: r}
	stats, err := l.parser.Parse(ctx, meter, m, &countingSink{sink, p}, p)
	p.profile.Bytes, p.profile.Lines, p.profile.Cut = meter.bytes, meter.lines, meter.lines > 0 && meter.last != '\n'
	if unreadable := (*parse.UnreadableError)(nil); errors.As(err, &unreadable) {
		p.profile.Unreadable = cut(unreadable.Reason, maxName)
	}
	p.done()
	return stats, err
}

// Learn returns the profile of a payload. That it cannot be read as a whole is
// no error but part of the profile.
func (l *Lens) Learn(ctx context.Context, r io.Reader, m parse.Meta) (*Profile, error) {
	p := l.Profiler()
	_, err := l.Parse(ctx, r, m, discard{}, p)
	if unreadable := (*parse.UnreadableError)(nil); err != nil && !errors.As(err, &unreadable) {
		return nil, err
	}
	return p.Profile(), nil
}

// maxHead is how much of the beginning of a payload is read for what it says.
const maxHead = 1024

// meter counts what is read through it.
type meter struct {
	head         []byte // what has been read before
	r            io.Reader
	bytes, lines int64
	last         byte
}

func (m *meter) Read(b []byte) (int, error) {
	var n int
	var err error
	if len(m.head) > 0 {
		n = copy(b, m.head)
		m.head = m.head[n:]
	} else {
		n, err = m.r.Read(b)
	}
	if n > 0 {
		m.bytes += int64(n)
		m.lines += int64(bytes.Count(b[:n], []byte{'\n'}))
		m.last = b[n-1]
	}
	return n, err
}

// countingSink tells the profiler what became of the records.
type countingSink struct {
	parse.Sink
	p *Profiler
}

func (s *countingSink) Event(e *event.Event) error {
	s.p.event(e)
	return s.Sink.Event(e)
}

func (s *countingSink) Reject(r *parse.Rejection) error {
	s.p.reject(r)
	return s.Sink.Reject(r)
}

type discard struct{}

func (discard) Event(*event.Event) error      { return nil }
func (discard) Reject(*parse.Rejection) error { return nil }
