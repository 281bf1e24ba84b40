// Package exporttest has events for tests of exports.
package exporttest

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

func mustID(s string) event.ID {
	id, err := event.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// Events are three events that between them use every column and shape.
func Events() []*event.Event {
	return []*event.Event{
		{
			ID: mustID("392ab73bbe7bcd6a56c84af2234987a4"), Source: "hidden.00000042",
			Time: time.Date(2024, 5, 4, 10, 59, 3, 250000000, time.UTC), Modified: time.Date(2024, 5, 4, 11, 45, 27, 0, time.UTC),
			Category: category("bots"), Confidence: event.ConfidenceMedium, Restriction: event.RestrictionNeedToKnow, TLP: event.TLPAmber,
			Name: "=HYPERLINK(\"http://example.com\")\nnext line", Target: "Example \"Bank\"\r\nS.A. ż",
			Address: []event.Address{
				{IP: netip.MustParseAddr("203.0.113.42"), ASN: event.Some(uint32(64496)), CC: "PL"},
				{IP: netip.MustParseAddr("2001:db8::7b"), ASN: event.Some(uint32(0))},
				{IP: netip.MustParseAddr("203.0.113.123"), CC: "GB"},
			},
			Proto: proto("tcp"), SPort: event.Some(uint16(58362)), DPort: event.Some(uint16(22)), ADIP: "x.x.51.198",
			Extra: []event.Extra{{Key: "product", Value: json.RawMessage(`{"name":"α,β","versions":[]}`)}},
		},
		{
			ID: mustID("eb450876ab458d05238ffe523e56d9b5"), Source: "example.phish",
			Time: time.Date(2024, 5, 3, 1, 57, 26, 0, time.UTC), Modified: time.Date(2024, 5, 4, 13, 18, 43, 123456000, time.UTC),
			Category: category("phish"), Confidence: event.ConfidenceLow, Restriction: event.RestrictionPublic, TLP: event.TLPClear,
			FQDN: "-odd.example.com", URL: "http://-odd.example.com/a,b?\"q\"=1", MD5: "0123456789abcdef0123456789abcdef",
			DIP: netip.MustParseAddr("2001:db8::1"), DPort: event.Some(uint16(0)), Count: event.Some(uint32(0)), CVEs: []string{"CVE-2024-0001"},
		},
		{
			ID: mustID("00000000000000000000000000000001"), Source: "example.scan",
			Time:     time.Date(2024, 5, 3, 0, 0, 0, 0, time.UTC),
			Category: category("scanning"), Confidence: event.ConfidenceHigh, Restriction: event.RestrictionPublic,
			DPort: event.Some(uint16(443)),
		},
	}
}

func category(s string) event.Category { v, _ := event.ParseCategory(s); return v }
func proto(s string) event.Proto       { v, _ := event.ParseProto(s); return v }
