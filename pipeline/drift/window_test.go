package drift_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
)

const datedRows = `
input: {csv: {header: None, columns: [seen, ip]}}
mapping:
- {field: time, from: [seen]}
- {field: ip, from: [ip], required: true}
constants: {category: cnc}
`

// A listing is what a feed lists: an entry each quarter of an hour, the newest
// first, which stays as it is.
type listing struct {
	*arrivals
	size int
}

func newListing(t *testing.T, start time.Time) *listing {
	t.Helper()
	return &listing{&arrivals{t: t, lens: lensOf(t, datedRows), at: start}, 120}
}

const (
	hour  = time.Hour
	entry = 15 * time.Minute
)

// at writes the newest size entries before a time.
func (l *listing) at(now time.Time, offset time.Duration) []string {
	lines := make([]string, l.size)
	born := now.Truncate(entry)
	for i := range lines {
		n := born.Unix() / int64(entry/time.Second)
		lines[i] = fmt.Sprintf("%s,198.51.%d.%d\n", born.Add(offset).UTC().Format(time.RFC3339), n>>8&255, n&255)
		born = born.Add(-entry)
	}
	return lines
}

// run lets hours pass in which nothing is told.
func (l *listing) run(n int) {
	l.t.Helper()
	for i := range n {
		l.size = 120 + i%5
		if codes := l.next(hour, strings.Join(l.at(l.arrivals.at.Add(hour), 0), "")); len(codes) > 0 {
			l.t.Fatalf("hour %d: %s", i, sentences(l.told))
		}
	}
}

// show is the next payload, with something done to its lines.
func (l *listing) show(offset time.Duration, change func(lines []string) []string) {
	l.t.Helper()
	l.next(hour, strings.Join(change(l.at(l.arrivals.at.Add(hour), offset)), ""))
}

func as(lines []string) []string { return lines }

func oldestFirst(lines []string) []string {
	slices.Reverse(lines)
	return lines
}

func TestWhatPartOfAFeedIsShownAndWhen(t *testing.T) {
	january := time.Date(2025, 1, 14, 6, 5, 0, 0, time.UTC)
	stamp := func(at time.Time, of func(i int) time.Duration) func([]string) []string {
		return func(lines []string) []string {
			for i := range lines {
				_, ip, _ := strings.Cut(lines[i], ",")
				lines[i] = at.Add(-of(i)).Format(time.RFC3339) + "," + ip
			}
			return lines
		}
	}
	for _, tc := range []struct {
		name  string
		start time.Time
		live  func(l *listing)
		// class and sentence of the first finding; "" if there is none.
		class, sentence string
	}{
		{"as ever", january, func(l *listing) { l.show(0, as) }, "", ""},
		{"the newest quarter only", january, func(l *listing) {
			l.show(0, func(lines []string) []string { return lines[:30] })
		}, drift.ClassSemantic, `The payload goes back 7h15m0s only, at least 29h45m0s were usual, and has 30 records instead of about 122: older ones are left out.`},
		{"two thirds of the records", january, func(l *listing) {
			l.show(0, func(lines []string) []string { return lines[:80] })
		}, "", ""},
		{"half as far back with as many records", january, func(l *listing) {
			at := l.arrivals.at.Add(hour)
			l.show(0, stamp(at, func(i int) time.Duration { return time.Duration(i) * entry / 2 }))
		}, drift.ClassSemantic, `60 of 60 events that were there before have another time now`},
		{"all have the time of the list", january, func(l *listing) {
			at := l.arrivals.at.Add(hour)
			l.show(0, stamp(at, func(int) time.Duration { return time.Minute }))
		}, drift.ClassSemantic,
			`Of 120 events all have the same time; the oldest and the newest were at least 29h45m0s apart.`},
		{"the oldest come first", january, func(l *listing) { l.show(0, oldestFirst) }, drift.ClassCosmetic,
			`The oldest records come first now; the newest did.`},
		{"the oldest third, oldest first", january, func(l *listing) {
			l.show(0, func(lines []string) []string { return oldestFirst(lines)[:40] })
		}, drift.ClassSemantic, `The oldest records come first now, the newest did, and there are fewer than ever, 40: others are left out.`},
		{"the oldest two thirds, oldest first", january, func(l *listing) {
			l.show(0, func(lines []string) []string { return oldestFirst(lines)[:80] })
		}, drift.ClassSemantic, `and the newest is 10h`},
		{"in no order", january, func(l *listing) {
			l.show(0, func(lines []string) []string { slices.Sort(lines[:60]); return lines })
		}, "", ""},
		{"an hour of local time", january, func(l *listing) { l.show(hour, as) }, drift.ClassSemantic,
			`All times moved by an hour against the clock although clocks are not changed these days: those of `},
		{"an hour earlier", january, func(l *listing) { l.show(-hour, as) }, drift.ClassSemantic, ` are 1h0m0s earlier.`},
		{"summer time", time.Date(2025, 3, 29, 3, 5, 0, 0, time.UTC), func(l *listing) {
			l.show(hour, as)
			l.show(hour, as)
		}, "", ""},
		{"winter time in America", time.Date(2025, 11, 1, 3, 5, 0, 0, time.UTC), func(l *listing) { l.show(-hour, as) }, "", ""},
		{"our clock is an hour late", january, func(l *listing) {
			l.next(2*hour, strings.Join(l.at(l.arrivals.at.Add(hour), hour), ""))
		}, "", ""},
		{"one event is an hour ahead", january, func(l *listing) {
			l.show(0, func(lines []string) []string {
				return append([]string{l.arrivals.at.Add(2*hour).Format(time.RFC3339) + ",192.0.2.1\n"}, lines...)
			})
		}, "", ""},
		{"one event is three hours ahead", january, func(l *listing) {
			l.show(0, func(lines []string) []string {
				return append([]string{l.arrivals.at.Add(4*hour).Format(time.RFC3339) + ",192.0.2.1\n"}, lines...)
			})
		}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newListing(t, tc.start)
			l.run(25)
			l.size = 120
			tc.live(l)
			switch {
			case tc.sentence == "" && len(l.told) > 0:
				t.Errorf("told: %s", sentences(l.told))
			case tc.sentence != "" && (len(l.told) == 0 || !strings.Contains(l.told[0].Sentence, tc.sentence) || l.told[0].Class != tc.class):
				t.Errorf("told %v, want %s %q", l.told, tc.class, tc.sentence)
			}
		})
	}
}

// Events that come once only are known by how far their times lie apart.
func TestReportsOfADayWithOneTime(t *testing.T) {
	day := func(a *arrivals, apart time.Duration) string {
		var b strings.Builder
		for i := range 50 {
			fmt.Fprintf(&b, "%s,198.51.%d.%d\n", a.at.Add(24*hour-time.Minute-time.Duration(i)*apart).Format(time.RFC3339), a.n%256, i)
		}
		return b.String()
	}
	for _, tc := range []struct {
		name   string
		apart  func(d int) time.Duration
		last   time.Duration
		window string
	}{
		{"all at once", func(int) time.Duration { return 20 * time.Minute }, 0, drift.CodeOneTime},
		{"within a minute", func(int) time.Duration { return 20 * time.Minute }, time.Second, drift.CodeOneTime},
		{"closer together", func(int) time.Duration { return 20 * time.Minute }, 5 * time.Minute, ""},
		{"as once before", func(d int) time.Duration { return time.Duration(d%20) * time.Minute }, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &arrivals{t: t, lens: lensOf(t, datedRows), at: time.Date(2025, 5, 5, 6, 0, 0, 0, time.UTC)}
			for d := range 30 {
				if codes := a.next(24*hour, day(a, tc.apart(d))); len(codes) > 0 {
					t.Fatalf("day %d: %s", d, sentences(a.told))
				}
			}
			if got := strings.Join(a.next(24*hour, day(a, tc.last)), " "); got != tc.window {
				t.Errorf("told %q, want %q: %s", got, tc.window, sentences(a.told))
			}
		})
	}
}

func TestTimesOfAnotherColumnAreLearnedAnew(t *testing.T) {
	const both = `
input: {csv: {header: None, columns: [made, seen, ip]}}
mapping:
- {field: time, from: [seen]}
- {field: ip, from: [ip], required: true}
constants: {category: cnc}
`
	a := &arrivals{t: t, lens: lensOf(t, both), at: time.Date(2025, 5, 5, 6, 0, 0, 0, time.UTC)}
	payload := func() string {
		var b strings.Builder
		for i := range 50 {
			at := a.at.Add(hour)
			fmt.Fprintf(&b, "%s,%s,198.51.%d.%d\n", at.Format(time.RFC3339), at.Add(-time.Duration(i)*hour).Format(time.RFC3339), a.n, i)
		}
		return b.String()
	}
	for range 30 {
		a.next(hour, payload())
	}
	a.lens = lensOf(t, strings.Replace(both, "from: [seen]", "from: [made]", 1))
	for i := range 20 {
		m := meta
		m.Collected = a.at.Add(hour)
		now := learnAs(t, a.lens, payload(), m)
		a.at, a.n = m.Collected, a.n+1
		base, arrival := a.h.Baseline.For(a.lens), drift.Arrival{Collected: a.at, Digest: fmt.Sprint(i)}
		if findings := a.h.Judge(base, now, arrival); len(findings) > 0 {
			t.Fatalf("payload %d: %s", i, sentences(findings))
		}
		a.h.Accept(base, now, arrival)
	}
}

func TestAmountsOfTheFirstDays(t *testing.T) {
	thursday := time.Date(2025, 5, 8, 6, 0, 0, 0, time.UTC)
	varied := func(i int) int { return 200 + i*7%23 }
	// waves rise and fall with the hour of the day.
	waves := func(at time.Time) int {
		return int(140 * (1 + 0.6*math.Sin(float64(at.Hour())/24*2*math.Pi)))
	}
	for _, tc := range []struct {
		name string
		live func(a *arrivals, show func(n int) []string)
		want string
	}{
		{"a quarter twice", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			show(50)
			show(52)
		}, "[volume]"},
		{"a quarter once", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			show(50)
			show(201)
			show(50)
		}, "[]"},
		{"two thirds", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			show(130)
			show(131)
		}, "[]"},
		{"a quarter, in the first night", func(_ *arrivals, show func(n int) []string) {
			for i := range 17 {
				show(varied(i))
			}
			show(50)
			show(52)
		}, "[]"},
		{"days and nights", func(a *arrivals, show func(n int) []string) {
			for range 24 * 12 {
				if codes := show(waves(a.at)); len(codes) > 0 {
					a.t.Fatalf("%s: %s", a.at, sentences(a.told))
				}
			}
		}, "[]"},
		{"the first weekend", func(a *arrivals, show func(n int) []string) {
			for i := range 24 * 5 {
				n := varied(i)
				if w := a.at.Add(hour).Weekday(); w == time.Saturday || w == time.Sunday {
					n /= 4
				}
				if codes := show(n); len(codes) > 0 {
					a.t.Fatalf("%s: %s", a.at, sentences(a.told))
				}
			}
		}, "[]"},
		{"a burst of three hours", func(a *arrivals, show func(n int) []string) {
			for i := range 40 {
				n := varied(i)
				if i > 30 && i < 34 {
					n *= 10
				}
				if codes := show(n); len(codes) > 0 {
					a.t.Fatalf("%s: %s", a.at, sentences(a.told))
				}
			}
		}, "[]"},
		{"the same number from now on", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			for range 8 {
				show(200)
			}
		}, "[row-limit]"},
		{"the same number seven times", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			for range 7 {
				show(200)
			}
		}, "[]"},
		{"the same number, which nobody would choose", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(varied(i))
			}
			for range 8 {
				show(203)
			}
		}, "[]"},
		{"the same number now and then", func(_ *arrivals, show func(n int) []string) {
			for i := range 28 {
				show(200 + i/2%3)
			}
			for range 8 {
				show(200)
			}
		}, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &arrivals{t: t, lens: lensOf(t, bareLines), at: thursday}
			var last []string
			show := func(n int) []string { last = a.next(hour, rows(n, "$a")); return last }
			tc.live(a, show)
			if got := fmt.Sprint(last); got != tc.want {
				t.Errorf("told %s, want %s: %s", got, tc.want, sentences(a.told))
			}
		})
	}
}
