package export

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
	"github.com/weir-project/weir/pipeline/store"
)

// Bounds of one query. n6 has none beyond those of its web server.
const (
	maxQueryBytes  = 64 << 10
	maxQueryValues = 4096
)

// query is what the parameters of a request ask for.
type query struct {
	where                  []store.Cond
	limit                  int64
	primary                bool
	time, modified, active bounds
}

// bounds of a time. Until wins over max.
type bounds struct{ min, max, until event.Opt[time.Time] }

func (b *bounds) conds(field string, to []store.Cond) []store.Cond {
	if b.min.Set {
		to = append(to, store.Cond{Field: field, Op: store.Min, Time: b.min.V})
	}
	switch {
	case b.until.Set:
		to = append(to, store.Cond{Field: field, Op: store.Until, Time: b.until.V})
	case b.max.Set:
		to = append(to, store.Cond{Field: field, Op: store.Max, Time: b.max.V})
	}
	return to
}

// reader reads the parameters of one request.
type reader struct {
	zone      string
	clearance policy.Clearance
	query     query
}

// read fills the query from a raw query string, or says what is wrong with the
// first parameter that cannot be taken. The rules are n6's: every value is split
// at commas, repeats accumulate, values of one parameter are alternatives,
// parameters are all required; names are compared exactly.
func (rd *reader) read(raw string) *problem {
	names, values, bad := splitQuery(raw)
	if bad != nil {
		return bad
	}
	for _, name := range names {
		p, ok := parameters[name]
		if !ok {
			return badParam(codeUnknownParam, name, "is no parameter of %s; the index page lists all of them",
				zonePath(rd.zone))
		}
		if bad := rd.allowed(p); bad != nil {
			return bad
		}
		vs := values[name]
		if p.single && len(vs) > 1 {
			return badParam(codeManyValues, name, "takes one value, got %d", len(vs))
		}
		if bad := p.read(rd, p, vs); bad != nil {
			return bad
		}
	}
	q := &rd.query
	q.where = q.time.conds("time", q.where)
	q.where = q.modified.conds("modified", q.where)
	q.where = q.active.conds("active", q.where)
	return nil
}

func (rd *reader) allowed(p *parameter) *problem {
	if p.notInside && rd.zone == zoneInside {
		return badParam(codeForbiddenParam, p.name,
			"is no parameter of %s, which shows the organisation's own events only", zonePath(rd.zone))
	}
	if policy.ForbiddenParam(p.name, rd.clearance) {
		return badParam(codeForbiddenParam, p.name, "is for subscriptions with full access only")
	}
	return nil
}

// splitQuery decodes a query into the values of each parameter, already split at
// commas, and the names in the order in which they came.
func splitQuery(raw string) (names []string, values map[string][]string, bad *problem) {
	if len(raw) > maxQueryBytes {
		return nil, nil, problemf(http.StatusBadRequest, codeQuery,
			"the query has %d bytes, %d are allowed; ask in several requests", len(raw), maxQueryBytes)
	}
	values = map[string][]string{}
	count := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !utf8.ValidString(name) {
			return nil, nil, problemf(http.StatusBadRequest, codeQuery,
				"the parameter name %s is not percent-encoded UTF-8", shown(rawName))
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil || !utf8.ValidString(value) {
			return nil, nil, badParam(codeQuery, name, "the value %s is not percent-encoded UTF-8", shown(rawValue))
		}
		if count += 1 + strings.Count(value, ","); count > maxQueryValues {
			return nil, nil, problemf(http.StatusBadRequest, codeQuery,
				"the query has more than %d values; ask in several requests", maxQueryValues)
		}
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = append(values[name], strings.Split(value, ",")...)
	}
	return names, values, nil
}

// parameter is one query parameter.
type parameter struct {
	name      string
	kind      string // of its values, for the index
	single    bool
	notInside bool
	field     string // of the store
	op        store.Op
	convert   func(string) (string, error)
	read      func(*reader, *parameter, []string) *problem
}

// parameters by name.
var parameters = func() map[string]*parameter {
	m := map[string]*parameter{}
	for i := range parameterTable {
		p := &parameterTable[i]
		if p.field == "" {
			p.field, _, _ = strings.Cut(p.name, ".")
		}
		m[p.name] = p
	}
	return m
}()

// parameterTable is section 2.2 of n6's interface, without rid (no raw message
// ids here), with tlp. It is in the order in which the index shows it.
var parameterTable = []parameter{
	timeParam("time.min"), timeParam("time.max"), timeParam("time.until"),
	timeParam("modified.min"), timeParam("modified.max"), timeParam("modified.until"),
	timeParam("active.min"), timeParam("active.max"), timeParam("active.until"),
	{name: "id", kind: "32 hex digits", op: store.In, convert: hexDigits(32), read: readValues},
	{name: "source", kind: "provider.channel", op: store.In, convert: sourceName, read: readValues},
	{name: "category", kind: oneOf(event.Category.String), op: store.In, convert: enum(event.Category.String), read: readValues},
	{name: "confidence", kind: oneOf(event.Confidence.String), op: store.In, convert: enum(event.Confidence.String), read: readValues},
	{name: "restriction", kind: oneOf(event.Restriction.String), op: store.In,
		convert: enum(event.Restriction.String), read: readValues},
	{name: "tlp", kind: oneOf(event.TLP.String), op: store.In, convert: tlpLabel, read: readValues},
	{name: "ip", kind: "IPv4 or IPv6 address", op: store.In, convert: address, read: readValues},
	{name: "ip.net", kind: "IPv4 or IPv6 network", op: store.InNet, read: readNets},
	{name: "asn", kind: "AS number: 64496, AS64496 or 0.64496", op: store.In, convert: asNumber, read: readValues},
	{name: "cc", kind: "country code", op: store.In, convert: countryCode, read: readValues},
	{name: "dip", kind: "IPv4 or IPv6 address", op: store.In, convert: address, read: readValues},
	{name: "dport", kind: "port", op: store.In, convert: port, read: readValues},
	{name: "sport", kind: "port", op: store.In, convert: port, read: readValues},
	{name: "proto", kind: oneOf(event.Proto.String), op: store.In, convert: enum(event.Proto.String), read: readValues},
	{name: "fqdn", kind: "domain name", op: store.In, convert: domainName, read: readValues},
	{name: "fqdn.sub", kind: "part of a domain name", op: store.Contains, convert: domainPart, read: readValues},
	{name: "url", kind: "URL without commas", op: store.In, convert: wholeURL, read: readValues},
	{name: "url.sub", kind: "part of a URL", op: store.Contains, convert: text(2048), read: readValues},
	{name: "url.b64", kind: "URL in URL-safe Base64", op: store.In, convert: base64URL, read: readValues},
	{name: "name", kind: "text", op: store.In, convert: text(255), read: readValues},
	{name: "name.sub", kind: "part of a name", op: store.Contains, convert: text(255), read: readValues},
	{name: "target", kind: "text", op: store.In, convert: text(255), read: readValues},
	{name: "md5", kind: "32 hex digits", op: store.In, convert: hexDigits(32), read: readValues},
	{name: "sha1", kind: "40 hex digits", op: store.In, convert: hexDigits(40), read: readValues},
	{name: "sha256", kind: "64 hex digits", op: store.In, convert: hexDigits(64), read: readValues},
	{name: "origin", kind: oneOf(event.Origin.String), op: store.In, convert: enum(event.Origin.String), read: readValues},
	{name: "status", kind: oneOf(event.Status.String), op: store.In, convert: enum(event.Status.String), read: readValues},
	{name: "replaces", kind: "32 hex digits", op: store.In, convert: hexDigits(32), read: readValues},
	{name: "client", kind: "organisation id", notInside: true, op: store.In,
		convert: organisationID, read: readValues},
	{name: "ignored", kind: "flag", single: true, op: store.In, read: readIgnored},
	{name: "opt.limit", kind: "number of events, from 1", single: true, read: readLimit},
	{name: "opt.primary", kind: "flag", single: true, read: readPrimary},
}

func timeParam(name string) parameter {
	return parameter{name: name, kind: "ISO 8601 time", single: true, read: readTime}
}

// readValues is the reading of most parameters: each value is converted, and any
// of them may match.
func readValues(rd *reader, p *parameter, values []string) *problem {
	out, bad := convertAll(p, values)
	if bad != nil {
		return bad
	}
	rd.query.where = append(rd.query.where, store.Cond{Field: p.field, Op: p.op, Text: out})
	return nil
}

func convertAll(p *parameter, values []string) ([]string, *problem) {
	out := make([]string, 0, len(values))
	for _, v := range values {
		c, err := p.convert(v)
		if err != nil {
			return nil, invalid(p, v, err)
		}
		if len(values) > 64 || !slices.Contains(out, c) { // few values: drop repeats, they cost the store
			out = append(out, c)
		}
	}
	return out, nil
}

func invalid(p *parameter, value string, err error) *problem {
	if value == "" {
		return badParam(codeInvalidValue, p.name, "has an empty value; it takes: %s", p.kind)
	}
	return badParam(codeInvalidValue, p.name, "%s %v", shown(value), err)
}

func readNets(rd *reader, p *parameter, values []string) *problem {
	c := store.Cond{Field: "ip", Op: store.InNet}
	for _, v := range values {
		n, err := network(v)
		if err != nil {
			return invalid(p, v, err)
		}
		c.Nets = append(c.Nets, n)
	}
	rd.query.where = append(rd.query.where, c)
	return nil
}

func readTime(rd *reader, p *parameter, values []string) *problem {
	t, err := parseISOTime(values[0])
	if err != nil {
		return invalid(p, values[0], err)
	}
	b := map[string]*bounds{"time": &rd.query.time, "modified": &rd.query.modified, "active": &rd.query.active}[p.field]
	switch {
	case strings.HasSuffix(p.name, ".min"):
		b.min = event.Some(t)
	case strings.HasSuffix(p.name, ".max"):
		b.max = event.Some(t)
	default:
		b.until = event.Some(t)
	}
	return nil
}

func readIgnored(rd *reader, p *parameter, values []string) *problem {
	v, err := parseFlag(values[0])
	if err != nil {
		return invalid(p, values[0], err)
	}
	s := "false"
	if v {
		s = "true"
	}
	rd.query.where = append(rd.query.where, store.Cond{Field: "ignored", Op: store.In, Text: []string{s}})
	return nil
}

func readLimit(rd *reader, p *parameter, values []string) *problem {
	n, err := parseLimit(values[0])
	if err != nil {
		return invalid(p, values[0], err)
	}
	rd.query.limit = n
	return nil
}

func readPrimary(rd *reader, p *parameter, values []string) *problem {
	v, err := parseFlag(values[0])
	if err != nil {
		return invalid(p, values[0], err)
	}
	rd.query.primary = v
	return nil
}
