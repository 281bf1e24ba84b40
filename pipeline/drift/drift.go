// Package drift notices that a publisher changed the format of a feed. It
// learns a Profile of each payload while the payload is parsed, compares it with
// the baseline, the profile of the payloads accepted before, and explains each
// difference in one sentence. It is pure: it knows nothing of the bus.
//
// The checks here are exact: container, header and keys, kinds of the values of
// mapped columns. An earlier check explains the later ones away: when the payload is a web
// page, no column is reported missing.
package drift
