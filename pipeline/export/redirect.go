package export

import (
	"net/url"
	"strings"
	"time"
)

// Windows of the 307 rule, as n6 ships them.
const (
	defaultWindow = 7 * 24 * time.Hour
	activeWindow  = 182 * 24 * time.Hour // events stay active for long
)

// redirectQuery is n6's rule against unbounded queries: one without time.min is
// sent to the same address with one added, early enough for every other time that
// the query names. The original query is kept byte for byte. It returns false if
// time.min is there.
func redirectQuery(raw string, q *query, now time.Time) (string, bool) {
	if q.time.min.Set {
		return "", false
	}
	timeMin := now.UTC().Add(-defaultWindow)
	earlier := func(t time.Time) {
		if t.Before(timeMin) {
			timeMin = t
		}
	}
	var parts []string
	if raw != "" {
		parts = append(parts, raw)
	}
	add := func(name string, t time.Time) {
		parts = append(parts, name+"="+url.QueryEscape(redirectTime(t)))
	}

	if q.modified.min.Set {
		earlier(q.modified.min.V.Add(-defaultWindow))
	} else if end, ok := q.modified.end(); ok {
		from := end.Add(-defaultWindow)
		earlier(from.Add(-defaultWindow))
		add("modified.min", from)
	}
	if q.active.min.Set {
		earlier(q.active.min.V.Add(-activeWindow))
	} else if end, ok := q.active.end(); ok {
		from := end.Add(-defaultWindow)
		earlier(from.Add(-activeWindow))
		add("active.min", from)
	}
	if end, ok := q.time.end(); ok {
		earlier(end.Add(-defaultWindow))
	}
	add("time.min", timeMin)
	return strings.Join(parts, "&"), true
}

// end is the upper bound that the rule looks at: max before until, as n6 does.
func (b *bounds) end() (time.Time, bool) {
	if b.max.Set {
		return b.max.V, true
	}
	return b.until.V, b.until.Set
}

// redirectTime writes a time as n6 does: microseconds only if there are any.
// Times before the year 1 become its start.
func redirectTime(t time.Time) string {
	if t.Year() < 1 {
		t = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if t.Nanosecond()/1000 == 0 {
		return t.UTC().Format("2006-01-02 15:04:05")
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000")
}
