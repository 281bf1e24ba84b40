package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a process that outlives its starter.
type daemon struct {
	name string
	bin  string
	args []string
	// memory is what its garbage collector aims to stay below, in MiB.
	memory int
}

// process identifies a running process: a number alone may be another's by now.
type process struct {
	pid   int
	start string // in clock ticks since boot
}

// diedError says that a daemon ended that should run.
type diedError struct{ name, log string }

func (e *diedError) Error() string {
	return fmt.Sprintf("%s ended; the end of its log:\n%s", e.name, e.log)
}

// ensure starts a daemon unless it runs, and returns whether it did.
func (c *Cluster) ensure(d daemon) (started bool, err error) {
	if _, ok := c.running(d.name); ok {
		return false, nil
	}
	c.say("starting %s", d.name)
	log := c.path("log", d.name+".log")
	if err := os.Rename(log, log+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer out.Close()
	// The shell enters the control group before the daemon begins, so that
	// each of its children is in there too.
	args := append([]string{"-c", `echo $$ >"$0" && exec "$@"`, daemonProcs(), d.bin}, d.args...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, out // stdin is /dev/null
	cmd.SysProcAttr = detached()
	cmd.Env = []string{
		"PATH=" + strings.Join([]string{filepath.Dir(c.tools["containerd-shim-runc-v2"]), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}, ":"),
		"HOME=/root", fmt.Sprintf("GOMEMLIMIT=%dMiB", d.memory),
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	p := process{pid: cmd.Process.Pid}
	if p.start, _, err = stat(p.pid); err != nil {
		return false, fmt.Errorf("start %s: %w", d.name, err)
	}
	if err := cmd.Process.Release(); err != nil {
		return false, err
	}
	return true, writeFile(c.pidFile(d.name), fmt.Appendf(nil, "%d %s\n", p.pid, p.start), 0o600)
}

func (c *Cluster) pidFile(name string) string { return c.path("run", name+".pid") }

// running returns the process of a daemon if it is alive.
func (c *Cluster) running(name string) (process, bool) {
	data, err := os.ReadFile(c.pidFile(name))
	if err != nil {
		return process{}, false
	}
	f := strings.Fields(string(data))
	if len(f) != 2 {
		return process{}, false
	}
	pid, err := strconv.Atoi(f[0])
	if err != nil || pid <= 1 {
		return process{}, false
	}
	p := process{pid, f[1]}
	return p, p.alive()
}

// check returns an error if a daemon does not run.
func (c *Cluster) check(name string) error {
	if _, ok := c.running(name); ok {
		return nil
	}
	data, err := os.ReadFile(c.path("log", name+".log"))
	if err != nil {
		data = []byte(err.Error())
	}
	return &diedError{name, string(data[max(0, len(data)-2000):])}
}

// stop ends a daemon, by force after grace, and removes its pid file.
func (c *Cluster) stop(ctx context.Context, name string, grace time.Duration) error {
	p, ok := c.running(name)
	if ok {
		c.say("stopping %s", name)
		if err := p.end(ctx, grace); err != nil {
			return fmt.Errorf("stop %s: %w", name, err)
		}
	}
	if err := os.Remove(c.pidFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// end asks a process to end, and kills it after grace.
func (p process) end(ctx context.Context, grace time.Duration) error {
	if grace > 0 {
		p.signal(syscall.SIGTERM)
		limited, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if wait(limited, "the end", p.gone) == nil {
			return nil
		}
	}
	p.signal(syscall.SIGKILL)
	return wait(ctx, fmt.Sprintf("the end of process %d", p.pid), p.gone)
}

func (p process) signal(s syscall.Signal) {
	if !p.alive() {
		return
	}
	if proc, err := os.FindProcess(p.pid); err == nil {
		_ = proc.Signal(s) // it may end by itself meanwhile
	}
}

func (p process) gone(context.Context) error {
	if p.alive() {
		return fmt.Errorf("process %d is alive", p.pid)
	}
	return nil
}

// alive reports whether the process runs. One that ended and that nobody waited
// for does not; if it is a child of ours, it is waited for here.
func (p process) alive() bool {
	start, state, err := stat(p.pid)
	if err != nil || start != p.start {
		return false
	}
	if state == "Z" || state == "X" {
		reap(p.pid)
		return false
	}
	return true
}

// stat reads a process's start time and state.
func stat(pid int) (start, state string, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", err
	}
	// The second field, the name in parentheses, may hold anything.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 20 {
		return "", "", fmt.Errorf("/proc/%d/stat is short", pid)
	}
	return f[19], f[0], nil
}
