package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-project/weir/cmd/weir/cluster"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// report is what weir status shows, and its form with -o json.
type report struct {
	// Objects is what the API server knows; none outside a cluster.
	Objects   []cluster.Object `json:"objects,omitempty"`
	Sources   []sourceReport   `json:"sources"`
	Exchanges []hubReport      `json:"exchanges"`
}

type sourceReport struct {
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	State     string           `json:"state"`
	Collector status.Collector `json:"collector"`
	Monitor   status.Monitor   `json:"monitor"`
}

type hubReport struct {
	Namespace string `json:"namespace"`
	// Name of the Exchange, with .1, .2, ... for the other replicas of its hub.
	Name string `json:"name"`
	status.Hub
}

// newReport reads the status buckets.
func newReport(ctx context.Context, conns []*bus.Conn, s scope) (*report, error) {
	r := &report{Sources: []sourceReport{}, Exchanges: []hubReport{}}
	for _, c := range conns {
		if err := r.addSources(ctx, c, s); err != nil {
			return nil, err
		}
		err := eachStatus(ctx, c, plan.PrefixHub, func(f bus.Feed, data []byte) error {
			h := hubReport{Namespace: f.Namespace, Name: f.Name}
			if err := json.Unmarshal(data, &h.Hub); err != nil {
				return err
			}
			r.Exchanges = append(r.Exchanges, h)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.Sources, func(a, b sourceReport) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return r, nil
}

func (r *report) addSources(ctx context.Context, c *bus.Conn, s scope) error {
	sources := map[bus.Feed]*sourceReport{}
	read := func(prefix string, part func(*sourceReport) any) error {
		return eachStatus(ctx, c, prefix, func(f bus.Feed, data []byte) error {
			if !s.has(f) {
				return nil
			}
			if sources[f] == nil {
				sources[f] = &sourceReport{Namespace: f.Namespace, Name: f.Name}
			}
			return json.Unmarshal(data, part(sources[f]))
		})
	}
	if err := read(plan.PrefixCollector, func(l *sourceReport) any { return &l.Collector }); err != nil {
		return err
	}
	if err := read(plan.PrefixMonitor, func(l *sourceReport) any { return &l.Monitor }); err != nil {
		return err
	}
	for _, l := range sources {
		l.State = l.state()
		r.Sources = append(r.Sources, *l)
	}
	return nil
}

// eachStatus calls fn for each <prefix>.<namespace>.<name>.
func eachStatus(ctx context.Context, c *bus.Conn, prefix string, fn func(bus.Feed, []byte) error) error {
	keys, err := c.Status().Keys(ctx, prefix+".")
	if err != nil {
		return err
	}
	for _, k := range keys {
		data, err := c.Status().Get(ctx, k)
		if errors.Is(err, bus.ErrNotFound) {
			continue // gone since
		}
		if err != nil {
			return err
		}
		ns, name, _ := strings.Cut(strings.TrimPrefix(k, prefix+"."), ".")
		if err := fn(bus.Feed{Namespace: ns, Name: name}, data); err != nil {
			return fmt.Errorf("status %s: %w", k, err)
		}
	}
	return nil
}

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Objects) > 0 {
		fmt.Fprintln(w, "NAMESPACE\tOBJECT\tREADY\tREASON\tMESSAGE")
		for i := range r.Objects {
			o := &r.Objects[i]
			fmt.Fprintf(w, "%s\t%s/%s\t%s\t%s\t%s\n", o.Namespace, strings.ToLower(o.Kind), o.Name, o.Ready, o.Reason, trouble(o))
		}
		fmt.Fprintln(w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "SOURCE\tCOLLECTED\tPAYLOADS\tEVENTS\tSKIPPED\tREJECTED\tHELD\tSTATE")
	for i := range r.Sources {
		l := &r.Sources[i]
		fmt.Fprintf(w, "%s/%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", l.Namespace, l.Name, ago(l.Collector.LastSuccess), l.Collector.Payloads,
			l.Monitor.Events, l.Monitor.Skipped, l.Monitor.Rejected, l.Monitor.Held, l.State)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nEXCHANGE\tEVENTS\tNEW\tDELIVERED\tSTATE")
	for i := range r.Exchanges {
		h := &r.Exchanges[i]
		fmt.Fprintf(w, "%s/%s\t%d\t%d\t%d\t%s\n", h.Namespace, h.Name, h.Events, h.Recorded, h.Delivered, result(h.Result))
	}
	return w.Flush()
}

// trouble is the message of an object that is not ready, on one line.
func trouble(o *cluster.Object) string {
	if o.Ready == "True" {
		return ""
	}
	return strings.Join(strings.Fields(o.Message), " ")
}

// state is the most pressing thing about a source.
func (l *sourceReport) state() string {
	switch {
	case l.Monitor.Incident != nil:
		return "FormatChanged: " + l.Monitor.Incident.Summary
	case l.Monitor.Reason != "" && !l.Monitor.OK:
		return result(l.Monitor.Result)
	case l.Monitor.Report != nil && l.Collector.OK:
		return "Ready, format reported: " + l.Monitor.Report.Summary
	case l.Monitor.OK && l.Monitor.Parser != nil && l.Monitor.Message != "" && l.Collector.OK:
		return "Ready: " + l.Monitor.Message
	case l.Collector.Reason != "":
		return result(l.Collector.Result)
	}
	return "Waiting"
}

func result(r status.Result) string {
	if r.OK {
		return "Ready"
	}
	return r.Reason + ": " + r.Message
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return time.Since(t).Truncate(time.Second).String() + " ago"
}
