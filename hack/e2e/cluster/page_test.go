package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page is docs/kubernetes.md, whose commands are run as they stand.
type page struct {
	w     *world
	text  string
	names *strings.Replacer // ports of this machine that are free
}

func (w *world) page(t *testing.T) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "docs/kubernetes.md"))
	if err != nil {
		t.Fatal(err)
	}
	return &page{w: w, text: string(text), names: strings.NewReplacer("8480", freePort(t), "8099", freePort(t))}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

var (
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	// changeName is the name of a FormatChange on the page; each run has another.
	changeName = regexp.MustCompile(`c2-[0-9a-f]{16}`)
)

// run runs the commands of a section, those between two headings, one after the
// other, and returns what each printed.
func (p *page) run(t *testing.T, heading string) map[string]string {
	t.Helper()
	_, section, ok := strings.Cut(p.text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/kubernetes.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	printed := map[string]string{}
	for _, block := range consoleBlock.FindAllStringSubmatch(section, -1) {
		for line := range strings.Lines(block[1]) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				continue // what it prints
			}
			printed[command] = p.command(t, command)
		}
	}
	return printed
}

func (p *page) command(t *testing.T, command string) string {
	t.Helper()
	script := p.names.Replace(command)
	if changeName.MatchString(script) {
		name := p.w.must(t, "kubectl get formatchanges -o jsonpath='{.items[0].metadata.name}'")
		script = changeName.ReplaceAllString(script, name)
	}
	if background, ok := strings.CutSuffix(script, " &"); ok {
		p.background(t, background)
		return ""
	}
	if _, err := exec.LookPath("curl"); err != nil && strings.HasPrefix(script, "curl ") {
		t.Skipf("curl is not installed, which docs/kubernetes.md uses")
	}
	if strings.HasPrefix(script, "curl ") {
		// The forwarded port opens a moment after the command before.
		script = strings.Replace(script, "curl ", "curl --fail --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 ", 1)
	}
	out := p.w.must(t, script)
	t.Logf("$ %s\n%s", script, out)
	return out
}

// background runs a command until the test ends.
func (p *page) background(t *testing.T, script string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = p.w.run(ctx, "bash", "-c", "exec "+script) // killed at the end
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}
