package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// profiler is compiled into the operator that is measured when profiles are asked
// for, and only there: what ships has nothing of the kind.
//
//go:embed profiler.txt
var profiler []byte

// build compiles cmd/operator into dir.
func build(ctx context.Context, root, dir string, profiled bool) (string, error) {
	bin := filepath.Join(dir, "operator")
	args := []string{"build", "-o", bin}
	if profiled {
		source, overlay := filepath.Join(dir, "profiler.go"), filepath.Join(dir, "overlay.json")
		replace, err := json.Marshal(map[string]map[string]string{
			"Replace": {filepath.Join(root, "cmd", "operator", "profiler.go"): source},
		})
		if err != nil {
			return "", err
		}
		if err := errors.Join(os.WriteFile(source, profiler, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/operator")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/operator: %w\n%s", err, out)
	}
	return bin, nil
}

// process is an operator in a process of its own, as in a pod of its own.
type process struct {
	cmd     *exec.Cmd
	log     string // file
	metrics string // URL
	health  string // URL
	done    chan struct{}

	profiled bool
}

// launch starts an operator and waits until its caches are full.
func (b *bench) launch(ctx context.Context, name string) (*process, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	p := &process{
		log: filepath.Join(b.dir, name+".log"), done: make(chan struct{}), profiled: b.profiles != "",
		metrics: "http://" + ports[0] + "/metrics", health: "http://" + ports[1] + "/readyz",
	}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(b.operator, append([]string{
		"--pipeline-image=registry.example.org/weir-pipeline:bench", "--leader-election-namespace=weir-system",
		"--operator-namespace=weir-system", "--operator-label=app.kubernetes.io/name=weir-operator",
		"--metrics-bind-address=" + ports[0], "--metrics-secure=false", "--health-probe-bind-address=" + ports[1],
	}, b.args...)...)
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig, "PROFILE_DIR="+b.profiles)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() //nolint:errcheck // killed on purpose; its log has what it said
		close(p.done)
	}()
	return p, until(ctx, 2*time.Minute, 20*time.Millisecond, "the operator's caches are full (its log: "+p.log+")", func() (bool, error) {
		if p.exited() {
			return false, errors.New("the operator ended; its log: " + p.log)
		}
		_, err := get(ctx, p.health)
		return err == nil, nil
	})
}

func freePorts(n int) ([]string, error) {
	out := make([]string, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out, nil
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process with a signal.
func (p *process) stop(s os.Signal) {
	if p == nil || p.exited() {
		return
	}
	if p.cmd.Process.Signal(s) != nil {
		return
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// usage is what a process takes.
type usage struct {
	RSS, Peak int64 // bytes
	CPU       time.Duration
}

// usage reads /proc.
func (p *process) usage() (usage, error) {
	var u usage
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			u.RSS = n << 10
		case "VmHWM:":
			u.Peak = n << 10
		}
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, err
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	f := strings.Fields(string(after))
	if len(f) < 13 {
		return u, fmt.Errorf("%s/stat has %d fields", dir, len(f))
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every platform of Go
	u.CPU = time.Duration(user+system) * tick
	return u, errors.Join(err1, err2)
}

var local = &http.Client{Timeout: 30 * time.Second}

// get reads a page of this machine.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := local.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return data, err
}

// until calls check every so often.
func until(ctx context.Context, most, every time.Duration, what string, check func() (bool, error)) error {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if ok, err := check(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("waited %s in vain: %s", most, what)
		case <-t.C:
		}
	}
}
