package storetest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// expect is what a store that holds events must answer, worked out the slow way:
// straight from the documentation of the operators, sharing no code with them.
func expect(events []*event.Event, q store.Query) []event.ID {
	var hits []*event.Event
	for _, e := range events {
		if !slices.ContainsFunc(q.Where, func(c store.Cond) bool { return !meets(e, c) }) {
			hits = append(hits, e)
		}
	}
	slices.SortFunc(hits, func(a, b *event.Event) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	if q.Limit > 0 && int64(len(hits)) > q.Limit {
		hits = hits[:q.Limit]
	}
	ids := make([]event.ID, len(hits))
	for i, e := range hits {
		ids[i] = e.ID
	}
	return ids
}

func meets(e *event.Event, c store.Cond) bool {
	switch c.Op {
	case store.In:
		return pair(texts(e, c.Field), c.Text, func(have, want string) bool {
			return have == want || strings.EqualFold(have, want) && (c.Field == "name" || c.Field == "target")
		})
	case store.Contains:
		return pair(texts(e, c.Field), c.Text, func(have, want string) bool {
			if c.Field == "name" {
				have, want = strings.ToLower(have), strings.ToLower(want)
			}
			return strings.Contains(have, want)
		})
	case store.InNet:
		return pair(e.Address, c.Nets, func(a event.Address, n netip.Prefix) bool { return n.Contains(a.IP) })
	case store.Subdomain:
		return pair([]string{e.FQDN}, c.Text, func(have, want string) bool {
			return have == want || strings.HasSuffix(have, "."+want)
		})
	case store.AtMost, store.AtLeast:
		return ranked(e, c)
	}
	return timed(e, c)
}

// pair reports whether some a and b are ok.
func pair[A, B any](as []A, bs []B, ok func(A, B) bool) bool {
	for _, a := range as {
		for _, b := range bs {
			if ok(a, b) {
				return true
			}
		}
	}
	return false
}

// texts are the values of a field that are present.
func texts(e *event.Event, field string) []string {
	var out []string
	switch field {
	case "ip", "asn", "cc":
		for _, a := range e.Address {
			out = append(out, map[string]string{"ip": a.IP.String(), "cc": a.CC, "asn": number(a.ASN)}[field])
		}
	case "client":
		out = e.Client
	default:
		dip, replaces := e.DIP.String(), e.Replaces.String()
		if !e.DIP.IsValid() {
			dip = ""
		}
		if e.Replaces.IsZero() {
			replaces = ""
		}
		out = []string{map[string]string{
			"id": e.ID.String(), "source": e.Source, "category": e.Category.String(), "confidence": e.Confidence.String(),
			"restriction": e.Restriction.String(), "tlp": e.TLP.String(), "fqdn": e.FQDN, "name": e.Name,
			"origin": e.Origin.String(), "proto": e.Proto.String(), "status": e.Status.String(), "md5": e.MD5,
			"sha1": e.SHA1, "sha256": e.SHA256, "target": e.Target, "url": e.URL, "ignored": strconv.FormatBool(e.Ignored),
			"sport": number(e.SPort), "dport": number(e.DPort), "dip": dip, "replaces": replaces,
		}[field]}
	}
	return slices.DeleteFunc(slices.Clone(out), func(s string) bool { return s == "" })
}

func number[T uint16 | uint32](n event.Opt[T]) string {
	if !n.Set {
		return ""
	}
	return strconv.FormatUint(uint64(n.V), 10)
}

func ranked(e *event.Event, c store.Cond) bool {
	ladder := map[string][]string{
		"tlp":         {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"},
		"restriction": {"public", "need-to-know", "internal"},
		"confidence":  {"low", "medium", "high"},
	}[c.Field]
	have, want := -1, slices.Index(ladder, c.Text[0])
	if t := texts(e, c.Field); len(t) > 0 {
		have = slices.Index(ladder, t[0])
	}
	if c.Op == store.AtLeast {
		return max(have, 0) >= want
	}
	if have < 0 {
		have = len(ladder) - 1
	}
	return have <= want
}

func timed(e *event.Event, c store.Cond) bool {
	ok := func(t time.Time) bool {
		switch c.Op {
		case store.Min:
			return t.Compare(c.Time) >= 0
		case store.Max:
			return t.Compare(c.Time) <= 0
		}
		return t.Compare(c.Time) < 0
	}
	switch {
	case c.Field == "time" || e.Expires.IsZero() && c.Field == "active":
		return ok(e.Time)
	case c.Field == "modified":
		return ok(e.Modified)
	case c.Op == store.Min:
		return ok(e.Expires) || ok(e.Time)
	}
	return ok(e.Expires)
}
