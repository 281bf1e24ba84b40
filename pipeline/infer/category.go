package infer

import (
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// hint is a word of a feed's name, or a value, and the category that it speaks
// for. Words at the beginning of others count (phish: phishing).
type hint struct {
	words    string
	category string
	weight   float64
}

var hints = []hint{
	{"phish phishing phishtank openphish impersonation credential", "phish", 1},
	{"c2 cnc cc2 c2s c2server commandandcontrol botnetcc dga", "cnc", 1},
	{"scanner scanning scan scanners portscan sweep probe probes recon masscan", "scanning", 0.9},
	{"ssh bruteforce bruteforcing brute bruteforcer fail2ban sshd ftp telnet rdp smb login attacker attackers attack attacks intrusion exploit exploitation honeypot compromised pwauth", "server-exploit", 0.6},
	{"spam spammer spammers spamming forumspam comment", "spam", 0.95},
	{"tor torproject onionoo exit torexit", "tor", 0.9},
	{"proxy proxies socks socks4 socks5 vpn openproxy anonymizer", "proxy", 0.95},
	{"urlhaus malurl malurls distribution dropper malwaredownload", "malurl", 0.8},
	{"malware sample samples payload payloads bazaar malshare virus trojan", "malware-action", 0.4},
	{"cve cves vulnerability vulnerabilities kev epss nvd exploitdb advisory advisories euvd", "vulnerable", 0.95},
	{"ransomware leak leaks breach breaches breached dump dataleak ransomwatch ransomlook pwned stealer", "leak", 0.9},
	{"scam scams fraud fake scamsniffer crypto", "scam", 0.7},
	{"ddos dos flood booter", "dos-attacker", 0.8},
	{"botnet bot bots drone drones zombie infected infection sinkhole", "bots", 0.6},
	{"amplifier amplification reflector openresolver openresolvers resolver resolvers", "amplifier", 0.9},
	{"deface defacement defaced zoneh", "deface", 1},
	{"skimmer skimming webinject magecart cryptojacking coinminer nocoin miner mining", "webinject", 0.7},
	{"exposed accessible", "exposed", 0.6},
	{"backdoor webshell", "backdoor", 0.9},
}

// valueHints translate values of columns that say what a record is.
var valueHints = []hint{
	{"phish phishing phisher", "phish", 1},
	{"c2 cnc cc c&c botnetcc botnet_cc command controller", "cnc", 1},
	{"scan scanner scanning portscan scanners recon sweep probe portsweep", "scanning", 1},
	{"ssh bruteforce brute sshd sshclient sshpwauth ftp telnet rdp smb login vnc pwauth exploit exploitation intrusion sqli webattack", "server-exploit", 1},
	{"spam spamming spammer", "spam", 1},
	{"tor", "tor", 1},
	{"proxy socks vpn anonymizer", "proxy", 1},
	{"download delivery distribution distributing payloaddelivery malurl", "malurl", 1},
	{"malware payload ransomware trojan stealer loader virus worm", "malware-action", 0.8},
	{"skimming skimmer webinject magecart", "webinject", 1},
	{"bot botnet drone infected zombie", "bots", 0.8},
	{"ddos dos", "dos-attacker", 1},
	{"amplifier amplification", "amplifier", 1},
	{"deface defacement", "deface", 1},
	{"scam fraud", "scam", 1},
	{"leak breach", "leak", 1},
	{"vulnerable vulnerability cve", "vulnerable", 1},
	{"backdoor webshell", "backdoor", 1},
	{"other unknown misc generic", "other", 1},
}

// within reports whether a longer word holds one of the hint's: stopforumspam.
func (h *hint) within(w string) bool {
	for _, stem := range []string{"spam", "phish", "ransom", "scam", "brute", "botnet", "vuln", "proxies", "scanner"} {
		if len(w) > len(stem) && strings.Contains(w, stem) {
			return slices.Contains(strings.Fields(h.words), map[string]string{"ransom": "ransomware", "vuln": "vulnerability"}[stem]) ||
				slices.Contains(strings.Fields(h.words), stem)
		}
	}
	return false
}

func categoryOf(words []string, from []hint) (category string, weight float64) {
	for _, h := range from {
		known := set(h.words)
		for _, w := range words {
			if known[w] && h.weight > weight {
				category, weight = h.category, h.weight
			}
		}
	}
	return category, weight
}

// valueCategory is the category that a value of a column stands for.
func valueCategory(v string) string {
	ws := tokens(v)
	joined := strings.Join(ws, "")
	c, _ := categoryOf(append(ws, joined), valueHints)
	if c == "malware-action" || c == "bots" {
		// botnet_cc, malware_download, payload_delivery: the second word tells.
		for _, h := range valueHints {
			if h.category == "cnc" || h.category == "malurl" {
				if set(h.words).any(ws) {
					return h.category
				}
			}
		}
	}
	return c
}

// proposeCategory is for columns whose values say what a record is about.
func (d *drafting) proposeCategory(c *column) []proposal {
	if !categoryWords.any(c.words) || c.array || c.wordy() > 6 || len(c.distinct) > 64 || set("desc description family alias id name").any(c.words) {
		return nil
	}
	entries, found, all := map[string]string{}, 0, 0
	for v, n := range c.distinct {
		all += n
		if len(v) > 64 {
			return nil
		}
		if category := valueCategory(v); category != "" {
			entries[v] = category
			found += n
		}
	}
	share := float64(found) / float64(max(all, 1))
	if share < 0.5 || c.kindWords() {
		return nil
	}
	confidence := 0.45 + 0.1*share
	if set("category threat classification activity attack class").any(c.words) && share > 0.6 {
		confidence = 0.6 + 0.3*share
	}
	rule := v1alpha1.MappingRule{Values: &v1alpha1.ValueMap{IgnoreCase: true, Entries: entries, Default: ptr("other")}}
	return []proposal{{field: "category", confidence: confidence, rule: rule, keep: true, reason: "the values say what a record is about"}}
}

// guessCategory is the category of all events, by the words of the feed and the
// kinds that its records have.
func (d *drafting) guessCategory() {
	weights := categoryWeights{}
	weights.add(tokens(d.opts.Channel), 2, true)
	weights.add(tokens(d.opts.Provider), 0.6, false)
	weights.add(d.hostWords, 0.7, false)
	weights.add(d.nameWords, 1.5, true)
	weights.add(d.commentWords, 0.5, true)
	for _, c := range d.columns {
		weights.addColumn(c)
	}
	d.categoryByKind(weights)
	best, second := weights.best()
	if best == "spam" && d.fields["ip"] == nil && (d.fields["fqdn"] != nil || d.fields["url"] != nil || d.fields["observable"] != nil && d.fields["observable"].share(ipKinds) < 0.5) {
		// What has no address does not send: it is what spam leads to.
		weights["spam-url"], weights["spam"] = weights["spam"], 0
		best = "spam-url"
	}
	top := weights[best]
	confidence := top / (top + weights[second] + 0.8)
	choice := Choice{About: "category", Field: "category", Chosen: best, Confidence: min(confidence, 0.9), Reason: "by the words of its name, URL, comments and columns"}
	if top == 0 {
		choice.Reason, choice.Confidence = "nothing says what the events are about", 0.1
	}
	if second != "" && weights[second] > 0 {
		choice.Alternatives = append(choice.Alternatives, second)
	}
	if best != "other" && !slices.Contains(choice.Alternatives, "other") {
		choice.Alternatives = append(choice.Alternatives, "other")
	}
	d.spec.Constants["category"] = best
	d.choose(choice)
}

// categoryWeights is how much speaks for each category.
type categoryWeights map[string]float64

// add counts words; inside says that longer words are looked into.
func (c categoryWeights) add(words []string, factor float64, inside bool) {
	for i, w := range words {
		pair := w
		if i > 0 {
			pair = words[i-1] + w
		}
		for _, h := range hints {
			if known := set(h.words); known[w] || known[pair] || inside && h.within(w) {
				c[h.category] += factor * h.weight
			}
		}
	}
}

// addColumn counts the name of a column, and its values if they are few.
func (c categoryWeights) addColumn(col *column) {
	if !refWords.any(col.words) && !col.boolean && col.nonNull > 0 {
		c.add(col.words, 0.4, true)
	}
	if len(col.distinct) > 3 || col.kind&^(drift.Text|drift.CC|drift.Bool) != 0 {
		return
	}
	for v := range col.distinct {
		if len(v) < 60 {
			c.add(tokens(v), 0.2, true)
		}
	}
}

func (c categoryWeights) best() (best, second string) {
	best = "other"
	for _, h := range hints {
		if w := c[h.category]; w > c[best] {
			best, second = h.category, best
		} else if h.category != best && w > c[second] {
			second = h.category
		}
	}
	return best, second
}

// categoryByKind adds what the fields of the draft speak for.
func (d *drafting) categoryByKind(weights categoryWeights) {
	has := func(fields ...string) bool {
		return slices.ContainsFunc(fields, func(f string) bool { return d.fields[f] != nil })
	}
	switch {
	case has("cves") && !has("ip", "url"):
		weights["vulnerable"] += 1.5
	case has("sha256", "md5", "sha1") && !has("url", "ip", "fqdn"):
		weights["malware-action"] += 1.2
	case has("url", "fqdn", "observable"):
		// What is malicious is a place here, not a file.
		weights["malurl"] += weights["malware-action"]
		weights["malware-action"] = 0
	}
	switch {
	case has("url") && has("target"):
		weights["phish"] += 0.5
	case has("url"):
		weights["malurl"] += 0.3
	}
}
