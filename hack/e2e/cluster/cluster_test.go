package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/hack/feedsim"
)

// TestWeirOnACluster is one installation from its beginning to its end: a part goes
// on from where the one before it left.
func TestWeirOnACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	w := begin(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"quickstart", quickstart},
		{"a format change is held, decided, released", formatChange},
		{"formats change in ten more ways", tenWays},
		{"pods are isolated", isolation},
		{"Secrets are rotated", rotation},
		{"objects share pods and part again", shared},
		{"every kind of pod is killed", killings},
		{"the node restarts", restart},
		{"an upgrade", upgrade},
		{"an Exchange is deleted and comes back", volumeStays},
		{"nothing but what was promised is left", uninstall},
		{"some namespaces only", namespaced},
	} {
		began := time.Now()
		if !t.Run(part.name, func(t *testing.T) { part.run(t, w) }) {
			w.dump(t)
			t.FailNow() // the parts that follow would fail for no reason of their own
		}
		t.Logf("%s: %.0f s", part.name, time.Since(began).Seconds())
	}
}

// begin makes the world, or skips the test where there can be none.
func begin(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	w, err := start(ctx, dir)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		if err := errors.Join(w.stop(ctx), os.RemoveAll(dir)); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if errors.Is(err, errNoCluster) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// quickstart is the page of the documentation, and what each subscriber then gets.
func quickstart(t *testing.T, w *world) {
	p := w.page(t)
	p.run(t, "Install")
	printed := p.run(t, "Run the feeds")
	for command, want := range map[string][]string{
		"kubectl get weir":    {"exchange.feeds.weir.dev/main ", "feedsource.feeds.weir.dev/scan ", "parser.feeds.weir.dev/c2 ", "subscription.feeds.weir.dev/isp "},
		"kubectl weir status": {"default/c2 ", "default/sinkhole ", "default/main"},
	} {
		for _, s := range want {
			if !strings.Contains(printed[command], s) {
				t.Errorf("%s does not show %q:\n%s", command, s, printed[command])
			}
		}
	}
	w.settled(t, feedsNS, allFeeds...)
	printed = p.run(t, "Ask as a subscriber")
	for command, out := range printed {
		if strings.HasPrefix(command, "curl") && !strings.HasPrefix(out, `"time","id","source","category"`) {
			t.Errorf("%s printed %q", command, out)
		}
	}
	w.eachGetsItsOwn(t)
	live := w.listen(t, "isp", "default")
	w.advance(t, feedsNS)
	w.settled(t, feedsNS, allFeeds...)
	live.caughtUp(t)
}

// eachGetsItsOwn compares what the subscribers of the quickstart get with the truth.
func (w *world) eachGetsItsOwn(t *testing.T) {
	t.Helper()
	for _, s := range []struct {
		subscription, report string
		feeds                []string
		networks             []string
	}{
		{"bank", "/report/inside", []string{feedsim.C2, feedsim.Scan}, []string{"198.51.100.0/25", "203.0.113.0/25"}},
		{"bank", "/report/threats", []string{feedsim.C2, feedsim.Phishing}, nil},
		{"isp", "/report/inside", []string{feedsim.C2, feedsim.Scan, feedsim.Sinkhole}, []string{"2001:db8::/32", "203.0.113.128/25"}},
		{"cert", "/search/events", allFeeds, nil},
	} {
		until(t, s.subscription+s.report, func(ctx context.Context) error {
			want, err := w.truth(ctx, feedsNS, s.feeds...)
			if err != nil {
				return err
			}
			if s.networks != nil {
				want = inside(want, s.networks...)
			}
			got, err := w.ask(ctx, feedsNS, s.subscription, s.report)
			if err == nil && len(got) == 0 {
				err = errors.New("there are no events")
			}
			if err != nil {
				return err
			}
			return differ(got, maps.Clone(want))
		})
	}
}

// formatChange runs the page about a renamed column, which is repaired, and mends
// the Parser for times that are written in another way: nothing is lost.
func formatChange(t *testing.T, w *world) {
	p := w.page(t)
	w.settled(t, feedsNS, allFeeds...)
	printed := p.run(t, "A format changes")
	if out := printed["kubectl get formatchanges"]; !strings.Contains(out, "AwaitingDecision") {
		t.Errorf("kubectl get formatchanges:\n%s", out)
	}
	if out := printed["kubectl weir held show c2"]; !strings.Contains(out, "dst_ip") {
		t.Errorf("kubectl weir held show c2:\n%s", out)
	}
	w.advance(t, feedsNS)
	w.settled(t, feedsNS, allFeeds...)

	w.breakFeed(t, feedsim.C2, feedsim.Retype)
	w.advance(t, feedsNS)
	w.must(t, "kubectl wait feedsource c2 --for=condition=FormatStable=False --timeout=2m")
	w.settledBut(t, feedsim.C2)
	w.advance(t, feedsNS)
	w.settledBut(t, feedsim.C2)
	w.must(t, `kubectl patch parser c2 --type=json -p '[{"op":"replace","path":"/spec/mapping/0/time/layouts","value":["%Y-%m-%d %H:%M:%S","unix"]}]'`)
	w.settled(t, feedsNS, allFeeds...)
	w.must(t, "kubectl wait feedsource c2 --for=condition=FormatStable --timeout=2m")
	until(t, "what c2 holds", func(ctx context.Context) error {
		out, err := w.shell(ctx, "kubectl get feedsource c2 -o jsonpath={.status.held}; kubectl weir held ls")
		if err == nil && strings.Trim(out, "0 \n") != "nothing is held" {
			err = fmt.Errorf("%q", out)
		}
		return err
	})
	w.eachGetsItsOwn(t)
}

func (w *world) breakFeed(t *testing.T, feed string, how feedsim.Fault) {
	t.Helper()
	until(t, "break a feed", func(ctx context.Context) error {
		return w.control(ctx, feedsNS, "break", url.Values{"feed": {feed}, "how": {string(how)}}, nil)
	})
}

// settledBut waits until everything but what one feed holds back is recorded.
func (w *world) settledBut(t *testing.T, held string) {
	t.Helper()
	until(t, "the archive without what is held", func(ctx context.Context) error {
		for _, feed := range allFeeds {
			if feed == held {
				continue
			}
			want, err := w.truth(ctx, feedsNS, feed)
			if err != nil {
				return err
			}
			got, err := w.ask(ctx, feedsNS, "cert", "/search/events")
			if err != nil {
				return err
			}
			have := map[string]bool{}
			for i := range got {
				have[got[i].Key()] = true
			}
			for k := range want {
				if !have[k] {
					return fmt.Errorf("%s of %s is missing", k, feed)
				}
			}
		}
		return nil
	})
}
