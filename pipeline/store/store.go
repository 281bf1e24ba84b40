// Package store keeps recorded events and finds them again.
package store

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Store is an archive of events.
type Store interface {
	// Record adds events, all or none. An event that is there already (same id) is
	// not added again; an undated one that comes again moves its LastSeen. Before
	// it commits, Record calls before with fresh[i] telling whether events[i] is
	// new; an error of before rolls back. So what before does (deliver) and what
	// is recorded cannot part: after a crash both happen again. Modified of the
	// events is set by the time before is called.
	//
	// A store may commit a batch in several parts. If it ends in between, part of
	// the batch is there; recording the batch again completes it, with fresh
	// false for what is there. before has succeeded for the whole batch by then.
	//
	// An error that wraps ErrFull says that space ran out.
	Record(ctx context.Context, events []*event.Event, before func(fresh []bool) error) error

	// Search yields events, latest time first, events of one time by id. An event
	// is valid until the next is asked for.
	Search(ctx context.Context, q Query) iter.Seq2[*event.Event, error]

	// Purge drops events whose day is before t and returns how many days went.
	Purge(ctx context.Context, t time.Time) (int, error)

	Close() error
}

// Query is a conjunction of conditions. Zero Limit means all.
type Query struct {
	Where []Cond
	Limit int64
}

// Cond is one condition: Field Op any of the values. Which of the value lists
// counts depends on the operator.
type Cond struct {
	Field string
	Op    Op
	Text  []string       // In, Contains
	Nets  []netip.Prefix // InNet (field ip)
	Time  time.Time      // Min, Max, Until
}

// Op is an operator of a condition.
type Op uint8

// The operators.
const (
	// In: the field equals one of Text. Numbers and addresses are in their
	// canonical text. Fields: id, source, category, confidence, restriction, tlp,
	// ip, asn, cc, dip, dport, sport, fqdn, name, origin, proto, replaces, status,
	// md5, sha1, sha256, target, url, client, ignored. ip, asn and cc match any
	// address of the event.
	In Op = iota + 1
	// Contains: the field has one of Text as a substring. Fields: fqdn, url, name.
	Contains
	// InNet: an address of the event is in one of Nets.
	InNet
	// Min, Max and Until bound a time: >=, <=, <. Fields: time, modified, and
	// active: with Max and Until expires where the event has it, else time; with
	// Min it is enough that one of the two is late enough (as in n6).
	Min
	Max
	Until
	// AtMost: the enum field (tlp, restriction) is not narrower than Text[0].
	// Without a value the event counts as the narrowest.
	AtMost
	// AtLeast: the enum field (confidence) is at least Text[0].
	AtLeast
	// Subdomain: fqdn is one of Text or below one of them.
	Subdomain
)
