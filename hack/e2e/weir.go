// Package e2e drives the weir binary as a user does: processes, files, HTTP.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weir-project/weir/pipeline/run"
)

// Build compiles cmd/weir into dir and returns the binary.
func Build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "weir")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/weir-project/weir/cmd/weir")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weir: %w\n%s", err, out)
	}
	return bin, nil
}

// Weir is one weir run on a data folder; it can be killed and started again.
type Weir struct {
	Bin       string
	Manifests string
	Data      string
	Args      []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	log  bytes.Buffer
}

// Start starts the process. It does not wait until it serves.
func (w *Weir) Start() error {
	os.Remove(filepath.Join(w.Data, "endpoint.json")) // of a run that was killed
	args := append([]string{"run", "-f", w.Manifests, "--data", w.Data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, w.Args...)
	w.cmd = exec.Command(w.Bin, args...)
	w.cmd.Stderr = &lockedWriter{w}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a test that is killed
	w.done = make(chan struct{})
	if err := w.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait() //nolint:errcheck // killed on purpose; Log has what it said
		close(done)
	}(w.cmd, w.done)
	return nil
}

type lockedWriter struct{ w *Weir }

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

// Log is what the processes have said so far.
func (w *Weir) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// Kill ends the process as a power cut does.
func (w *Weir) Kill() {
	if w.cmd != nil && w.cmd.Process != nil { // it was started
		w.cmd.Process.Kill() //nolint:errcheck // it may be gone already
		<-w.done
	}
}

// Stop ends it as a person does, and waits.
func (w *Weir) Stop(ctx context.Context) error {
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("weir does not stop: %w", ctx.Err())
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("weir stopped with exit code %d", code)
	}
	return nil
}

// Exited is closed when the process has ended.
func (w *Weir) Exited() <-chan struct{} { return w.done }

// PID of the running process.
func (w *Weir) PID() int { return w.cmd.Process.Pid }

// Endpoint waits until every component of the process is ready.
func (w *Weir) Endpoint(ctx context.Context) (run.Endpoint, error) {
	var e run.Endpoint
	err := Until(ctx, func() (bool, error) {
		select {
		case <-w.done:
			return false, fmt.Errorf("weir ended:\n%s", w.Log())
		default:
		}
		var err error
		e, err = run.ReadEndpoint(w.Data) // fails until it is written
		return err == nil && ready(ctx, e.Admin), nil
	})
	return e, err
}

func ready(ctx context.Context, admin string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Command runs a weir command on the data folder and returns what it printed.
func (w *Weir) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.Bin, append(args, "--data", w.Data)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("weir %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Event is the part of an event that tests look at.
type Event struct {
	ID      string `json:"id"`
	Source  string `json:"source"`
	Time    string `json:"time"`
	URL     string `json:"url"`
	SPort   int    `json:"sport"`
	DPort   int    `json:"dport"`
	Address []struct {
		IP string `json:"ip"`
	} `json:"address"`
	Raw string `json:"-"`
}

// Key is what tells the record that the event was made of from the others of its
// feed: the URL, or address, port and time.
func (e *Event) Key() string {
	if e.URL != "" {
		return e.URL
	}
	ip := ""
	if len(e.Address) > 0 {
		ip = e.Address[0].IP
	}
	return fmt.Sprintf("%s %d %s", ip, max(e.SPort, e.DPort), e.Time)
}

// Get asks an export for .sjson and returns its events.
func Get(ctx context.Context, url, token string) ([]Event, error) {
	return GetWith(ctx, &http.Client{}, url, token)
}

// GetWith is Get by a client that knows the way.
func GetWith(ctx context.Context, c *http.Client, url, token string) ([]Event, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	var events []Event
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if len(sc.Bytes()) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("event %q: %w", sc.Text(), err)
		}
		e.Raw = sc.Text()
		events = append(events, e)
	}
	return events, sc.Err()
}

// Metric reads one number from the metrics of a process: the sum over all
// series of the name.
func Metric(ctx context.Context, admin, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	sum := 0.0
	sc := bufio.NewScanner(resp.Body)
	for sc.Scan() {
		line := sc.Text()
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
				return 0, fmt.Errorf("metric line %q: %w", line, err)
			}
			sum += v
		}
	}
	return sum, sc.Err()
}

// Until polls until ok says so, it fails, or ctx ends.
func Until(ctx context.Context, ok func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
