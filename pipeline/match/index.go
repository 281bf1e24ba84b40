// Package match finds out whom an event concerns: the organisations that it is
// about, and the subscriptions that get it in which zone.
//
// An Index is made once from all subscribers and never changes; whoever changes
// the subscribers makes a new one and swaps it. Matching costs lookups by what
// the event holds (addresses, names, selections), plus what matches; it does not
// grow with the number of subscriptions.
package match

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
)

// Subscriber is what matching must know about a subscription.
type Subscriber struct {
	// Name of the subscription, for errors.
	Name string
	// Organisation and its criteria. Subscribers with one organisation id share
	// their criteria.
	Organisation v1alpha1.OrganisationSpec
	Clearance    policy.Clearance
	// Inside and Threats are nil where the zone is not granted.
	Inside  *v1alpha1.SelectionSpec
	Threats *v1alpha1.SelectionSpec
}

// Index answers Match. Immutable, safe for concurrent use.
type Index struct {
	orgs []org // by id
	// views are the inside zones that were granted.
	views []view

	asns      map[uint32][]int32
	countries map[string][]int32
	nets      nets
	names     names
	urls      urls

	sources map[string]int32 // those that a selection names
	threats threats
}

// org is one organisation.
type org struct {
	id    string
	views []int32
}

// view is the inside zone of one subscriber.
type view struct {
	subscriber int32
	selection  selection
	clearance  policy.Clearance
}

// CriterionError tells which criterion or selection of which subscriber cannot
// be used, and why.
type CriterionError struct {
	Subscriber string
	Field      string // spec.organisation.criteria.cidrs[2]
	Reason     string
}

func (e *CriterionError) Error() string {
	return fmt.Sprintf("subscription %s: %s: %s", e.Subscriber, e.Field, e.Reason)
}

// Build makes an index. What cannot be used is left out and reported; the rest
// stands, so that the mistake of one subscriber costs the others nothing.
func Build(subscribers []Subscriber) (*Index, []*CriterionError) {
	b := builder{
		ix:    &Index{asns: map[uint32][]int32{}, countries: map[string][]int32{}, sources: map[string]int32{}},
		orgOf: map[string]int32{},
		nets:  newNetBuilder(),
	}
	b.ix.names.init()
	b.ix.urls.init()
	b.organisations(subscribers)
	groups := newGroups()
	for i := range subscribers {
		s := &subscribers[i]
		b.name = s.Name
		b.criteria(b.orgOf[s.Organisation.ID], &s.Organisation.Criteria)
		if s.Inside != nil {
			o := &b.ix.orgs[b.orgOf[s.Organisation.ID]]
			o.views = append(o.views, int32(len(b.ix.views)))
			b.ix.views = append(b.ix.views, view{int32(i), b.selection("spec.zones.inside", s.Inside), s.Clearance})
		}
		if s.Threats != nil {
			groups.add(b.selection("spec.zones.threats", s.Threats), s.Clearance, int32(i))
		}
	}
	b.ix.nets = b.nets.build()
	b.ix.threats = groups.build(len(b.ix.sources))
	return b.ix, b.errs
}

type builder struct {
	ix    *Index
	orgOf map[string]int32
	nets  *netBuilder
	name  string // of the subscriber at hand
	errs  []*CriterionError
}

// organisations numbers the organisations in the order of their ids, so that
// sorted numbers are sorted ids.
func (b *builder) organisations(subscribers []Subscriber) {
	for i := range subscribers {
		id := subscribers[i].Organisation.ID
		if _, ok := b.orgOf[id]; !ok {
			b.orgOf[id] = 0
			b.ix.orgs = append(b.ix.orgs, org{id: id})
		}
	}
	slices.SortFunc(b.ix.orgs, func(x, y org) int { return cmp.Compare(x.id, y.id) })
	for i := range b.ix.orgs {
		b.orgOf[b.ix.orgs[i].id] = int32(i)
	}
}

func (b *builder) fail(field, format string, args ...any) {
	b.errs = append(b.errs, &CriterionError{b.name, field, fmt.Sprintf(format, args...)})
}

func (b *builder) criteria(o int32, c *v1alpha1.CriteriaSpec) {
	const path = "spec.organisation.criteria."
	for i, n := range c.ASNs {
		if n < 0 || n > 1<<32-1 {
			b.fail(fmt.Sprintf("%sasns[%d]", path, i), "%d is no AS number; they go from 0 to 4294967295", n)
			continue
		}
		b.ix.asns[uint32(n)] = add(b.ix.asns[uint32(n)], o)
	}
	for _, cc := range c.Countries {
		b.ix.countries[cc] = add(b.ix.countries[cc], o)
	}
	for kind, list := range map[string]struct {
		values []string
		insert func(string, int32) error
	}{
		"cidrs": {c.CIDRs, b.nets.insert},
		"fqdns": {c.FQDNs, b.ix.names.insert},
		"urls":  {c.URLs, b.ix.urls.insert},
	} {
		for i, v := range list.values {
			if err := list.insert(v, o); err != nil {
				b.fail(fmt.Sprintf("%s%s[%d]", path, kind, i), "%v", err)
			}
		}
	}
}

// add appends o unless it was the last. Where subscribers share an organisation
// it may be there twice, which Matches.own does not mind.
func add(list []int32, o int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == o {
		return list
	}
	return append(list, o)
}

// Matches is what Match found. It is also the memory of one goroutine that
// matches: use one again and again, for one goroutine at a time.
type Matches struct {
	// Client lists the organisations whose criteria the event fits, sorted. It is
	// found whatever they may see.
	Client []string
	// Inside lists the subscribers, by their place in Build's list, that get the
	// event in their inside zone.
	Inside []int32
	// Threats lists the groups that get the event in their threats zone; see
	// Index.Group. It may not be changed.
	Threats []int32

	ix    *Index
	owned []int32
	seen  []uint32 // by organisation: the round in which it was found
	round uint32
	memo  memo
}

func (m *Matches) reset(ix *Index) {
	if m.ix != ix {
		m.ix = ix
		m.seen = make([]uint32, len(ix.orgs))
		m.round = 0
		m.memo.reset()
	}
	m.round++
	if m.round == 0 {
		clear(m.seen)
		m.round = 1
	}
	m.owned = m.owned[:0]
	m.Client = m.Client[:0]
	m.Inside = m.Inside[:0]
	m.Threats = nil
}

func (m *Matches) own(orgs []int32) {
	for _, o := range orgs {
		if m.seen[o] != m.round {
			m.seen[o] = m.round
			m.owned = append(m.owned, o)
		}
	}
}

// Match finds whom e concerns. Client and Ignored of e play no role for Client,
// Ignored does for the zones.
func (ix *Index) Match(e *event.Event, m *Matches) {
	m.reset(ix)
	ix.owners(e, m)
	source, ok := ix.sources[e.Source]
	if !ok {
		source = otherSource
	}
	need := policy.Required(e)
	slices.Sort(m.owned)
	for _, o := range m.owned {
		m.Client = append(m.Client, ix.orgs[o].id)
		for _, v := range ix.orgs[o].views {
			w := &ix.views[v]
			if w.clearance.Covers(need) && w.selection.selects(source, e.Category, e.Confidence) {
				m.Inside = append(m.Inside, w.subscriber)
			}
		}
	}
	m.Threats = m.memo.groups(&ix.threats, situation{source, e.Category, e.Confidence, need})
}

func (ix *Index) owners(e *event.Event, m *Matches) {
	for i := range e.Address {
		a := &e.Address[i]
		if a.ASN.Set {
			m.own(ix.asns[a.ASN.V])
		}
		if a.CC != "" {
			m.own(ix.countries[a.CC])
		}
		ix.nets.find(a.IP, m)
	}
	if e.FQDN != "" {
		ix.names.find(e.FQDN, m)
	}
	if e.URL != "" {
		ix.urls.find(e.URL, m)
		if e.FQDN == "" {
			ix.host(e.URL, m)
		}
	}
}

// Group lists the members of a group of Matches.Threats: subscribers with the
// same selection and clearance, by their place in Build's list.
func (ix *Index) Group(g int32) []int32 { return ix.threats.groups[g].members }
