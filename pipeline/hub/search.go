package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/policy"
	"github.com/weir-project/weir/pipeline/store"
)

// ErrForbidden is what Search yields to those who ask for what is not theirs.
var ErrForbidden = errors.New("forbidden")

// ErrNotReady is what Search yields before the hub has its configuration.
var ErrNotReady = errors.New("the hub has no configuration yet")

// ErrBusy is what a search over the bus yields when too many are under way.
var ErrBusy = errors.New("too many searches")

// ErrUnavailable is what a search over the bus yields when the bus or a replica of
// the hub does not answer.
var ErrUnavailable = errors.New("the archive is not available")

// SearchRequest is one query of one subscription in one zone.
type SearchRequest struct {
	// Exchange that the subscription belongs to, and how many replicas its hub has.
	// A hub does not ask about them, who looks for the hub does.
	Exchange plan.Ref
	Replicas int

	Namespace    string
	Subscription string
	// Zone is inside, threats or search.
	Zone string
	// Where narrows what the subscription may see; it cannot widen it. A source is
	// named as the subscription knows it.
	Where []store.Cond
	// Limit is how many events are wanted; 0 is all.
	Limit int64
	// Primary asks for events as their publisher reported them. The hub looks
	// nothing up that it would have to take out again.
	Primary bool
}

// Search yields what a subscription may see, latest time first, each event as it
// may see it. An event is valid until the next is asked for. An error comes last:
// one that wraps ErrForbidden if the zone is not granted or a condition asks about
// fields that the subscription does not see.
func (h *Hub) Search(ctx context.Context, req SearchRequest) iter.Seq2[*event.Event, error] {
	return func(yield func(*event.Event, error) bool) {
		cfg := h.configs.current()
		if cfg == nil {
			yield(nil, ErrNotReady)
			return
		}
		p, err := h.permit(cfg, req)
		if err != nil {
			yield(nil, err)
			return
		}
		if p.nothing {
			return
		}
		viewer := policy.Viewer{Clearance: p.subscriber.clearance, Sources: cfg.sources}
		for e, err := range h.store.Search(ctx, p.query) {
			if err != nil {
				yield(nil, fmt.Errorf("search: %w", err))
				return
			}
			// The conditions say the same; this holds even if a store reads them wrong.
			if !p.allows(e) {
				continue
			}
			if !yield(viewer.View(e), nil) {
				return
			}
		}
	}
}

// permitted is a request that was checked, as a query that finds nothing beyond
// it.
type permitted struct {
	subscriber *subscriber
	zone       string
	selection  *v1alpha1.SelectionSpec
	query      store.Query
	nothing    bool // no event can be found
}

func (h *Hub) permit(cfg *config, req SearchRequest) (*permitted, error) {
	s := cfg.byName[plan.Ref{Namespace: req.Namespace, Name: req.Subscription}]
	if s == nil {
		return nil, fmt.Errorf("%w: there is no subscription %s/%s", ErrForbidden, req.Namespace, req.Subscription)
	}
	p := &permitted{subscriber: s, zone: req.Zone}
	switch req.Zone {
	case ZoneInside:
		p.selection = s.zones.Inside
	case ZoneThreats:
		p.selection = s.zones.Threats
	case ZoneSearch:
		p.selection = s.zones.Search
	}
	if p.selection == nil {
		return nil, fmt.Errorf("%w: subscription %s has no zone %q", ErrForbidden, s.name, req.Zone)
	}
	if s.clearance.TLP == 0 {
		p.nothing = true
		return p, nil
	}
	p.query.Limit = req.Limit
	p.query.Where = p.bounds()
	for _, c := range req.Where {
		c, err := p.admit(cfg, c)
		if err != nil {
			return nil, err
		}
		p.query.Where = append(p.query.Where, c)
	}
	return p, nil
}

// bounds are the conditions of the zone and the clearance.
func (p *permitted) bounds() []store.Cond {
	var where []store.Cond
	if p.zone == ZoneInside {
		where = append(where, store.Cond{Field: "client", Op: store.In, Text: []string{p.subscriber.org}})
	}
	if c := p.subscriber.clearance; c.TLP != event.TLPRed {
		where = append(where, store.Cond{Field: "tlp", Op: store.AtMost, Text: []string{c.TLP.String()}})
	}
	if !p.subscriber.clearance.FullAccess {
		where = append(where,
			store.Cond{Field: "restriction", Op: store.AtMost, Text: []string{event.RestrictionNeedToKnow.String()}},
			store.Cond{Field: "ignored", Op: store.In, Text: []string{"false"}})
	}
	if len(p.selection.Sources) > 0 {
		where = append(where, store.Cond{Field: "source", Op: store.In, Text: texts(p.selection.Sources)})
	}
	if len(p.selection.Categories) > 0 {
		where = append(where, store.Cond{Field: "category", Op: store.In, Text: texts(p.selection.Categories)})
	}
	if c := p.selection.MinConfidence; c != "" {
		where = append(where, store.Cond{Field: "confidence", Op: store.AtLeast, Text: []string{string(c)}})
	}
	return where
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// admit checks one condition of a request. Conditions on fields that the
// subscriber does not see would tell it the values; sources are named by alias.
func (p *permitted) admit(cfg *config, c store.Cond) (store.Cond, error) {
	clearance := p.subscriber.clearance
	param := c.Field
	if c.Op == store.Contains {
		param += ".sub"
	}
	if policy.ForbiddenParam(c.Field, clearance) || policy.ForbiddenParam(param, clearance) {
		return c, fmt.Errorf("%w: subscription %s may not search by %s", ErrForbidden, p.subscriber.name, param)
	}
	if c.Field == "source" {
		if c.Op != store.In {
			return c, fmt.Errorf("%w: sources are searched by their whole name", ErrForbidden)
		}
		c.Text = cfg.sources.Resolve(c.Text, clearance)
		p.nothing = p.nothing || len(c.Text) == 0
	}
	return c, nil
}

// allows reports whether e may be shown.
func (p *permitted) allows(e *event.Event) bool {
	if !policy.Visible(e, p.subscriber.clearance) {
		return false
	}
	if p.zone == ZoneInside && !slices.Contains(e.Client, p.subscriber.org) {
		return false
	}
	sel := p.selection
	if len(sel.Sources) > 0 && !slices.Contains(sel.Sources, v1alpha1.SourceName(e.Source)) {
		return false
	}
	if len(sel.Categories) > 0 && !slices.Contains(sel.Categories, v1alpha1.Category(e.Category.String())) {
		return false
	}
	if sel.MinConfidence != "" {
		least, ok := event.ParseConfidence(string(sel.MinConfidence))
		return ok && e.Confidence >= least
	}
	return true
}
