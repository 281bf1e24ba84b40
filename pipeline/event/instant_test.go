package event

import (
	"testing"
	"time"
)

func TestParseTimeReadsISO8601(t *testing.T) {
	for in, want := range map[string]string{
		"2024-05-01":                          "2024-05-01T00:00:00Z",
		"20240501":                            "2024-05-01T00:00:00Z",
		"2024-122":                            "2024-05-01T00:00:00Z",
		"2024-W18-3":                          "2024-05-01T00:00:00Z",
		"2020-W53-7":                          "2021-01-03T00:00:00Z",
		"2024-05-01T12:30":                    "2024-05-01T12:30:00Z",
		"2024-05-01 12:30:05":                 "2024-05-01T12:30:05Z",
		"2024-05-01 12:30:05 UTC":             "2024-05-01T12:30:05Z",
		"2024-05-01t12:30:05z":                "2024-05-01T12:30:05Z",
		"20240501T123005Z":                    "2024-05-01T12:30:05Z",
		"2024-05-01T12:30:05.5Z":              "2024-05-01T12:30:05.5Z",
		"2024-05-01T12:30:05,123456789+02:00": "2024-05-01T10:30:05.123456Z",
		"2024-05-01T00:30:00+0130":            "2024-04-30T23:00:00Z",
		"2024-05-01T23:30:00-02":              "2024-05-02T01:30:00Z",
		"2024-05-01 12:30:05 +02:00":          "2024-05-01T10:30:05Z",
		"2016-12-31T23:59:60Z":                "2016-12-31T23:59:59.999999Z",
		" 2024-02-29 ":                        "2024-02-29T00:00:00Z",
	} {
		got, ok := ParseTime(in)
		if !ok {
			t.Errorf("%q is refused", in)
		} else if s := string(appendTime(nil, got)); s != want {
			t.Errorf("%q: got %s, want %s", in, s, want)
		}
	}
	for _, in := range []string{
		"", "2024", "2024-13-01", "2024-00-01", "2023-02-29", "2024-04-31", "2024-05-01T", "2024-05-01T24:00", "2024-05-01T12",
		"2024-05-01T12:60", "2024-05-01T12:30:61", "2024-05-01T12:30:05.", "2024-05-01T12:30:05+25:00", "2024-05-01T12:30:05 CET",
		"2024-05-01X12:30", "1714557600", "01/05/2024", "2023-366", "2024-000", "2024-W54-1", "2021-W53-1", "2024-W18-8", "2024-W00-1",
		"2024-05-01T12:30:05Zx", "2024-05-01T12:30:05+", "２024-05-01",
	} {
		if got, ok := ParseTime(in); ok {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

func TestParseTimeDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { ParseTime("2024-05-01 12:30:05.123456+02:00") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCanonicalTimesAreThoseOfTheStandardLibrary(t *testing.T) {
	for sec := int64(0); sec < endOfTime; sec += 86400*97 + 12345 {
		for _, us := range []int64{0, 1, 500_000, 123_456, 999_990} {
			at := time.Unix(sec, us*1000).UTC()
			s := string(appendTime(nil, at))
			if want := at.Format(time.RFC3339Nano); s != want {
				t.Fatalf("got %s, want %s", s, want)
			}
			if back, ok := parseCanonicalTime(s); !ok || !back.Equal(at) {
				t.Fatalf("%s: got %v", s, back)
			}
		}
	}
	for _, s := range []string{
		"2024-05-01T12:30:05", "2024-05-01 12:30:05Z", "2024-05-01T12:30:05+00:00", "2024-05-01T12:30:60Z", "20240501T12:30:05Z",
		"2024-05-01T12:30:05.1234567Z", "2024-05-01T12:30:05,1Z", "2024-05-01T1230:005Z", "2024-05-01T12:30:05.Z", "Z",
	} {
		if _, ok := parseCanonicalTime(s); ok {
			t.Errorf("%s is accepted", s)
		}
	}
}
