// Package policy decides who may see an event, and in which form.
//
// Two questions are kept apart. Visible answers whether a subscriber may know
// that the event exists: by TLP 2.0, by n6's restriction, by n6's ignored flag.
// Redact answers what of a visible event it sees: by n6's access classes. Both
// deny where nothing is said: an event without a label counts as the narrowest,
// a field that nobody classified is restricted.
package policy

import (
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// Clearance is what a subscriber may see. The zero value sees nothing.
type Clearance struct {
	// TLP is the narrowest label that the subscriber may receive.
	TLP event.TLP
	// FullAccess shows internal and ignored events, restricted fields, real
	// sources and destination addresses. It does not widen TLP.
	FullAccess bool
}

// ClearanceOf reads the clearance of a subscription. An absent label is GREEN,
// as the schema has it. With an error comes the zero Clearance.
func ClearanceOf(spec v1alpha1.ClearanceSpec) (Clearance, error) {
	if spec.TLP == "" {
		spec.TLP = v1alpha1.TLPGreen
	}
	tlp, ok := event.ParseTLP(string(spec.TLP))
	if !ok {
		return Clearance{}, fmt.Errorf("spec.clearance.tlp: %q is no TLP label; use CLEAR, GREEN, AMBER, AMBER+STRICT or RED", spec.TLP)
	}
	return Clearance{TLP: tlp, FullAccess: spec.FullAccess}, nil
}

// Required is the least clearance that sees e.
func Required(e *event.Event) Clearance {
	need := Clearance{TLP: e.TLP}
	if need.TLP == 0 {
		need.TLP = event.TLPRed
	}
	r := e.Restriction
	need.FullAccess = e.Ignored || r == 0 || r >= event.RestrictionInternal
	return need
}

// Covers reports whether c suffices where need is required.
func (c Clearance) Covers(need Clearance) bool {
	return c.TLP != 0 && need.TLP <= c.TLP && (c.FullAccess || !need.FullAccess)
}

// Visible reports whether a subscriber with clearance c may know of e.
func Visible(e *event.Event, c Clearance) bool { return c.Covers(Required(e)) }
