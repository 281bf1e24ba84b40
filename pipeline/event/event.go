// Package event is the normalized event: its fields, its validator, its
// canonical JSON form and its identity.
//
// Field names and enums are those of n6 (CERT Polska), extended where n6 is too
// small: IPv6 everywhere, TLP 2.0, RSIT classification, CVEs, first and last
// seen, typed extras. An Event that passed Validate is safe to publish, store
// and show; nothing else crosses a stage boundary.
package event

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Opt is a number that may be absent. Zero is a value in its own right: port 0
// and AS 0 occur in feeds.
type Opt[T any] struct {
	V   T
	Set bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, Set: true} }

// Event is one normalized observation. The zero value of a field means that it
// is absent.
type Event struct {
	// ID is a hash over the content, see ComputeID.
	ID ID
	// Source is "<provider>.<channel>".
	Source string
	// Time is when it happened, in UTC, with microseconds.
	Time time.Time
	// Undated says that the record carried no time of its own and Time is when
	// the payload was collected. Time is then no part of the identity: the same
	// line of a list is the same event tomorrow.
	Undated bool
	// Modified is when the hub recorded the event. Set by the store.
	Modified time.Time

	Category    Category
	Confidence  Confidence
	Restriction Restriction
	TLP         TLP

	Name   string // of the threat: malware family, scanner, ...
	Target string // brand or organisation that is imitated or attacked

	Address []Address
	FQDN    string // IDNA A-labels, lower case, no trailing dot
	URL     string
	Proto   Proto
	SPort   Opt[uint16]
	DPort   Opt[uint16]
	DIP     netip.Addr // destination (victim side) address
	ADIP    string     // destination address, anonymized: x.x.3.4

	MD5        string // hex, lower case
	SHA1       string
	SHA256     string
	X509FPSHA1 string

	Origin   Origin
	Status   Status
	Action   string
	Email    string
	IBAN     string
	Phone    string
	Username string

	Registrar  string
	URLPattern string

	Until     time.Time // last time of an aggregated group
	Count     Opt[uint32]
	Expires   time.Time
	FirstSeen time.Time
	LastSeen  time.Time

	Replaces ID
	// Client lists the organisations whose criteria the event fits. Set by the
	// hub.
	Client  []string
	Ignored bool

	Taxonomy string // RSIT taxonomy, classification.taxonomy in JSON
	Type     string // RSIT type, classification.type in JSON
	CVEs     []string

	// Extra holds what has no field: sorted by key, values in JSON.
	Extra []Extra
}

// Address is one address that an event is about, with what is known about it.
type Address struct {
	IP   netip.Addr
	ASN  Opt[uint32]
	CC   string // ISO 3166-1 alpha-2
	Dir  Dir
	RDNS string
}

// Extra is one additional value. Keys match [A-Za-z0-9_.-]{1,64}.
type Extra struct {
	Key   string
	Value json.RawMessage
}

// FieldError says why an event is no event: which field, what was in it, why
// it is refused. The text is fit for the person who writes Parsers.
type FieldError struct {
	Field  string
	Reason string
	Value  string // at most 128 bytes of the offending value
}

// Error is "field: reason (got "value")".
func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Field + ": " + e.Reason
	}
	return e.Field + ": " + e.Reason + " (got " + quote(e.Value) + ")"
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// Reset empties e for reuse and keeps the capacity of its slices.
func (e *Event) Reset() {
	*e = Event{Address: e.Address[:0], Client: e.Client[:0], CVEs: e.CVEs[:0], Extra: e.Extra[:0]}
}

// Clone is a deep copy of e; it shares no memory with e, nor with the record that
// e was made from.
func (e *Event) Clone() *Event {
	c := *e
	for i := range textFields {
		p := textFields[i].at(&c)
		*p = strings.Clone(*p)
	}
	c.Address = slices.Clone(e.Address)
	for i := range c.Address {
		c.Address[i].CC = strings.Clone(c.Address[i].CC)
		c.Address[i].RDNS = strings.Clone(c.Address[i].RDNS)
	}
	c.Client = cloneStrings(e.Client)
	c.CVEs = cloneStrings(e.CVEs)
	c.Extra = slices.Clone(e.Extra)
	for i := range c.Extra {
		c.Extra[i].Key = strings.Clone(c.Extra[i].Key)
		c.Extra[i].Value = slices.Clone(c.Extra[i].Value)
	}
	return &c
}

func cloneStrings(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = strings.Clone(out[i])
	}
	return out
}
