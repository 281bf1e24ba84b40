package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/weir-project/weir/hack/e2e"
	"github.com/weir-project/weir/hack/feedsim"
)

// token of a subscriber of the quickstart.
func token(subscription string) string { return subscription + "-sample-token-not-a-secret" }

// get asks the API as a subscriber does.
func (d *demo) get(ctx context.Context, subscription, path string) ([]e2e.Event, error) {
	return e2e.Get(ctx, d.endpoint.Exports+"/s/"+subscription+path+"?time.min=2020-01-01", token(subscription))
}

// recorded is everything in the archive, as the CERT sees it.
func (d *demo) recorded(ctx context.Context) ([]e2e.Event, error) {
	return d.get(ctx, "cert", "/search/events.sjson")
}

// missing are the records that are in no event. A record is found by its
// address, port and time, or by its URL: no two of a feed share them.
func missing(records []feedsim.Record, events []e2e.Event) []feedsim.Record {
	have := map[string]bool{}
	for _, e := range events {
		have[e.Key()] = true
	}
	return slices.DeleteFunc(records, func(r feedsim.Record) bool {
		if r.URL != "" {
			return have[r.URL]
		}
		return have[fmt.Sprintf("%s %d %s", r.IP, r.Port, r.Time.Format("2006-01-02T15:04:05Z"))]
	})
}

func (d *demo) verify(ctx context.Context) error {
	title("Is anything missing? Every record that was ever served, against the archive")
	events, err := d.recorded(ctx)
	if err != nil {
		return err
	}
	ids, bySource := map[string]bool{}, map[string]int{}
	for _, e := range events {
		ids[e.ID] = true
		bySource[e.Source[strings.IndexByte(e.Source, '.')+1:]]++
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  SOURCE\tSERVED\tRECORDED\tMISSING")
	lost := 0
	for _, f := range []string{feedsim.C2, feedsim.Phishing, feedsim.Scan, feedsim.Sinkhole} {
		served := d.sim.Served(f)
		n := len(served)
		gone := missing(served, events)
		lost += len(gone)
		fmt.Fprintf(w, "  %s\t%d\t%d\t%d\n", f, n, bySource[f], len(gone))
		if bySource[f] != n {
			return fmt.Errorf("%s: %d records were served, %d events recorded", f, n, bySource[f])
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if lost > 0 || len(ids) != len(events) {
		return fmt.Errorf("%d records are missing, %d events are there twice", lost, len(events)-len(ids))
	}
	fmt.Printf("\n  Nothing is missing, nothing is there twice: %d events of 4 feeds for 3 subscribers,\n"+
		"  1 renamed column held and mended, 1 error page held and discarded.\n", len(events))
	return nil
}
