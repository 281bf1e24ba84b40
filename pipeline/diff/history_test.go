package diff

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// want is what an analyst expects of a transition; testdata/history/README.md tells
// what the keys mean.
type want struct {
	Precedent string
	Filename  string
	Bare      *verdict
	Parser    *verdict
}

type verdict struct {
	Class    []string
	Breaking *bool // nil: either is right
	Paths    []string
	Codes    []string
	Says     []string
	Repair   *struct {
		None     bool
		Events   int64
		Rejected int64
		Safe     *bool
	}
}

// chapter is one folder of the history.
type chapter struct {
	want
	old, new, unchanged *Payload // unchanged may be nil
	spec                *v1alpha1.ParserSpec
}

func TestHistory(t *testing.T) {
	readHistory(t, "testdata/history")
}

func readHistory(t *testing.T, root string) {
	folders, err := filepath.Glob(filepath.Join(root, "*", "want.yaml"))
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			c := readChapter(t, folder)
			if c.Bare != nil {
				t.Run("bare", func(t *testing.T) { c.check(t, nil, c.Bare) })
			}
			if c.Parser != nil {
				t.Run("parser", func(t *testing.T) { c.check(t, c.spec, c.Parser) })
			}
		})
	}
}

func readChapter(t *testing.T, folder string) *chapter {
	t.Helper()
	c := new(chapter)
	decode(t, filepath.Join(folder, "want.yaml"), &c.want)
	if c.Precedent == "" || c.Bare == nil && c.Parser == nil {
		t.Fatal("want.yaml must have a precedent, and bare or parser")
	}
	c.old, c.new = c.payload(t, folder, "old"), c.payload(t, folder, "new")
	if _, err := os.Stat(filepath.Join(folder, "unchanged")); err == nil {
		c.unchanged = c.payload(t, folder, "unchanged")
	}
	if c.Parser != nil {
		var p v1alpha1.Parser
		decode(t, filepath.Join(folder, "parser.yaml"), &p)
		c.spec = &p.Spec
	}
	return c
}

func decode(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.UnmarshalStrict(data, v)
	}
	if err != nil {
		t.Fatal(path, err)
	}
}

func (c *chapter) payload(t *testing.T, folder, name string) *Payload {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(context.Background(), name, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	p.Meta = meta
	p.Meta.Filename = c.Filename
	return p
}

func (c *chapter) check(t *testing.T, spec *v1alpha1.ParserSpec, v *verdict) {
	r, err := Compare(context.Background(), c.old, c.new, Options{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	named := len(v.Paths) == 0 && len(v.Codes) == 0
	for _, f := range r.Findings {
		said += f.Sentence + "\n"
		named = named || f.Class == r.Class && f.Breaking == r.Breaking &&
			(len(v.Paths) == 0 || slices.Contains(v.Paths, f.Path)) && (len(v.Codes) == 0 || slices.Contains(v.Codes, f.Code))
	}
	if !slices.Contains(v.Class, r.Class) || v.Breaking != nil && r.Breaking != *v.Breaking || !named {
		t.Errorf("class %q, breaking %v; want %q, not %v, paths %q, codes %q", r.Class, r.Breaking, v.Class, r.Breaking, v.Paths, v.Codes)
	}
	for _, part := range v.Says {
		if !strings.Contains(said, part) {
			t.Errorf("nothing says %q", part)
		}
	}
	c.checkRepair(t, r, v)
	if t.Failed() {
		for _, f := range r.Findings {
			t.Logf("%s %s %q (breaking %v): %s", f.Class, f.Code, f.Path, f.Breaking, f.Sentence)
		}
		t.Logf("repair %+v", r.Repair)
	}
}

func (c *chapter) checkRepair(t *testing.T, r *Result, v *verdict) {
	switch {
	case v.Repair == nil:
	case v.Repair.None:
		if r.Repair != nil {
			t.Error("a repair is offered, and none can be right")
		}
	case r.Repair == nil:
		t.Error("no repair is offered")
	default:
		count := v.Repair.Events
		if count == 0 && c.unchanged != nil {
			count = int64(len(events(t, r.Spec, c.unchanged)))
		}
		if count > 0 && r.Repair.Events != count || r.Repair.Rejected != v.Repair.Rejected || v.Repair.Safe != nil && r.Repair.Safe != *v.Repair.Safe {
			t.Errorf("the repair gives %d events, %d rejected, safe %v; want %d, %d", r.Repair.Events, r.Repair.Rejected, r.Repair.Safe, count, v.Repair.Rejected)
		}
		if c.unchanged != nil && r.Mended != nil {
			sameEvents(t, events(t, r.Mended, c.new), events(t, r.Spec, c.unchanged))
		}
	}
}

func sameEvents(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("the repaired Parser gives %d events, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("event %d of the repaired Parser is\n%s, want\n%s", i+1, got[i], want[i])
		}
	}
}

// events are those that a Parser makes of a payload, as JSON.
func events(t *testing.T, spec *v1alpha1.ParserSpec, p *Payload) []string {
	t.Helper()
	parser, err := parse.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	var all gathered
	if _, err := parser.Parse(context.Background(), bytes.NewReader(p.Data), p.Meta, &all, nil); err != nil {
		t.Fatal(err)
	}
	return all
}

type gathered []string

func (g *gathered) Event(e *event.Event) error {
	*g = append(*g, string(event.AppendJSON(nil, e)))
	return nil
}

func (g *gathered) Reject(*parse.Rejection) error { return nil }
