package collect

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/api/v1alpha1"
)

func mustSchedule(t interface{ Fatal(...any) }, spec v1alpha1.ScheduleSpec, name string, anchor time.Time) *schedule {
	s, err := newSchedule(spec, name, anchor)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestAnIntervalStartsAtOnceAndThenKeepsItsBeat(t *testing.T) {
	s := mustSchedule(t, v1alpha1.ScheduleSpec{Interval: "1h"}, "default/feed", noon)
	if got := s.next(time.Time{}, noon); !got.Equal(noon) {
		t.Errorf("a new feed starts at %s", got)
	}
	first := s.next(noon, noon.Add(time.Second))
	if jitter := first.Sub(noon) - time.Hour; jitter < 0 || jitter > maxJitter {
		t.Errorf("jitter %s", jitter)
	}
	for last := first; last.Before(noon.Add(240 * time.Hour)); {
		// Collections take their time; the beat does not move with it.
		next := s.next(last.Add(17*time.Second), last.Add(10*time.Minute))
		if next.Sub(last) != time.Hour {
			t.Fatalf("%s after %s", next.Sub(last), last)
		}
		last = next
	}
}

func TestWhatWasMissedIsMadeUpForOnce(t *testing.T) {
	now := noon.Add(100*time.Hour + 20*time.Minute)
	for _, spec := range []v1alpha1.ScheduleSpec{{Interval: "1h"}, {Cron: "0 * * * *"}} {
		s := mustSchedule(t, spec, "default/feed", noon)
		if got := s.next(noon, now); !got.Equal(now) {
			t.Errorf("%+v: after four days down, next is %s", spec, got)
		}
		if next := s.next(now, now); next.Sub(now) < 15*time.Minute || next.Sub(now) > 80*time.Minute {
			t.Errorf("%+v: the one after is %s later", spec, next.Sub(now))
		}
	}
}

func TestFeedsOfOneIntervalSpread(t *testing.T) {
	seconds := map[time.Time]int{}
	var most int
	for i := range 1000 {
		s := mustSchedule(t, v1alpha1.ScheduleSpec{Interval: "1h"}, fmt.Sprintf("collector.default.feed-%d", i), noon)
		at := s.next(noon, noon).Truncate(time.Second)
		seconds[at]++
		most = max(most, seconds[at])
	}
	if len(seconds) < 200 || most > 20 {
		t.Errorf("1000 feeds start in %d seconds, up to %d in one", len(seconds), most)
	}
}

func TestAChangeOfSpecNeitherDelaysNorRepeatsWildly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.Int64Range(1, 1000*3600).Draw(t, "interval")) * time.Second
		age := time.Duration(rapid.Int64Range(0, 1000*3600).Draw(t, "age")) * time.Second
		idle := min(age, time.Duration(rapid.Int64Range(0, 1000*3600).Draw(t, "idle"))*time.Second)
		s := mustSchedule(t, v1alpha1.ScheduleSpec{Interval: v1alpha1.Duration(interval.String())}, rapid.String().Draw(t, "name"), noon)
		now := noon.Add(age)
		last := now.Add(-idle)
		next := s.next(last, now)
		if next.Before(now) {
			t.Fatalf("next %s is in the past", next)
		}
		if wait := next.Sub(last); next.After(now) && (wait < interval/2 || wait > interval*8/5+time.Second) {
			t.Fatalf("%s between two starts with an interval of %s", wait, interval)
		}
	})
}

func TestAClockThatWasWrongDelaysNothing(t *testing.T) {
	for _, spec := range []v1alpha1.ScheduleSpec{{Interval: "1h"}, {Cron: "0 * * * *"}} {
		s := mustSchedule(t, spec, "x", noon.AddDate(2, 0, 0))
		for _, last := range []time.Time{noon, noon.AddDate(1, 0, 0)} {
			if next := s.next(last, noon); next.Sub(noon) > 2*time.Hour {
				t.Errorf("%+v: next is %s later", spec, next.Sub(noon))
			}
		}
	}
}

func TestCronFollowsItsTimeZoneThroughBothChangesOfClock(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day time.Time, h, m int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), h, m, 0, 0, time.UTC)
	}
	spring, autumn := time.Date(2026, 3, 29, 0, 0, 0, 0, prague), time.Date(2026, 10, 25, 0, 0, 0, 0, prague)
	tests := []struct {
		name, cron string
		from       time.Time
		want       []time.Time // UTC
	}{
		{"winter and summer", "30 9 * * *", spring.AddDate(0, 0, -1), []time.Time{at(spring.AddDate(0, 0, -1), 8, 30), at(spring, 7, 30)}},
		{"an hour that is skipped", "30 2 * * *", spring, []time.Time{at(spring, 1, 30), at(spring.AddDate(0, 0, 1), 0, 30)}},
		{"an hour that comes twice", "30 2 * * *", autumn, []time.Time{at(autumn, 0, 30), at(autumn, 1, 30), at(autumn.AddDate(0, 0, 1), 1, 30)}},
		{"every hour in spring", "0 * * * *", at(spring, 0, 30), []time.Time{at(spring, 1, 0), at(spring, 2, 0)}},
		{"every hour in autumn", "0 * * * *", at(autumn, 0, 30), []time.Time{at(autumn, 1, 0), at(autumn, 2, 0), at(autumn, 3, 0)}},
		{"every quarter in spring", "*/15 * * * *", at(spring, 0, 40), []time.Time{at(spring, 0, 45), at(spring, 1, 0), at(spring, 1, 15)}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := mustSchedule(t, v1alpha1.ScheduleSpec{Cron: tc.cron, TimeZone: "Europe/Prague"}, "x", noon)
			last := tc.from
			for _, want := range tc.want {
				got := s.nominalAfter(last)
				if !got.Equal(want) {
					t.Fatalf("after %s comes %s, want %s", last, got.UTC(), want)
				}
				last = got
			}
		})
	}
}

func TestCronWaitsForItsTimeAndAddsAJitter(t *testing.T) {
	s := mustSchedule(t, v1alpha1.ScheduleSpec{Cron: "*/10 * * * *"}, "default/other", noon)
	last := time.Time{}
	now := noon.Add(time.Second)
	for range 20 {
		next := s.next(last, now)
		late := next.Sub(next.Truncate(10 * time.Minute))
		if !next.After(now) || next.Sub(now) > 11*time.Minute || late > time.Minute {
			t.Fatalf("after %s comes %s", now, next)
		}
		last, now = next, next.Add(time.Second)
	}
}

func TestSchedulesThatCannotWorkAreRefused(t *testing.T) {
	for _, spec := range []v1alpha1.ScheduleSpec{
		{Interval: "soon"}, {Interval: "0s"}, {Interval: "-1h"}, {Interval: "1ms"},
		{Cron: "* * *"}, {Cron: "61 * * * *"}, {Cron: "0 0 30 2 *"}, {Cron: "@every 1s"}, {Cron: "TZ="}, {Cron: "CRON_TZ=x 1 1 1 1"}, {Cron: "@reboot"},
		{Cron: "0 0 * * *", TimeZone: "Mars/Olympus"}, {Cron: "0 0 * * *", TimeZone: "../../etc/passwd"},
	} {
		if _, err := newSchedule(spec, "x", noon); err == nil {
			t.Errorf("%+v is accepted", spec)
		}
	}
	for _, spec := range []v1alpha1.ScheduleSpec{{}, {Interval: "1h30m"}, {Cron: "@daily"}, {Cron: "0 3 * * mon-fri", TimeZone: "America/New_York"}} {
		if _, err := newSchedule(spec, "x", noon); err != nil {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

func TestBackOffDoublesUpToAQuarterOfAnHour(t *testing.T) {
	for n, want := range map[int64]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 10: 512 * time.Second, 11: maxBackOff, 1 << 40: maxBackOff, 0: time.Second} {
		if got := backOffAfter(n); got != want {
			t.Errorf("after %d failures %s, want %s", n, got, want)
		}
	}
}
