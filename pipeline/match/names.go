package match

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// names finds the organisations whose domains are a name or above it, label by
// label.
type names struct {
	domains map[string][]int32
	labels  int // of the longest domain
}

func (n *names) init() { n.domains = map[string][]int32{} }

func (n *names) insert(domain string, o int32) error {
	d, err := canonicalDomain(domain)
	if err != nil {
		return err
	}
	n.domains[d] = add(n.domains[d], o)
	n.labels = max(n.labels, strings.Count(d, ".")+1)
	return nil
}

// find takes a name in lower-case A-labels without a trailing dot.
func (n *names) find(name string, m *Matches) {
	end := len(name)
	for range n.labels {
		dot := strings.LastIndexByte(name[:end], '.')
		m.own(n.domains[name[dot+1:]])
		if dot < 0 {
			return
		}
		end = dot
	}
}

// lookup maps a name as the validator of events does.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// canonicalDomain is domain as events have it: A-labels, lower case, no trailing
// dot, no leading "*." (subdomains belong anyway).
func canonicalDomain(domain string) (string, error) {
	if len(domain) > 1024 { // U-labels may be longer than what they become
		return "", errors.New("is longer than a domain name can be")
	}
	d := strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(domain), "."), "*.")
	d, err := lookup.ToASCII(d)
	if err != nil {
		return "", fmt.Errorf("%q is no domain name: %w", domain, err)
	}
	d = strings.ToLower(d)
	if d == "" || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") || strings.Contains(d, "..") {
		return "", fmt.Errorf("%q is no domain name; write it as example.org", domain)
	}
	if strings.ContainsAny(d, "/:@*? ") {
		return "", fmt.Errorf("%q is no domain name; for one part of a site use urls", domain)
	}
	if len(d) > 253 {
		return "", errors.New("is longer than 253 characters")
	}
	return d, nil
}
