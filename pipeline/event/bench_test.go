package event

import (
	"net/netip"
	"testing"
	"time"
)

// typical is what most feeds give: a time, an address, a port, a name, a URL.
func typical() *Event {
	return &Event{
		Source: "abuse-ch.urlhaus", Restriction: RestrictionPublic, Confidence: ConfidenceHigh, Category: mustCategory("malurl"),
		TLP: TLPGreen, Time: time.Date(2024, 5, 1, 12, 30, 5, 0, time.UTC), Name: "emotet",
		Address: []Address{{IP: netip.MustParseAddr("192.0.2.17"), ASN: Some[uint32](64496), CC: "PL"}},
		URL:     "http://files.example.com/wp-content/upload/invoice_2024.exe?id=12345", FQDN: "files.example.com",
		Proto: 1, DPort: Some[uint16](80),
	}
}

func mustCategory(s string) Category {
	c, ok := ParseCategory(s)
	if !ok {
		panic(s)
	}
	return c
}

func BenchmarkValidate(b *testing.B) {
	e := typical()
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComputeID(b *testing.B) {
	e := typical()
	b.ReportAllocs()
	for b.Loop() {
		ComputeID(e)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := typical()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodeJSON(b *testing.B) {
	line := AppendJSON(nil, typical())
	var e Event
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := DecodeJSON(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublish is what the parser does with every record once it is mapped.
func BenchmarkPublish(b *testing.B) {
	e := typical()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(e); err != nil {
			b.Fatal(err)
		}
		e.ID = ComputeID(e)
		buf = AppendJSON(buf[:0], e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
