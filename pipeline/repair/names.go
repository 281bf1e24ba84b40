package repair

import (
	"slices"
	"strings"
	"unicode"
)

// aliases are names that publishers use for the same thing. Each group is a line.
var aliases = aliasTable(
	"ip ipaddress ipaddr address addr srcip sourceip sourceaddress srcaddr src ipv4 host hostip clientip attackerip remoteip",
	"dstip destip destinationip destinationaddress dst dest targetip victimip serverip c2ip",
	"port dport dstport destport destinationport serverport",
	"sport srcport sourceport clientport",
	"url uri link fullurl maliciousurl phishurl",
	"domain fqdn hostname host domainname dnsname",
	"time timestamp date datetime ts seen observed eventtime detected",
	"firstseen firstseenutc firstseentime dateadded added created createdat first firsttime firstdate",
	"lastseen lastseenutc lastonline lastupdate lastupdated updated modified last lasttime lastdate",
	"asn asnumber as asnum autonomoussystem sourceasn srcasn originasn",
	"cc country countrycode geo geocountry srccountry countryiso",
	"malware family threat malwarefamily threatname malwareprintable signature name",
	"tag tags label labels keywords categories",
	"category type kind class threattype classification",
	"md5 md5hash filemd5 hashmd5",
	"sha1 sha1hash filesha1 hashsha1",
	"sha256 sha256hash filesha256 hashsha256 sha2",
	"confidence confidencelevel score reliability certainty",
	"reference references ref source sourceurl urlhauslink permalink",
	"reporter submitter contributor author",
	"status state online urlstatus c2status",
	"network cidr netblock prefix subnet range net",
	"email mail emailaddress sender",
	"id uid uuid identifier entryid recordid",
	"proto protocol transport",
	"count hits attempts number total reports",
	"size length bytes",
	"ioc indicator iocvalue value observable artifact",
)

func aliasTable(lines ...string) map[string][]int {
	table := make(map[string][]int)
	for i, line := range lines {
		for _, name := range strings.Fields(line) {
			table[name] = append(table[name], i)
		}
	}
	return table
}

// nameScore compares the names of two columns or paths: 1 the same, 0.9 two names
// for one thing, else by their words.
func nameScore(a, b string) float64 {
	switch x, y := plain(a), plain(b); {
	case a == b:
		return 1
	case x == y && x != "":
		return 0.97
	case opposite(a, b):
		return 0.3
	default:
		s := inside(a, b)
		la, lb := last(a), last(b)
		if pa, pb := plain(la), plain(lb); pa == pb && pa != "" {
			s = 0.92 // the same leaf, elsewhere
		} else if alike(pa, pb) {
			s = 0.9
		}
		return max(s, wordsScore(la, lb))
	}
}

// opposites are words for one thing and its counterpart.
var opposites = [][2]string{
	{"src", "dst"}, {"src", "dest"}, {"src", "target"}, {"source", "destination"}, {"source", "target"}, {"source", "dest"}, {"source", "dst"},
	{"attacker", "victim"}, {"attacker", "target"}, {"client", "server"}, {"local", "remote"}, {"first", "last"}, {"start", "end"}, {"sender", "recipient"},
}

// opposite tells whether two names are for a thing and its counterpart.
func opposite(a, b string) bool {
	x, y := words(last(a)), words(last(b))
	for _, o := range opposites {
		for i := range o {
			one, other := o[i], o[1-i]
			if slices.Contains(x, one) && slices.Contains(y, other) && !slices.Contains(x, other) && !slices.Contains(y, one) {
				return true
			}
		}
	}
	return false
}

// inside tells how likely the value at a path moved into an object or array that is
// there now.
func inside(a, b string) float64 {
	rest, ok := strings.CutPrefix(b, a)
	switch {
	case !ok || rest == "" || rest[0] != '.' && rest[0] != '[':
		return 0
	case slices.Contains([]string{"[0]", ".value", ".name", ".text", ".#text", ".id", ".content", "[0].value"}, rest):
		return 0.92
	}
	return 0.8
}

func alike(x, y string) bool {
	return slices.ContainsFunc(aliases[x], func(group int) bool { return slices.Contains(aliases[y], group) })
}

// plain is a name without case and punctuation.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// last is the last part of a path.
func last(path string) string {
	path = strings.TrimSuffix(strings.TrimRight(path, "[]0"), ".")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// words are the parts of a name: responseSize, response_size and response-size have
// the same.
func words(s string) []string {
	var out []string
	start, before := 0, rune(0)
	put := func(end int) {
		if w := plain(s[start:end]); w != "" {
			out = append(out, w)
		}
		start = end
	}
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsUpper(r) && unicode.IsLower(before) {
			put(i)
		}
		before = r
	}
	put(len(s))
	return out
}

// wordsScore pairs the words of two names by their likeness (Jaro-Winkler).
func wordsScore(a, b string) float64 {
	x, y := words(a), words(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	if len(x) > len(y) {
		x, y = y, x
	}
	sum := 0.0
	for _, w := range x {
		best := 0.0
		for _, v := range y {
			best = max(best, jaroWinkler(w, v))
			if alike(w, v) {
				best = max(best, 0.9)
			}
		}
		sum += best
	}
	byWords := sum / float64(len(y)) // what has no partner counts against it
	return max(byWords, jaroWinkler(strings.Join(words(a), ""), strings.Join(words(b), ""))*0.95)
}

// jaroWinkler is the likeness of two short strings, between 0 and 1.
func jaroWinkler(a, b string) float64 {
	if a == b {
		return 1
	}
	x, y := []rune(clip(a)), []rune(clip(b))
	j := jaro(x, y)
	prefix := 0
	for prefix < min(4, len(x), len(y)) && x[prefix] == y[prefix] {
		prefix++
	}
	return j + 0.1*float64(prefix)*(1-j)
}

func clip(s string) string { return s[:min(len(s), 64)] }

func jaro(x, y []rune) float64 {
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	window := max(max(len(x), len(y))/2-1, 0)
	inX, inY := make([]bool, len(x)), make([]bool, len(y))
	same := 0
	for i := range x {
		for j := max(0, i-window); j < min(len(y), i+window+1); j++ {
			if !inY[j] && x[i] == y[j] {
				inX[i], inY[j] = true, true
				same++
				break
			}
		}
	}
	if same == 0 {
		return 0
	}
	moved, j := 0, 0
	for i := range x {
		if !inX[i] {
			continue
		}
		for !inY[j] {
			j++
		}
		if x[i] != y[j] {
			moved++
		}
		j++
	}
	m := float64(same)
	return (m/float64(len(x)) + m/float64(len(y)) + (m-float64(moved)/2)/m) / 3
}
