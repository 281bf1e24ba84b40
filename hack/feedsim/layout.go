package feedsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// observe makes the records of one round. They depend on the seed, the feed and
// the round only, and no two of a feed are equal.
func (s *Sim) observe(name string, round int) []Record {
	h := fnv.New64a()
	h.Write([]byte(name))
	rnd := rand.New(rand.NewPCG(s.opts.Seed^h.Sum64(), uint64(round)))
	records := make([]Record, s.opts.PerRound)
	for i := range records {
		at := s.opts.Start.Add(time.Duration(round) * time.Minute)
		r := Record{Feed: name, Round: round, Time: at.Add(time.Duration(i) * time.Minute / time.Duration(len(records))).Truncate(time.Second)}
		n := round*len(records) + i
		switch name {
		case C2:
			r.IP, r.Port = address(rnd, "192.0.2."), 1024+n%60000
			r.Name, r.Online = pick(rnd, "examplebot", "samplerat", "testloader"), rnd.IntN(2) == 0
		case Phishing:
			r.Host = fmt.Sprintf("%s-%d.example.%s", pick(rnd, "login", "secure", "bank", "mail"), rnd.IntN(1000), pick(rnd, "com", "net", "org"))
			r.URL = fmt.Sprintf("https://%s/%s/%d?id=%x", r.Host, pick(rnd, "signin", "verify", "update"), n, rnd.Uint32())
		case Scan:
			r.IP, r.Port = address(rnd, "198.51.100."), 1024+n%60000
			r.Name = pick(rnd, "redis", "mongodb", "telnet", "ldap")
			r.CVE = fmt.Sprintf("CVE-2024-%04d", 1000+rnd.IntN(9000))
		case Sinkhole:
			r.IP, r.Port = address(rnd, "203.0.113."), 1024+n%60000
			if n%5 == 0 {
				r.IP = fmt.Sprintf("2001:db8::%x", 1+rnd.IntN(0xfffe))
			}
			r.DstIP, r.Name = "192.0.2.53", pick(rnd, "examplebot", "sampleworm")
			r.Host = fmt.Sprintf("c%d.example.org", rnd.IntN(500))
		}
		records[i] = r
	}
	return records
}

func address(rnd *rand.Rand, prefix string) string { return prefix + strconv.Itoa(1+rnd.IntN(254)) }
func pick(rnd *rand.Rand, of ...string) string     { return of[rnd.IntN(len(of))] }

// layout is a format: columns, and how they are put down.
type layout struct {
	contentType string
	columns     []column
	write       func(cols []column, records []Record, now time.Time) []byte
}

// column is one column, or in JSON one member; a dot in its name nests it.
type column struct {
	name    string
	renamed string // its name after Rename; the main column has one
	value   func(Record) any
	retyped func(Record) any // its value after Retype
}

func (l layout) render(records []Record, now time.Time, fault Fault) []byte {
	cols := slices.Clone(l.columns)
	switch fault {
	case Rename:
		for i, c := range cols {
			if c.renamed != "" {
				cols[i].name = c.renamed
			}
		}
	case Remove:
		cols = slices.DeleteFunc(cols, func(c column) bool { return c.renamed != "" })
	case Reorder:
		cols[0], cols[1] = cols[1], cols[0]
	case Retype:
		for i, c := range cols {
			if c.retyped != nil {
				cols[i].value = c.retyped
			}
		}
	case Append:
		cols = append(cols, column{name: "reporter", value: func(Record) any { return "example" }})
	}
	body := l.write(cols, records, now)
	switch fault {
	case Delimiter: // no value has either
		return bytes.ReplaceAll(body, []byte(","), []byte(";"))
	case Envelope:
		return bytes.Replace(body, []byte(`"results":`), []byte(`"observations":`), 1)
	}
	return body
}

func spaced(r Record) any  { return r.Time.Format("2006-01-02 15:04:05") }
func rfc3339(r Record) any { return r.Time.Format(time.RFC3339) }
func unix(r Record) any    { return r.Time.Unix() }
func ip(r Record) any      { return r.IP }
func port(r Record) any    { return r.Port }
func name(r Record) any    { return r.Name }

var c2Layout = layout{
	contentType: "text/csv",
	columns: []column{
		{name: "first_seen_utc", value: spaced, retyped: unix},
		{name: "dst_ip", renamed: "server_address", value: ip},
		{name: "dst_port", value: port},
		{name: "c2_status", value: func(r Record) any {
			if r.Online {
				return "online"
			}
			return "offline"
		}},
		{name: "malware", value: name},
	},
	write: writeCSV,
}

var phishingLayout = layout{
	contentType: "text/plain; charset=utf-8",
	columns: []column{{
		name:  "url",
		value: func(r Record) any { return r.URL },
		retyped: func(r Record) any {
			return fmt.Sprintf("%d;%s;phish", r.Time.Unix(), strings.Replace(r.URL, "https", "hxxps", 1))
		},
	}},
	write: writeLines,
}

var scanLayout = layout{
	contentType: "application/json",
	columns: []column{
		{name: "observed", value: rfc3339, retyped: unix},
		{name: "port", value: port},
		{name: "host.ip", renamed: "host.address", value: ip},
		{name: "host.asn", value: func(Record) any { return 64496 }},
		{name: "service.name", value: name},
		{name: "service.proto", value: func(Record) any { return "tcp" }},
		{name: "service.banner", value: func(Record) any { return nil }},
		{name: "vulns", value: func(r Record) any { return []string{r.CVE} }},
	},
	write: writeReport,
}

var sinkholeLayout = layout{
	contentType: "application/x-ndjson",
	columns: []column{
		{name: "ts", value: unix, retyped: rfc3339},
		{name: "src", renamed: "source", value: ip},
		{name: "src_port", value: port},
		{name: "dst", value: func(r Record) any { return r.DstIP }},
		{name: "family", value: name},
		{name: "http.host", value: func(r Record) any { return r.Host }},
	},
	write: writeJSONLines,
}

// writeCSV writes quoted cells under a header that is a comment, as some
// publishers of blocklists do.
func writeCSV(cols []column, records []Record, now time.Time) []byte {
	var b bytes.Buffer
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	fmt.Fprintf(&b, "########################################\n# Example command-and-control list\n# Last updated: %s UTC\n# Documentation addresses only\n########################################\n#\n# %s\n",
		now.Format("2006-01-02 15:04:05"), strings.Join(names, ","))
	for _, r := range records {
		for i, c := range cols {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%v"`, c.value(r))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "# END %d entries\n", len(records))
	return b.Bytes()
}

func writeLines(cols []column, records []Record, _ time.Time) []byte {
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintln(&b, cols[0].value(r))
	}
	return b.Bytes()
}

func writeReport(cols []column, records []Record, now time.Time) []byte {
	results := make([]json.RawMessage, len(records))
	for i, r := range records {
		results[i] = object(cols, r)
	}
	return mustJSON(struct {
		Meta    map[string]any    `json:"meta"`
		Results []json.RawMessage `json:"results"`
	}{map[string]any{"generated": now.Format(time.RFC3339), "count": len(results)}, results})
}

func writeJSONLines(cols []column, records []Record, _ time.Time) []byte {
	var b bytes.Buffer
	for _, r := range records {
		b.Write(object(cols, r))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// object writes the members in the order of their columns; those of one nested
// object follow each other.
func object(cols []column, r Record) json.RawMessage {
	var b bytes.Buffer
	open := ""
	b.WriteByte('{')
	for i, c := range cols {
		outer, inner, nested := strings.Cut(c.name, ".")
		if open != "" && (!nested || outer != open) {
			b.WriteByte('}')
			open = ""
		}
		if i > 0 && b.Bytes()[b.Len()-1] != '{' {
			b.WriteByte(',')
		}
		switch {
		case nested && open == "":
			fmt.Fprintf(&b, "%q:{%q:", outer, inner)
			open = outer
		case nested:
			fmt.Fprintf(&b, "%q:", inner)
		default:
			fmt.Fprintf(&b, "%q:", c.name)
		}
		b.Write(mustJSON(c.value(r)))
	}
	if open != "" {
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return b.Bytes()
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and lists of them
	}
	return raw
}
