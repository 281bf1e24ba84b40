package feedsource

import (
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"

	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// computeStatus is a pure function of what was observed.
func computeStatus(o *observed, now time.Time) v1alpha1.FeedSourceStatus {
	feed := o.feed
	st := v1alpha1.FeedSourceStatus{
		ObjectStatus:  v1alpha1.ObjectStatus{ObservedGeneration: feed.Generation, LastHandledReconcileAt: o.handled},
		LastCollected: feed.Status.LastCollected,
		Held:          feed.Status.Held,
		Bindings:      bindings(o),
	}
	st.Format = feed.Status.Format
	if o.monitor != nil {
		st.Held, st.Format = o.monitor.Held, formatOf(o.monitor)
	}
	summary := condition.Summary{Err: errors.Join(o.accepted, o.workload, o.configured), Suspended: feed.Spec.Suspend && o.accepted == nil}
	summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionAccepted, o.accepted, ""))
	if o.accepted == nil {
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionConfigured, o.configured, ""), available(o))
		format, settled := formatStable(o.monitor)
		if settled {
			summary.Parts = append(summary.Parts, format)
		} else {
			summary.Also = append(summary.Also, format)
		}
		summary.Parts = append(summary.Parts, fetched(o))
		if c, ok := fresh(o, now); ok {
			summary.Parts = append(summary.Parts, c)
		}
	}
	st.Conditions = condition.Merge(feed.Status.Conditions, summary.All(), feed.Generation, now)
	if o.collector != nil {
		st.LastCollected = lastCollected(feed.Status, st, o.collector.LastSuccess)
	}
	return st
}

func available(o *observed) metav1.Condition {
	if o.workload != nil {
		return condition.Of(v1alpha1.ConditionAvailable, o.workload, "")
	}
	return scope.Available(o.deployment)
}

func fetched(o *observed) metav1.Condition {
	var r *status.Result
	if c := o.collector; c != nil && c.Attempts > 0 {
		r = &c.Result
	}
	return scope.Result(v1alpha1.ConditionFetched, r, "nothing was collected yet")
}

// formatStable is settled when the monitor has something to say.
func formatStable(m *status.Monitor) (c metav1.Condition, settled bool) {
	const kind = v1alpha1.ConditionFormatStable
	switch {
	case m == nil:
		return condition.Unknown(kind, v1alpha1.ReasonWaiting, "the monitor has not seen a payload yet"), false
	case m.Incident != nil:
		return condition.False(kind, v1alpha1.ReasonFormatChanged, m.Incident.Summary), true
	case !m.OK:
		return condition.False(kind, m.Reason, m.Message), true
	}
	c = condition.True(kind, v1alpha1.ReasonSucceeded, "")
	switch {
	case m.Report != nil:
		c = condition.True(kind, v1alpha1.ReasonFormatReported, m.Message)
	case m.Parser != nil:
		c.Message = condition.Clean(m.Message)
	}
	return c, true
}

// formatOf is nil as long as nothing is known.
func formatOf(m *status.Monitor) *v1alpha1.FormatStatus {
	f := &v1alpha1.FormatStatus{Baseline: m.Baseline}
	if p := m.Parser; p != nil {
		f.Parser, f.ParserPayload = p.Name, p.Payload[:min(len(p.Payload), 256)]
		f.ParserSince = seconds(p.Since)
	}
	if r := m.Report; r != nil {
		f.Reported = &v1alpha1.ReportedChange{ID: r.ID, Since: *seconds(r.Opened), Class: r.Class, Summary: condition.Clean(r.Summary)}
	}
	if *f == (v1alpha1.FormatStatus{}) {
		return nil
	}
	return f
}

// seconds is nil for the zero time. The API has no fractions of seconds.
func seconds(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	s := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &s
}

// grace is how late a collection may be before the feed counts as stale.
func grace(s v1alpha1.ScheduleSpec) time.Duration {
	const least, most = time.Minute, 10 * time.Minute
	d, err := time.ParseDuration(string(s.Interval))
	if err != nil {
		return most
	}
	return min(max(d, least), most)
}

// staleAt is when the feed will be stale; zero if it is not known.
func staleAt(o *observed) time.Time {
	if o.feed.Spec.Suspend || o.collector == nil || o.collector.Next.IsZero() {
		return time.Time{}
	}
	return o.collector.Next.Add(grace(o.feed.Spec.Schedule))
}

func fresh(o *observed, now time.Time) (metav1.Condition, bool) {
	at := staleAt(o)
	switch {
	case at.IsZero():
		return metav1.Condition{}, false
	case now.After(at):
		return condition.False(v1alpha1.ConditionFresh, v1alpha1.ReasonStale,
			"a collection is overdue: it was due at "+o.collector.Next.UTC().Format(time.RFC3339)), true
	}
	return condition.True(v1alpha1.ConditionFresh, v1alpha1.ReasonFresh, ""), true
}

// lastCollected follows the collector, at once when the rest of the status changes
// anyway, else now and then.
func lastCollected(was, next v1alpha1.FeedSourceStatus, success time.Time) *metav1.Time {
	if !scope.Same(was, next) {
		was.LastCollected = nil
	}
	if t := scope.Coarse(was.LastCollected, success); t != nil {
		return t
	}
	return next.LastCollected
}

func bindings(o *observed) []v1alpha1.Binding {
	exchange := plan.ExchangeOf(o.feed.Namespace, o.feed.Spec.ExchangeRef)
	b := []v1alpha1.Binding{
		{Kind: "Exchange", Namespace: exchange.Namespace, Name: exchange.Name, Accepted: true},
		{Kind: "Parser", Namespace: o.feed.Namespace, Name: o.feed.Spec.ParserRef.Name, Accepted: true},
	}
	if o.accepted != nil {
		for i := range b {
			b[i].Accepted = false
			b[i].Reason = failure.Reason(o.accepted, v1alpha1.ReasonProgressing)
			b[i].Message = condition.Clean(o.accepted.Error())
		}
	}
	return b
}

func applyConfiguration(feed *v1alpha1.FeedSource, st v1alpha1.FeedSourceStatus) (*v1alpha1ac.FeedSourceApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.FeedSourceStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.FeedSource(feed.Name, feed.Namespace).WithStatus(ac), nil
}
