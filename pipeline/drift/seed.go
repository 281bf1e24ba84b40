package drift

import (
	"bytes"
	"context"
)

// minSeed is how many records the examples of a Parser need to say something about
// a format.
const minSeed = 5

// Seed is a baseline made of the Parser's examples, for a feed of which no payload
// was accepted yet; nil if they are too few. Examples show what there may be, not
// how often, so what they lack says nothing.
func (l *Lens) Seed(ctx context.Context) *Profile {
	var base *Profile
	for i := range l.spec.Examples {
		payload, m, err := l.parser.ExamplePayload(&l.spec.Examples[i])
		if err != nil {
			continue
		}
		p, err := l.Of(m).Learn(ctx, bytes.NewReader(payload), m)
		if err == nil && p.Unreadable == "" && p.Events > 0 && p.Rejected == 0 {
			base = Merge(base, p)
		}
	}
	if base == nil || base.Looked < minSeed {
		return nil
	}
	for i := range base.Inputs {
		if in := &base.Inputs[i]; !in.Required {
			in.Absent += in.Values
		}
	}
	base.Columns, base.Paths, base.Others = nil, nil, nil
	return base
}
