package catalog_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/parse"
)

var loadOnce = sync.OnceValues(catalog.Load)

func load(t *testing.T) []catalog.Feed {
	t.Helper()
	feeds, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}

// loadParsers returns a feed of each Parser: several feeds may share one.
func loadParsers(t *testing.T) []catalog.Feed {
	t.Helper()
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(load(t)), func(f catalog.Feed) bool {
		again := seen[f.Parser.Name]
		seen[f.Parser.Name] = true
		return again
	})
}

const exchange = "apiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange\nmetadata: {name: main}\n"

// The whole catalogue in one namespace, judged as weir check does.
func TestEveryManifestIsValid(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, catalog.Files); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "exchange.yaml"), []byte(exchange), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := check.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Error(p)
	}
	if got, want := len(res.Objects.FeedSources), len(load(t)); got != want {
		t.Errorf("%d FeedSources are in the folder, %d in the catalogue", got, want)
	}
}

func TestEveryParserHasExamplesThatPass(t *testing.T) {
	for _, f := range loadParsers(t) {
		t.Run(f.Parser.Name, func(t *testing.T) {
			t.Parallel()
			if !slices.ContainsFunc(f.Parser.Spec.Examples, func(e v1alpha1.Example) bool { return len(e.Events) > 0 }) {
				t.Error("no example gives an event")
			}
			for _, r := range parse.RunExamples(f.Spec()) {
				if !r.OK {
					t.Errorf("%s:\n%s", r.Name, r.Diff)
				}
			}
		})
	}
}

// Publishers, and what stands between, change line ends, add a byte-order mark,
// leave the last line end out, and spaces and blank lines in. The events are the
// same.
func TestExamplesGiveTheSameEventsHoweverLinesEnd(t *testing.T) {
	variants := []struct {
		name   string
		change func(string) string
		of     []string // formats; all if empty
	}{
		{"CRLF and a blank line", func(s string) string { return strings.ReplaceAll(s+"\n", "\n", "\r\n") }, nil},
		{"byte-order mark, no line end at all", func(s string) string { return "\ufeff" + strings.TrimRight(s, "\n") }, nil},
		{"spaces at the end of lines", func(s string) string { return strings.ReplaceAll(s, "\n", "  \n") }, []string{"text", "csv", "hosts", "zone"}},
		{"blank lines", func(s string) string { return "\n" + strings.ReplaceAll(s, "\n", "\n \n") }, []string{"text", "csv", "hosts", "jsonLines", "zone"}},
	}
	for _, f := range loadParsers(t) {
		for _, v := range variants {
			if v.of != nil && !slices.Contains(v.of, f.Format()) {
				continue
			}
			spec := f.Spec().DeepCopy()
			for i := range spec.Examples {
				if e := &spec.Examples[i]; e.InputBase64 == "" {
					e.Input = v.change(e.Input)
				}
			}
			for _, r := range parse.RunExamples(spec) {
				if !r.OK {
					t.Errorf("%s: %s: %s:\n%s", f.Parser.Name, v.name, r.Name, r.Diff)
				}
			}
		}
	}
}

func TestFeedsAreNamedByProviderAndChannel(t *testing.T) {
	names := map[string]string{}
	for _, f := range load(t) {
		if other, taken := names[f.Name]; taken {
			t.Errorf("%s: %s is in %s already", f.File, f.Name, other)
		}
		names[f.Name] = f.File
		spec := &f.Source.Spec
		if want := spec.Provider + "-" + spec.Channel; f.Name != want || f.Provider() != spec.Provider {
			t.Errorf("%s: %s should be %s, in the folder %s", f.File, f.Name, want, spec.Provider)
		}
		if !strings.HasPrefix(f.Parser.Name, spec.Provider) {
			t.Errorf("%s: the Parser %s does not begin with its provider", f.File, f.Parser.Name)
		}
	}
}

func TestKustomizationsNameEveryFile(t *testing.T) {
	files := map[string][]string{}
	names, err := fs.Glob(catalog.Files, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if path.Base(n) != catalog.Kustomization {
			files[path.Dir(n)] = append(files[path.Dir(n)], path.Base(n))
		}
	}
	for dir, want := range files {
		data, err := fs.ReadFile(catalog.Files, path.Join(dir, catalog.Kustomization))
		if err != nil {
			t.Error(err)
			continue
		}
		var k struct {
			APIVersion, Kind string
			Resources        []string
		}
		if err := yaml.UnmarshalStrict(data, &k); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		if k.Kind != "Kustomization" || !slices.Equal(k.Resources, want) {
			t.Errorf("%s: the kustomization names %v, the folder has %v", dir, k.Resources, want)
		}
	}
}

func TestThePageListsTheCatalogue(t *testing.T) {
	page, err := os.ReadFile("../../docs/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, catalog.Page(load(t))) {
		t.Error("docs/catalog.md is not up to date: go run ./hack/catalog")
	}
}

func TestThePageOfCoverageIsTrue(t *testing.T) {
	lists, err := catalog.LoadCoverage(load(t))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/catalog-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, catalog.CoveragePage(lists)) {
		t.Error("docs/catalog-coverage.md is not up to date: go run ./hack/catalog")
	}
}

func TestMappingsAreShort(t *testing.T) {
	s := catalog.Measure(load(t))
	t.Logf("%d feeds of %d providers, %d Parsers; lines of mapping a Parser: median %d, mean %.1f, most %d",
		s.Feeds, s.Providers, s.Parsers, s.Median, s.Mean, s.Most)
	if s.Median > 8 {
		t.Errorf("the median Parser has %d lines of mapping", s.Median)
	}
}
