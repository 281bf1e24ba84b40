package drift

import (
	"slices"
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
	found, flow := Compare(base, now), h.Flow.judge(base, now, a)
	if slices.ContainsFunc(flow, func(f status.Finding) bool { return f.Code == CodeOneTime }) {
		// It says why known events have another time.
		found = slices.DeleteFunc(found, func(f status.Finding) bool { return f.Code == CodeTimes && !f.Breaking })
	}
	return sorted(append(found, flow...))
}

// Accept learns from a payload that passed. base is as for Judge.
func (h *History) Accept(base, now *Profile, a Arrival) {
	if base == nil || now.Dated >= minNow && base.timeInput() != now.timeInput() { // times of another column
		h.Flow.Lags, h.Flow.Spans = nil, nil
	}
	h.Baseline = Merge(base, now)
	h.Flow.learn(now, a)
}
