package format

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Kinds of columns, beside those of the drift monitor (timestamp, ipv4|ipv6, ...).
const (
	kindText      = "text"
	kindEnum      = "enum"
	kindTimestamp = "timestamp"
	kindInt       = "int"
	kindID        = "id" // 32 hex digits
	kindBool      = "bool"
	kindObject    = "object"
)

// layoutRFC3339 is the layout of all times: UTC, with Z.
const layoutRFC3339 = "RFC3339"

// field is one that a column can show.
type field struct {
	kind string
	// list: there may be several values. required: every event has it. number: JSON
	// has it as one.
	list, required, number bool
	// at appends the i-th value and reports whether there is one; it may be empty.
	at func(dst []byte, e *event.Event, i int) ([]byte, bool)
}

// Fields lists the fields that a column can show, sorted.
func Fields() []string { return slices.Sorted(maps.Keys(fields)) }

var fields = withTexts(map[string]field{
	"id":   {kind: kindID, required: true, at: one(func(dst []byte, e *event.Event) []byte { return appendID(dst, e.ID) })},
	"time": timeOf(true, func(e *event.Event) time.Time { return e.Time }),

	"modified":   timeOf(false, func(e *event.Event) time.Time { return e.Modified }),
	"until":      timeOf(false, func(e *event.Event) time.Time { return e.Until }),
	"expires":    timeOf(false, func(e *event.Event) time.Time { return e.Expires }),
	"first_seen": timeOf(false, func(e *event.Event) time.Time { return e.FirstSeen }),
	"last_seen":  timeOf(false, func(e *event.Event) time.Time { return e.LastSeen }),

	"ip":   addressOf("ipv4|ipv6", false, appendIP),
	"asn":  addressOf("asn", true, appendASN),
	"cc":   addressOf("cc", false, appendCC),
	"dir":  addressOf(kindEnum, false, func(dst []byte, a *event.Address) []byte { return append(dst, a.Dir.String()...) }),
	"rdns": addressOf("fqdn", false, func(dst []byte, a *event.Address) []byte { return append(dst, a.RDNS...) }),

	"sport": numberOf("port", func(e *event.Event) (uint32, bool) { return uint32(e.SPort.V), e.SPort.Set }),
	"dport": numberOf("port", func(e *event.Event) (uint32, bool) { return uint32(e.DPort.V), e.DPort.Set }),
	"count": numberOf(kindInt, func(e *event.Event) (uint32, bool) { return e.Count.V, e.Count.Set }),
	"dip": {kind: "ipv4|ipv6", at: one(func(dst []byte, e *event.Event) []byte {
		if !e.DIP.IsValid() {
			return dst
		}
		return e.DIP.AppendTo(dst)
	})},
	"replaces": {kind: kindID, at: one(func(dst []byte, e *event.Event) []byte { return appendID(dst, e.Replaces) })},
	"client":   listOf(kindText, func(e *event.Event) []string { return e.Client }),
	"cves":     listOf("cve", func(e *event.Event) []string { return e.CVEs }),
	"details":  {kind: kindText, at: one(appendDetails)},
})

// withTexts adds the fields that are one string.
func withTexts(m map[string]field) map[string]field {
	add := func(name, kind string, required bool, get func(*event.Event) string) {
		m[name] = field{kind: kind, required: required,
			at: one(func(dst []byte, e *event.Event) []byte { return append(dst, get(e)...) })}
	}
	add("source", kindText, true, func(e *event.Event) string { return e.Source })
	add("category", kindEnum, true, func(e *event.Event) string { return e.Category.String() })
	add("confidence", kindEnum, true, func(e *event.Event) string { return e.Confidence.String() })
	add("restriction", kindEnum, true, func(e *event.Event) string { return e.Restriction.String() })
	add("tlp", kindEnum, false, func(e *event.Event) string { return e.TLP.String() })
	add("proto", kindEnum, false, func(e *event.Event) string { return e.Proto.String() })
	add("origin", kindEnum, false, func(e *event.Event) string { return e.Origin.String() })
	add("status", kindEnum, false, func(e *event.Event) string { return e.Status.String() })
	add("name", kindText, false, func(e *event.Event) string { return e.Name })
	add("target", kindText, false, func(e *event.Event) string { return e.Target })
	add("fqdn", "fqdn", false, func(e *event.Event) string { return e.FQDN })
	add("url", "url", false, func(e *event.Event) string { return e.URL })
	add("adip", kindText, false, func(e *event.Event) string { return e.ADIP })
	add("md5", "md5", false, func(e *event.Event) string { return e.MD5 })
	add("sha1", "sha1", false, func(e *event.Event) string { return e.SHA1 })
	add("sha256", "sha256", false, func(e *event.Event) string { return e.SHA256 })
	add("x509fp_sha1", "sha1", false, func(e *event.Event) string { return e.X509FPSHA1 })
	add("action", kindText, false, func(e *event.Event) string { return e.Action })
	add("email", "email", false, func(e *event.Event) string { return e.Email })
	add("iban", kindText, false, func(e *event.Event) string { return e.IBAN })
	add("phone", kindText, false, func(e *event.Event) string { return e.Phone })
	add("username", kindText, false, func(e *event.Event) string { return e.Username })
	add("registrar", kindText, false, func(e *event.Event) string { return e.Registrar })
	add("url_pattern", kindText, false, func(e *event.Event) string { return e.URLPattern })
	add("classification.taxonomy", kindEnum, false, func(e *event.Event) string { return e.Taxonomy })
	add("classification.type", kindEnum, false, func(e *event.Event) string { return e.Type })
	return m
}

// one is a field with one value, which is absent when it is empty.
func one(add func([]byte, *event.Event) []byte) func([]byte, *event.Event, int) ([]byte, bool) {
	return func(dst []byte, e *event.Event, i int) ([]byte, bool) {
		if i > 0 {
			return dst, false
		}
		return add(dst, e), true
	}
}

func appendID(dst []byte, id event.ID) []byte {
	if id.IsZero() {
		return dst
	}
	return hex.AppendEncode(dst, id[:])
}

func timeOf(required bool, get func(*event.Event) time.Time) field {
	return field{kind: kindTimestamp, required: required, at: one(func(dst []byte, e *event.Event) []byte {
		t := get(e)
		if t.IsZero() {
			return dst
		}
		return t.UTC().AppendFormat(dst, time.RFC3339Nano)
	})}
}

func numberOf(kind string, get func(*event.Event) (uint32, bool)) field {
	return field{kind: kind, number: true, at: one(func(dst []byte, e *event.Event) []byte {
		n, ok := get(e)
		if !ok {
			return dst
		}
		return strconv.AppendUint(dst, uint64(n), 10)
	})}
}

func addressOf(kind string, number bool, add func([]byte, *event.Address) []byte) field {
	return field{kind: kind, list: true, number: number, at: func(dst []byte, e *event.Event, i int) ([]byte, bool) {
		if i >= len(e.Address) {
			return dst, false
		}
		return add(dst, &e.Address[i]), true
	}}
}

func listOf(kind string, get func(*event.Event) []string) field {
	return field{kind: kind, list: true, at: func(dst []byte, e *event.Event, i int) ([]byte, bool) {
		list := get(e)
		if i >= len(list) {
			return dst, false
		}
		return append(dst, list[i]...), true
	}}
}
