package monitor

import (
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	// reportFor is how long a report stays after its change was seen last, and how long
	// the same is not reported anew.
	reportFor = 24 * time.Hour
	// maxReports is how many different reports there are in that time. What is more is
	// only logged: a feed that changes all the time floods nobody.
	maxReports = 8
	// maxRefused bounds the records that are counted as withheld.
	maxRefused = 1 << 50
)

// reported is one set of findings that was told.
type reported struct {
	ID   string    `json:"id"`
	Last time.Time `json:"last"`
}

// payloadRef is where a payload is among those that were collected.
type payloadRef struct {
	ID        string    `json:"id"`
	Collected time.Time `json:"collected"`
}

// report remembers what a payload that passed gives cause to tell. news is true
// when it was not told yet.
func (m *memory) report(p *bus.Payload, findings []status.Finding, rejected int64, now time.Time) (news bool) {
	m.Seen = slices.DeleteFunc(m.Seen, func(r reported) bool { return now.Sub(r.Last) > reportFor })
	if len(findings) == 0 {
		if m.Report != nil && !slices.ContainsFunc(m.Seen, func(r reported) bool { return r.ID == m.Report.ID }) {
			m.Report, m.ReportOf = nil, payloadRef{}
		}
		return false
	}
	id := findingsID(findings)
	for i := range m.Seen {
		if m.Seen[i].ID == id {
			m.Seen[i].Last = now
			return false
		}
	}
	if len(m.Seen) == maxReports {
		return false
	}
	m.Seen = append(m.Seen, reported{id, now})
	m.Report = &status.Incident{ID: id, Opened: now, Class: drift.Classify(findings), Summary: drift.Summarize(findings),
		Findings: findings, LastGood: m.Good.Collected, Records: rejected}
	m.ReportOf = payloadRef{p.ID, p.Collected}
	return true
}

// findingsID tells one set of findings from another. What the values are does not
// matter, else each payload would have one of its own.
func findingsID(findings []status.Finding) string {
	var set []string
	for i := range findings {
		set = append(set, digest(findings[i].Code, findings[i].Path, drift.ClassOf(&findings[i])))
	}
	slices.Sort(set)
	return digest(slices.Compact(set))
}
