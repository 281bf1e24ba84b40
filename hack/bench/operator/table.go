package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Published by github.com/fluxcd/flux-benchmark for Flux 2.9: 1,000 OCIRepositories,
// kind on 16 cores, source-controller with 1 CPU and concurrency 10.
const fluxReady, fluxMemory = "4m17s", "128 MiB"

// table prints a column for each result.
func table(out io.Writer, results []*result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, flux string, value func(*result) string) {
		fmt.Fprintf(w, "%s\t%s", name, flux)
		for _, r := range results {
			fmt.Fprintf(w, "\t%s", value(r))
		}
		fmt.Fprintln(w)
	}
	row("", "Flux 2.9", func(r *result) string { return fmt.Sprintf("%d (%s)", r.Feeds, r.Shape) })
	row("create to all Ready", fluxReady, func(r *result) string { return seconds(r.Ready) })
	row("  of that, creating them", "", func(r *result) string { return seconds(r.CreateTook) })
	row("  memory, peak", fluxMemory, func(r *result) string { return mib(r.PeakRSS) })
	row("  CPU of the operator", "", func(r *result) string { return seconds(r.ReadyCPU) })
	row("  API writes of the operator per FeedSource", "", func(r *result) string { return each(r.Writes.total(), r) })
	row("  API reads of the operator per FeedSource", "", func(r *result) string { return each(r.Reads, r) })
	row("  reconciles of FeedSources, each", "", func(r *result) string { return each(r.Reconciles["feedsource"], r) })
	row("nothing to do, for 60 s: API writes", "", func(r *result) string { return fmt.Sprint(r.SteadyWrite.total()) })
	row("  CPU", "", func(r *result) string {
		return fmt.Sprintf("%d m", r.SteadyCPU.Milliseconds()*1000/steady.Milliseconds())
	})
	row("  memory", "", func(r *result) string { return mib(r.SteadyRSS) })
	row("edit to Deployment changed: p50", "", func(r *result) string { return millis(r.EditP50) })
	row("  p99", "", func(r *result) string { return millis(r.EditP99) })
	row("restart until everything was looked at", "", func(r *result) string { return seconds(r.RestartReady) })
	row("  API writes", "", func(r *result) string { return fmt.Sprint(r.RestartWrites.total()) })
	row("  API reads", "", func(r *result) string { return fmt.Sprint(r.RestartReads) })
	row("  CPU of the operator", "", func(r *result) string { return seconds(r.RestartCPU) })
	row("  memory, peak", "", func(r *result) string { return mib(r.RestartPeak) })
	row("  a look where nothing is to be done, mean", "", func(r *result) string { return fmt.Sprintf("%.1f ms", r.ReconcileMean*1000) })
	row("  a look where nothing is to be done, p99 below", "", func(r *result) string { return fmt.Sprintf("%g ms", r.ReconcileP99*1000) })
	row("two replicas, leader stopped: until an edit is acted on", "", func(r *result) string { return seconds(r.HandOver) })
	row("two replicas, leader killed: until an edit is acted on", "", func(r *result) string { return seconds(r.FailOver) })
	row("load of the machine", "16 cores", func(r *result) string { return r.Load })
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d cores for API server, etcd, stand-in and operator; etcd without fsync.\n", runtime.NumCPU())
	for _, r := range results {
		fmt.Fprintf(out, "\n%d (%s): writes until Ready: %s\n  reconciles: %s\n", r.Feeds, r.Shape, list(r.Writes), list(r.Reconciles))
		for what, c := range map[string]counts{"while nothing was to be done": r.SteadyWrite, "after the restart": r.RestartWrites} {
			if len(c) > 0 {
				fmt.Fprintf(out, "  writes %s: %s\n", what, list(c))
			}
		}
	}
	return nil
}

func list[M ~map[string]int](m M) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(all, ", ")
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func millis(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

func each(n int, r *result) string { return fmt.Sprintf("%.2f", float64(n)/float64(r.Feeds)) }
