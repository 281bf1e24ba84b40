package mapping

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// observable is the name of the field that stands for the one that fits the
// value.
const observable = "observable"

// observableFields are those that it stands for.
var observableFields = []string{
	"ip", "dport", "extra.network", "url", "fqdn", "md5", "sha1", "sha256", "extra.sha512", "email", "cves",
}

// observables makes the targets of observables.
func (c *compiler) observables() int {
	if t, ok := c.byField[observable]; ok {
		return t
	}
	for _, name := range observableFields {
		c.target(name, observable)
	}
	t := len(c.targets)
	c.byField[observable] = t
	c.targets = append(c.targets, target{name: observable})
	return t
}

// part of an observable: a field and its value.
type observed struct{ field, value string }

var (
	cveName = regexp.MustCompile(`(?i)^CVE-\d{4}-\d{4,}$`)
	hexOnly = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// observe says which fields a value is for; nil if it is nothing known.
func observe(s string) []observed {
	s = strings.TrimSpace(refang(s))
	if fields := observeName(s); fields != nil {
		return fields
	}
	if strings.Contains(s, "://") {
		return []observed{{"url", s}}
	}
	if host, rest, ok := strings.Cut(s, "/"); ok {
		return observePath(s, host, rest)
	}
	if strings.Contains(s, "@") {
		return []observed{{"email", s}}
	}
	return observeHost(s)
}

// observeName knows hashes and names of vulnerabilities.
func observeName(s string) []observed {
	if cveName.MatchString(s) {
		return []observed{{"cves", s}}
	}
	if !hexOnly.MatchString(s) {
		return nil
	}
	switch len(s) {
	case 32:
		return []observed{{"md5", s}}
	case 40:
		return []observed{{"sha1", s}}
	case 64:
		return []observed{{"sha256", s}}
	case 128:
		return []observed{{"extra.sha512", strings.ToLower(s)}}
	}
	return nil
}

// observePath knows networks, and URLs without a scheme.
func observePath(s, host, rest string) []observed {
	if first, last, ok := bounds(s); ok {
		if first == last {
			return []observed{{"ip", first.String()}}
		}
		if p, ok := prefixOf(first, last); ok {
			return []observed{{"extra.network", p.String()}}
		}
		return nil
	}
	if of := observeHost(host); rest != "" && of != nil && of[0].field != "extra.network" {
		return []observed{{"url", "http://" + s}}
	}
	return nil
}

// observeHost knows addresses and names, with a port or without.
func observeHost(s string) []observed {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return []observed{{"ip", ip.Unmap().String()}}
	}
	if strings.Contains(s, "-") {
		if fields := observeRange(s); fields != nil {
			return fields
		}
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	out := []observed{{"ip", strings.Trim(host, "[]")}}
	if _, err := netip.ParseAddr(out[0].value); err != nil {
		host = strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
		if strings.ContainsAny(host, " \t:;,\"'<>()") || !strings.Contains(strings.TrimSuffix(host, "."), ".") {
			return observeRange(s)
		}
		out[0] = observed{"fqdn", host}
	}
	if port != "" {
		out = append(out, observed{"dport", port})
	}
	return out
}

func observeRange(s string) []observed {
	first, last, ok := bounds(s)
	if !ok {
		return nil
	}
	if p, ok := prefixOf(first, last); ok {
		return []observed{{"extra.network", p.String()}}
	}
	return []observed{{"extra.network", first.String() + "-" + last.String()}}
}

// observe sets the fields that the value is for. Fields that a rule has set
// before stay as they are.
func (r *Runner) observe(rule *rule, e *event.Event, s string) *Failure {
	fields := observe(s)
	if fields == nil {
		return r.invalid(rule, &Failure{observable, "is no address, network, URL, domain name, hash, e-mail address or CVE (got " +
			quoted(s) + ")"})
	}
	for _, f := range fields {
		t := r.p.targetOf[f.field]
		if r.set[t] != unset && f.field != "cves" {
			continue
		}
		if err := r.p.targets[t].field.Set(e, f.value); err != nil {
			return r.invalid(rule, failure(err))
		}
		r.set[t] = isSet
		if rule.drop {
			r.set[t] = isDroppable
		}
	}
	r.set[rule.target] = isSet
	return nil
}

func quoted(s string) string {
	return record.Text(record.AppendString(nil, s[:min(len(s), 128)]))
}
