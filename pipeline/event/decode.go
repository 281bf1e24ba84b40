package event

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// DecodeJSON reads the canonical form (any key order, white space allowed) into e,
// which it resets first. Unknown and repeated keys, wrong types, null and trailing
// bytes are errors; they are *FieldErrors, with the field "event" if the line is no
// JSON object at all. Strings of e do not alias line; they share one copy of it.
//
// It checks form, not content: Validate decides whether it is an event.
func DecodeJSON(line []byte, e *Event) error {
	e.Reset()
	d := decoder{scanner: scanner{in: line}, shared: string(line)}
	if readObject(&d, eventMembers[:], e) && d.end() {
		return nil
	}
	if d.field == "" {
		d.field = "event"
	}
	return fieldError(d.field, d.reason, d.got)
}

// decoder reads events. After a failure reason (of the scanner), field and got
// tell what FieldError tells.
type decoder struct {
	scanner
	shared string // the same bytes as in, for strings to be parts of
	field  string
	got    string
}

func (d *decoder) refuse(reason, value string) bool {
	if d.reason == "" {
		d.got = value
	}
	return d.fail(reason)
}

// inMember puts a failure into the member where it happened. Keys are foreign text.
func (d *decoder) inMember(key string) bool {
	if !isExtraKey(key) {
		key = quote(key[:min(len(key), 64)])
	}
	return d.within(key)
}

// within puts a failure into a part of what is being read.
func (d *decoder) within(part string) bool {
	if d.field != "" && d.field[0] != '[' {
		part += "."
	}
	d.field = part + d.field
	return false
}

// member is one key of an object that is read into t.
type member[T any] struct {
	name string
	read func(d *decoder, t T) bool
}

// readObject reads an object with no other keys than those of members, which are at
// most 64. Keys in the order of members are found without search.
func readObject[T any](d *decoder, members []member[T], t T) bool {
	if !d.expect('{') {
		return false
	}
	if d.accept('}') {
		return true
	}
	var seen uint64
	for next := 0; ; {
		key := d.text(d.shared)
		if !d.expect(':') {
			return false
		}
		i := indexMember(members, key, next)
		switch {
		case i < 0:
			return d.refuse("is no field of an event", "") || d.inMember(key)
		case seen&(1<<i) != 0:
			return d.refuse("occurs twice", "") || d.inMember(key)
		case !members[i].read(d, t):
			return d.inMember(key)
		}
		seen |= 1 << i
		next = i + 1
		if d.accept('}') {
			return true
		}
		if !d.expect(',') {
			return false
		}
	}
}

// indexMember looks from next to the end, then from the beginning.
func indexMember[T any](members []member[T], key string, next int) int {
	for i := next; i < len(members); i++ {
		if members[i].name == key {
			return i
		}
	}
	for i := range next {
		if members[i].name == key {
			return i
		}
	}
	return -1
}

// array reads an array of at most limit elements, with element for each.
func (d *decoder) array(limit int, element func(d *decoder, e *Event) bool, e *Event) bool {
	if !d.expect('[') {
		return false
	}
	if d.accept(']') {
		return true
	}
	for i := 0; ; i++ {
		if i == limit {
			return d.refuse("has more than "+strconv.Itoa(limit)+" values", "")
		}
		if !element(d, e) {
			return d.within("[" + strconv.Itoa(i) + "]")
		}
		if d.accept(']') {
			return true
		}
		if !d.expect(',') {
			return false
		}
	}
}

// eventMembers are in canonical order.
var eventMembers = [...]member[*Event]{
	{"id", func(d *decoder, e *Event) bool { return d.id(&e.ID) }},
	{"source", func(d *decoder, e *Event) bool { return d.string(&e.Source) }},
	{"restriction", func(d *decoder, e *Event) bool { return readEnum(d, &e.Restriction, restrictionNames) }},
	{"confidence", func(d *decoder, e *Event) bool { return readEnum(d, &e.Confidence, confidenceNames) }},
	{"category", func(d *decoder, e *Event) bool { return readEnum(d, &e.Category, categoryNames) }},
	{"time", func(d *decoder, e *Event) bool { return d.time(&e.Time) }},
	{"modified", func(d *decoder, e *Event) bool { return d.time(&e.Modified) }},
	{"name", func(d *decoder, e *Event) bool { return d.string(&e.Name) }},
	{"target", func(d *decoder, e *Event) bool { return d.string(&e.Target) }},
	{"address", func(d *decoder, e *Event) bool { return d.array(MaxAddresses, readAddress, e) }},
	{"fqdn", func(d *decoder, e *Event) bool { return d.string(&e.FQDN) }},
	{"url", func(d *decoder, e *Event) bool { return d.string(&e.URL) }},
	{"proto", func(d *decoder, e *Event) bool { return readEnum(d, &e.Proto, protoNames) }},
	{"sport", func(d *decoder, e *Event) bool { return readNumber(d, &e.SPort, 16) }},
	{"dport", func(d *decoder, e *Event) bool { return readNumber(d, &e.DPort, 16) }},
	{"dip", func(d *decoder, e *Event) bool { return d.ip(&e.DIP) }},
	{"adip", func(d *decoder, e *Event) bool { return d.string(&e.ADIP) }},
	{"md5", func(d *decoder, e *Event) bool { return d.string(&e.MD5) }},
	{"sha1", func(d *decoder, e *Event) bool { return d.string(&e.SHA1) }},
	{"sha256", func(d *decoder, e *Event) bool { return d.string(&e.SHA256) }},
	{"x509fp_sha1", func(d *decoder, e *Event) bool { return d.string(&e.X509FPSHA1) }},
	{"origin", func(d *decoder, e *Event) bool { return readEnum(d, &e.Origin, originNames) }},
	{"status", func(d *decoder, e *Event) bool { return readEnum(d, &e.Status, statusNames) }},
	{"action", func(d *decoder, e *Event) bool { return d.string(&e.Action) }},
	{"email", func(d *decoder, e *Event) bool { return d.string(&e.Email) }},
	{"iban", func(d *decoder, e *Event) bool { return d.string(&e.IBAN) }},
	{"phone", func(d *decoder, e *Event) bool { return d.string(&e.Phone) }},
	{"username", func(d *decoder, e *Event) bool { return d.string(&e.Username) }},
	{"registrar", func(d *decoder, e *Event) bool { return d.string(&e.Registrar) }},
	{"url_pattern", func(d *decoder, e *Event) bool { return d.string(&e.URLPattern) }},
	{"until", func(d *decoder, e *Event) bool { return d.time(&e.Until) }},
	{"count", func(d *decoder, e *Event) bool { return readNumber(d, &e.Count, 32) }},
	{"expires", func(d *decoder, e *Event) bool { return d.time(&e.Expires) }},
	{"first_seen", func(d *decoder, e *Event) bool { return d.time(&e.FirstSeen) }},
	{"last_seen", func(d *decoder, e *Event) bool { return d.time(&e.LastSeen) }},
	{"replaces", func(d *decoder, e *Event) bool { return d.id(&e.Replaces) }},
	{"client", func(d *decoder, e *Event) bool { return d.array(MaxClients, readClient, e) }},
	{"ignored", func(d *decoder, e *Event) bool { return d.isTrue(&e.Ignored) }},
	{"tlp", func(d *decoder, e *Event) bool { return readEnum(d, &e.TLP, tlpNames) }},
	{"undated", func(d *decoder, e *Event) bool { return d.isTrue(&e.Undated) }},
	{"classification", func(d *decoder, e *Event) bool { return readObject(d, classificationMembers[:], e) }},
	{"cves", func(d *decoder, e *Event) bool { return d.array(MaxCVEs, readCVE, e) }},
	{"extra", readExtra},
}

var addressMembers = [...]member[*Address]{
	{"ip", func(d *decoder, a *Address) bool { return d.ip(&a.IP) }},
	{"asn", func(d *decoder, a *Address) bool { return readNumber(d, &a.ASN, 32) }},
	{"cc", func(d *decoder, a *Address) bool { return d.string(&a.CC) }},
	{"dir", func(d *decoder, a *Address) bool { return readEnum(d, &a.Dir, dirNames) }},
	{"rdns", func(d *decoder, a *Address) bool { return d.string(&a.RDNS) }},
}

var classificationMembers = [...]member[*Event]{
	{"taxonomy", func(d *decoder, e *Event) bool { return d.string(&e.Taxonomy) }},
	{"type", func(d *decoder, e *Event) bool { return d.string(&e.Type) }},
}

func readAddress(d *decoder, e *Event) bool {
	e.Address = append(e.Address, Address{})
	return readObject(d, addressMembers[:], &e.Address[len(e.Address)-1])
}

func readClient(d *decoder, e *Event) bool {
	e.Client = append(e.Client, d.text(d.shared))
	return d.reason == ""
}

func readCVE(d *decoder, e *Event) bool {
	e.CVEs = append(e.CVEs, d.text(d.shared))
	return d.reason == ""
}

// readExtra reads the extras and sorts them if they are not.
func readExtra(d *decoder, e *Event) bool {
	if !d.expect('{') {
		return false
	}
	if d.accept('}') {
		return true
	}
	// One copy for all values; the canonical form has nothing behind them.
	offset := d.pos
	values := append([]byte(nil), d.in[offset:]...)
	sorted := true
	for {
		key := d.text(d.shared)
		if !d.expect(':') {
			return false
		}
		d.peek()
		start := d.pos
		d.spaced, d.lines = false, false
		if !d.value(maxDepth) {
			return d.inMember(key)
		}
		value := values[start-offset : d.pos-offset : d.pos-offset]
		if d.spaced || d.lines {
			value, _ = compactJSON(value)
		}
		sorted = sorted && (len(e.Extra) == 0 || e.Extra[len(e.Extra)-1].Key < key)
		e.Extra = append(e.Extra, Extra{Key: key, Value: value})
		if d.accept('}') {
			break
		}
		if !d.expect(',') {
			return false
		}
	}
	if !sorted {
		if err := sortExtra(e.Extra); err != nil {
			return d.refuse(err.Reason, "") || d.inMember(strings.TrimPrefix(err.Field, extraPrefix))
		}
	}
	return true
}

func (d *decoder) string(p *string) bool {
	*p = d.text(d.shared)
	return d.reason == ""
}

func (d *decoder) time(p *time.Time) bool {
	s := d.text(d.shared)
	if d.reason != "" {
		return false
	}
	t, ok := parseCanonicalTime(s)
	if !ok {
		return d.refuse("is not a time in RFC 3339 with Z and at most microseconds", s)
	}
	*p = t
	return true
}

func (d *decoder) ip(p *netip.Addr) bool {
	s := d.text(d.shared)
	if d.reason != "" {
		return false
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return d.refuse("is not an IP address", s)
	}
	*p = ip
	return true
}

func (d *decoder) id(p *ID) bool {
	s := d.text(d.shared)
	if d.reason != "" {
		return false
	}
	id, err := ParseID(s)
	if err != nil {
		return d.refuse("is not 32 hex digits", s)
	}
	*p = id
	return true
}

func (d *decoder) isTrue(p *bool) bool {
	switch d.peek() {
	case 't':
		*p = true
		return d.literal("true")
	case 'f':
		return d.literal("false")
	}
	return d.unexpected("true or false")
}

func readEnum[T ~uint8](d *decoder, p *T, names []string) bool {
	s := d.text(d.shared)
	if d.reason != "" {
		return false
	}
	v, ok := parse[T](names, s)
	if !ok {
		return d.refuse("is not known"+oneOf(s, names[1:]), s)
	}
	*p = v
	return true
}

// readNumber reads a whole number without sign, fraction or exponent.
func readNumber[T uint16 | uint32](d *decoder, p *Opt[T], bits int) bool {
	d.peek()
	start := d.pos
	if !d.number() {
		return false
	}
	s := d.shared[start:d.pos]
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return d.refuse("is not a whole number of "+strconv.Itoa(bits)+" bits", s)
	}
	*p = Some(T(n))
	return true
}
