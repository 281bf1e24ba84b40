package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/weir-project/weir/api/v1alpha1"
)

// DeliveryZone is the zone of delivered blocks on the bus: its name, and a hash of
// what the subscription was granted when the hub delivered. Hub and exporter learn
// of a change one after the other, and delivered blocks are kept for days; a block
// whose zone is not that of the subscription as it is now was cut for another
// organisation, clearance or selection, and may not be shown.
//
// Criteria do not count: what an event belongs to is decided when it is recorded.
func DeliveryZone(zone string, s *v1alpha1.SubscriptionSpec) string {
	var selection *v1alpha1.SelectionSpec
	switch zone {
	case ZoneInside:
		selection = s.Zones.Inside
	case ZoneThreats:
		selection = s.Zones.Threats
	}
	// Strings and booleans always marshal.
	b, _ := json.Marshal([]any{s.Organisation.ID, s.Clearance, selection})
	sum := sha256.Sum256(b)
	return zone + "." + hex.EncodeToString(sum[:8])
}
