package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sleeper starts a process that ends on a signal only.
func sleeper(t *testing.T, script string) process {
	t.Helper()
	linux(t)
	cmd := exec.Command("/bin/sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	// It has set up its signals when it has said so.
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	start, _, err := stat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return process{cmd.Process.Pid, start}
}

func TestAProcessEndsByItselfOrByForce(t *testing.T) {
	for name, script := range map[string]string{
		"obedient": "echo ready; exec sleep 600",
		"deaf":     "trap '' TERM; echo ready; exec sleep 600",
	} {
		t.Run(name, func(t *testing.T) {
			p := sleeper(t, script)
			limit := time.Minute
			if name == "deaf" {
				limit = 300 * time.Millisecond
			}
			if err := p.end(t.Context(), limit); err != nil {
				t.Fatal(err)
			}
			if p.alive() {
				t.Error("it is alive")
			}
		})
	}
}

func TestAPidOfAnotherProcessIsNotOurs(t *testing.T) {
	p := sleeper(t, "echo ready; exec sleep 600")
	c := &Cluster{dir: t.TempDir()}
	for text, want := range map[string]bool{
		fmt.Sprintf("%d %s\n", p.pid, p.start):  true,
		fmt.Sprintf("%d %s1\n", p.pid, p.start): false, // the number was given again
		fmt.Sprintf("%d\n", p.pid):              false,
		"1 0\n":                                 false,
		"":                                      false,
	} {
		if err := writeFile(c.pidFile("x"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, got := c.running("x"); got != want {
			t.Errorf("pid file %q: running is %v", text, got)
		}
	}
}

func TestADeadDaemonEndsTheWaitWithItsLog(t *testing.T) {
	c := &Cluster{dir: t.TempDir()}
	if err := writeFile(c.path("log", "etcd.log"), []byte("no space left on device"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := wait(t.Context(), "etcd", func(context.Context) error { return c.check("etcd") })
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Fatalf("got %v", err)
	}
}

func TestMountsAreReadWithTheirEscapes(t *testing.T) {
	got := parseMounts([]byte(`23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:27 / /sys/fs/cgroup/cpu rw,relatime shared:3 - cgroup none rw,cpu,cpuacct
40 23 0:30 / /mnt/a\040b\134c rw - tmpfs none rw
broken line
`))
	want := []mount{{"/", "ext4", "rw"}, {"/sys/fs/cgroup/cpu", "cgroup", "rw,cpu,cpuacct"}, {`/mnt/a b\c`, "tmpfs", "rw"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestOnlyOurFirewallRulesAreFound(t *testing.T) {
	got := forwardHandles(`table ip filter { # handle 1
	chain FORWARD { # handle 2
		type filter hook forward priority filter; policy drop;
		ip daddr 198.18.0.0/15 accept comment "weir-cluster" # handle 9
		ip saddr 198.18.0.0/15 accept comment "weir-cluster" # handle 8
		ip saddr 198.51.100.0/24 accept comment "weir-cluster-2" # handle 7
		jump DOCKER # handle 4
	}
}
`)
	if !slices.Equal(got, []string{"9", "8"}) {
		t.Errorf("got %v", got)
	}
}

func TestDownLeavesForeignFoldersAlone(t *testing.T) {
	linux(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var log bytes.Buffer
	c := &Cluster{dir: t.TempDir(), log: &log}
	keep := filepath.Join(c.dir, "letters.txt")
	if err := os.WriteFile(keep, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Down(t.Context()); err == nil || !exists(keep) {
		t.Fatalf("got %v", err)
	}
	gone := &Cluster{dir: filepath.Join(c.dir, "none"), log: &log}
	if err := gone.Down(t.Context()); err != nil {
		t.Fatalf("a cluster that is not there: %v", err)
	}
}
