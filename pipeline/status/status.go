// Package status is what components tell about themselves: the values of the
// status bucket. The operator turns them into conditions, weir into lines.
package status

import "time"

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
	// Replay is the id of the last replay that is done.
	Replay string `json:"replay,omitempty"`
}

// Incident is one format change that waits for a decision.
type Incident struct {
	ID       string    `json:"id"`
	Opened   time.Time `json:"opened"`
	Class    string    `json:"class"`
	Summary  string    `json:"summary"`
	Findings []Finding `json:"findings"`
}

// Finding is one difference, explained.
type Finding struct {
	Code     string `json:"code"`
	Path     string `json:"path,omitempty"`
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
	Sentence string `json:"sentence"`
	Breaking bool   `json:"breaking"`
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
