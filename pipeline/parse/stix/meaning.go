package stix

import (
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// hashName is the name that the standard gives a kind of hash.
func hashName(s string) string {
	if name, ok := hashNames[strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))]; ok {
		return name
	}
	return s
}

var hashNames = map[string]string{
	"md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
	"sha3256": "SHA3-256", "sha3512": "SHA3-512", "ssdeep": "SSDEEP", "tlsh": "TLSH", "imphash": "IMPHASH",
}

// hashMembers are the members of ioc for hashes.
var hashMembers = map[string]string{
	"MD5": "md5", "SHA-1": "sha1", "SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512",
	"SHA3-256": "sha3_256", "SHA3-512": "sha3_512", "SSDEEP": "ssdeep", "TLSH": "tlsh", "IMPHASH": "imphash",
}

// properties are the members of ioc by type and property, but for addresses, which
// may be networks, and hashes.
var properties = map[string]string{
	"url:value": "url", "domain-name:value": "fqdn", "email-addr:value": "email", "email-message:from_ref.value": "email",
	"email-message:sender_ref.value": "email", "email-message:subject": "email_subject",
	"autonomous-system:number": "asn", "file:name": "filename", "mutex:name": "mutex", "mac-addr:value": "mac_address",
	"windows-registry-key:key": "registry_key", "user-account:account_login": "username", "user-account:user_id": "username",
	"user-account:display_name": "username", "process:command_line": "command_line", "process:name": "process_name",
	"directory:path": "directory", "x509-certificate:serial_number": "x509_serial_number", "artifact:url": "url",
	"network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'": "user_agent",
}

// member is the member of ioc that the observable becomes; "" if it is nothing that
// an event has a place for.
func (o *Observable) member() string {
	switch {
	case o.Type == "ipv4-addr" && o.Property == "value", o.Type == "ipv6-addr" && o.Property == "value",
		o.Type == "network-traffic" && strings.HasSuffix(o.Property, "_ref.value"),
		o.Type == "domain-name" && o.Property == "resolves_to_refs[*].value":
		return hostMember(o.Value)
	}
	if kind, ok := strings.CutPrefix(o.Property, "hashes."); ok {
		member := hashMembers[hashName(strings.Trim(kind, `'"`))]
		switch {
		case member == "":
			return ""
		case o.Type == "x509-certificate":
			return "x509fp_" + member
		case o.Type == "file" || o.Type == "artifact":
			return member
		}
		return ""
	}
	return properties[o.Type+":"+o.Property]
}

func (o *Observable) known() bool { return o.member() != "" }

// shared is what decides on the meaning of an observable beside itself.
type shared struct {
	labels, phases []string
	confidence     string
}

// write writes the members observable and ioc.
func (o *Observable) write(w *record.Writer, s *shared, more []Observable) {
	w.Open("observable")
	w.Text("type", o.Type)
	w.Text("property", o.Property)
	w.Text("value", o.Value)
	if _, err := strconv.ParseUint(o.Port, 10, 16); err == nil {
		w.Raw("port", o.Port)
	}
	w.Text("protocol", o.Protocol)
	if o.Source {
		w.Text("side", "src")
	}
	w.Close()
	o.meaning(w, s, more)
}

// meaning writes ioc: the observable, and others of the same object.
func (o *Observable) meaning(w *record.Writer, s *shared, more []Observable) {
	w.Open("ioc")
	member := o.member()
	w.Text(member, o.Value)
	for i := range more {
		if m := more[i].member(); m != member {
			w.Text(m, more[i].Value)
		}
	}
	if o.Source {
		w.Text("sport", o.Port)
	} else {
		w.Text("dport", o.Port)
	}
	w.Text("proto", transport([]string{o.Protocol}))
	w.Text("category", s.category(member))
	if percent, err := strconv.ParseFloat(s.confidence, 64); err == nil {
		w.Text("confidence", event.ConfidenceOf(percent).String())
	}
	w.Close()
}

// Complete appends a record of an observable that somebody else has taken out of a
// package of STIX, with ioc, which says what it means. The record is a JSON object
// with observable (type, property, value, port, protocol), labels, kill_chain and
// confidence.
func Complete(dst []byte, rec string) []byte {
	var o Observable
	var s shared
	members := 0
	record.Members(rec, func(name string, v record.Value) bool {
		members++
		switch name {
		case "observable":
			record.Members(v.Text, func(name string, v record.Value) bool {
				switch name {
				case "type":
					o.Type = v.Text
				case "property":
					o.Property = v.Text
				case "value":
					o.Value = v.Text
				case "port":
					o.Port = v.Text
				case "protocol":
					o.Protocol = v.Text
				case "side":
					o.Source = v.Text == "src"
				}
				return true
			})
		case "labels":
			record.EachText(v, func(t string) { s.labels = append(s.labels, t) })
		case "kill_chain":
			record.EachText(v, func(t string) { s.phases = append(s.phases, t) })
		case "confidence":
			s.confidence = v.Text
		}
		return true
	})
	dst = append(dst, strings.TrimRight(rec, " \t\r\n")...)
	w := record.NewWriter(dst[:len(dst)-1], members > 0)
	o.meaning(&w, &s, nil)
	w.Close()
	return w.Bytes()
}

// categories are the categories by label, indicator type or phase of a kill chain,
// in lower case with hyphens.
var categories = func() map[string]string {
	m := map[string]string{}
	for category, words := range map[string]string{
		"cnc":            "c2 cnc c&c c2-server command-and-control cobalt-strike cobaltstrike",
		"phish":          "phishing phish phishing-site spearphishing spear-phishing credential-phishing credential-harvesting",
		"bots":           "botnet bot bots botnet-drone infected compromised infected-system",
		"malurl":         "malware-distribution malware-download malware-hosting malware-download-url payload-delivery dropper delivery installation exploit-kit malurl",
		"scanning":       "scanner scanning port-scan portscan reconnaissance recon internet-scanner",
		"server-exploit": "brute-force bruteforce exploit exploitation exploit-attempt attempted-exploitation web-attack",
		"spam":           "spam spammer",
		"tor":            "tor tor-node tor-exit tor-exit-node",
		"proxy":          "proxy vpn anonymization anonymizer open-proxy",
		"dos-attacker":   "ddos dos ddos-attack",
		"scam":           "scam",
		"fraud":          "fraud",
		"leak":           "leak data-leak credential-leak",
		"deface":         "defacement deface",
		"vulnerable":     "vulnerable vulnerability",
	} {
		for word := range strings.FieldsSeq(words) {
			m[word] = category
		}
	}
	return m
}()

// malicious are labels that name malware without saying what the observable does.
var malicious = map[string]bool{"malware": true, "ransomware": true, "trojan": true, "malware-artifact": true, "malware-artifacts": true,
	"file-hash-watchlist": true, "cryptominer": true, "infostealer": true, "stealer": true}

// category is what labels and phases say of the observable; "" if they do not tell.
func (s *shared) category(member string) string {
	for _, list := range [][]string{s.labels, s.phases} {
		for _, l := range list {
			if c := categories[normalLabel(l)]; c != "" {
				return c
			}
		}
	}
	for _, l := range s.labels {
		if malicious[normalLabel(l)] {
			switch member {
			case "ip", "network", "fqdn", "url":
				return "malurl"
			case "email":
				return "spam"
			}
			return "malware-action"
		}
	}
	return ""
}

func normalLabel(l string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(l)), " ", "-"), "_", "-")
}
