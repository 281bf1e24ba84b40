// Package idea makes messages of Warden (IDEA, https://idea.cesnet.cz) readable as
// one event each.
package idea

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Append appends a message, which must be a JSON object, to dst as it is, with
// members beside its own that say what its lists of lists mean for one event:
// category, type, confidence, cves, source, target and attach. Names of IDEA itself
// begin with capital letters. There is no message that it passes over.
func Append(dst []byte, object string) (rec []byte, pass string) {
	var m message
	record.Members(object, func(name string, v record.Value) bool {
		m.member(name, v)
		return true
	})
	dst = append(dst, strings.TrimRight(object, " \t\r\n")...)
	dst = dst[:len(dst)-1]
	w := record.NewWriter(dst, m.members > 0)
	w.Text("category", m.category())
	w.Text("type", m.kind.typ)
	w.Text("confidence", m.confidence)
	w.Texts("cves", m.cves)
	w.Texts("refs", m.refs)
	w.Open("source")
	m.source.write(&w)
	w.Text("server_port", m.serverPort())
	w.Close()
	w.Open("target")
	m.target.write(&w)
	w.Close()
	w.Open("attach")
	w.Text("md5", m.md5)
	w.Text("sha1", m.sha1)
	w.Text("sha256", m.sha256)
	w.Text("filename", m.filename)
	w.Close()
	w.Close()
	return w.Bytes(), ""
}

// message is what is taken out of a message.
type message struct {
	members                     int
	kind                        kind
	confidence                  string
	cves, refs                  []string
	source, target              side
	md5, sha1, sha256, filename string
}

// kind is what a category of IDEA is here.
type kind struct{ category, typ string }

// kinds are the categories of IDEA, in lower case. A category that is not here
// is what the part before its dot is.
var kinds = map[string]kind{
	"abusive": {"other", ""}, "abusive.spam": {"spam", "spam"}, "abusive.harassment": {"other", "harmful-speech"},
	"abusive.child": {"other", "violence"}, "abusive.sexual": {"other", "violence"}, "abusive.violence": {"other", "violence"},
	"malware": {"malurl", "malware-distribution"}, "malware.virus": {"malurl", "malware-distribution"},
	"malware.worm": {"malurl", "malware-distribution"}, "malware.trojan": {"malurl", "malware-distribution"},
	"malware.spyware": {"malurl", "malware-distribution"}, "malware.dialer": {"malurl", "malware-distribution"},
	"malware.rootkit": {"malurl", "malware-distribution"}, "malware.ransomware": {"malurl", "malware-distribution"},
	"recon": {"scanning", ""}, "recon.scanning": {"scanning", "scanner"}, "recon.searching": {"scanning", ""},
	"recon.sniffing": {"other", "sniffing"}, "recon.socialengineering": {"scam", "social-engineering"},
	"attempt": {"server-exploit", ""}, "attempt.exploit": {"server-exploit", "exploit"},
	"attempt.login": {"server-exploit", "brute-force"}, "attempt.newsignature": {"server-exploit", "ids-alert"},
	"intrusion": {"server-exploit", ""}, "intrusion.admincompromise": {"server-exploit", "privileged-account-compromise"},
	"intrusion.usercompromise": {"server-exploit", "unprivileged-account-compromise"},
	"intrusion.appcompromise":  {"server-exploit", "application-compromise"}, "intrusion.botnet": {"bots", "infected-system"},
	"availability": {"other", ""}, "availability.dos": {"dos-attacker", "dos"}, "availability.ddos": {"dos-attacker", "ddos"},
	"availability.sabotage": {"other", "sabotage"}, "availability.outage": {"other", "outage"},
	"information": {"leak", ""}, "information.unauthorizedaccess": {"leak", "unauthorised-information-access"},
	"information.unauthorizedmodification": {"deface", "unauthorised-information-modification"},
	"fraud":                                {"fraud", ""}, "fraud.unauthorizedusage": {"fraud", "unauthorized-use-of-resources"},
	"fraud.copyright": {"fraud", "copyright"}, "fraud.masquerade": {"fraud", "masquerade"},
	"fraud.phishing": {"phish", "phishing"}, "fraud.scam": {"scam", ""},
	"vulnerable": {"vulnerable", "vulnerable-system"}, "vulnerable.open": {"vulnerable", "potentially-unwanted-accessible"},
	"vulnerable.config": {"vulnerable", "vulnerable-system"},
	"anomaly":           {"flow-anomaly", ""}, "anomaly.traffic": {"flow-anomaly", ""}, "anomaly.connection": {"flow-anomaly", ""},
	"anomaly.protocol": {"flow-anomaly", ""}, "anomaly.system": {"other", ""}, "anomaly.application": {"other", ""},
	"anomaly.behaviour": {"other", ""}, "other": {"other", "other"}, "test": {"other", "test"},
}

func (m *message) member(name string, v record.Value) {
	m.members++
	switch name {
	case "Category":
		record.EachText(v, m.categorize)
	case "Confidence":
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			m.confidence = event.ConfidenceOf(100 * f).String()
		}
	case "Ref":
		record.EachText(v, m.reference)
	case "Source":
		record.EachObject(v, m.source.entry)
	case "Target":
		record.EachObject(v, m.target.entry)
	case "Attach":
		record.EachObject(v, m.attachment)
	}
}

// categorize takes the first category that says more than "other".
func (m *message) categorize(name string) {
	name = strings.ToLower(strings.TrimSpace(name))
	kind, ok := kinds[name]
	if !ok {
		above, _, _ := strings.Cut(name, ".")
		kind, ok = kinds[above]
	}
	if ok && (m.kind.category == "" || m.kind.category == "other" && kind.category != "other") {
		m.kind = kind
	}
}

// category is that of the first known category, seen together with who is involved.
func (m *message) category() string {
	switch {
	case m.source.has("cc") && m.kind.category != "":
		m.kind = kind{"cnc", "c2-server"}
	case m.kind.category == "dos-attacker" && len(m.source.ips) == 0 && len(m.source.networks) == 0:
		m.kind.category = "dos-victim"
	}
	return m.kind.category
}

// serverPort is the port of the source where the source is a server.
func (m *message) serverPort() string {
	switch m.kind.category {
	case "malurl", "phish", "cnc", "vulnerable", "scam":
		return m.source.port
	}
	return ""
}

func (m *message) reference(ref string) {
	scheme, name, _ := strings.Cut(ref, ":")
	if strings.EqualFold(scheme, "cve") {
		if !strings.HasPrefix(strings.ToUpper(name), "CVE-") {
			name = "CVE-" + name
		}
		m.cves = append(m.cves, name)
		return
	}
	m.refs = append(m.refs, ref)
}

func (m *message) attachment(object string) {
	record.Members(object, func(name string, v record.Value) bool {
		switch name {
		case "Hash":
			record.EachText(v, m.hash)
		case "FileName":
			keepFirst(&m.filename, v)
		case "Ref":
			record.EachText(v, m.reference)
		}
		return true
	})
}

func (m *message) hash(s string) {
	kind, sum, _ := strings.Cut(s, ":")
	switch strings.ReplaceAll(strings.ToLower(kind), "-", "") {
	case "md5":
		m.md5 = cmp.Or(m.md5, sum)
	case "sha1":
		m.sha1 = cmp.Or(m.sha1, sum)
	case "sha256":
		m.sha256 = cmp.Or(m.sha256, sum)
	}
}

// side is all the sources, or all the targets.
type side struct {
	ips, networks, types                              []string
	ports                                             []string
	port, proto, host, url, email, mac, netname, asns string
}

func (s *side) has(typ string) bool {
	for _, t := range s.types {
		if strings.EqualFold(t, typ) {
			return true
		}
	}
	return false
}

func (s *side) entry(object string) {
	record.Members(object, func(name string, v record.Value) bool {
		switch name {
		case "IP4", "IP6":
			record.EachText(v, s.address)
		case "Port":
			record.EachText(v, s.portOf)
		case "Proto":
			record.EachText(v, s.protoOf)
		case "Type":
			record.EachText(v, func(t string) { s.types = append(s.types, t) })
		case "Hostname":
			keepFirst(&s.host, v)
		case "URL":
			keepFirst(&s.url, v)
		case "Email":
			keepFirst(&s.email, v)
		case "MAC":
			keepFirst(&s.mac, v)
		case "Netname":
			keepFirst(&s.netname, v)
		case "AS", "ASN":
			keepFirst(&s.asns, v)
		}
		return true
	})
}

// address takes one address, a network, or a range a-b.
func (s *side) address(text string) {
	text = strings.TrimSpace(text)
	if p, err := netip.ParsePrefix(text); err == nil && !p.IsSingleIP() || strings.Contains(text, "-") {
		s.networks = append(s.networks, text)
		return
	}
	s.ips = append(s.ips, text)
}

func (s *side) portOf(text string) {
	s.ports = append(s.ports, text)
	if _, err := strconv.ParseUint(text, 10, 16); err == nil && s.port == "" {
		s.port = text
	}
}

func (s *side) protoOf(text string) {
	switch p := strings.ToLower(text); p {
	case "tcp", "udp", "icmp":
		s.proto = cmp.Or(s.proto, p)
	case "icmp6", "icmpv6", "ipv6-icmp":
		s.proto = cmp.Or(s.proto, "icmp")
	}
}

func (s *side) write(w *record.Writer) {
	if len(s.ips) > 0 {
		w.Text("ip", s.ips[0])
	}
	if len(s.ips) == 1 {
		w.Text("only_ip", s.ips[0])
	} else {
		w.Texts("ips", s.ips)
	}
	if len(s.networks) > 0 {
		w.Text("network", s.networks[0])
	}
	w.Texts("networks", s.networks[min(len(s.networks), 1):])
	w.Text("port", s.port)
	if len(s.ports) > 1 || s.port == "" {
		w.Texts("ports", s.ports)
	}
	w.Text("proto", s.proto)
	w.Text("hostname", s.host)
	w.Text("url", s.url)
	w.Text("email", s.email)
	w.Text("mac", s.mac)
	w.Text("netname", s.netname)
	if len(s.ips) > 0 {
		w.Text("asn", s.asns)
	} else {
		w.Text("network_asn", s.asns)
	}
	w.Texts("types", s.types)
}

func keepFirst(to *string, v record.Value) {
	record.EachText(v, func(s string) { *to = cmp.Or(*to, s) })
}
