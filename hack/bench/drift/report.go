package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// report prints the tables.
func report(w io.Writer, o *outcome, verbose bool) {
	s := summarize(o.Results)
	fmt.Fprintf(w, "changes: %d made, %d make no sense for their feed\n\n", len(o.Results)-total(s.skipped), total(s.skipped))
	fmt.Fprintf(w, "%-10s  %-34s %s\n", "recall", "20 records and more", "5 to 19 records")
	for _, g := range groups {
		if r := s.recall[g]; r != nil {
			fmt.Fprintf(w, "%-10s  %-34s %s\n", g, r[0], r[1])
		}
	}
	fmt.Fprintf(w, "\n%-36s %s\n", "precision of alarms", s.precision)
	fmt.Fprintf(w, "%-36s %s\n", "held payloads that had to be", s.holdPrecision)
	fmt.Fprintf(w, "%-36s %s\n", "no alarm where none is due", s.quiet)
	fmt.Fprintf(w, "%-36s %s\n", "additions that were told", s.additiveTold)
	fmt.Fprintf(w, "%-36s %s\n", "class right, of what was found", s.accuracy)
	fmt.Fprintf(w, "%-36s %s\n", "column right, of what was found", s.place)
	fmt.Fprintf(w, "%-36s %s\n", "repair right, first proposal", s.repairTop1)
	fmt.Fprintf(w, "%-36s %s\n", "repair right, first three", s.repairTop3)
	fmt.Fprintf(w, "%-36s %s (%d would be applied)\n", "wrong automatic repairs", s.wrong, s.safe)
	fmt.Fprintf(w, "%-36s", "delay, payloads")
	for i, n := range s.delays {
		if i > 0 {
			fmt.Fprintf(w, " %d: %d", i, n)
		}
	}
	fmt.Fprintln(w)
	reportYears(w, o.Years)
	reportBaselines(w, s, o.Years)
	reportClasses(w, s)
	if o.Cost != nil {
		o.Cost.write(w, verbose)
	}
	if verbose {
		reportCases(w, o)
	}
}

func total(m map[string]int) int {
	n := 0
	for _, k := range m {
		n += k
	}
	return n
}

func reportYears(w io.Writer, list []*year) {
	q := summarizeYears(list)
	if q.years == 0 {
		return
	}
	fmt.Fprintf(w, "\nquiet feeds: %.1f feed-years, %.0f payloads: %d false alarms, %.3f a feed-year, at most %.3f (95 %%); %d payloads held\n",
		q.years, q.payloads, q.alarms, float64(q.alarms)/q.years, poissonUpper(q.alarms)/q.years, q.held)
}

func reportBaselines(w io.Writer, s *summary, list []*year) {
	q := summarizeYears(list)
	fmt.Fprintf(w, "\n%-24s %-36s %-36s %s\n", "beside it", "recall, breaking", "precision", "false alarms a feed-year")
	for k, name := range baselineNames {
		rate := "-"
		if q.years > 0 {
			rate = strconv.FormatFloat(float64(q.baselines[k])/q.years, 'f', 2, 64)
		}
		fmt.Fprintf(w, "%-24s %-36s %-36s %s\n", name, s.base[k].recall, s.base[k].precision, rate)
	}
}

func reportClasses(w io.Writer, s *summary) {
	fmt.Fprintf(w, "\n%-37s %-33s %-9s %6s %6s %7s %7s %7s\n", "change", "found (or silent, where it must be)", "few rows", "delay", "class", "column", "repair", "skipped")
	for _, list := range [][]class{classes, controls} {
		for i := range list {
			c := s.byClass[list[i].id]
			if c == nil {
				continue
			}
			few, delay := "-", "-"
			if c.small.N > 0 {
				few = fmt.Sprintf("%d/%d", c.small.K, c.small.N)
			}
			if c.first.N > 0 {
				delay = fmt.Sprintf("%.2f", float64(c.delay)/float64(c.first.N))
			}
			fmt.Fprintf(w, "%-37s %-35s %-9s %6s %6s %7s %7s %7d\n", list[i].id+" "+list[i].name, c.found, few, delay,
				percent(c.class), percent(c.place), percent(c.top1), c.skipped)
		}
	}
}

func percent(r ratio) string {
	if r.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*r.share())
}

// mistakes are what is wrong about a result.
func (r *result) mistakes() []string {
	var wrong []string
	switch {
	case r.falseAlarm():
		wrong = append(wrong, "FALSE ALARM")
	case !r.reportable():
	case !r.Detected:
		wrong = append(wrong, "MISSED")
	case !r.right():
		wrong = append(wrong, "CLASS")
	}
	if r.reportable() && r.Detected && !r.pathRight() {
		wrong = append(wrong, "COLUMN")
	}
	if r.Wrong {
		wrong = append(wrong, "WRONG REPAIR")
	}
	if r.reportable() && r.Repairable && r.Searched && r.Place != 1 {
		wrong = append(wrong, fmt.Sprintf("REPAIR(%d)", r.Place))
	}
	return wrong
}

// reportCases lists what went wrong.
func reportCases(w io.Writer, o *outcome) {
	fmt.Fprintln(w, "\ncases (go run ./hack/bench/drift -case NAME):")
	for _, r := range o.Results {
		if r.Skipped != "" {
			continue
		}
		wrong := r.mistakes()
		if len(wrong) == 0 {
			continue
		}
		fmt.Fprintf(w, "  %-12s %-32s %s; want %s at %s, got %s at %q: %s\n", strings.Join(wrong, "+"), r.name(), r.What,
			strings.Join(r.Expected, "|"), strings.Join(r.Paths, "|"), orNone(r.Found), r.Path, r.Sentence)
	}
	for _, y := range o.Years {
		for _, told := range y.Told {
			fmt.Fprintf(w, "  QUIET        %s (%s) %s\n", y.Feed, y.Period, told)
		}
	}
	s := summarize(o.Results)
	fmt.Fprintln(w, "\nskipped:")
	for _, k := range keys(s.skipped) {
		fmt.Fprintf(w, "  %5d  %s\n", s.skipped[k], k)
	}
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// show prints one case.
func show(w io.Writer, name string) error {
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return fmt.Errorf("%q is no case; write archetype/feed/class/seed", name)
	}
	f, err := findFeed(parts[0] + "/" + parts[1])
	if err != nil {
		return err
	}
	c := findClass(parts[2])
	seed, err := strconv.Atoi(parts[3])
	if c == nil || err != nil {
		return fmt.Errorf("%q has no such class or seed", name)
	}
	s, err := learn(f, seed)
	if err != nil {
		return err
	}
	r, findings, err := s.try(c, true)
	if err != nil || r.Skipped != "" {
		fmt.Fprintln(w, "skipped:", r.Skipped)
		return err
	}
	p, _ := c.plan(&mutation{f: f, r: newRand(f.String(), c.id, seed), d: s.next[0]})
	if err := s.settle(p, c); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %s\nwant %s at %s, breaking: %s\n", name, r.What, strings.Join(r.Expected, "|"),
		strings.Join(r.Paths, "|"), [...]string{"no", "yes", "either"}[r.Breaking])
	i := max(r.Delay, 1) - 1
	fmt.Fprintf(w, "\nbefore:\n%s\n\nafter:\n%s\n\n", head(s.watch.last.bytes), head(s.changed(p, c, i).bytes))
	for i := range findings {
		g := &findings[i]
		fmt.Fprintf(w, "%s %s %q breaking=%v: %s\n", drift.ClassOf(g), g.Code, g.Path, g.Breaking, g.Sentence)
	}
	fmt.Fprintf(w, "detected %v, payload %d, %s; repair: %d proposals, right one %d, safe %v, wrong %v\n", r.Detected, r.Delay, orNone(r.Found),
		len(r.proposals), r.Place, r.Safe, r.Wrong)
	for k := range r.proposals {
		q := &r.proposals[k]
		fmt.Fprintf(w, "  %d: confidence %.3f, margin %.3f, safe %v, %d events, %d rejected: %s\n     %s\n", k+1, q.Confidence, q.Margin, q.Safe,
			q.Events, q.Rejected, strings.Join(q.Changes, " "), q.Patch)
	}
	if r.Place != 1 && len(r.proposals) > 0 {
		showDifference(w, s.target(p, c, i), s.changed(p, c, i), s.feed.spec, r.proposals[0].Spec)
	}
	for k, alarm := range r.Baselines {
		fmt.Fprintf(w, "  %s: %v\n", baselineNames[k], alarm)
	}
	return nil
}

// showDifference prints the first event that is not what it should be.
func showDifference(w io.Writer, target, changed *payload, was, is *v1alpha1.ParserSpec) {
	want, got := eventLines(was, target), eventLines(is, changed)
	fmt.Fprintf(w, "  the first gives %d events, %d are wanted\n", len(got), len(want))
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			fmt.Fprintf(w, "    want %s\n    got  %s\n", want[i], got[i])
			return
		}
	}
}

func head(b []byte) string {
	lines := bytes.SplitN(b, []byte("\n"), 9)
	lines = lines[:min(8, len(lines))]
	for i := range lines {
		if len(lines[i]) > 240 {
			lines[i] = append(lines[i][:240:240], "..."...)
		}
	}
	return strings.ToValidUTF8(string(bytes.Join(lines, []byte("\n"))), "?")
}
