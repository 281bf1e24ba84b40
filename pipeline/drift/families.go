package drift

import (
	"slices"
	"strings"
)

// family is a group of kinds that exclude each other and stand for the same
// thing: a column of addresses may hold both versions of IP.
type family struct {
	name  string
	kinds Kinds
	// fields, if any, are the only ones in which the family says something: small
	// numbers are ports only where ports are expected.
	fields []string
	// parts are what people call it, if values of one part among those of another are
	// worth a word.
	parts []Family
}

// Family is kinds that stand for the same thing.
type Family struct {
	Name  string // for people, in the plural
	Kinds Kinds
}

// families in order of how much they tell.
var families = []family{
	{name: "cidr", kinds: CIDR4 | CIDR6, parts: []Family{{"networks", CIDR4 | CIDR6}}},
	{name: "ip_port", kinds: IPPort, parts: []Family{{"addresses with ports", IPPort}}},
	{name: "ip_range", kinds: IPRange, parts: []Family{{"ranges of addresses", IPRange}}},
	{name: "ip", kinds: IPv4 | IPv6, parts: []Family{{"IPv4 addresses", IPv4}, {"IPv6 addresses", IPv6}}},
	{name: "url", kinds: URL, parts: []Family{{"URLs", URL}}},
	{name: "fqdn", kinds: FQDN, parts: []Family{{"domain names", FQDN}}},
	{name: "email", kinds: Email, parts: []Family{{"e-mail addresses", Email}}},
	{name: "mac", kinds: MAC, parts: []Family{{"MAC addresses", MAC}}},
	{name: "sha256", kinds: SHA256, parts: []Family{{"SHA-256", SHA256}}},
	{name: "sha1", kinds: SHA1, parts: []Family{{"SHA-1", SHA1}}},
	{name: "md5", kinds: MD5, parts: []Family{{"MD5", MD5}}},
	{name: "cve", kinds: CVE, parts: []Family{{"CVE ids", CVE}}},
	{name: "uuid", kinds: UUID, parts: []Family{{"UUIDs", UUID}}},
	{name: "timestamp", kinds: Timestamp, parts: []Family{{"times", Timestamp}}},
	{name: "asn", kinds: ASN, fields: []string{"asn"}},
	{name: "port", kinds: Port, fields: []string{"sport", "dport"}},
	{name: "cc", kinds: CC, fields: []string{"cc"}},
	{name: "bool", kinds: Bool},
	{name: "number", kinds: Int | Float, parts: []Family{{"numbers", Int | Float | ASN}}},
	{name: "text", kinds: Text},
}

// Families are those that have a name for people, in order of how much they tell.
func Families() []Family {
	var out []Family
	for i := range families {
		out = append(out, families[i].parts...)
	}
	return out
}

// telling reports whether values of other kinds are hardly ever in the family.
func (f *family) telling() bool {
	return f.kinds&(Text|Int|Float|CC|Port|ASN|Bool) == 0
}

// timeFields are the event fields that hold times.
var timeFields = []string{"time", "until", "expires", "first_seen", "last_seen", "modified"}

// fieldKinds are the kinds that an event field takes without a rule that
// rewrites the value.
func fieldKinds(field string) Kinds {
	switch field {
	case "ip", "dip":
		return IPv4 | IPv6
	case "url":
		return URL
	case "fqdn":
		return FQDN
	case "email":
		return Email
	case "md5":
		return MD5
	case "sha1", "x509fp_sha1":
		return SHA1
	case "sha256":
		return SHA256
	case "sport", "dport":
		return Port
	case "asn":
		return ASN
	case "cc":
		return CC
	case "cves":
		return CVE
	}
	if slices.Contains(timeFields, field) {
		return Timestamp
	}
	return 0
}

// applies tells whether the family says something about a column.
func (f *family) applies(col *Column) bool {
	return len(f.fields) == 0 || hasField(col, f.fields)
}

func hasField(col *Column, fields []string) bool {
	return slices.ContainsFunc(col.Fields, func(field string) bool {
		return slices.Contains(fields, field) || slices.Contains(fields, field[strings.LastIndexByte(field, '.')+1:])
	})
}

// of counts the values of a column that are in the family. A number that could
// be seconds since 1970 is a time only where times are expected.
func (f *family) of(col *Column) int64 {
	n := col.Kinds.Of(f.kinds)
	if n > 0 && f.kinds == Timestamp && !hasField(col, timeFields) {
		for _, l := range col.Layouts {
			if isEpoch(l.Name) {
				n -= l.Values
			}
		}
	}
	return max(n, 0)
}

// familyOf returns the family of most of the values; among equals the one that
// tells more.
func familyOf(col *Column) *family {
	best, most := &families[len(families)-1], int64(0)
	for i := range families {
		f := &families[i]
		if !f.applies(col) {
			continue
		}
		if n := f.of(col); n > most {
			best, most = f, n
		}
	}
	return best
}

// label is the family's name, or the one kind of it that all values have.
func (f *family) label(col *Column) string {
	for i, name := range kindNames {
		if f.kinds&(1<<i) != 0 && col.Kinds[i] > 0 && col.Kinds[i] == f.of(col) {
			return name
		}
	}
	return f.name
}

// similarity compares the kinds of two columns: 0 nothing in common, 1 the same
// shares. Columns without values are not similar to anything.
func similarity(a, b *Column) float64 {
	if a == nil || b == nil || a.Values == 0 || b.Values == 0 {
		return 0
	}
	var least, most float64
	for i := range kindCount {
		x := float64(a.Kinds[i]) / float64(a.Values)
		y := float64(b.Kinds[i]) / float64(b.Values)
		least += min(x, y)
		most += max(x, y)
	}
	if most == 0 {
		return 0
	}
	return least / most
}
