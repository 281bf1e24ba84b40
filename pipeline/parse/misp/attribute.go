package misp

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Attribute appends the record of an attribute, which must be a JSON object, to dst:
// the attribute as it is, Event and Object around it, and in ioc what it means. e and
// o may be nil. pass is why the attribute is no observable; there is no record then.
func Attribute(dst []byte, object string, e *Event, o *Object) (rec []byte, pass string) {
	a := attribute{w: record.NewWriter(append(dst, '{'), false)}
	record.Members(object, func(name string, v record.Value) bool {
		a.member(name, v)
		return true
	})
	if a.event != nil && (e == nil || e.info == "") {
		e = a.event
	}
	if e == nil {
		e = &Event{json: []byte("{}")}
	}
	if pass := a.observe(); pass != "" {
		return dst, pass
	}
	a.around(e, o)
	a.meaning(e, o)
	return a.w.Bytes(), ""
}

// Summary appends the record of an event without attributes, as a manifest lists
// them.
func Summary(dst []byte, object string) []byte {
	e := ReadEvent(object)
	a := attribute{w: record.NewWriter(append(dst, '{'), false)}
	a.around(e, nil)
	a.meaning(e, nil)
	return a.w.Bytes()
}

// attribute is one attribute on its way to a record.
type attribute struct {
	w                    record.Writer
	typ, category, value string
	comment              string
	ids, deleted         bool
	tags                 []string
	event                *Event // that the attribute itself names
	found                []part
}

// part is one member of ioc.
type part struct{ name, value string }

func (a *attribute) member(name string, v record.Value) {
	switch name {
	case "data", "Galaxy", "Object", "ShadowAttribute", "Sighting", "RelatedAttribute", "Feed":
		return
	case "Event":
		if v.Kind == record.Object {
			a.event = ReadEvent(v.Text)
		}
		return
	case "Tag", "AttributeTag":
		a.tags = appendTags(a.tags, v)
	case "type":
		a.typ = v.Text
	case "category":
		a.category = v.Text
	case "value":
		a.value = strings.TrimSpace(v.Text)
	case "comment":
		a.comment = v.Text
	case "to_ids":
		a.ids = isTrue(v)
	case "deleted":
		a.deleted = isTrue(v)
	}
	a.w.Value(name, v)
}

func isTrue(v record.Value) bool { return v.Text == "true" || v.Text == "1" }

// around writes the event and the object.
func (a *attribute) around(e *Event, o *Object) {
	a.w.Raw("Event", record.Text(e.json))
	if o != nil {
		a.w.Raw("Object", record.Text(o.json))
	}
}

// meaning writes ioc.
func (a *attribute) meaning(e *Event, o *Object) {
	a.w.Open("ioc")
	port := false
	for _, p := range a.found {
		a.w.Text(p.name, p.value)
		port = port || p.name == "dport" || p.name == "sport"
	}
	if !port && a.isServer() {
		a.w.Text("dport", a.portBeside(o))
	}
	said, tags := e.said, e.tags
	if len(a.tags) > 0 {
		said, tags = meaningOf(a.tags).over(said), append(a.tags, tags...)
	}
	a.w.Text("category", a.categoryOf(said.rsit))
	a.w.Text("type", said.rsit)
	a.w.Text("tlp", said.tlp)
	a.w.Text("malware", said.malware)
	a.w.Text("threat_actor", said.actor)
	a.w.Texts("tags", tags)
	a.w.Close()
	a.w.Close()
}

var portInComment = regexp.MustCompile(`(?i)\bport\b[^0-9]{0,8}(\d{1,5})\b`)

func (a *attribute) isServer() bool {
	switch a.typ {
	case "ip-dst", "hostname", "domain", "domain|ip":
		return true
	}
	return false
}

// portBeside is the port that the object or the comment names.
func (a *attribute) portBeside(o *Object) string {
	if o != nil && o.port != "" {
		return o.port
	}
	if m := portInComment.FindStringSubmatch(a.comment); m != nil {
		return m[1]
	}
	return ""
}

// observe says what the value is, or why it is nothing to look for.
func (a *attribute) observe() string {
	switch {
	case a.deleted:
		return "deleted"
	case a.typ == "" || a.value == "":
		return "no-value"
	}
	if to, ok := plainTypes[a.typ]; ok {
		a.put(to, a.value)
		return ""
	}
	first, second, composite := strings.Cut(a.value, "|")
	if types, ok := compositeTypes[a.typ]; ok && composite {
		a.put(types[0], first)
		a.put(types[1], second)
		return ""
	} else if ok {
		return a.half(types)
	}
	if sum, ok := strings.CutPrefix(a.typ, "filename|"); ok && composite {
		a.put("filename", first)
		a.put(hashMember(sum), second)
		return ""
	}
	return typeReason(a.typ)
}

// half is what a composite type has without its second part: malware-sample may be
// a hash alone, ip-dst|port may be written with a colon.
func (a *attribute) half(types [2]string) string {
	if strings.HasSuffix(types[1], "port") {
		if i := strings.LastIndexByte(a.value, ':'); i > 0 {
			a.put(types[0], strings.Trim(a.value[:i], "[]"))
			a.put(types[1], a.value[i+1:])
			return ""
		}
	}
	a.put(types[0], a.value)
	return ""
}

// put keeps a value, an address with a prefix as a network.
func (a *attribute) put(name, value string) {
	value = strings.TrimSpace(value)
	switch name {
	case "ip":
		if p, err := netip.ParsePrefix(value); err == nil && !p.IsSingleIP() {
			name, value = "network", p.Masked().String()
		}
	case "cve":
		if !strings.HasPrefix(strings.ToUpper(value), "CVE-") {
			name = "vulnerability"
		}
	}
	if value != "" {
		a.found = append(a.found, part{name, value})
	}
}

// hashMember is the name of a hash in ioc.
func hashMember(typ string) string {
	return strings.NewReplacer("-", "_", "/", "_").Replace(typ)
}

// plainTypes are the types of one value, with the member of ioc that they become.
var plainTypes = func() map[string]string {
	m := map[string]string{
		"ip-src": "ip", "ip-dst": "ip", "domain": "fqdn", "hostname": "fqdn", "onion-address": "fqdn",
		"url": "url", "uri": "url", "email": "email", "email-src": "email", "email-dst": "email", "email-reply-to": "email",
		"vulnerability": "cve", "x509-fingerprint-sha1": "x509fp_sha1", "iban": "iban", "phone-number": "phone",
		"AS": "asn", "filename": "filename", "mac-address": "mac_address", "mac-eui-64": "mac_address", "named pipe": "named_pipe",
		"x509-fingerprint-md5": "x509fp_md5", "x509-fingerprint-sha256": "x509fp_sha256",
	}
	for _, t := range strings.Fields(`md5 sha1 sha224 sha256 sha384 sha512 sha512/224 sha512/256 sha3-224 sha3-256 sha3-384 sha3-512
		ssdeep imphash impfuzzy authentihash vhash pehash tlsh telfhash cdhash ja3-fingerprint-md5 jarm-fingerprint hassh-md5
		hasshserver-md5 favicon-mmh3 community-id mutex regkey pdb user-agent windows-service-name windows-service-displayname
		btc xmr dash bank-account-nr bic mobile-application-id chrome-extension-id cpe`) {
		m[t] = hashMember(t)
	}
	return m
}()

// compositeTypes are those of two values with | between.
var compositeTypes = map[string][2]string{
	"domain|ip": {"fqdn", "ip"}, "ip-dst|port": {"ip", "dport"}, "ip-src|port": {"ip", "sport"}, "hostname|port": {"fqdn", "dport"},
	"malware-sample": {"filename", "md5"}, "regkey|value": {"regkey", "regkey_value"},
}

// typeReason is why a type is passed over. What a feed calls a type may be anything.
func typeReason(typ string) string {
	if len(typ) > 32 || strings.Trim(typ, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_|/. ") != "" {
		return "type"
	}
	return "type " + typ
}
