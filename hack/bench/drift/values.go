package main

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// newRand is a generator that depends on nothing but its parts.
func newRand(parts ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, parts...)
	return rand.New(rand.NewPCG(h.Sum64(), 0x9e3779b97f4a7c15))
}

// student is a heavy-tailed error with four degrees of freedom.
func student(r *rand.Rand) float64 {
	sum := 0.0
	for range 4 {
		x := r.NormFloat64()
		sum += x * x
	}
	return r.NormFloat64() / math.Sqrt(sum/4)
}

// zipf picks an index below n, the first ones most often.
func zipf(r *rand.Rand, n int) int {
	return min(int(math.Pow(float64(n+1), r.Float64()))-1, n-1)
}

// Words that feeds are made of.
var (
	families  = strings.Fields("emotet qakbot dridex heodo mirai gafgyt icedid trickbot asyncrat redline remcos lokibot njrat cobaltstrike formbook danabot bumblebee xmrig vidar systembc")
	users     = strings.Fields("abuse_hunter malpaths cocaman james_inthe zbetcheckin lazyactivist anonymous spamscan gateway7 honeypot3")
	services  = strings.Fields("sshclient sshpwauth telnetlogin vncrfb sipquery smtpgreet dnsrd httpprobe")
	brands    = strings.Fields("bank post parcel telecom tax wallet stream market cloud airline")
	countries = strings.Fields("US CN RU DE NL BR IN FR GB VN UA PL KR JP TR ID IT RO SG CA")
	agencies  = strings.Fields("Acme Umbrella Globex Initech Hooli Vandelay Stark Wayne Tyrell Cyberdyne Müller Škoda Señal")
	tagWords  = strings.Fields("elf exe doc phishing botnet loader 32-bit arm opendir stealer geofenced ua-wget zip dll js")
	zones     = strings.Fields("example.com example.net example.org bad.example shop.example mail.example cdn.example.net test host.test")
	syllables = strings.Fields("ba ke lo mi nu pa ri so ta vu xe zo dan fer gol hex jun kal mor net pol qui ras sen tor vel win")
	prose     = strings.Fields("the sample was dropped by a loader and contacts its server on high ports after login attempts from several hosts in Zürich Kraków Paris Lyon while scanning for open services with default passwords")
)

func word(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

// ipOf gives addresses of documentation, benchmark, private and reserved ranges,
// most of them of few networks.
func ipOf(r *rand.Rand) string {
	low := r.IntN(65536)
	switch net := zipf(r, 60); {
	case net < 12:
		return fmt.Sprintf("198.%d.%d.%d", 18+net%2, low>>8, low&255)
	case net < 40:
		return fmt.Sprintf("%d.%d.%d.%d", 240+net%15, net*7%256, low>>8, low&255)
	case net < 52:
		return fmt.Sprintf("10.%d.%d.%d", net, low>>8, low&255)
	}
	return [...]string{"192.0.2.", "198.51.100.", "203.0.113."}[low%3] + strconv.Itoa(low>>8)
}

func ip6Of(r *rand.Rand) string {
	return fmt.Sprintf("2001:db8:%x::%x", zipf(r, 4000), 1+r.IntN(65535))
}

func fqdnOf(r *rand.Rand) string {
	name := word(r, 2+r.IntN(3))
	if r.IntN(4) == 0 {
		name += "-" + word(r, 1) + strconv.Itoa(r.IntN(100))
	}
	if r.IntN(3) == 0 {
		name = "www." + name
	}
	return name + "." + zones[r.IntN(len(zones))]
}

func urlOf(r *rand.Rand) string {
	host := fqdnOf(r)
	if r.IntN(3) == 0 {
		host = ipOf(r)
		if r.IntN(2) == 0 {
			host += ":" + strconv.Itoa(1024+r.IntN(60000))
		}
	}
	path := "/" + word(r, 2)
	for range zipf(r, 4) {
		path += "/" + word(r, 1+r.IntN(3))
	}
	switch r.IntN(4) {
	case 0:
		path += ".php?id=" + strconv.Itoa(r.IntN(100000))
	case 1:
		path += [...]string{".exe", ".sh", ".zip", ".js"}[r.IntN(4)]
	}
	return [...]string{"http://", "https://"}[r.IntN(2)] + host + path
}

func hexOf(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(b)
}

func portOf(r *rand.Rand) string {
	common := [...]int{443, 80, 8080, 22, 23, 2222, 4443, 8443, 7443, 1080, 3389, 445}
	if r.IntN(3) > 0 {
		return strconv.Itoa(common[zipf(r, len(common))])
	}
	return strconv.Itoa(1024 + r.IntN(64000))
}

func cidrOf(r *rand.Rand) string {
	bits := 24 - zipf(r, 9)
	var a, b, c, d int
	_, _ = fmt.Sscanf(ipOf(r), "%d.%d.%d.%d", &a, &b, &c, &d)
	n := (a<<24 | b<<16 | c<<8 | d) &^ (1<<(32-bits) - 1)
	return fmt.Sprintf("%d.%d.%d.%d/%d", n>>24, n>>16&255, n>>8&255, n&255, bits)
}

func textOf(r *rand.Rand) string {
	n := 4 + r.IntN(10)
	words := make([]string, n)
	for i := range words {
		words[i] = prose[r.IntN(len(prose))]
	}
	return strings.Join(words, " ")
}

func listOf(r *rand.Rand, kind, option string) string {
	n := 1 + zipf(r, 4)
	parts := make([]string, 0, n)
	for range n {
		parts = append(parts, scalar(r, kind, option))
	}
	return strings.Join(parts, listSep)
}

// listSep stands between the parts of a list until it is written.
const listSep = "\x1f"

// scalar is a value of a kind that does not change while its entry lives.
func scalar(r *rand.Rand, kind, option string) string { //nolint:cyclop // one case a kind
	pick := func(list []string) string { return list[zipf(r, len(list))] }
	switch kind {
	case "ip":
		return ipOf(r)
	case "ip6":
		return ip6Of(r)
	case "ipport":
		return ipOf(r) + ":" + portOf(r)
	case "cidr":
		return cidrOf(r)
	case "url":
		return urlOf(r)
	case "fqdn":
		return fqdnOf(r)
	case "host": // a name or an address
		if r.IntN(4) == 0 {
			return ipOf(r)
		}
		return fqdnOf(r)
	case "md5", "sha1", "sha256":
		return hexOf(r, map[string]int{"md5": 16, "sha1": 20, "sha256": 32}[kind])
	case "port":
		return portOf(r)
	case "asn":
		return strconv.Itoa(64496 + zipf(r, 1000))
	case "asname":
		return strings.ToUpper(word(r, 2)) + "-AS " + pick(agencies)
	case "cc":
		return pick(countries)
	case "family":
		return pick(families)
	case "user":
		return pick(users)
	case "brand":
		return pick(brands)
	case "service":
		return pick(services)
	case "tag":
		return pick(tagWords)
	case "cve":
		return fmt.Sprintf("CVE-20%02d-%d", 15+r.IntN(11), 1000+zipf(r, 40000))
	case "enum":
		return pick(strings.Split(option, ","))
	case "const":
		return option
	case "score":
		return strconv.Itoa(min(100, 30+int(math.Abs(student(r))*25)))
	case "float":
		return strconv.FormatFloat(math.Abs(student(r)), 'f', 2, 64)
	case "bool":
		return strconv.FormatBool(r.IntN(4) == 0)
	case "bytes":
		return strconv.Itoa(int(math.Exp(9 + 1.5*r.NormFloat64())))
	case "email":
		return word(r, 3) + "@" + zones[r.IntN(len(zones))]
	case "text":
		return textOf(r)
	case "ref":
		return "SBL" + strconv.Itoa(100000+r.IntN(500000))
	case "link":
		return "https://feed.example.org/" + option + "/" + strconv.Itoa(100000+r.IntN(900000)) + "/"
	case "uuid":
		h := hexOf(r, 16)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
	}
	panic("no kind " + kind)
}

// layouts of times, by the name that fields have them by.
var layouts = map[string]string{
	"space": "2006-01-02 15:04:05", "iso": "2006-01-02T15:04:05Z", "date": "2006-01-02", "offset": "2006-01-02T15:04:05-07:00",
	"dmy": "02/01/2006 15:04", "rfc": "Mon, 02 Jan 2006 15:04:05 MST", "mdy": "01/02/2006 15:04", "dots": "02.01.2006 15:04:05",
	"minutes": "2006-01-02 15:04", "utc": "2006-01-02 15:04:05 UTC", "frac": "2006-01-02T15:04:05.000000Z", "compact": "20060102150405",
}

// stamp writes a time in a layout of that name.
func stamp(t time.Time, layout string) string {
	switch layout {
	case "epoch":
		return strconv.FormatInt(t.Unix(), 10)
	case "epochms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "offset":
		return t.In(zoneAt(t)).Format(layouts[layout])
	}
	return t.UTC().Format(layouts[layout])
}

// zoneAt is a zone with daylight saving time from April to October.
func zoneAt(t time.Time) *time.Location {
	if m := t.Month(); m >= time.April && m <= time.October {
		return time.FixedZone("CEST", 7200)
	}
	return time.FixedZone("CET", 3600)
}
