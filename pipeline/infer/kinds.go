package infer

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/weir-project/weir/pipeline/drift"
)

// Kinds that the drift monitor does not tell apart, in bits that it does not use.
const (
	otherHash drift.Kinds = 1 << (31 - iota) // SHA-384, SHA-512
	hostPort                                 // example.com:443
	bareURL                                  // example.com/login, without a scheme
	proto                                    // tcp, udp, icmp
)

// kinds is a set of kinds of one value.
type kinds drift.Kinds

const ipKinds = drift.IPv4 | drift.IPv6

// strongKinds are those that hardly any other text has by chance.
const strongKinds = ipKinds | drift.CIDR4 | drift.CIDR6 | drift.IPPort | drift.IPRange | drift.URL | drift.FQDN |
	drift.Email | drift.SHA256 | drift.SHA1 | drift.MD5 | drift.CVE | otherHash | hostPort | bareURL

func (k kinds) has(of drift.Kinds) bool { return drift.Kinds(k)&of != 0 }

func (k kinds) strong() drift.Kinds { return drift.Kinds(k) & strongKinds }

// kindsOf returns the kinds of a value, also if it is defanged.
func kindsOf(s string) kinds {
	s = strings.TrimSpace(s)
	if len(s) > 4096 {
		s = s[:4096]
	}
	plain := refang(s)
	k := drift.KindsOf(plain)
	if k&(drift.Int|drift.Float) != 0 && epochLayout(plain) != "" {
		k |= drift.Timestamp
	}
	switch {
	case k&drift.FQDN != 0 && !likeName(plain):
		return kinds(k&^drift.FQDN | drift.Text)
	case k&drift.FQDN != 0:
		return kinds(k)
	case k&drift.URL != 0 && !likeURL(plain):
		return kinds(drift.Text)
	case k&drift.Text == 0:
		return kinds(k)
	}
	return kinds(k | textKinds(plain))
}

// textKinds are those of text that the drift monitor has no kind for.
func textKinds(s string) drift.Kinds {
	switch strings.ToLower(s) {
	case "tcp", "udp", "icmp":
		return proto
	}
	if (len(s) == 96 || len(s) == 128) && strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		return otherHash
	}
	if rest, ok := strings.CutPrefix(s, "*."); ok && drift.KindsOf(rest)&drift.FQDN != 0 && likeName(rest) {
		return drift.FQDN
	}
	if strings.ContainsAny(s, " \t,;") {
		return 0
	}
	return pathKinds(s)
}

// pathKinds are a host with a port, or with a path.
func pathKinds(s string) drift.Kinds {
	if host, port, ok := strings.Cut(s, ":"); ok && drift.KindsOf(port)&drift.Port != 0 && likeHost(host) {
		return hostPort
	}
	host, path, ok := strings.Cut(s, "/")
	if !ok || path == "" || isNumber(path) {
		return 0
	}
	host, port, ported := strings.Cut(host, ":")
	if likeHost(host) && (!ported || drift.KindsOf(port)&drift.Port != 0) {
		return bareURL
	}
	return 0
}

func likeHost(s string) bool {
	k := drift.KindsOf(s)
	return k&drift.IPv4 != 0 || k&drift.FQDN != 0 && likeName(s)
}

// likeName tells names of hosts from names of files and malware: win.dridex,
// setup.exe. The top-level domain must be one.
func likeName(s string) bool {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	suffix, icann := publicsuffix.PublicSuffix(s)
	if icann || strings.Contains(suffix, ".") {
		return true
	}
	switch s[strings.LastIndexByte(s, '.')+1:] {
	case "onion", "test", "example", "invalid", "local", "lan", "bit", "i2p", "internal":
		return true
	}
	return false
}

// likeURL wants a host behind the scheme, so that file paths are none.
func likeURL(s string) bool {
	_, rest, ok := strings.Cut(s, "://")
	return ok && rest != "" && !strings.HasPrefix(rest, "/")
}

var refangs = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", "(dot)", ".", "{.}", ".", "[:]", ":", "[://]", "://",
	"[/]", "/", "[at]", "@", "(at)", "@", "[@]", "@", "hxxps:", "https:", "hxxp:", "http:", "HXXP:", "http:", "HXXPS:", "https:",
	"hXXps:", "https:", "hXXp:", "http:", "fxp:", "ftp:")

func refang(s string) string {
	if !strings.ContainsAny(s, "[({") && !strings.HasPrefix(strings.ToLower(s), "hxx") && !strings.HasPrefix(s, "fxp") {
		return s
	}
	if strings.HasPrefix(s, "[") && strings.Contains(s, "]:") { // [2001:db8::1]:443
		return s
	}
	return refangs.Replace(s)
}
