package check

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/manifest"
	"github.com/weir-project/weir/pipeline/plan"
)

// Problem is one thing that is wrong with a manifest.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Object  string `json:"object,omitempty"` // FeedSource default/feodo
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Object != "" {
		b.WriteString(p.Object + ": ")
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Result is what a folder of manifests declares. Objects have their defaults.
type Result struct {
	Objects  plan.Objects
	Secrets  manifest.Secrets
	Plan     *plan.Plan
	Problems []Problem
	// Count is how many objects there are, without Secrets.
	Count int
}

// ParserSpec is the spec of a Parser with what its bases add; nil if they are not
// there, which Problems tell.
func (r *Result) ParserSpec(p *v1alpha1.Parser) *v1alpha1.ParserSpec {
	spec, _ := plan.ParserSpec(plan.NewWorld(r.Objects), p)
	return spec
}

// Load reads and judges a file or folder. The compiled definitions are not kept:
// they are large, and a process that goes on running seldom needs them. The error is about the definitions,
// not the manifests: those are told as Problems.
func Load(ctx context.Context, path string) (*Result, error) {
	defs, err := loadSchemas()
	if err != nil {
		return nil, err
	}
	l := loader{defs: defs, where: map[string]*manifest.Document{}, res: &Result{Secrets: manifest.Secrets{}}}
	docs, errs := manifest.Read(path)
	for _, e := range errs {
		l.res.Problems = append(l.res.Problems, Problem{File: e.File, Line: e.Line, Message: e.Err.Error()})
	}
	for i := range docs {
		l.document(ctx, &docs[i])
	}
	l.semantics(ctx)
	slices.SortStableFunc(l.res.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return l.res, nil
}

type loader struct {
	defs  schemas
	where map[string]*manifest.Document // by object name
	res   *Result
}

func objectName(kind, namespace, name string) string { return kind + " " + namespace + "/" + name }

func (l *loader) problem(doc *manifest.Document, field, message string) {
	l.res.Problems = append(l.res.Problems, Problem{
		File: doc.File, Line: doc.Line, Object: objectName(doc.Kind, doc.Namespace, doc.Name), Field: field, Message: message,
	})
}

func (l *loader) document(ctx context.Context, doc *manifest.Document) {
	if doc.Kind == "Secret" && doc.APIVersion == "v1" {
		if err := l.res.Secrets.Add(doc); err != nil {
			l.problem(doc, "", err.Error())
		}
		return
	}
	if !isOurs(doc.APIVersion) {
		return // a folder may hold other objects, such as a Namespace
	}
	l.res.Count++
	def, ok := l.defs[doc.Kind]
	if !ok || doc.APIVersion != v1alpha1.GroupVersion.String() {
		l.problem(doc, "", l.unknownKind(doc))
		return
	}
	if doc.Name == "" {
		l.problem(doc, "metadata.name", "is missing")
		return
	}
	name := objectName(doc.Kind, doc.Namespace, doc.Name)
	if other, dup := l.where[name]; dup {
		l.problem(doc, "metadata.name", fmt.Sprintf("is already taken at %s:%d", other.File, other.Line))
		return
	}
	l.where[name] = doc
	if errs := def.validate(ctx, doc.Object); len(errs) > 0 {
		for _, e := range errs {
			l.problem(doc, e.Field, message(def, e))
		}
		return
	}
	if err := l.decode(doc); err != nil {
		l.problem(doc, "", err.Error())
	}
}

func (l *loader) unknownKind(doc *manifest.Document) string {
	if _, ok := l.defs[doc.Kind]; ok {
		return fmt.Sprintf("apiVersion %s is not known; write %s", doc.APIVersion, v1alpha1.GroupVersion)
	}
	kinds := slices.Sorted(func(yield func(string) bool) {
		for k := range l.defs {
			if !yield(k) {
				return
			}
		}
	})
	return fmt.Sprintf("there is no kind %s; the kinds are %s", doc.Kind, strings.Join(kinds, ", "))
}

// message says what is wrong in the schema's words and adds what the field is
// for, unless the rule's own message tells already.
func message(def *kindSchema, e *field.Error) string {
	msg := e.ErrorBody()
	if strings.HasPrefix(e.Detail, "unknown field") {
		return e.Detail
	}
	if e.Type == field.ErrorTypeTypeInvalid && strings.Contains(msg, "must be of type string") {
		return msg + " (put it in quotes: YAML reads yes, no, on, n, 1 and the like as something else)"
	}
	// The validator repeats the path: "spec.x in body should match".
	msg = strings.ReplaceAll(msg, e.Field+" in body ", "")
	if e.Type == field.ErrorTypeInvalid && strings.Contains(msg, "should") || e.Type == field.ErrorTypeRequired {
		if hint := def.hint(e.Field); hint != "" {
			msg += " (" + hint + ")"
		}
	}
	return msg
}

func (l *loader) decode(doc *manifest.Document) error {
	meta, _ := doc.Object["metadata"].(map[string]any)
	if meta != nil {
		meta["namespace"] = doc.Namespace
	}
	data, err := json.Marshal(doc.Object)
	if err != nil {
		return err
	}
	o := &l.res.Objects
	switch doc.Kind {
	case "Exchange":
		return appendDecoded(data, &o.Exchanges)
	case "FeedSource":
		return appendDecoded(data, &o.FeedSources)
	case "Parser":
		return appendDecoded(data, &o.Parsers)
	case "Subscription":
		return appendDecoded(data, &o.Subscriptions)
	case "FormatChange":
		return appendDecoded(data, &o.FormatChanges)
	}
	return errors.New("kind is not handled")
}

func appendDecoded[T any](data []byte, to *[]T) error {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*to = append(*to, v)
	return nil
}
