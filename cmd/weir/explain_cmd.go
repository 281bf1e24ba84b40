package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/cluster"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// maxNamed is how many subscriptions an explanation names.
const maxNamed = 5

// explanation is what is known about the format of a feed.
type explanation struct {
	program string
	feed    bus.Feed
	// change is what is held, or else what was reported; nil if there is neither.
	change   *v1alpha1.FormatChangeStatus
	incident string // "" if nothing is held
	now      *status.Monitor
}

func newExplain(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "explain SOURCE",
		Short: "Explain how the format of a source changed, what that affects, and what to do",
		Long: `Explain how the format of a source changed: what differs, with values before and
after and the evidence; since when; how much is withheld, and from whom; and the
change of the Parser that would read it.

In a cluster the FormatChange of the incident tells, which asks for no access to the
bus. Where there is none, the monitor does.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feed, err := w.feed(cmd, args[0])
			if err != nil {
				return err
			}
			c, err := w.connect(cmd)
			if err != nil {
				return err
			}
			e := &explanation{program: cmd.Root().DisplayName(), feed: feed}
			if c != nil {
				ok, err := e.askAPI(cmd.Context(), c)
				if err != nil {
					return err
				}
				if ok {
					return e.print(cmd.OutOrStdout())
				}
			}
			return w.withFeed(cmd, feed.String(), func(ctx context.Context, c *bus.Conn, _ bus.Feed) error {
				if err := e.askBus(ctx, c); err != nil {
					return err
				}
				return e.print(cmd.OutOrStdout())
			})
		},
	}
}

// askAPI takes the open FormatChange of the feed; false if there is none.
func (e *explanation) askAPI(ctx context.Context, c *cluster.Client) (ok bool, err error) {
	changes, err := c.OpenChanges(ctx, e.feed.Namespace, e.feed.Name)
	if err != nil {
		return false, err
	}
	for i := range changes {
		if st := &changes[i].Status; st.Summary != "" {
			e.change, e.incident = st, changes[i].Spec.Incident
			return true, nil
		}
	}
	return false, nil
}

// askBus takes what the monitor says.
func (e *explanation) askBus(ctx context.Context, c *bus.Conn) (err error) {
	if e.now, err = monitorStatus(ctx, c, e.feed); err != nil {
		return err
	}
	i := e.now.Incident
	if i != nil {
		e.incident = i.ID
	}
	if i == nil {
		i = e.now.Report
	}
	if i == nil {
		return nil
	}
	e.change = changeOf(i, e.now.Held)
	e.change.Subscriptions, err = affectedOn(ctx, c, e.feed)
	return err
}

// changeOf is an incident as a FormatChange tells it.
func changeOf(i *status.Incident, held int64) *v1alpha1.FormatChangeStatus {
	st := &v1alpha1.FormatChangeStatus{Class: i.Class, Summary: i.Summary, Held: held, Records: i.Records, Opened: &metav1.Time{Time: i.Opened}}
	if !i.LastGood.IsZero() {
		st.LastGood = &metav1.Time{Time: i.LastGood}
	}
	for _, f := range i.Findings {
		st.Findings = append(st.Findings, v1alpha1.FormatFinding{Code: f.Code, Path: f.Path, Class: f.Class, Sentence: f.Sentence, Before: f.Before,
			After: f.After, Fields: f.Fields, Evidence: f.Evidence.String(), Breaking: f.Breaking})
	}
	if r := i.Repair; r != nil {
		st.Repair = &v1alpha1.ProposedRepair{Patch: r.Patch, Changes: r.Changes, Confidence: int32(100 * r.Confidence), Safe: r.Safe,
			Events: r.Events, Rejected: r.Rejected}
	}
	return st
}

// affectedOn are the subscriptions on a bus that may get events of a feed; nil if
// its source is not known.
func affectedOn(ctx context.Context, c *bus.Conn, feed bus.Feed) (*v1alpha1.AffectedSubscriptions, error) {
	var collector plan.Collector
	if err := configOf(ctx, c, plan.Key(plan.PrefixCollector, feed.Namespace, feed.Name), &collector); err != nil {
		return nil, ignoreNotFound(err)
	}
	keys, err := c.Config().Keys(ctx, plan.PrefixSubscription+".")
	if err != nil {
		return nil, err
	}
	out := &v1alpha1.AffectedSubscriptions{}
	for _, key := range keys {
		var s plan.Subscription
		if err := ignoreNotFound(configOf(ctx, c, key, &s)); err != nil {
			return nil, err
		}
		if plan.Takes(&s.Spec, collector.Source()) {
			out.Names = append(out.Names, s.Namespace+"/"+s.Name)
		}
	}
	slices.Sort(out.Names)
	out.Count = int64(len(out.Names))
	return out, nil
}

func configOf(ctx context.Context, c *bus.Conn, key string, into any) error {
	data, err := c.Config().Get(ctx, key)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	return err
}

func (e *explanation) print(out io.Writer) error {
	var b strings.Builder
	switch {
	case e.change != nil:
		e.describe(&b)
	case e.now != nil && e.now.Message != "":
		fmt.Fprintf(&b, "%s: %s\n", e.feed, e.now.Message)
	default:
		fmt.Fprintf(&b, "%s: the format is as it was\n", e.feed)
	}
	e.standing(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

// standing is what holds whether something changed or not.
func (e *explanation) standing(b *strings.Builder) {
	if e.now == nil {
		return
	}
	if p := e.now.Parser; p != nil && !p.Since.IsZero() {
		fmt.Fprintf(b, "\nThe announced Parser %s is in force since payload %.12s of %s.\n", p.Name, p.Payload, stamp(p.Since))
	} else if p != nil {
		fmt.Fprintf(b, "\nThe Parser %s is in force; an announced one has not taken over yet.\n", p.Name)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (e *explanation) describe(b *strings.Builder) {
	c := e.change
	fmt.Fprintf(b, "%s: %s\n\n", e.feed, c.Summary)
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	fact("class", "%s", c.Class)
	if c.Opened != nil {
		fact("since", "%s", stamp(c.Opened.Time))
	}
	if c.LastGood != nil {
		fact("last good", "%s", stamp(c.LastGood.Time))
	}
	if e.incident != "" {
		fact("incident", "%s", e.incident)
		held := count(int(c.Held), "payload")
		if c.Records > 0 {
			held += fmt.Sprintf(", %s or more", count(int(c.Records), "record"))
		}
		fact("withheld", "%s", held)
	} else {
		fact("rejected", "%s of the payload; the rest passed", count(int(c.Records), "record"))
	}
	if c.Group != "" {
		fact("group", "%s", c.Group)
	}
	if s := c.Subscriptions; s != nil {
		names := strings.Join(s.Names[:min(len(s.Names), maxNamed)], ", ")
		if s.Count > maxNamed {
			names += fmt.Sprintf(" and %d more", s.Count-maxNamed)
		}
		fact("affected", "%s", strings.TrimSuffix(count(int(s.Count), "subscription")+": "+names, ": "))
	}
	b.WriteString("\n")
	for i := range c.Findings {
		explainFinding(b, &c.Findings[i])
	}
	e.proposal(b)
	if e.incident != "" {
		e.options(b)
	}
}

func explainFinding(b *strings.Builder, f *v1alpha1.FormatFinding) {
	mark := "-"
	if f.Breaking {
		mark = "!"
	}
	fmt.Fprintf(b, "%s %s\n", mark, f.Sentence)
	for _, line := range []struct{ name, text string }{
		{"before", f.Before}, {"after", f.After}, {"evidence", f.Evidence}, {"fields", strings.Join(f.Fields, ", ")},
	} {
		if line.text != "" {
			fmt.Fprintf(b, "    %-10s%s\n", line.name, line.text)
		}
	}
}

func (e *explanation) proposal(b *strings.Builder) {
	r := e.change.Repair
	if r == nil {
		return
	}
	sure := "not sure enough to be applied without asking"
	if r.Safe {
		sure = "safe"
	}
	fmt.Fprintf(b, "\nA changed Parser reads it: %s, %d rejected (%d %% sure, %s)\n", count(int(r.Events), "event"), r.Rejected, r.Confidence, sure)
	for _, c := range r.Changes {
		fmt.Fprintf(b, "- %s\n", c)
	}
	switch {
	case r.Applied != nil:
		fmt.Fprintf(b, "It was applied at %s.\n", stamp(r.Applied.Time))
	case r.Refused != "":
		fmt.Fprintf(b, "It is not applied: %s.\n", r.Refused)
	}
	fmt.Fprintf(b, "\n%s", patchYAML(r.Patch))
}

// patchYAML is a patch of a Parser's spec as it is written into a manifest.
func patchYAML(patch string) string {
	text, err := yaml.JSONToYAML([]byte(`{"spec":` + patch + `}`))
	if err != nil {
		return patch + "\n"
	}
	return string(text)
}

func (e *explanation) options(b *strings.Builder) {
	b.WriteString("\nMend the Parser and what is held is read by itself; or decide:\n")
	if e.change.Repair != nil {
		fmt.Fprintf(b, "  %s held repair %s    apply the change of the Parser above\n", e.program, e.feed)
	}
	fmt.Fprintf(b, "  %[1]s held adopt %[2]s     read it with the Parser as it is, and take the new format as normal\n"+
		"  %[1]s held release %[2]s   read it with the Parser as it is, once\n"+
		"  %[1]s held discard %[2]s   drop it\n", e.program, e.feed)
}
