package drift

import (
	"time"

	"github.com/weir-project/weir/pipeline/status"
)

// History is what is remembered of a feed: how its payloads look, and how they
// come. It is plain data; its JSON is bounded.
type History struct {
	// Baseline is the accepted format; nil before the first payload.
	Baseline *Profile
	// Flow is how payloads come.
	Flow Flow
}

// Arrival is what is known of a payload besides its bytes.
type Arrival struct {
	Collected time.Time
	// Digest of the bytes, for example sha256 in hex; the same bytes again have the
	// same one.
	Digest string
}

// Judge tells how a payload differs from what is remembered; breaking findings
// first. base is the part of the baseline that holds for the Parser (Profile.For).
func (h *History) Judge(base, now *Profile, a Arrival) []status.Finding {
	return sorted(append(Compare(base, now), h.Flow.judge(base, now, a)...))
}

// Accept learns from a payload that passed. base is as for Judge.
func (h *History) Accept(base, now *Profile, a Arrival) {
	h.Baseline = Merge(base, now)
	h.Flow.learn(now, a)
}
