package workload

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

func encode(t *testing.T, set Set) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, o := range set {
		y, err := yaml.Marshal(o.Config)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(y)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, set := range variants() {
		t.Run(name, func(t *testing.T) {
			got := encode(t, set)
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("differs from %s: see what changed with go test -run TestGolden -update and git diff", file)
			}
		})
	}
}

func TestEveryGoldenFileIsAVariant(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Collect(maps.Keys(variants()))
	for _, f := range files {
		name := filepath.Base(f)
		if !slices.Contains(known, name[:len(name)-len(".yaml")]) {
			t.Errorf("%s belongs to no variant", f)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first := variants()
	for range 5 {
		for name, set := range variants() {
			if !bytes.Equal(encode(t, set), encode(t, first[name])) {
				t.Errorf("%s: differs from one time to the next", name)
			}
		}
	}
}

func TestTheOrderOfObjectsDoesNotMatter(t *testing.T) {
	feeds, subs := sharedFeeds(), sharedSubscriptions()
	want := encode(t, Shared(options(), exchange(shared), feeds, subs, versions))
	slices.Reverse(feeds)
	slices.Reverse(subs)
	if got := encode(t, Shared(options(), exchange(shared), feeds, subs, versions)); !bytes.Equal(got, want) {
		t.Error("the shards differ when the objects are listed the other way round")
	}
}
