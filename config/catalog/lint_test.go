package catalog_test

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestHeadersTellWhatOneMustKnow(t *testing.T) {
	for _, f := range load(t) {
		for key, link := range map[string]string{"About": f.About, "Terms": f.Terms} {
			u, err := url.Parse(link)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(link, " ()") {
				t.Errorf("%s: %s: %q is no link", f.File, key, link)
			}
		}
		if !strings.HasSuffix(f.Title, ".") {
			t.Errorf("%s: %q is no sentence", f.File, f.Title)
		}
		needsKey := len(f.SecretRefs()) > 0
		if f.Transport == "" && needsKey == strings.HasPrefix(f.Auth, "none") {
			t.Errorf("%s: Auth: %q, and a Secret is needed: %v", f.File, f.Auth, needsKey)
		}
		if len(f.Updates) < 5 || strings.Contains(f.Updates, "://") {
			t.Errorf("%s: Updates: %q does not say how often", f.File, f.Updates)
		}
		if f.Source.Spec.Policy.TLP == "" || len(f.Categories()) == 0 || len(f.Confidences()) == 0 {
			t.Errorf("%s: TLP, category and confidence are not all told", f.File)
		}
	}
}

// A publisher that says how often one may come has "at most every 1h" in Updates.
func TestNobodyCollectsMoreOftenThanThePublisherAllows(t *testing.T) {
	limit := regexp.MustCompile(`at most every (\d+[smh])`)
	said := regexp.MustCompile(`(?i)more often|more than one|blocks you|fetches a day`)
	for _, f := range load(t) {
		m := limit.FindStringSubmatch(f.Updates)
		if m == nil {
			if said.MatchString(f.Updates + f.Auth + f.Notes) {
				t.Errorf(`%s: says a limit, but not as "at most every 1h" in Updates`, f.File)
			}
			continue
		}
		least, err := time.ParseDuration(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Source.Spec.Schedule; s.Cron == "" {
			if every, err := time.ParseDuration(f.Schedule()); err != nil || every < least {
				t.Errorf("%s: %s collects every %s, but the publisher allows %s", f.File, f.Name, f.Schedule(), m[1])
			}
		}
	}
}

var (
	ipv4 = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	ipv6 = regexp.MustCompile(`(?i)\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}\b`)
	// kept4 are addresses that RFC 5737 and RFC 3849 reserve for documentation, or that
	// mean a machine itself or everything.
	kept4 = regexp.MustCompile(`^(?:192\.0+\.0*2|198\.0*51\.100|203\.0+\.113|127\.0\.0|0\.0\.0|255\.255\.255)\.`)
)

// Examples accuse nobody.
func TestExamplesHaveAddressesOfDocumentation(t *testing.T) {
	for _, f := range loadParsers(t) {
		for _, e := range f.Parser.Spec.Examples {
			for _, ip := range ipv4.FindAllString(e.Input, -1) {
				if !kept4.MatchString(ip) {
					t.Errorf("%s: %s: %s is somebody's address", f.File, e.Name, ip)
				}
			}
			for _, ip := range ipv6.FindAllString(e.Input, -1) {
				a, err := netip.ParseAddr(ip)
				if err == nil && !netip.MustParsePrefix("2001:db8::/32").Contains(a) && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
					t.Errorf("%s: %s: %s is somebody's address", f.File, e.Name, ip)
				}
			}
		}
	}
}

// nobody are hosts under which nobody lives (RFC 2606).
var nobody = regexp.MustCompile(`(?i)(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost|onion|[a-z0-9-]*example[a-z0-9-]*\.\w+)$`)

func TestExamplesAccuseNobodyByName(t *testing.T) {
	for _, f := range loadParsers(t) {
		for _, e := range f.Parser.Spec.Examples {
			for _, raw := range e.Events {
				var got struct {
					FQDN, URL string
					Address   []struct{ ASN int64 }
				}
				if err := json.Unmarshal(raw.Raw, &got); err != nil {
					continue // other tests tell
				}
				hosts := []string{got.FQDN}
				if u, err := url.Parse(got.URL); err == nil {
					hosts = append(hosts, u.Hostname())
				}
				for _, h := range hosts {
					if _, err := netip.ParseAddr(h); h != "" && err != nil && !nobody.MatchString(h) {
						t.Errorf("%s: %s: %s may be somebody's name", f.File, e.Name, h)
					}
				}
				for _, a := range got.Address {
					if a.ASN != 0 && (a.ASN < 64496 || a.ASN > 64511) && (a.ASN < 65536 || a.ASN > 65551) {
						t.Errorf("%s: %s: AS%d may be somebody's network (RFC 5398 keeps 64496 to 64511)", f.File, e.Name, a.ASN)
					}
				}
			}
		}
	}
}
