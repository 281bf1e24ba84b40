package hub

import (
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestDeliveriesTellWhatTheyWereCutFor(t *testing.T) {
	spec := everything("one").Spec
	was := DeliveryZone(ZoneInside, &spec)
	for name, c := range map[string]struct {
		change func(*v1alpha1.SubscriptionSpec)
		same   bool
	}{
		"nothing":         {func(*v1alpha1.SubscriptionSpec) {}, true},
		"criteria":        {func(s *v1alpha1.SubscriptionSpec) { s.Organisation.Criteria.ASNs = []int64{64500} }, true},
		"another zone":    {func(s *v1alpha1.SubscriptionSpec) { s.Zones.Threats = nil }, true},
		"organisation":    {func(s *v1alpha1.SubscriptionSpec) { s.Organisation.ID = "successor.example" }, false},
		"label":           {func(s *v1alpha1.SubscriptionSpec) { s.Clearance.TLP = v1alpha1.TLPClear }, false},
		"full access":     {func(s *v1alpha1.SubscriptionSpec) { s.Clearance.FullAccess = !s.Clearance.FullAccess }, false},
		"selection":       {func(s *v1alpha1.SubscriptionSpec) { s.Zones.Inside = &v1alpha1.SelectionSpec{MinConfidence: "high"} }, false},
		"zone taken away": {func(s *v1alpha1.SubscriptionSpec) { s.Zones.Inside = nil }, false},
		"sources selected": {func(s *v1alpha1.SubscriptionSpec) {
			s.Zones.Inside = &v1alpha1.SelectionSpec{Sources: []v1alpha1.SourceName{"a.b"}}
		}, false},
	} {
		s := everything("one").Spec
		c.change(&s)
		if is := DeliveryZone(ZoneInside, &s); (is == was) != c.same {
			t.Errorf("%s: %s, was %s", name, is, was)
		}
	}
	if DeliveryZone(ZoneThreats, &spec) == was {
		t.Error("zones are not told apart")
	}
}
