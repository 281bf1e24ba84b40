package drift

import "github.com/weir-project/weir/pipeline/status"

// Flow is how the payloads of a feed come: how many records, when, whether they
// are new.
type Flow struct{}

func (f *Flow) judge(base, now *Profile, a Arrival) []status.Finding { return nil }

func (f *Flow) learn(now *Profile, a Arrival) {}
