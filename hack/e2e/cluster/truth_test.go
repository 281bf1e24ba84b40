package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/hack/e2e"
	"github.com/weir-project/weir/hack/feedsim"
)

var allFeeds = []string{feedsim.C2, feedsim.Phishing, feedsim.Scan, feedsim.Sinkhole}

// token of a subscriber of the quickstart.
func token(subscription string) string { return subscription + "-sample-token-not-a-secret" }

// control asks the simulator of a namespace to do or tell something.
func (w *world) control(ctx context.Context, namespace, action string, args url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://feeds."+namespace+"/control/"+action+"?"+args.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := w.web().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// advance starts the next round.
func (w *world) advance(t *testing.T, namespace string) {
	t.Helper()
	until(t, "start a round", func(ctx context.Context) error { return w.control(ctx, namespace, "advance", nil, nil) })
}

// truth is what the feeds have published, by what tells a record from others.
func (w *world) truth(ctx context.Context, namespace string, feeds ...string) (map[string]feedsim.Record, error) {
	all := map[string]feedsim.Record{}
	for _, feed := range feeds {
		var records []feedsim.Record
		if err := w.control(ctx, namespace, "truth", url.Values{"feed": {feed}}, &records); err != nil {
			return nil, err
		}
		maps.Copy(all, w.past[feed])
		for _, r := range records {
			all[key(r)] = r
		}
	}
	return all, nil
}

// key is that of the event which is made of a record.
func key(r feedsim.Record) string {
	if r.URL != "" {
		return r.URL
	}
	return fmt.Sprintf("%s %d %s", r.IP, r.Port, r.Time.Format("2006-01-02T15:04:05Z"))
}

// ask asks an exporter through its Service.
func (w *world) ask(ctx context.Context, namespace, subscription, report string) ([]e2e.Event, error) {
	return e2e.GetWith(ctx, w.web(), "http://"+subscription+"-exporter."+namespace+"/s/"+namespace+"."+subscription+report+".sjson?time.min=2020-01-01", token(subscription))
}

// differ compares what is there with what should be: nothing if it is the same,
// each once.
func differ(got []e2e.Event, want map[string]feedsim.Record) error {
	seen := map[string]int{}
	for i := range got {
		seen[got[i].Key()]++
	}
	var missing, strange []string
	for k, r := range want {
		if seen[k] == 0 {
			missing = append(missing, fmt.Sprintf("%s round %d: %s", r.Feed, r.Round, k))
		}
	}
	for k, n := range seen {
		if _, ok := want[k]; !ok {
			strange = append(strange, k)
		}
		if n > 1 {
			return &final{fmt.Errorf("%s is there %d times", k, n)}
		}
	}
	if len(missing)+len(strange) == 0 {
		return nil
	}
	slices.Sort(missing)
	slices.Sort(strange)
	return fmt.Errorf("of %d records %d are missing and %d more are there:\nmissing %.600s\nmore %.300s", len(want), len(missing), len(strange),
		strings.Join(missing, ", "), strings.Join(strange, ", "))
}

// settled waits until the archive, as the CERT of the quickstart sees it, has
// exactly what the feeds have published.
func (w *world) settled(t *testing.T, namespace string, feeds ...string) {
	t.Helper()
	until(t, "the archive and the truth", func(ctx context.Context) error { return w.same(ctx, namespace, feeds...) })
}

// same compares the archive with the truth.
func (w *world) same(ctx context.Context, namespace string, feeds ...string) error {
	want, err := w.truth(ctx, namespace, feeds...)
	if err != nil {
		return err
	}
	got, err := w.ask(ctx, namespace, "cert", "/search/events")
	if err != nil {
		return err
	}
	return differ(got, want)
}

// inside are the records of some networks.
func inside(all map[string]feedsim.Record, networks ...string) map[string]feedsim.Record {
	some := map[string]feedsim.Record{}
	for k, r := range all {
		ip, err := netip.ParseAddr(r.IP)
		for _, n := range networks {
			if err == nil && netip.MustParsePrefix(n).Contains(ip) {
				some[k] = r
			}
		}
	}
	return some
}
