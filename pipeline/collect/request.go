package collect

import "time"

// request asks for a collection now, besides the schedule. A collection that runs
// began before the request, so another one follows it. One request is carried out
// once: its id goes into the status, which outlives a restart.
func (f *feed) request(id string) {
	if id == f.status.Requested || id == f.carrying {
		return
	}
	f.wanted = id
	switch {
	case f.cfg == nil: // the configuration comes
	case f.cfg.Spec.Suspend || f.schedule == nil:
		f.drop()
		f.report(f.key, f.status)
	case f.cancel == nil:
		f.log.Info("collection requested", "request", id)
		f.hurry(time.Now())
	}
}

// hurry makes a waiting request the next start.
func (f *feed) hurry(now time.Time) {
	if f.wanted != "" && f.wanted != f.status.Requested {
		f.due = now
	}
}

// drop gives up a request: there is nothing to collect.
func (f *feed) drop() {
	if f.wanted != "" {
		f.status.Requested, f.wanted = f.wanted, ""
	}
}

// requested notes at the end of a collection what it was for.
func (f *feed) requested(now time.Time) {
	if f.carrying != "" {
		f.status.Requested, f.carrying = f.carrying, ""
	}
	f.hurry(now)
}
