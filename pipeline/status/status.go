// Package status is what components tell about themselves: the values of the
// status bucket. The operator turns them into conditions, weir into lines.
package status

import (
	"fmt"
	"time"
)

// Result is how the last piece of work went. Reason is one of the Reason
// constants of the API, Message one sentence that a person can act on, without
// secrets.
type Result struct {
	OK      bool      `json:"ok"`
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
}

// Collector is the status of one FeedSource's collector: key
// collector.<namespace>.<feedsource>.
type Collector struct {
	Result
	// Attempts counts collections, Failures those in a row that failed.
	Attempts int64 `json:"attempts"`
	Failures int64 `json:"failures"`
	// Payloads and Bytes count what was published.
	Payloads int64 `json:"payloads"`
	Bytes    int64 `json:"bytes"`
	// LastAttempt, LastSuccess (also of an unchanged feed), LastChange, Next.
	LastAttempt time.Time `json:"lastAttempt"`
	LastSuccess time.Time `json:"lastSuccess"`
	LastChange  time.Time `json:"lastChange"`
	Next        time.Time `json:"next"`
	// Requested is the id of the last request to collect now (plan.CollectNow) that
	// was carried out, or dropped because the feed is suspended or invalid.
	Requested string `json:"requested,omitempty"`
}

// Monitor is the status of one FeedSource at its monitor: key
// monitor.<namespace>.<feedsource>.
type Monitor struct {
	Result
	Payloads int64 `json:"payloads"`
	Records  int64 `json:"records"`
	Events   int64 `json:"events"`
	Skipped  int64 `json:"skipped"`
	Rejected int64 `json:"rejected"`
	// Held counts payloads that wait for a decision.
	Held int64 `json:"held"`
	// Incident is open while something is held.
	Incident *Incident `json:"incident,omitempty"`
	// Report is the change that was let pass and told of last; it stays for a day. Its
	// ID is that of the set of findings, Records what was rejected of the payload.
	Report *Incident `json:"report,omitempty"`
	// Baseline counts the formats that were accepted, one after the other.
	Baseline int64 `json:"baseline,omitempty"`
	// Parser is the one in force, where a change was announced.
	Parser *InForce `json:"parser,omitempty"`
	// Replay is the id of the last replay that is done.
	Replay string `json:"replay,omitempty"`
}

// InForce is the Parser that payloads of a feed are read with.
type InForce struct {
	Name string `json:"name"`
	// Since is when the payload was collected that it took over with; zero for the one
	// that the feed began with.
	Since   time.Time `json:"since,omitzero"`
	Payload string    `json:"payload,omitempty"`
}

// Incident is one format change that waits for a decision.
type Incident struct {
	ID       string    `json:"id"`
	Opened   time.Time `json:"opened"`
	Class    string    `json:"class"`
	Summary  string    `json:"summary"`
	Findings []Finding `json:"findings"`
	// LastGood is when the last payload was collected that was as it should be, zero
	// if none was.
	LastGood time.Time `json:"lastGood,omitzero"`
	// Records withheld, as far as they could be counted.
	Records int64 `json:"records,omitempty"`
	// Repair is what would mend it; nil if nothing was found.
	Repair *Repair `json:"repair,omitempty"`
}

// Repair is a changed Parser that reads what is held.
type Repair struct {
	// Patch of the Parser's spec, a JSON merge patch (RFC 7386).
	Patch string `json:"patch"`
	// Parser is the one that it changes, and Spec the digest of its spec (of plan).
	Parser string `json:"parser,omitempty"`
	Spec   string `json:"spec,omitempty"`
	// Changes tells what the patch does, a sentence each.
	Changes []string `json:"changes"`
	// Confidence is between 0 and 1.
	Confidence float64 `json:"confidence"`
	// Safe tells that it may be applied without asking where the feed's policy says
	// so.
	Safe bool `json:"safe,omitempty"`
	// Events and Rejected are what the changed Parser makes of what is held.
	Events   int64 `json:"events"`
	Rejected int64 `json:"rejected"`
}

// Finding is one difference, explained.
type Finding struct {
	Code string `json:"code"`
	// Path is the column or path that differs.
	Path string `json:"path,omitempty"`
	// Class of the difference: BREAKING-hard, COMPATIBLE-additive, ...
	Class string `json:"class,omitempty"`
	// Before and After describe the values, with samples.
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
	Sentence string `json:"sentence"`
	Breaking bool   `json:"breaking"`
	// Fields of the event that are affected.
	Fields   []string  `json:"fields,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Evidence is what a finding rests on: Was of WasOf values were so before, Is of
// IsOf are now.
type Evidence struct {
	Was   int64 `json:"was"`
	WasOf int64 `json:"wasOf"`
	Is    int64 `json:"is"`
	IsOf  int64 `json:"isOf"`
	// P is the greatest chance to see this while nothing has changed, 0 for what is
	// certain.
	P float64 `json:"p"`
}

// String is the evidence in words.
func (e *Evidence) String() string {
	if e == nil || e.WasOf == 0 && e.IsOf == 0 {
		return ""
	}
	s := fmt.Sprintf("%d of %d before, %d of %d now", e.Was, e.WasOf, e.Is, e.IsOf)
	switch {
	case e.P <= 0:
		return s
	case e.P < 1e-12:
		return s + ", by chance less than once in 10^12"
	}
	return s + fmt.Sprintf(", by chance with p = %.1g", e.P)
}

// Hub is the status of a hub: key hub.<namespace>.<exchange>.
type Hub struct {
	Result
	// Events counts what came in, Recorded what was new, Delivered what was
	// published for subscriptions.
	Events    int64 `json:"events"`
	Recorded  int64 `json:"recorded"`
	Delivered int64 `json:"delivered"`
}

// Exporter is the status of a subscription: key exporter.<namespace>.<subscription>.
type Exporter struct {
	Result
	Requests int64 `json:"requests"`
	Events   int64 `json:"events"`
	Streams  int64 `json:"streams"`
}

// Parser is what a monitor found when it ran the examples of a Parser: key
// parser.<namespace>.<parser>.
type Parser struct {
	Result
	// Examples is how many there are, Failed the names of those that do not give what
	// they promise.
	Examples int      `json:"examples"`
	Failed   []string `json:"failed,omitempty"`
}
