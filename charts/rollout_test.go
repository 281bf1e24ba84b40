package charts

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// rollout is an entry of hack/rollouts.yaml.
type rollout struct {
	Object   string `json:"object"`
	Template string `json:"template"`
	Reason   string `json:"reason"`
}

func rollouts(t *testing.T) []rollout {
	t.Helper()
	text, err := os.ReadFile("../hack/rollouts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Rollouts []rollout `json:"rollouts"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Rollouts {
		if r.Object == "" || r.Template == "" || r.Reason == "" {
			t.Errorf("hack/rollouts.yaml: an entry needs object, template and reason: %+v", r)
		}
	}
	return file.Rollouts
}

func TestAnUpgradeFromThePreviousCommitRestartsNoPodUnlessListed(t *testing.T) {
	before := previousChart(t)
	listed := rollouts(t)
	for _, name := range []string{"default", "namespaced"} {
		old := podTemplates(t, helmTemplate(t, before, valuesOf(before, name)...))
		for id, template := range podTemplates(t, render(t, name)) {
			if old[id] == "" || old[id] == template {
				continue
			}
			entry := rollout{Object: id, Template: fmt.Sprintf("%x", sha256.Sum256([]byte(template)))[:16]}
			if !slices.ContainsFunc(listed, func(r rollout) bool { return r.Object == entry.Object && r.Template == entry.Template }) {
				t.Errorf("%s: an upgrade restarts the pods of %s. If that is worth it, add to hack/rollouts.yaml:\n  - object: %s\n    template: %s\n    reason: ...\n%s",
					name, id, entry.Object, entry.Template, firstDifference(template, old[id]))
			}
		}
	}
}

func valuesOf(chart, name string) []string {
	if name == "default" {
		return nil
	}
	return []string{"--values", filepath.Join(chart, "ci", name+"-values.yaml")}
}

// version is what an image reference ends with.
var version = regexp.MustCompile(`(/weir-(?:operator|pipeline))[:@][0-9A-Za-z._:-]+`)

// podTemplates returns the templates of what is rendered by the ids of their
// owners, as YAML, without the versions of images.
func podTemplates(t *testing.T, objects []object) map[string]string {
	t.Helper()
	templates := map[string]string{}
	for _, o := range objects {
		template := nested(o, "spec", "template")
		if template == nil || o.isHook() {
			continue
		}
		text, err := json.Marshal(template)
		if err == nil {
			text, err = yaml.JSONToYAML(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		templates[o.id()] = version.ReplaceAllString(string(text), "$1")
	}
	if len(templates) == 0 {
		t.Fatal("no pod template is rendered")
	}
	return templates
}

func TestVersionsOfImagesDoNotCountAsAChangeOfATemplate(t *testing.T) {
	digest := "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	want := podTemplates(t, render(t, "default"))
	for _, set := range []string{"image.operator.tag=9.9.9,image.pipeline.tag=v9-rc.1", "image.operator.digest=" + digest + ",image.pipeline.digest=" + digest} {
		for id, got := range podTemplates(t, render(t, "default", "--set", set)) {
			if got != want[id] {
				t.Errorf("%s changes %s: %s", set, id, firstDifference(got, want[id]))
			}
		}
	}
	for id, got := range podTemplates(t, render(t, "default", "--set", "logLevel=debug")) {
		if got == want[id] {
			t.Errorf("a changed argument of %s is not seen", id)
		}
	}
}

// previousChart unpacks the chart of the commit before this one.
func previousChart(t *testing.T) string {
	t.Helper()
	git := func(args ...string) ([]byte, error) {
		return exec.CommandContext(t.Context(), "git", append([]string{"-C", ".."}, args...)...).Output()
	}
	if _, err := git("rev-parse", "--verify", "--quiet", "HEAD~1^{commit}"); err != nil {
		t.Skip("no previous commit: this is no git checkout, or a shallow one")
	}
	if _, err := git("cat-file", "-e", "HEAD~1:charts/weir/Chart.yaml"); err != nil {
		t.Skip("the previous commit has no chart")
	}
	archive, err := git("archive", "--format=tar", "HEAD~1", "charts/weir")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	files := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(dir, "charts", "weir")
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(files, 16<<20))
		if err == nil {
			err = root.MkdirAll(filepath.Dir(header.Name), 0o755)
		}
		if err == nil {
			err = root.WriteFile(header.Name, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
