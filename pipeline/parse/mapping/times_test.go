package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

func timesOf(t testing.TB, zone string, layouts ...string) *times {
	t.Helper()
	c, err := compileTimes(&v1alpha1.TimeSpec{Layouts: layouts, Zone: zone}, "time")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTimesAreReadByTheirLayout(t *testing.T) {
	for _, x := range []struct{ layout, text, want string }{
		{"iso8601", "2024-05-06", "2024-05-06T00:00:00Z"},
		{"iso8601", "20240506", "2024-05-06T00:00:00Z"},
		{"iso8601", "2024-05-06T07:08", "2024-05-06T07:08:00Z"},
		{"iso8601", "2024-05-06 07:08:09", "2024-05-06T07:08:09Z"},
		{"iso8601", "2024-05-06_07:08:09", "2024-05-06T07:08:09Z"},
		{"iso8601", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"},
		{"iso8601", "2024-05-06 07:08:09 UTC", "2024-05-06T07:08:09Z"},
		{"iso8601", "2024-05-06T07:08:09.123456+02:00", "2024-05-06T05:08:09.123456Z"},
		{"iso8601", "2024-05-06T07:08:09,5-0530", "2024-05-06T12:38:09.5Z"},
		{"iso8601", "20240506T070809Z", "2024-05-06T07:08:09Z"},
		{"iso8601", "2024-05-06T24:00:00Z", "2024-05-07T00:00:00Z"},
		{"iso8601", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"},
		{"iso8601", "2024-W18-3", "2024-05-01T00:00:00Z"},
		{"rfc1123", "Mon, 06 May 2024 07:08:09 GMT", "2024-05-06T07:08:09Z"},
		{"rfc1123", "Mon, 6 May 2024 07:08:09 +0200", "2024-05-06T05:08:09Z"},
		{"rfc1123", "06 May 2024 07:08:09 EST", "2024-05-06T12:08:09Z"},
		{"rfc1123", "Monday, 06-May-24 07:08:09 GMT", "2024-05-06T07:08:09Z"},
		{"unix", "1700000000", "2023-11-14T22:13:20Z"},
		{"unix", "1700000000.25", "2023-11-14T22:13:20.25Z"},
		{"unix", "0", "1970-01-01T00:00:00Z"},
		{"unix_ms", "1700000000123", "2023-11-14T22:13:20.123Z"},
		{"unix_us", "1700000000123456", "2023-11-14T22:13:20.123456Z"},
		{"%d/%m/%Y %H:%M", "6/5/2024   7:08", "2024-05-06T07:08:00Z"},
		{"%Y%m%d%H%M%S", "20240506070809", "2024-05-06T07:08:09Z"},
		{"%F %T.%f", "2024-05-06 07:08:09.000001", "2024-05-06T07:08:09.000001Z"},
		{"%D %R", "05/06/24 07:08", "2024-05-06T07:08:00Z"},
		{"%d %b %y", "06 may 99", "1999-05-06T00:00:00Z"},
		{"%d %B %Y", "06 Sept 2024", "2024-09-06T00:00:00Z"},
		{"%d %B %Y", "06 SEPTEMBER 2024", "2024-09-06T00:00:00Z"},
		{"%b %d %Y %I:%M %p", "May 6 2024 12:08 AM", "2024-05-06T00:08:00Z"},
		{"%b %d %Y %I:%M %p", "May 6 2024 12:08 pm", "2024-05-06T12:08:00Z"},
		{"%Y-%j", "2024-366", "2024-12-31T00:00:00Z"},
		{"%Y-%m-%dT%H:%M:%S%z", "2024-05-06T07:08:09+05:30", "2024-05-06T01:38:09Z"},
		{"%a %b %e %H:%M:%S %Z %Y", "Mon May  6 07:08:09 CEST 2024", "2024-05-06T05:08:09Z"},
		{"%s", "1700000000", "2023-11-14T22:13:20Z"},
		{"100%% %Y-%m-%d", "100% 2024-05-06", "2024-05-06T00:00:00Z"},
	} {
		got, ok := timesOf(t, "", x.layout).read(x.text)
		if !ok || got.Format(time.RFC3339Nano) != x.want || got.Location() != time.UTC {
			t.Errorf("%s: %q: got %v, %v; want %s", x.layout, x.text, got, ok, x.want)
		}
	}
}

func TestTextThatIsNoTimeIsRefused(t *testing.T) {
	for layout, texts := range map[string][]string{
		"iso8601": {"", "2024", "2024-5-6", "2024-02-30", "2024-13-01", "2024-05-06T", "2024-05-06T25:00", "2024-05-06T07:60",
			"2024-05-06T07:08:61", "2024-05-06x", "2024-05-06T07:08:09+25:00", "2024-05-06 07:08:09 XYZ", "2024-05-06T07:08:09.", "2023-02-29"},
		"unix":              {"", "-1", "1e9", "17000000000000000", "1700000000.", "99999999999999999999999"},
		"unix_ms":           {"x", "253402300800000"},
		"%Y-%m-%d":          {"24-05-06", "2024-05-06 ", "2024-00-10", "2024-05-32"},
		"%Y-%j":             {"2023-366", "2024-367", "2024-0"},
		"%d %b %Y":          {"6 mayo 2024", "6 ma 2024", "6 Mays 2024"},
		"%Y-%m-%d %I %p":    {"2024-05-06 13 PM", "2024-05-06 0 AM", "2024-05-06 1 XM"},
		"%Y-%m-%d %H:%M %Z": {"2024-05-06 07:08 IST", "2024-05-06 07:08 "},
		"%F %f":             {"2024-05-06 ", "2024-05-06 1234567890"},
	} {
		for _, text := range texts {
			if got, ok := timesOf(t, "", layout).read(text); ok {
				t.Errorf("%s: %q is read as %v", layout, text, got)
			}
		}
	}
}

func TestZonesApplyToTimesWithoutOne(t *testing.T) {
	warsaw := timesOf(t, "Europe/Warsaw", "%Y-%m-%d %H:%M", "iso8601", "unix")
	for text, want := range map[string]string{
		"2024-07-01 12:00":     "2024-07-01T10:00:00Z",
		"2024-12-01 12:00":     "2024-12-01T11:00:00Z",
		"2024-12-01T12:00:00":  "2024-12-01T11:00:00Z",
		"2024-12-01T12:00:00Z": "2024-12-01T12:00:00Z",
		"1700000000":           "2023-11-14T22:13:20Z",
	} {
		if got, ok := warsaw.read(text); !ok || got.Format(time.RFC3339) != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
}

func TestBadTimeSpecsAreRefusedWithTheMend(t *testing.T) {
	for _, x := range []struct{ layout, zone, want string }{
		{"yyyy-mm-dd", "", "nor a strftime pattern such as"},
		{"%Y-%m-%q", "", "%q is not supported; there are %Y"},
		{"%Y-%m-%", "", "lone %"},
		{"%m-%d", "", "has no year; add %Y"},
		{"%Y-%d", "", "has no month; add %m"},
		{"%Y-%m", "", "has no day; add %d"},
		{"%F %I", "", "%I and %p go together"},
		{"iso8601", "Mars/Olympus", "is no name of the IANA time zone database"},
		{"iso8601", "Local", "is no name of the IANA"},
	} {
		_, err := compileTimes(&v1alpha1.TimeSpec{Layouts: []string{x.layout}, Zone: x.zone}, "spec.mapping[0].time")
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.HasPrefix(err.Error(), "spec.mapping[0].time.") {
			t.Errorf("%q %q: got %v, want %q", x.layout, x.zone, err, x.want)
		}
	}
}

func FuzzTimes(f *testing.F) {
	for _, s := range []string{"2024-05-06T07:08:09Z", "Mon, 06 May 2024 07:08:09 GMT", "1700000000.5", "6/5/2024 7:08", "+", "2024-W01-1"} {
		f.Add("%d/%m/%Y %H:%M", s)
	}
	f.Add("%Y%j%I%p%f%z%a%e%y%s%%", "20240506")
	f.Fuzz(func(t *testing.T, layout, text string) {
		all := []string{"iso8601", "rfc1123", "unix", "unix_ms", "unix_us"}
		if _, err := compileStrftime(layout); err == nil {
			all = append(all, layout)
		}
		for _, l := range all {
			got, ok := timesOf(t, "", l).read(text)
			if ok && (got.Location() != time.UTC || got.Unix() > maxSeconds+86400) {
				t.Errorf("%s: %q is %v", l, text, got)
			}
		}
	})
}

func BenchmarkTimes(b *testing.B) {
	for layout, text := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2024-05-06 07:08:09", "iso8601": "2024-05-06T07:08:09Z", "rfc1123": "Mon, 06 May 2024 07:08:09 GMT",
	} {
		b.Run(layout, func(b *testing.B) {
			l := timesOf(b, "", layout)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := l.read(text); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}
