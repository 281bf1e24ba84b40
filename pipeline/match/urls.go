package match

import (
	"fmt"
	"net/netip"
	"strings"
)

// urls finds the organisations that have a prefix of a URL. A prefix ends at a
// boundary of the URL: http://example.org/shop holds http://example.org/shop/1
// and http://example.org/shop?id=1 but not http://example.org/shopping, and
// http://example.org holds no http://example.org.example.net.
//
// Prefixes are kept by site (scheme and authority), so a URL of a site that
// nobody has costs one lookup, and one of a known site a lookup for each boundary
// up to the longest prefix of that site.
type urls struct {
	sites map[string]*site
}

type site struct {
	rests   map[string][]int32 // by what follows the authority; "" is all of the site
	longest int
}

func (u *urls) init() { u.sites = map[string]*site{} }

func (u *urls) insert(prefix string, o int32) error {
	p := strings.TrimSpace(prefix)
	authority := authorityAt(p)
	if authority < 0 {
		return fmt.Errorf("%q is no URL; write it as https://example.org/path", prefix)
	}
	end := authority + authorityLen(p[authority:])
	if end == authority || strings.ContainsAny(p[:end], " @") {
		return fmt.Errorf("%q has no plain host; write it as https://example.org/path", prefix)
	}
	host := p[authority:end]
	if !strings.HasPrefix(host, "[") {
		name, port, hasPort := strings.Cut(host, ":")
		d, err := canonicalDomain(name)
		if err != nil {
			return fmt.Errorf("%q: %w", prefix, err)
		}
		if host = d; hasPort && port != "" {
			host += ":" + port
		}
	}
	key := strings.ToLower(p[:authority]) + strings.ToLower(host)
	rest := p[end:]
	if rest == "/" {
		rest = "" // RFC 3986, section 6.2.3
	}
	s := u.sites[key]
	if s == nil {
		s = &site{rests: map[string][]int32{}}
		u.sites[key] = s
	}
	s.rests[rest] = add(s.rests[rest], o)
	s.longest = max(s.longest, len(rest))
	return nil
}

// find takes any string; one that is no URL with an authority finds nothing.
func (u *urls) find(url string, m *Matches) {
	if len(u.sites) == 0 {
		return
	}
	authority := authorityAt(url)
	if authority < 0 {
		return
	}
	end := authority + authorityLen(url[authority:])
	key := strings.ToLower(url[:end])
	if s := u.sites[key]; s != nil {
		s.find(url[end:], m)
	}
	// The host is a boundary too: a site without a port has its other ports.
	if port := portAt(key[authority:]); port >= 0 {
		if s := u.sites[key[:authority+port]]; s != nil {
			m.own(s.rests[""])
		}
	}
}

func (s *site) find(rest string, m *Matches) {
	m.own(s.rests[""])
	query := false
	for i := 1; i <= len(rest) && i <= s.longest; i++ {
		if boundary(rest, i, query) {
			m.own(s.rests[rest[:i]])
		}
		query = query || rest[i-1] == '?'
	}
}

// boundary reports whether a prefix of rest may end before position i > 0.
func boundary(rest string, i int, query bool) bool {
	if i == len(rest) {
		return true
	}
	switch rest[i] {
	case '/', '?', '#':
		return true
	case '&', ';':
		if query {
			return true
		}
	}
	switch rest[i-1] {
	case '/', '?', '#':
		return true
	case '&', ';', '=':
		return query
	}
	return false
}

// host finds the owners of the host of a URL: an event that has a url and no
// fqdn is about the host that its url names.
func (ix *Index) host(url string, m *Matches) {
	authority := authorityAt(url)
	if authority < 0 {
		return
	}
	host := url[authority : authority+authorityLen(url[authority:])]
	host = host[strings.LastIndexByte(host, '@')+1:]
	if port := portAt(host); port >= 0 {
		host = host[:port]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" {
		return
	}
	if host[0] == '[' || (host[len(host)-1] >= '0' && host[len(host)-1] <= '9') {
		// No top-level domain ends in a digit (RFC 3696, section 2).
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err == nil {
			ix.nets.find(ip.WithZone(""), m)
		}
		return
	}
	ix.names.find(strings.ToLower(host), m)
}

// authorityAt is where the authority of a URL starts, or -1.
func authorityAt(url string) int {
	i := strings.IndexByte(url, ':')
	if i <= 0 || !strings.HasPrefix(url[i:], "://") {
		return -1
	}
	return i + len("://")
}

// authorityLen is the length of the authority that s starts with.
func authorityLen(s string) int {
	if i := strings.IndexAny(s, "/?#\\"); i >= 0 {
		return i
	}
	return len(s)
}

// portAt is where ":port" starts in an authority, or -1.
func portAt(authority string) int {
	for i := len(authority) - 1; i >= 0; i-- {
		switch c := authority[i]; {
		case c == ':':
			return i
		case c < '0' || c > '9':
			return -1
		}
	}
	return -1
}
