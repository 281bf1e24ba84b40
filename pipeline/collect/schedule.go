package collect

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	_ "time/tzdata" // time zones work in an image without them

	"github.com/robfig/cron/v3"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	defaultInterval = time.Hour
	minInterval     = time.Second
	maxJitter       = 5 * time.Minute
	maxBackOff      = 15 * time.Minute
)

// schedule says when a feed is collected. It is a pure function of the spec, the
// feed's name and the time the feed was first seen (its anchor), so a restart or
// a change of something else moves nothing.
//
// With an interval, starts are at anchor + jitter + k·interval; with cron, at the
// times of the expression + jitter. The jitter is the same at each start of a
// feed: up to a tenth of the interval, at most five minutes.
type schedule struct {
	interval time.Duration
	cron     *cron.SpecSchedule
	zone     *time.Location
	fraction float64 // of the greatest jitter, in [0, 1)
	anchor   time.Time
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// newSchedule checks a spec. The error names the field.
func newSchedule(spec v1alpha1.ScheduleSpec, feed string, anchor time.Time) (*schedule, error) {
	s := &schedule{fraction: fraction(feed), anchor: anchor, zone: time.UTC}
	if spec.Cron == "" {
		d, err := durationOr(spec.Interval, defaultInterval)
		if err != nil || d < minInterval {
			return nil, fmt.Errorf("spec.schedule.interval: %q is no duration of at least 1s, such as 15m", spec.Interval)
		}
		s.interval = d
		return s, nil
	}
	// The parser would take a zone prefix, but that belongs to timeZone; and it
	// panics on some broken ones.
	if strings.Contains(spec.Cron, "TZ=") || strings.HasPrefix(spec.Cron, "@every") {
		return nil, fmt.Errorf("spec.schedule.cron: %q is not five fields such as \"0 3 * * *\"; a time zone goes to spec.schedule.timeZone", spec.Cron)
	}
	parsed, err := cronParser.Parse(spec.Cron)
	if err != nil {
		return nil, fmt.Errorf("spec.schedule.cron: %w", err)
	}
	if spec.TimeZone != "" {
		if s.zone, err = time.LoadLocation(spec.TimeZone); err != nil {
			return nil, fmt.Errorf("spec.schedule.timeZone: %q is no name of the IANA database, such as Europe/Prague", spec.TimeZone)
		}
	}
	c, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("spec.schedule.cron: %q is not five fields such as \"0 3 * * *\"", spec.Cron)
	}
	c.Location = s.zone
	if c.Next(anchor).IsZero() {
		return nil, fmt.Errorf("spec.schedule.cron: %q never comes", spec.Cron)
	}
	s.cron = c
	return s, nil
}

// next is when to start, at or after now, given the last start (zero if there
// was none). What was missed while nobody was there is made up for once, at
// once. A new feed starts at once, unless it has a cron expression.
func (s *schedule) next(last, now time.Time) time.Time {
	due := now
	if last.After(now) { // the clock was wrong
		last = now
	}
	switch {
	case s.cron != nil && last.IsZero():
		due = s.cronAfter(now)
	case s.cron != nil:
		due = s.cronAfter(last)
	case !last.IsZero():
		due = s.gridAfter(last)
	}
	if due.Before(now) {
		return now
	}
	return due
}

// gridAfter is the first point of the interval's grid that is at least half an
// interval after last, so that no change of spec makes two starts meet.
func (s *schedule) gridAfter(last time.Time) time.Time {
	first := s.anchor.Add(s.interval + s.jitter(s.interval))
	late := last.Add(s.interval / 2).Sub(first)
	if late <= 0 && !s.anchor.After(last) {
		return first
	}
	k := late / s.interval // may be negative, if a clock was wrong once
	if late > k*s.interval {
		k++
	}
	return first.Add(k * s.interval)
}

// cronAfter is the first jittered time of the expression after t.
func (s *schedule) cronAfter(t time.Time) time.Time {
	nominal := s.nominalAfter(t.Add(-maxJitter))
	for {
		following := s.nominalAfter(nominal)
		start := nominal.Add(s.jitter(following.Sub(nominal)))
		if start.After(t) {
			return start
		}
		nominal = following
	}
}

// nominalAfter is the first time of the expression after t. An hour that the
// change to summer time skips is not lost: its times come an hour later. An hour
// that comes twice is collected twice.
func (s *schedule) nominalAfter(t time.Time) time.Time {
	real := s.cron.Next(t)
	// The same expression on a clock that knows no summer time.
	plain := *s.cron
	plain.Location = time.UTC
	wall := onWall(t.In(s.zone), time.UTC)
	for range 4 {
		wall = plain.Next(wall)
		if wall.IsZero() {
			return real
		}
		if shifted := onWall(wall, s.zone); shifted.After(t) {
			if shifted.Before(real) {
				return shifted
			}
			return real
		}
	}
	return real
}

// onWall is what the clock on the wall shows at t, in another zone.
func onWall(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
}

func (s *schedule) jitter(interval time.Duration) time.Duration {
	return time.Duration(s.fraction * float64(min(interval/10, maxJitter)))
}

// backOffAfter is how long to wait after the nth failure in a row.
func backOffAfter(failures int64) time.Duration {
	if failures > 10 {
		return maxBackOff
	}
	return min(time.Second<<max(failures-1, 0), maxBackOff)
}

// fraction spreads names evenly over [0, 1).
func fraction(name string) float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	x := h.Sum64()
	x ^= x >> 33 // FNV alone leaves similar names close together
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

func durationOr(d v1alpha1.Duration, otherwise time.Duration) (time.Duration, error) {
	if d == "" {
		return otherwise, nil
	}
	return time.ParseDuration(string(d))
}
