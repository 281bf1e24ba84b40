package main

import (
	"bufio"
	"bytes"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sample is one line of a page of metrics.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// samples reads the lines of a page of metrics whose name is one of names.
func samples(page []byte, names ...string) []sample {
	var out []sample
	s := bufio.NewScanner(bytes.NewReader(page))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := s.Text()
		end := strings.IndexAny(line, "{ ")
		if end < 0 || !slices.Contains(names, line[:end]) {
			continue
		}
		one := sample{name: line[:end], labels: map[string]string{}}
		rest := line[end:]
		if at := strings.LastIndexByte(rest, '}'); at > 0 {
			for pair := range strings.SplitSeq(rest[1:at], `",`) { // no value has a quote
				k, v, _ := strings.Cut(pair, `="`)
				one.labels[k] = strings.TrimSuffix(v, `"`)
			}
			rest = rest[at+1:]
		}
		one.value, _ = strconv.ParseFloat(strings.TrimSpace(rest), 64)
		out = append(out, one)
	}
	return out
}

// counts are requests by what they do: "APPLY deployments".
type counts map[string]int

func (c counts) minus(before counts) counts {
	out := counts{}
	for k, n := range c {
		if d := n - before[k]; d > 0 {
			out[k] = d
		}
	}
	return out
}

func (c counts) total() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

// writes counts what the operator wrote so far, as the API server saw it. The
// bench and what stands for the cluster write by other verbs, or other things.
func (b *bench) writes(ctx context.Context) (counts, error) {
	page, err := b.rest.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	out := counts{}
	for _, s := range samples(page, "apiserver_request_total") {
		if what := written(s.labels); what != "" {
			out[what] += int(s.value)
		}
	}
	return out, nil
}

// written is what the operator wrote with such a request; empty if it was somebody
// else, or about who leads.
func written(labels map[string]string) string {
	verb, what := labels["verb"], labels["resource"]
	switch {
	case what == "leases", what == "subjectaccessreviews", what == "tokenreviews", what == "events" && labels["group"] == "":
		return ""
	case verb == "APPLY", verb == "DELETE", what == "events" && (verb == "POST" || verb == "PATCH"), what == "secrets" && verb == "POST":
	default:
		return ""
	}
	if sub := labels["subresource"]; sub != "" {
		what += "/" + sub
	}
	return verb + " " + what
}

// insight is what the operator tells about its own work.
type insight struct {
	Reconciles map[string]int // by controller
	Queued     int
	Reads      int // requests that ask the API server for something
	Requests   int
	Took       float64         // seconds that all reconciles took together
	slow       map[float64]int // reconciles by the bucket of their time, of all controllers
}

func (p *process) insight(ctx context.Context) (*insight, error) {
	page, err := get(ctx, p.metrics)
	if err != nil {
		return nil, err
	}
	in := &insight{Reconciles: map[string]int{}, slow: map[float64]int{}}
	for _, s := range samples(page, "controller_runtime_reconcile_total", "workqueue_depth", "rest_client_requests_total",
		"controller_runtime_reconcile_time_seconds_bucket", "controller_runtime_reconcile_time_seconds_sum", "controller_runtime_active_workers") {
		switch s.name {
		case "controller_runtime_reconcile_total":
			in.Reconciles[s.labels["controller"]] += int(s.value)
		case "workqueue_depth", "controller_runtime_active_workers":
			in.Queued += int(s.value)
		case "controller_runtime_reconcile_time_seconds_sum":
			in.Took += s.value
		case "rest_client_requests_total":
			in.Requests += int(s.value)
			if s.labels["method"] == "GET" {
				in.Reads += int(s.value)
			}
		default:
			le, err := strconv.ParseFloat(s.labels["le"], 64)
			if err == nil {
				in.slow[le] += int(s.value)
			}
		}
	}
	return in, nil
}

// below is the bound of the bucket in which a share of the reconciles since before
// ended, in seconds.
func (in *insight) below(before *insight, share float64) float64 {
	bounds := make([]float64, 0, len(in.slow))
	for le := range in.slow {
		bounds = append(bounds, le)
	}
	slices.Sort(bounds)
	if len(bounds) == 0 {
		return math.NaN()
	}
	was := func(le float64) int {
		if before == nil {
			return 0
		}
		return before.slow[le]
	}
	last := bounds[len(bounds)-1]
	all := in.slow[last] - was(last)
	for _, le := range bounds {
		if float64(in.slow[le]-was(le)) >= share*float64(all) {
			return le
		}
	}
	return last
}
