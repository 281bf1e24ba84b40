package contract

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/export/format"
)

var update = flag.Bool("update", false, "write the samples of versions that are not published yet")

// publishedColumn is a column as the file of a published version has it.
type publishedColumn struct {
	format.Described
	Field string `json:"field"`
}

func folder(name string, v Version) string {
	return filepath.Join("testdata", "published", name, v.String())
}

// publishedVersions of a format, oldest first.
func publishedVersions(t *testing.T, name string) []Version {
	t.Helper()
	dirs, err := os.ReadDir(filepath.Join("testdata", "published", name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []Version
	for _, d := range dirs {
		v, err := ParseVersion(d.Name())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, Version.Compare)
	return out
}

func readPublished(t *testing.T, name string, v Version) Published {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(folder(name, v), "sample"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder(name, v), "columns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var columns []publishedColumn
	if err := json.Unmarshal(text, &columns); err != nil {
		t.Fatal(err)
	}
	p := Published{Version: v, Sample: Sample{Shape: format.Shape{Format: name}, Payload: payload}}
	for _, c := range columns {
		c.Described.Field = c.Field
		p.Sample.Columns = append(p.Sample.Columns, c.Described)
	}
	return p
}

func publish(t *testing.T, name string, p Published) {
	t.Helper()
	var columns []publishedColumn
	for _, d := range p.Sample.Columns {
		columns = append(columns, publishedColumn{d, d.Field})
	}
	text, err := json.MarshalIndent(columns, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(name, p.Version)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{"sample": p.Sample.Payload, "columns.json": append(text, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A release that writes a format otherwise than the last one gives it another
// schema version, as much greater as the change goes far. For one that does:
// raise format.Builtin, run this test with -update, and commit what it writes.
func TestTheVersionsOfOurFormatsGrowWithThem(t *testing.T) {
	for name, text := range format.Builtin {
		t.Run(name, func(t *testing.T) {
			v, err := ParseVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			now := Published{Version: v, Sample: Render(format.Shape{Format: name})}
			known := publishedVersions(t, name)
			if len(known) == 0 && !*update {
				t.Fatal("no version is published; run with -update")
			}
			if len(known) > 0 {
				if err := Grown(t.Context(), readPublished(t, name, known[len(known)-1]), now); err != nil {
					t.Fatal(err)
				}
			}
			if slices.Contains(known, v) {
				return
			}
			if !*update {
				t.Fatalf("version %s is not published; run with -update and commit its sample", v)
			}
			publish(t, name, now)
		})
	}
}

func TestAVersionThatGrewTooLittleIsRefused(t *testing.T) {
	was := Published{Version: Version{1, 4, 2}, Sample: Render(format.Shape{Format: format.CSV})}
	next := func(version Version, change func(*Sample)) Published {
		s := Render(format.Shape{Format: format.CSV})
		change(&s)
		return Published{Version: version, Sample: s}
	}
	replaced := func(old, with string) func(*Sample) {
		return func(s *Sample) { s.Payload = []byte(strings.ReplaceAll(string(s.Payload), old, with)) }
	}
	added := func(s *Sample) {
		*s = Render(format.Shape{Format: format.CSV, Columns: columns("time id source category name md5 ip url fqdn asn cc details sha256")})
	}
	optional := func(s *Sample) {
		s.Columns = slices.Clone(s.Columns)
		s.Columns[0].Required = false
	}
	for name, tc := range map[string]struct {
		is   Published
		says string
	}{
		"nothing changed":                  {next(was.Version, func(*Sample) {}), ""},
		"a greater number for nothing":     {next(Version{2, 0, 0}, func(*Sample) {}), ""},
		"a renamed column, same number":    {next(was.Version, replaced(`"fqdn"`, `"host"`)), "make it version 2.0.0"},
		"a renamed column, minor":          {next(Version{1, 5, 0}, replaced(`"fqdn"`, `"host"`)), "make it version 2.0.0"},
		"a renamed column, major":          {next(Version{2, 0, 0}, replaced(`"fqdn"`, `"host"`)), ""},
		"an added column, patch":           {next(Version{1, 4, 3}, added), "make it version 1.5.0"},
		"an added column, minor":           {next(Version{1, 5, 0}, added), ""},
		"other words, same number":         {next(was.Version, replaced("from port", "port")), "make it version 1.4.3"},
		"other bytes, same number":         {next(was.Version, replaced("\r\n", "\n")), "make it version 1.4.3"},
		"other bytes, patch":               {next(Version{1, 4, 3}, replaced("\r\n", "\n")), ""},
		"a promise taken back, minor":      {next(Version{1, 5, 0}, optional), "make it version 2.0.0"},
		"an older version":                 {next(Version{1, 4, 1}, func(*Sample) {}), "never goes back"},
		"a category with another name":     {next(Version{1, 5, 0}, replaced(`"bots"`, `"botnet"`)), "make it version 2.0.0"},
		"numbers of systems with a prefix": {next(Version{1, 5, 0}, replaced(`"644`, `"AS644`)), "make it version 2.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Grown(t.Context(), was, tc.is)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %q", err, tc.says)
			}
		})
	}
}
