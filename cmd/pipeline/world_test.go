package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/manifest"
	"github.com/weir-project/weir/pipeline/plan"
)

const (
	namespace = "default"
	exchange  = "main"
	token     = "a-token-for-tests-only-0123456789"
)

// folder is where the binary lies.
var folder string

// binary is built once for all tests that need it.
var binary = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(folder, "pipeline")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "pipeline-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// world is a folder with what pods mount, and the processes that use it.
type world struct {
	*testing.T
	dir  string
	bin  string
	keys *creds.Keys
	bus  string // address, once the hub serves it
	conn *bus.Conn
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes for a while")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, dir: t.TempDir(), bin: bin, keys: keys}
	w.write("trust/operator.jwt", keys.Operator)
	w.write("trust/account.jwt", keys.Account)
	w.write("trust/system.jwt", keys.System)
	w.write("secrets/all/token", token)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.Helper()
	path := w.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// mint writes credentials and returns their file.
func (w *world) mint(name string, role creds.Role) string {
	w.Helper()
	data, _, err := w.keys.Mint(role, time.Hour)
	if err != nil {
		w.Fatal(err)
	}
	w.write("creds/"+name+".creds", string(data))
	return w.path("creds/" + name + ".creds")
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			w.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// proc is one process that can be killed and started again.
type proc struct {
	w    *world
	name string
	args []string

	mu     sync.Mutex
	log    bytes.Buffer
	served map[string]string // addresses, by what they serve
	cmd    *exec.Cmd
	done   chan struct{}
}

func (w *world) proc(name string, args ...string) *proc {
	p := &proc{w: w, name: name, args: append(args, "--admin=127.0.0.1:0")}
	w.Cleanup(func() {
		p.kill()
		if w.Failed() {
			w.Logf("%s said at the end:\n%s", p.name, p.tail(3000))
		}
	})
	return p
}

func (p *proc) start() {
	p.w.Helper()
	r, out, err := os.Pipe()
	if err != nil {
		p.w.Fatal(err)
	}
	p.mu.Lock()
	p.served = map[string]string{}
	p.mu.Unlock()
	cmd := exec.Command(p.w.bin, p.args...)
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a test that is killed
	if err := cmd.Start(); err != nil {
		p.w.Fatal(err)
	}
	out.Close()
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		defer close(done)
		defer r.Close()
		p.listen(r)
		cmd.Wait() // killed on purpose; the log has what it said
	}()
}

// listen keeps what the process says and notes where it serves.
func (p *proc) listen(r io.Reader) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line struct{ Msg, What, Address string }
		_ = json.Unmarshal(sc.Bytes(), &line)
		p.mu.Lock()
		p.log.Write(append(sc.Bytes(), '\n'))
		if line.Msg == "serving" {
			p.served[line.What] = line.Address
		}
		p.mu.Unlock()
	}
}

func (p *proc) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.log.String()
	return s[max(0, len(s)-n):]
}

// address waits until the process serves something.
func (p *proc) address(what string) string {
	p.w.Helper()
	var a string
	p.w.until(p.name+" serves "+what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		a = p.served[what]
		return a != ""
	})
	return a
}

// kill ends the process as a power cut does.
func (p *proc) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill() // it may be gone already
		<-p.done
	}
}

// stop ends it as the kubelet does, and wants it to end well.
func (p *proc) stop() {
	p.w.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.w.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(stopWithin + 30*time.Second):
		p.w.Fatalf("%s does not stop", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.w.Errorf("%s stopped with exit code %d", p.name, code)
	}
}

func (p *proc) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// readiness is what /readyz says.
func (p *proc) readiness() string {
	p.w.Helper()
	_, body := p.w.get("http://"+p.address("admin")+"/readyz", "")
	return body
}

func (p *proc) ready() {
	p.w.Helper()
	p.w.until(p.name+" is ready", func() bool {
		if !p.running() {
			p.w.Fatalf("%s ended", p.name)
		}
		return p.readiness() == "ok\n"
	})
}

func (w *world) get(url, token string) (int, string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// The processes.

func (w *world) hub(replica, replicas int) *proc {
	args := []string{"hub", "--namespace=" + namespace, "--exchange=" + exchange, fmt.Sprintf("--replica=%d", replica),
		fmt.Sprintf("--replicas=%d", replicas), "--data=" + w.path(fmt.Sprintf("hub-%d", replica)),
		"--creds=" + w.mint("hub", creds.Hub(namespace, exchange))}
	if replica == 0 {
		args = append(args, "--bus-listen="+w.listenBus(), "--trust="+w.path("trust"), "--bus-max-bytes=8589934592")
	} else {
		args = append(args, "--bus=nats://"+w.bus)
	}
	return w.proc(fmt.Sprintf("hub %d", replica), args...)
}

// listenBus is any address at first, then always the same.
func (w *world) listenBus() string {
	if w.bus == "" {
		return "127.0.0.1:0"
	}
	return w.bus
}

// busIsUp notes where the bus is, so that it is there again after a restart.
func (w *world) busIsUp(hub *proc) {
	w.Helper()
	address := strings.TrimPrefix(hub.address("bus"), "nats://")
	for i, a := range hub.args {
		if strings.HasPrefix(a, "--bus-listen=") {
			hub.args[i] = "--bus-listen=" + address
		}
	}
	w.bus = address
}

func (w *world) component(role creds.Role, name string, args ...string) *proc {
	return w.proc(name, append(args, "--bus=nats://"+w.bus, "--creds="+w.mint(strings.ReplaceAll(name, " ", "-"), role))...)
}

func (w *world) collector() *proc {
	return w.component(creds.Collectors(namespace), "collector", "collect", "--key=collector."+namespace+".", "--temp="+w.path("."),
		"--allow-net=127.0.0.0/8", "--secrets="+w.path("secrets"))
}

func (w *world) monitor(feeds ...string) *proc {
	return w.component(creds.Monitors(namespace, feeds...), "monitor", "monitor", "--key=monitor."+namespace+".")
}

func (w *world) exporter() *proc {
	return w.component(creds.Exporter(namespace, "all", namespace, exchange), "exporter", "export", "--key=subscription."+namespace+".all",
		"--exchange="+namespace+"/"+exchange, "--listen=127.0.0.1:0", "--secrets="+w.path("secrets"))
}

// configure writes the plan of manifests as the operator does.
func (w *world) configure(manifests string) {
	w.Helper()
	w.write("manifests/all.yaml", manifests)
	docs, errs := manifest.Read(w.path("manifests"))
	if len(errs) > 0 {
		w.Fatal(errs[0])
	}
	var o plan.Objects
	for i := range docs {
		w.add(&o, &docs[i])
	}
	p, problems := plan.Build(o)
	if len(problems) > 0 {
		w.Fatal(problems[0])
	}
	entries, err := p.Entries()
	if err != nil {
		w.Fatal(err)
	}
	conn := w.operator()
	for key, value := range entries {
		if err := conn.Config().Put(w.Context(), key, value); err != nil {
			w.Fatal(err)
		}
	}
}

// operator is a connection that may write configuration and read statuses.
func (w *world) operator() *bus.Conn {
	w.Helper()
	if w.conn != nil {
		return w.conn
	}
	ctx := logr.NewContext(w.Context(), logr.Discard())
	conn, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{"nats://" + w.bus}, CredsFile: w.mint("operator", creds.Operator()), Name: "operator"})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close() })
	w.conn = conn
	return conn
}

func (w *world) add(o *plan.Objects, doc *manifest.Document) {
	w.Helper()
	data, err := json.Marshal(doc.Object)
	if err != nil {
		w.Fatal(err)
	}
	switch doc.Kind {
	case "Exchange":
		o.Exchanges = append(o.Exchanges, v1alpha1.Exchange{})
		err = json.Unmarshal(data, &o.Exchanges[len(o.Exchanges)-1])
	case "FeedSource":
		o.FeedSources = append(o.FeedSources, v1alpha1.FeedSource{})
		err = json.Unmarshal(data, &o.FeedSources[len(o.FeedSources)-1])
	case "Parser":
		o.Parsers = append(o.Parsers, v1alpha1.Parser{})
		err = json.Unmarshal(data, &o.Parsers[len(o.Parsers)-1])
	case "Subscription":
		o.Subscriptions = append(o.Subscriptions, v1alpha1.Subscription{})
		err = json.Unmarshal(data, &o.Subscriptions[len(o.Subscriptions)-1])
	default:
		err = fmt.Errorf("kind %s", doc.Kind)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// event is what tests look at.
type event struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Time   string `json:"time"`
}

// search asks the exporter for everything; an error is one of the moment.
func (w *world) search(exporter *proc) ([]event, error) {
	w.Helper()
	code, body := w.get("http://"+exporter.address("exports")+"/search/events.sjson?time.min=2026-01-01", token)
	if code != http.StatusOK {
		return nil, fmt.Errorf("%d: %.200s", code, body)
	}
	var events []event
	for line := range strings.Lines(body) {
		if line == "\n" {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// subscriber follows the live stream and goes on where it was, whatever happens
// to the exporter.
type subscriber struct {
	w        *world
	exporter *proc
	stop     func()

	mu   sync.Mutex
	last string
	seen map[string]int
	gaps int
	open bool // at least once
}

func (w *world) subscribe(exporter *proc) *subscriber {
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscriber{w: w, exporter: exporter, seen: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = s.follow(ctx) // again, from where it was
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	w.Cleanup(s.stop)
	return s
}

func (s *subscriber) follow(ctx context.Context) error {
	s.exporter.mu.Lock()
	address := s.exporter.served["exports"]
	s.exporter.mu.Unlock()
	if address == "" {
		return errors.New("not there")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/stream?zone=threats", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	s.mu.Lock()
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}
	s.mu.Unlock()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	s.mu.Lock()
	s.open = true
	s.mu.Unlock()
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 4<<20)
	id := ""
	for sc.Scan() {
		s.take(sc.Text(), &id)
	}
	return sc.Err()
}

// take reads one line of the stream.
func (s *subscriber) take(line string, id *string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name, value, _ := strings.Cut(line, ": "); {
	case name == "id":
		*id = value
	case name == "event" && value == "gap":
		s.gaps++
	case name == "data" && *id != "":
		var e event
		if json.Unmarshal([]byte(value), &e) == nil && e.ID != "" {
			s.seen[e.ID]++
			s.last, *id = *id, ""
		}
	}
}

func (s *subscriber) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *subscriber) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}
