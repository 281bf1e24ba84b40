// Command demo is the main job in one show: a feed simulator, weir run on the
// quickstart manifests, two subscribers that get different answers, a feed that
// changes its format, a decision, and the proof that nothing is missing. It
// drives the weir binary by its command line and its API, as a user does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-project/weir/hack/e2e"
	"github.com/weir-project/weir/hack/feedsim"
	"github.com/weir-project/weir/pipeline/run"
)

const (
	samples = "config/samples/quickstart"
	// simulator is where the sample manifests expect the feeds.
	simulator = "127.0.0.1:8099"
	rounds    = 3
)

func main() {
	bin := flag.String("weir", "bin/weir", "the weir binary")
	keep := flag.Bool("keep", false, "go on serving after the show, until stopped")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := &demo{sim: feedsim.New(feedsim.Options{Seed: 1})}
	err := d.run(ctx, *bin, *keep)
	d.close()
	if stopped := *keep && errors.Is(err, context.Canceled); err != nil && !stopped {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		if d.weir != nil {
			fmt.Fprintln(os.Stderr, d.weir.Log())
		}
		os.Exit(1)
	}
}

type demo struct {
	sim      *feedsim.Sim
	server   *http.Server
	weir     *e2e.Weir
	dir      string
	endpoint run.Endpoint
}

func (d *demo) close() {
	if d.weir != nil {
		d.weir.Kill()
	}
	if d.server != nil {
		d.server.Close()
	}
	os.RemoveAll(d.dir)
}

func (d *demo) run(ctx context.Context, bin string, keep bool) error {
	show, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return d.start(ctx, bin) },
		d.collect, d.subscribe, d.changeFormat, d.mend, d.errorPage, d.verify,
	}
	for _, step := range steps {
		if err := step(show); err != nil {
			return err
		}
	}
	if keep {
		return d.keepServing(ctx)
	}
	return d.weir.Stop(show)
}

func title(format string, args ...any) { fmt.Printf("\n== "+format+"\n\n", args...) }

func (d *demo) start(ctx context.Context, bin string) error {
	title("Four feeds, simulated on http://%s", simulator)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", simulator)
	if err != nil {
		return fmt.Errorf("the feed simulator needs %s: %w", simulator, err)
	}
	d.server = &http.Server{Handler: d.sim, ReadHeaderTimeout: 10 * time.Second}
	go d.server.Serve(l) //nolint:errcheck // closed at the end
	for name, path := range d.sim.Feeds() {
		fmt.Printf("  %-10s http://%s%s\n", name, simulator, path)
	}
	if d.dir, err = os.MkdirTemp("", "weir-demo"); err != nil {
		return err
	}
	d.weir = &e2e.Weir{Bin: bin, Manifests: filepath.Join(d.dir, "feeds"), Data: filepath.Join(d.dir, "data")}
	if err := os.CopyFS(d.weir.Manifests, os.DirFS(samples)); err != nil {
		return err
	}
	title("$ weir run -f %s", samples)
	if err := d.weir.Start(); err != nil {
		return err
	}
	d.endpoint, err = d.weir.Endpoint(ctx)
	fmt.Printf("  serving on %s/s/, metrics on %s/metrics\n", d.endpoint.Exports, d.endpoint.Admin)
	return err
}

// collect lets the feeds go on for some rounds and shows a line per source.
func (d *demo) collect(ctx context.Context) error {
	for round := range rounds {
		if round > 0 {
			d.sim.Advance()
		}
		if err := d.settle(ctx, feedsim.C2, feedsim.Phishing, feedsim.Scan, feedsim.Sinkhole); err != nil {
			return err
		}
		title("Round %d: $ weir status", round+1)
		if err := d.status(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until everything that the feeds have served is recorded.
func (d *demo) settle(ctx context.Context, feeds ...string) error {
	err := e2e.Until(ctx, func() (bool, error) {
		for _, f := range feeds {
			if !d.sim.Caught(f) {
				return false, nil
			}
		}
		got, err := d.recorded(ctx)
		if err != nil {
			return false, err
		}
		for _, f := range feeds {
			if len(missing(d.sim.Served(f), got)) > 0 {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", strings.Join(feeds, ", "), err)
	}
	return nil
}

// print runs a weir command and shows what it says.
func (d *demo) print(ctx context.Context, args ...string) error {
	out, err := d.weir.Command(ctx, args...)
	for line := range strings.Lines(strings.TrimRight(out, "\n")) {
		fmt.Print("  ", line)
	}
	fmt.Println()
	return err
}

// status shows the lines when every source has told what it did: components
// write their status at most once a second.
func (d *demo) status(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(1200 * time.Millisecond):
	}
	return d.print(ctx, "status")
}

func (d *demo) subscribe(ctx context.Context) error {
	title("Two subscribers ask the same question and get different answers")
	asked := map[string]map[string]bool{}
	for _, s := range []string{"bank", "isp"} {
		events, err := d.get(ctx, s, "/report/inside.sjson")
		if err != nil {
			return err
		}
		fmt.Printf("  %s: GET /s/%s/report/inside.sjson: %d events of its own networks, for example\n    %.200s...\n", s, s, len(events), events[0].Raw)
		asked[s] = map[string]bool{}
		for _, e := range events {
			asked[s][e.ID] = true
		}
	}
	for id := range asked["bank"] {
		if asked["isp"][id] {
			return fmt.Errorf("both subscribers see event %s", id)
		}
	}
	fmt.Println("  no event is in both answers")
	_, err := e2e.Get(ctx, d.endpoint.Exports+"/s/bank/report/inside.sjson", token("isp"))
	if err == nil {
		return errors.New("the isp's key opened the bank's reports")
	}
	fmt.Printf("  the isp's key on the bank's reports: %.60s\n", afterURL(err))
	return nil
}

func afterURL(err error) string {
	_, after, _ := strings.Cut(err.Error(), ".sjson: ")
	return after
}

func (d *demo) changeFormat(ctx context.Context) error {
	title("The publisher of c2 renames a column, without notice")
	if err := d.sim.Break(feedsim.C2, feedsim.Rename); err != nil {
		return err
	}
	d.sim.Advance()
	if err := d.held(ctx, "c2", 1); err != nil {
		return err
	}
	fmt.Println("  $ weir status")
	if err := d.status(ctx); err != nil {
		return err
	}
	fmt.Println()
	for _, args := range [][]string{{"held", "ls"}, {"held", "show", "c2"}} {
		fmt.Printf("  $ weir %s\n", strings.Join(args, " "))
		if err := d.print(ctx, args...); err != nil {
			return err
		}
		fmt.Println()
	}
	return d.settle(ctx, feedsim.Phishing, feedsim.Scan, feedsim.Sinkhole)
}

// held waits until a feed holds at least n payloads, or none if n is 0.
func (d *demo) held(ctx context.Context, feed string, n int) error {
	err := e2e.Until(ctx, func() (bool, error) {
		out, err := d.weir.Command(ctx, "held", "ls", feed)
		holds := strings.Contains(out, "default/"+feed)
		return holds == (n > 0), err
	})
	if err != nil {
		return fmt.Errorf("waiting for what %s holds: %w", feed, err)
	}
	return nil
}

func (d *demo) mend(ctx context.Context) error {
	title("The decision: mend one line of the Parser; what was held flows on by itself")
	path := filepath.Join(d.weir.Manifests, "c2.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const before, after = "from: [dst_ip]", "from: [server_address, dst_ip]"
	fmt.Printf("  - {field: ip, %s, required: true}\n  + {field: ip, %s, required: true}\n", before, after)
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		return err
	}
	if err := d.held(ctx, "c2", 0); err != nil {
		return err
	}
	if err := d.settle(ctx, feedsim.C2); err != nil {
		return err
	}
	fmt.Println("\n  $ weir held ls")
	return d.print(ctx, "held", "ls")
}

func (d *demo) errorPage(ctx context.Context) error {
	title("The server of scan answers with an error page and status 200")
	if err := d.sim.Break(feedsim.Scan, feedsim.HTML); err != nil {
		return err
	}
	if err := d.held(ctx, "scan", 1); err != nil {
		return err
	}
	fmt.Println("  $ weir held ls scan")
	if err := d.print(ctx, "held", "ls", "scan"); err != nil {
		return err
	}
	if err := d.sim.Fix(feedsim.Scan); err != nil {
		return err
	}
	fmt.Println("\n  $ weir held discard scan")
	if err := d.print(ctx, "held", "discard", "scan"); err != nil {
		return err
	}
	d.sim.Advance()
	return d.settle(ctx, feedsim.C2, feedsim.Phishing, feedsim.Scan, feedsim.Sinkhole)
}

func (d *demo) keepServing(ctx context.Context) error {
	title("Serving until stopped (Ctrl-C); a round every 5 seconds")
	fmt.Printf("  curl -H 'Authorization: Bearer %s' -L %s/s/bank/report/inside.json\n", token("bank"), d.endpoint.Exports)
	fmt.Printf("  curl -H 'Authorization: Bearer %s' -N %s/s/isp/stream\n", token("isp"), d.endpoint.Exports)
	fmt.Printf("  bin/weir status --data %s\n  bin/weir held ls --data %s\n", d.weir.Data, d.weir.Data)
	fmt.Printf("  curl 'http://%s/control/break?feed=sinkhole&how=retype'\n", simulator)
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
			defer cancel()
			return d.weir.Stop(stop)
		case <-d.weir.Exited():
			return errors.New("weir ended")
		case <-tick.C:
			d.sim.Advance()
		}
	}
}
