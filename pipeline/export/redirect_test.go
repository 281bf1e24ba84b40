package export

import (
	"net/url"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/policy"
)

func TestQueryWithoutTimeMinIsSentOn(t *testing.T) {
	now := time.Date(2024, 5, 10, 12, 0, 0, 0, time.UTC)
	const week = "2024-05-03+12%3A00%3A00"
	for _, c := range []struct{ name, query, want string }{
		{"nothing else", "", "time.min=" + week},
		{"other parameters stay byte for byte", "category=bots,cnc&name=%7b%20a+b", "category=bots,cnc&name=%7b%20a+b&time.min=" + week},
		{"braces are just characters", "name={x}&url.sub={0}", "name={x}&url.sub={0}&time.min=" + week},
		{"modified.min later than the window", "modified.min=2024-05-10", "modified.min=2024-05-10&time.min=2024-05-03+00%3A00%3A00"},
		{"modified.min earlier", "modified.min=2024-02-12T00:00:00Z", "modified.min=2024-02-12T00:00:00Z&time.min=2024-02-05+00%3A00%3A00"},
		{"modified.max adds modified.min", "modified.max=2024-03-15", "modified.max=2024-03-15&modified.min=2024-03-08+00%3A00%3A00&time.min=2024-03-01+00%3A00%3A00"},
		{"modified.until too", "modified.until=2024-03-15", "modified.until=2024-03-15&modified.min=2024-03-08+00%3A00%3A00&time.min=2024-03-01+00%3A00%3A00"},
		{"modified.max before modified.until", "modified.until=2024-03-20&modified.max=2024-03-15",
			"modified.until=2024-03-20&modified.max=2024-03-15&modified.min=2024-03-08+00%3A00%3A00&time.min=2024-03-01+00%3A00%3A00"},
		{"active.min goes half a year back", "active.min=2024-05-10", "active.min=2024-05-10&time.min=2023-11-10+00%3A00%3A00"},
		{"active.until adds active.min", "active.until=2024-05-10", "active.until=2024-05-10&active.min=2024-05-03+00%3A00%3A00&time.min=2023-11-03+00%3A00%3A00"},
		{"time.max", "time.max=2024-01-31", "time.max=2024-01-31&time.min=2024-01-24+00%3A00%3A00"},
		{"time.until in the future", "time.until=2030-01-01", "time.until=2030-01-01&time.min=" + week},
		{"all in one, the earliest wins", "time.max=2024-01-31&modified.max=2024-03-15&active.max=2024-05-10",
			"time.max=2024-01-31&modified.max=2024-03-15&active.max=2024-05-10&modified.min=2024-03-08+00%3A00%3A00&active.min=2024-05-03+00%3A00%3A00&time.min=2023-11-03+00%3A00%3A00"},
		{"microseconds are kept", "modified.min=2024-02-12T00:00:00.25Z", "modified.min=2024-02-12T00:00:00.25Z&time.min=2024-02-05+00%3A00%3A00.250000"},
		{"before the first year", "time.max=0001-01-03", "time.max=0001-01-03&time.min=0001-01-01+00%3A00%3A00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rd := reader{zone: zoneSearch, clearance: policy.Clearance{FullAccess: true}}
			if bad := rd.read(c.query); bad != nil {
				t.Fatal(bad)
			}
			got, ok := redirectQuery(c.query, &rd.query, now)
			if !ok || got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			if _, err := url.ParseQuery(got); err != nil {
				t.Error(err)
			}
			next := reader{zone: zoneSearch, clearance: policy.Clearance{FullAccess: true}}
			if bad := next.read(got); bad != nil {
				t.Fatalf("the new address is refused: %v", bad)
			}
			if to, again := redirectQuery(got, &next.query, now); again {
				t.Errorf("sent on again, to %s", to)
			}
		})
	}
}

func TestRedirectWritesMicroseconds(t *testing.T) {
	got, _ := redirectQuery("", &query{}, time.Date(2024, 1, 8, 11, 0, 0, 123456789, time.FixedZone("", 3600)))
	if want := "time.min=2024-01-01+10%3A00%3A00.123456"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
