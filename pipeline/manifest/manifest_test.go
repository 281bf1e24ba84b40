package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/secret"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFolderIsReadInOrderWithLines(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.yaml":             "# a comment\n---\napiVersion: v1\nkind: A\nmetadata: {name: one}\n---\n\n---\napiVersion: v1\nkind: B\nmetadata: {name: two, namespace: ns}\n",
		"a/deep.yml":         "apiVersion: v1\nkind: C\n",
		"c.json":             `{"apiVersion": "v1", "kind": "D"}`,
		"kustomization.yaml": "resources: [b.yaml]",
		".hidden/x.yaml":     "not: an object",
		"notes.txt":          "no manifest",
	})
	docs, errs := Read(dir)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Kind+" "+d.Namespace+"/"+d.Name+" "+strings.TrimPrefix(d.File, dir+"/"))
	}
	want := "C default/ a/deep.yml|A default/one b.yaml|B ns/two b.yaml|D default/ c.json"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if docs[1].Line != 3 || docs[2].Line != 9 {
		t.Errorf("lines %d and %d, want 3 and 9", docs[1].Line, docs[2].Line)
	}
}

func TestOneBadDocumentDoesNotHideTheOthers(t *testing.T) {
	docs, errs := Parse("f.yaml", []byte("apiVersion: v1\nkind: A\n---\na: [\n---\n- a list\n---\nkind: NoVersion\n---\napiVersion: v1\nkind: B\n"))
	if len(docs) != 2 || docs[0].Kind != "A" || docs[1].Kind != "B" {
		t.Errorf("docs: %+v", docs)
	}
	if len(errs) != 3 || errs[0].Line != 4 || errs[1].Line != 6 || errs[2].Line != 8 {
		t.Errorf("errors: %v", errs)
	}
}

func TestSecretsAreReadPlainAndEncoded(t *testing.T) {
	docs, errs := Parse("s.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aGVsbG8=}\nstringData: {b: plain}\n"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s := Secrets{}
	if err := s.Add(&docs[0]); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "hello", "b": "plain"} {
		if got, err := s.Read("default", "s", key); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	if _, err := s.Read("other", "s", "a"); !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("a Secret of another namespace was read: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: A\n---\nx: &a [*a]\n"))
	f.Add([]byte("---\n---\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, _ := Parse("f", data)
		for _, d := range docs {
			if d.Kind == "" || d.APIVersion == "" || d.Line < 1 {
				t.Errorf("incomplete document %+v", d)
			}
		}
	})
}
