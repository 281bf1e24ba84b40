package infer

import (
	"slices"
	"strings"
	"unicode"
)

// tokens takes a name or a text apart into lower-case words: at punctuation,
// where case changes (ipAddress) and, for names that publishers glue together
// (dateadded, firstseen), where a known word ends.
func tokens(s string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, unglue(strings.ToLower(b.String()))...)
			b.Reset()
		}
	}
	rs := []rune(s)
	for i, r := range rs {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			if r == '&' && commandAndControl(rs, i) {
				out = append(out, "c2")
			}
			continue
		}
		if begins(rs, i) {
			flush()
		}
		b.WriteRune(r)
	}
	flush()
	return out
}

// commandAndControl reports whether the & at i is that of C&C.
func commandAndControl(rs []rune, i int) bool {
	return i > 0 && i+1 < len(rs) && unicode.ToLower(rs[i-1]) == 'c' && unicode.ToLower(rs[i+1]) == 'c'
}

// begins reports whether case says that a word begins at i.
func begins(rs []rune, i int) bool {
	upper := func(i int) bool { return i >= 0 && i < len(rs) && unicode.IsUpper(rs[i]) }
	lower := func(i int) bool { return i >= 0 && i < len(rs) && unicode.IsLower(rs[i]) }
	switch {
	case upper(i) && lower(i-1):
		return true
	case upper(i) && upper(i-1) && lower(i+1):
		return !acronym(rs, i)
	case lower(i) && upper(i-1) && upper(i-2):
		return acronym(rs, i-1)
	}
	return false
}

// acronym reports whether the capital at i ends an acronym: the S of ASnumber, not
// the A of IPAddress.
func acronym(rs []rune, i int) bool {
	end := i + 1
	for end < len(rs) && unicode.IsLower(rs[end]) {
		end++
	}
	return ends[string(rs[i+1:end])]
}

// glued are words that occur without anything between them and the next.
var glued = []string{"first", "last", "date", "time", "country", "ip", "domain", "source", "src", "dest", "dst", "host", "malware",
	"threat", "url", "as", "vuln", "vulnerability", "user", "file", "email", "detection", "detected", "report", "expire",
	"submission", "listing", "ioc", "abuse", "attack", "remote", "local", "phish", "valid", "hash", "discover"}

// ends are what may follow a glued word.
var ends = map[string]bool{"seen": true, "added": true, "code": true, "address": true, "addr": true, "name": true, "number": true,
	"num": true, "port": true, "ip": true, "time": true, "date": true, "stamp": true, "type": true, "family": true, "online": true,
	"score": true, "count": true, "status": true, "reported": true, "id": true, "updated": true, "value": true, "host": true,
	"domain": true, "url": true, "hash": true, "until": true, "from": true, "active": true, "published": true, "modified": true,
	"created": true, "detected": true, "on": true, "at": true, "target": true, "cc": true, "asn": true, "md5": true, "sha1": true,
	"sha256": true, "net": true, "block": true, "check": true, "level": true, "confidence": true, "list": true, "reference": true, "reason": true}

func unglue(w string) []string {
	for _, g := range glued {
		if rest, ok := strings.CutPrefix(w, g); ok && ends[rest] {
			if g == "time" && rest == "stamp" {
				return []string{"timestamp"}
			}
			return []string{g, rest}
		}
	}
	if len(w) > 6 && len(w) <= 48 {
		if ws := segments(w); len(ws) > 1 {
			return ws
		}
	}
	return []string{w}
}

// joinable are words that publishers write without anything between them:
// networksourceipv4, firstreporteddatetime, indicatorexpirationdate.
var joinable = set(strings.Join(glued, " ") + ` ip ipv4 ipv6 asn url port address network source destination target server client
	first last seen reported updated published modified created detected expiration expiry date time datetime timestamp
	threat malware trojan virus family name type level code number score value confidence severity category
	indicator attack attacker infected victim request response host domain file hash country region city protocol status
	agent description reason title product version group event report record incident abuse spam phishing botnet bot scan`)

// segments takes a word apart into joinable ones, as few as possible; nil if that
// cannot be done, or if the word is one of them.
func segments(w string) []string {
	best := make([][]string, len(w)+1)
	best[0] = []string{}
	for end := 1; end <= len(w); end++ {
		for start := max(0, end-16); start < end; start++ {
			if best[start] == nil || !joinable[w[start:end]] || best[end] != nil && len(best[end]) <= len(best[start])+1 {
				continue
			}
			best[end] = append(slices.Clone(best[start]), w[start:end])
		}
	}
	return best[len(w)]
}

// nameWords are the words of the last name of a path, and those before it.
func nameWords(path string) (last, parents []string) {
	path = strings.NewReplacer("[0]", "", `["`, ".", `"]`, "").Replace(path)
	i := strings.LastIndexByte(path, '.')
	if i < 0 || strings.Contains(path, " ") {
		return tokens(path), nil
	}
	return tokens(path[i+1:]), tokens(path[:i])
}

// wordsOf is a set of words.
type wordsOf map[string]bool

func set(words string) wordsOf {
	m := wordsOf{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// any reports whether one of the words is in the set.
func (s wordsOf) any(words []string) bool {
	for _, w := range words {
		if s[w] {
			return true
		}
	}
	return false
}

// only reports whether all of the words are in the set, and there is one.
func (s wordsOf) only(words []string) bool {
	for _, w := range words {
		if !s[w] {
			return false
		}
	}
	return len(words) > 0
}

// Words that publishers use in names of columns, by what they say.
var (
	sourceWords   = set("src source attacker client remote from offender origin peer bot infected saddr srcip sip scanner reflector amplifier")
	destWords     = set("dst dest destination target victim to daddr dstip dip sinkhole server honeypot sensor c2 cnc controller")
	addressWords  = set("ip ips ipv4 ipv6 address addr ipaddr addresses host hosts srcip dstip")
	portWords     = set("port ports dport sport dpt spt srcport dstport lport rport")
	urlWords      = set("url urls uri link href")
	refWords      = set("ref refs reference references referer referrer report tweet detail details permalink screenshot screen more info documentation doc docs logo image img html wiki blog external malpedia urlhaus bazaar virustotal vt feed advisory pulse post claim magnet download")
	domainWords   = set("domain domains fqdn host hostname hosts dns site website name qname fqdns query")
	rdnsWords     = set("rdns ptr reverse revdns")
	certWords     = set("cert certificate x509 ssl tls thumbprint certificates")
	printWords    = set("fingerprint ja3 ja3s ja4 imphash tlsh ssdeep jarm hassh pehash authentihash imp vhash telfhash dhash icon")
	asnWords      = set("asn as asns asnumber autonomous announcing asnum aut")
	asNameWords   = set("asname org organization organisation isp owner company operator provider")
	countryWords  = set("cc country countrycode geo iso cca2 geoip")
	protoWords    = set("proto protocol transport prot ipproto")
	countWords    = set("count counts hits hit attempts attacks reports occurrences events times sightings connections packets num number total frequency observations incidents")
	familyWords   = set("malware family botnet signature threat trojan vxfamily ransomware actor campaign group gang tool variant")
	printable     = set("printable display pretty label")
	targetWords   = set("target brand victim impersonated targeted company")
	scoreWords    = set("confidence score reliability certainty trust probability level rating risk fraud severity")
	categoryWords = set("category categories type threat class classification activity kind attack attacktype taxonomy tag tags reason list service description")
	timeWords     = set("time timestamp date datetime ts when utc seen at day clock isotime epoch")
	firstWords    = set("first added created create discovered discover insert inserted submission submitted published publish start begin since listed listing registered detected detection found reported observed")
	lastWords     = set("last latest updated update modified modification changed refreshed recent end stop")
	expireWords   = set("expire expires expiration expiry valid until ttl expired")
	otherTime     = set("verification verify verified due breach build compile compiled compilation birth registration delete deleted removed delisted removal attack attackdate check checked checking patch takedown offline creation")
	userWords     = set("user username login account usr")
	passWords     = set("password pass pwd passwd")
	idWords       = set("id ids uuid guid key index idx no nr row serial fk rank")
	iocWords      = set("ioc iocs indicator indicators value artifact observable observables data entity item object")
	kindWords     = set("type kind format")
	reporterWords = set("reporter author submitter user by contributor uploader")
	dropWords     = set("sender recipient abuse contact admin registrant owner")
	fileWords     = set("file filename path filepath dll exe process")
	cveWords      = set("cve cves cveid vulnerability vuln vulnerabilities")
	statusWords   = set("status state online active alive")
	otherNames    = set("city region latitude longitude lat lon lng isp description desc comment comments notes note title summary id code size length version severity vendor product sector language tld rir prefix network netmask mask start end cidr netblock block range name names hash md5 sha1 sha256 sha512 sha email mail abuse link user agent useragent method banner os platform author verified aliases codes epss percentile cvss tlp registrar iban phone")
)

var known = []wordsOf{sourceWords, destWords, addressWords, portWords, urlWords, refWords, domainWords, rdnsWords, certWords, printWords,
	asnWords, asNameWords, countryWords, protoWords, countWords, familyWords, printable, targetWords, scoreWords, categoryWords, timeWords,
	firstWords, lastWords, expireWords, userWords, passWords, idWords, iocWords, kindWords, reporterWords, fileWords, cveWords,
	statusWords, otherNames}

// isKnownName reports whether a text has a word that names of columns have.
func isKnownName(s string) bool {
	ws := tokens(s)
	if len(ws) == 0 || len(ws) > 5 {
		return false
	}
	for _, set := range known {
		if set.any(ws) {
			return true
		}
	}
	return false
}

// cleanKey makes a key of extra of a name: secondary_color.
func cleanKey(words, parents []string) string {
	for len(words) < 2 && len(parents) > 0 && (len(words) == 0 || vague.any(words)) {
		words = append([]string{parents[len(parents)-1]}, words...)
		parents = parents[:len(parents)-1]
	}
	var b strings.Builder
	for _, w := range words {
		for _, r := range w {
			if r > 127 || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				continue
			}
			b.WriteRune(r)
		}
		b.WriteByte('_')
	}
	key := strings.Trim(b.String(), "_")
	if key == "" {
		return "value"
	}
	return key[:min(len(key), 60)]
}

// vague are names that say nothing without what they lie in.
var vague = set("id name value type code url date score data key text description severity vector")
