package export

import (
	"testing"
	"time"
)

func TestISOTimeTakesTheFormsOfN6(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for in, want := range map[string]string{
		"2024-02-01":                       "2024-02-01T00:00:00Z",
		"20240201":                         "2024-02-01T00:00:00Z",
		"2024-W05-4":                       "2024-02-01T00:00:00Z",
		"2024W054":                         "2024-02-01T00:00:00Z",
		"2020-W53-7":                       "2021-01-03T00:00:00Z",
		"2021-W01-1":                       "2021-01-04T00:00:00Z",
		"2026-W01-1":                       "2025-12-29T00:00:00Z",
		"2024-032":                         "2024-02-01T00:00:00Z",
		"2024032":                          "2024-02-01T00:00:00Z",
		"2024-366":                         "2024-12-31T00:00:00Z",
		"2024-02-01T13:14":                 "2024-02-01T13:14:00Z",
		"2024-02-01 13:14:15":              "2024-02-01T13:14:15Z",
		"2024-02-01T13:14:15Z":             "2024-02-01T13:14:15Z",
		"20240201T131415Z":                 "2024-02-01T13:14:15Z",
		"20240201 1314":                    "2024-02-01T13:14:00Z",
		"2024-032T13:14:15.5":              "2024-02-01T13:14:15.5Z",
		"2024-02-01T13:14:15.123456789Z":   "2024-02-01T13:14:15.123456Z",
		"2024-02-01T13:14:15+01:00":        "2024-02-01T12:14:15Z",
		"2024-02-01T13:14:15+0130":         "2024-02-01T11:44:15Z",
		"2024-02-01T13:14:15-05":           "2024-02-01T18:14:15Z",
		"2024-02-01T13:14+02:00":           "2024-02-01T11:14:00Z",
		"2016-12-31T23:59:60Z":             "2016-12-31T23:59:59.999999Z",
		"2016-12-31T23:59:60.5Z":           "2016-12-31T23:59:59.999999Z",
		"0001-01-01":                       "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999+00:00": "9999-12-31T23:59:59.999999Z",
	} {
		got, err := parseISOTime(in)
		if err != nil || !got.Equal(at(want)) {
			t.Errorf("parseISOTime(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
}

func TestISOTimeRefusesOtherForms(t *testing.T) {
	for _, in := range []string{"", "now", "2024", "2024-02", "2024-02-30", "2024-13-01", "2024-00-10", "2023-366", "2024-000",
		"2024-W54-1", "2021-W53-1", "2024-W05-0", "2024-W05-8", "2024-W05", "24-02-01", "2024/02/01", "2024-02-01T",
		"2024-02-01T13", "2024-02-01T24:00", "2024-02-01T13:60", "2024-02-01T13:14:61", "2024-02-01T13:14:",
		"2024-02-01T13:14:15.", "2024-02-01T13:14:15,5", "2024-02-01T13:14:15+24:00", "2024-02-01T13:14:15+01:60",
		"2024-02-01T13:14:15+1", "2024-02-01T13:14:15 01:00", "2024-02-01T13:14:15ZZ", "2024-02-01_13:14:15",
		"0000-01-01", "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00", "1706745600", "２０２４-02-01", "2024-02-01T13:14:15z"} {
		if got, err := parseISOTime(in); err == nil {
			t.Errorf("parseISOTime(%q) = %v, want an error", in, got)
		}
	}
}

func TestISOTimeSaysHowToEncodeAnOffset(t *testing.T) {
	_, err := parseISOTime("2024-02-01T13:14:15 01:00")
	if want := "is no ISO 8601 time; in a query the + of an offset is written %2B"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzISOTime(f *testing.F) {
	for _, s := range []string{"2024-02-01", "20240201T131415Z", "2024-W05-4 10:00", "2024-032T13:14:15.123456+01:00", "2016-12-31T23:59:60", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseISOTime(s)
		if err != nil {
			return
		}
		again, err := parseISOTime(redirectTime(got))
		if err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, but written for a redirect it is %q: %v, %v", s, got, redirectTime(got), again, err)
		}
	})
}
