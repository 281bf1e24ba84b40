package diff

import (
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
)

func TestTheReasonIsThatOfMostRecords(t *testing.T) {
	p := &drift.Profile{Reasons: map[string]drift.Reason{"time": {Count: 3, First: "no time"}, "ip": {Count: 7, First: "no address"},
		"asn": {Count: 7, First: "no number"}, "url": {Count: 1, First: "no URL"}}}
	for range 20 {
		if got := why(p); got != "asn: no number" {
			t.Fatal(got)
		}
	}
	if got := why(&drift.Profile{}); got != "there are no records" {
		t.Error(got)
	}
	if got := why(&drift.Profile{Unreadable: "it is no JSON", Reasons: p.Reasons}); got != "it is no JSON" {
		t.Error(got)
	}
}
