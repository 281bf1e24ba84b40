package export

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/export/format"
	"github.com/weir-project/weir/pipeline/hub"
)

// search answers one of n6's three resources, which is granted.
func (s *Stage) search(w *observed, r *http.Request, v *served, zone string, enc format.Encoder) *problem {
	rd := reader{zone: zone, clearance: v.clearance}
	if bad := rd.read(r.URL.RawQuery); bad != nil {
		return bad
	}
	if to, ok := redirectQuery(r.URL.RawQuery, &rd.query, s.now()); ok {
		// Relative to the request, so that it holds behind any proxy.
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		w.Header().Set("Location", last+"?"+to)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	if most := v.api.MaxEvents; most > 0 {
		w.Header().Set("Weir-Max-Events", strconv.FormatInt(most, 10))
		if rd.query.limit == 0 || rd.query.limit > most {
			rd.query.limit = most
		}
	}
	if v.usage.searches.Add(1) > maxSearches {
		v.usage.searches.Add(-1)
		w.Header().Set("Retry-After", "1")
		return problemf(http.StatusTooManyRequests, codeTooManyRequests,
			"the subscription has %d queries running; wait for one to end", maxSearches)
	}
	defer v.usage.searches.Add(-1)

	a := newAnswer(w, r, enc)
	defer a.release()
	if r.Method == http.MethodHead {
		a.header()
		return nil
	}
	return s.answer(r.Context(), a, v, hub.SearchRequest{
		Exchange: v.exchange, Replicas: int(s.exchange(v.exchange).Replicas),
		Namespace: v.namespace, Subscription: v.name, Zone: zone,
		Where: rd.query.where, Limit: rd.query.limit, Primary: rd.query.primary,
	})
}

// answer writes the events. An error before the first byte becomes a status; one
// after it cuts the connection, so that no client takes half an answer for a
// whole one.
func (s *Stage) answer(ctx context.Context, a *answer, v *served, req hub.SearchRequest) *problem {
	n, err := a.writeAll(s.archive.Search(ctx, req))
	v.usage.events.Add(n)
	s.metrics.events.WithLabelValues(req.Zone).Add(float64(n))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, a.broken: // the client went away
		panic(http.ErrAbortHandler)
	}
	s.log.Error(err, "query failed", "subscription", v.key(), "zone", req.Zone, "events", n)
	switch {
	case a.started:
		panic(http.ErrAbortHandler)
	case errors.Is(err, hub.ErrNotReady):
		a.w.Header().Set("Retry-After", "1")
		return problemf(http.StatusServiceUnavailable, codeStarting, "%v", hub.ErrNotReady)
	case errors.Is(err, hub.ErrUnavailable):
		a.w.Header().Set("Retry-After", "5")
		return problemf(http.StatusServiceUnavailable, codeUnavailable, "the archive does not answer now; try again")
	case errors.Is(err, hub.ErrBusy):
		a.w.Header().Set("Retry-After", "1")
		return problemf(http.StatusTooManyRequests, codeTooManyRequests, "too many queries are running; wait for one to end")
	case errors.Is(err, hub.ErrForbidden):
		// The hub is ahead of this stage with a change of the configuration.
		return problemf(http.StatusForbidden, codeZoneNotGranted, "what you ask for is not granted (any more)")
	}
	return problemf(http.StatusInternalServerError, codeArchive,
		"the archive could not answer; try again, and tell the operator if it goes on")
}
