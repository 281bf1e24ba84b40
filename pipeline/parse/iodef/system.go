package iodef

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// system is what was observed: a node in a network, a file, a mail.
type system struct {
	category string
	roles    []string
	// lists are what is known of it by the name of the member.
	lists map[string][]string
	// protocol, port and service are of the first service.
	protocol, port, service string
	counter, note           string
	spoofed                 string
}

func (s *system) add(member, value string) {
	value = strings.TrimSpace(value)
	if value == "" || len(s.lists[member]) >= 1024 {
		return
	}
	if s.lists == nil {
		s.lists = map[string][]string{}
	}
	if !slices.Contains(s.lists[member], value) {
		s.lists[member] = append(s.lists[member], value)
	}
}

func (s *system) empty() bool { return len(s.lists) == 0 }

// members are the lists in the order in which they are written.
var members = []string{"ip", "network", "asn", "fqdn", "url", "email", "mac", "md5", "sha1", "sha256", "sha512", "filename",
	"subject", "user_agent", "registry_key", "mutex", "user", "os", "location", "other"}

func (s *system) String() string {
	var o markup.Object
	o.Text("category", s.category)
	o.Texts("roles", s.roles)
	for _, m := range members {
		o.Texts(m, s.lists[m])
	}
	o.Text("proto", protocols[s.protocol])
	if protocols[s.protocol] == "" {
		o.Text("protocol", s.protocol)
	}
	o.Text("port", s.port)
	o.Text("service", s.service)
	o.Text("counter", s.counter)
	o.Text("description", s.note)
	o.Text("spoofed", s.spoofed)
	return o.String()
}

var protocols = map[string]string{"1": "icmp", "6": "tcp", "17": "udp", "58": "icmp", "tcp": "tcp", "udp": "udp", "icmp": "icmp"}

// kinds are the members for the kinds of addresses and bulk observables.
var kinds = map[string]string{
	"": "ip", "ipv4-addr": "ip", "ipv6-addr": "ip", "ipv4-net": "network", "ipv4-net-mask": "network", "ipv4-net-masked": "network",
	"ipv6-net": "network", "ipv6-net-mask": "network", "ipv6-net-masked": "network", "asn": "asn", "e-mail": "email", "mac": "mac",
	"site-uri": "url", "domain-name": "fqdn", "fqdn": "fqdn", "file-path": "filename", "email-subject": "subject",
	"http-user-agent": "user_agent", "windows-reg-key": "registry_key", "mutex": "mutex", "user-name": "user", "http-request-uri": "other",
}

// observe adds a value of a kind.
func (s *system) observe(kind, value string) {
	value = strings.TrimSpace(value)
	switch kind {
	case "file-hash":
		s.hash(value)
		return
	case "domain-to-ipv4", "domain-to-ipv6", "domain-to-ipv4-timestamp", "domain-to-ipv6-timestamp":
		if f := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }); len(f) > 1 {
			s.add("fqdn", f[0])
			s.add("ip", f[1])
			return
		}
	case "ipv4-port", "ipv6-port", "mac-port":
		if host, port, ok := cutPort(value); ok {
			s.add("ip", host)
			s.port = port
			return
		}
	}
	if m, ok := kinds[kind]; ok {
		s.add(m, value)
	} else {
		s.add("other", value)
	}
}

// cutPort splits address:port, address,port and address port.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexAny(s, ":, ")
	if i < 0 {
		return "", "", false
	}
	return strings.Trim(strings.TrimSpace(s[:i]), "[]"), s[i+1:], true
}

// hashes are the members by how many digits there are.
var hashes = map[int]string{32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}

// hash adds a digest in hex, or in base64 as XML signatures have it.
func (s *system) hash(value string) {
	text := strings.TrimPrefix(strings.ToLower(value), "0x")
	if _, err := hex.DecodeString(text); err != nil || hashes[len(text)] == "" {
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			s.add("other", value)
			return
		}
		text = hex.EncodeToString(raw)
	}
	if m := hashes[len(text)]; m != "" {
		s.add(m, text)
	} else {
		s.add("other", value)
	}
}

// simple are elements whose text is a value of a member.
var simple = map[string]string{
	"NodeName": "fqdn", "Location": "location", "FileName": "filename", "FilePath": "filename", "URL": "url", "SiteURI": "url",
	"EmailTo": "email", "EmailFrom": "email", "EmailSubject": "subject", "UserAgent": "user_agent", "KeyName": "registry_key",
}

// read adds what an element says: a System, Node, DomainData, FileData and so on.
func (s *system) read(n *markup.Node) {
	if member := simple[n.Name]; member != "" {
		s.add(member, n.Trimmed())
	}
	switch n.Name {
	case "Address":
		kind := either(n.Attr("category"), n.Attr("ext-category"))
		s.observe(kind, n.Trimmed())
		return
	case "DomainData":
		s.add("fqdn", n.At("Name").Trimmed())
		return
	case "NodeRole":
		if role := either(n.Attr("category"), n.Attr("ext-category")); role != "" {
			s.roles = append(s.roles, role)
		}
		return
	case "Service":
		s.serve(n)
	case "Counter":
		s.counter = firstOf(s.counter, n.Trimmed(), n.Attr("value"))
	case "OperatingSystem":
		s.add("os", firstOf(n.At("SoftwareReference").Attr("name"), strings.TrimSpace(n.Attr("vendor")+" "+n.Attr("name")+" "+n.Attr("version")), n.Trimmed()))
		return
	case "Hash":
		s.hash(n.At("DigestValue").Trimmed())
		return
	case "Description":
		s.note = firstOf(s.note, n.Trimmed())
	case "Reference", "AdditionalData", "Contact", "SignatureData", "Nameservers", "RelatedDNS":
		return // they are about it, and not it
	}
	for c := range n.Children() {
		s.read(c)
	}
}

func (s *system) serve(n *markup.Node) {
	s.protocol = firstOf(s.protocol, strings.ToLower(firstOf(n.Attr("ip_protocol"), n.Attr("ip-protocol"))))
	port := firstOf(n.At("Port").Trimmed(), n.At("Portlist").Trimmed())
	s.port = firstOf(s.port, port)
	s.service = firstOf(s.service, n.At("ServiceName", "IANAService").Trimmed(), n.At("Application").Attr("name"))
}

// systemOf reads an element System.
func systemOf(n *markup.Node) *system {
	s := &system{category: either(n.Attr("category"), n.Attr("ext-category")), spoofed: n.Attr("spoofed")}
	for c := range n.Children() {
		s.read(c)
	}
	return s
}
