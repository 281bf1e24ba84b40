package stix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

type sink struct {
	records, passed []string
}

func (s *sink) Record(text []byte) error {
	s.records = append(s.records, string(text))
	return nil
}

func (s *sink) Pass(reason string) { s.passed = append(s.passed, reason) }

func TestObservablesOfPatterns(t *testing.T) {
	for in, want := range map[string]struct{ found, passed string }{
		`[ipv4-addr:value = '192.0.2.1']`: {"ipv4-addr:value=192.0.2.1", ""},
		`[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2') AND network-traffic:dst_port = 80]`:                                                                                                                                                                           {"ipv4-addr:value=192.0.2.1:80 ipv4-addr:value=192.0.2.2:80", ""},
		`[(ipv4-addr:value = '192.0.2.1' OR domain-name:value = 'a.example') AND (network-traffic:dst_port = 80 OR network-traffic:dst_port = 81)]`:                                                                                                                   {"ipv4-addr:value=192.0.2.1:80 ipv4-addr:value=192.0.2.1:81 domain-name:value=a.example:80 domain-name:value=a.example:81", ""},
		`[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 80 AND network-traffic:src_ref.value = '192.0.2.9' AND network-traffic:src_port = 1024 AND network-traffic:protocols[0] = 'udp']`: {"network-traffic:dst_ref.value=192.0.2.1:80/udp network-traffic:src_ref.value=192.0.2.9:1024/udp<", ""},
		`[ipv4-addr:value = '192.0.2.1'] AND [network-traffic:dst_port = 80]`:                                                                                                                                                                                         {"ipv4-addr:value=192.0.2.1", "port-without-address"},
		`[network-traffic:dst_port = 80 AND network-traffic:protocols[*] = 'tcp']`:                                                                                                                                                                                    {"", "port-without-address"},
		`[url:value = 'http://a/' AND network-traffic:dst_port = 80]`:                                                                                                                                                                                                 {"url:value=http://a/", ""},
		`[domain-name:value NOT = 'a' OR domain-name:value != 'b' OR domain-name:value LIKE '%c' OR domain-name:value NOT IN ('d')]`:                                                                                                                                  {"", "negated negated operator LIKE negated"},
		`[file:hashes.'sha256' = 'aa' AND file:hashes.MD5 = 'bb' AND file:name = 'x y' AND file:size = 5]`:                                                                                                                                                            {"file:hashes.'SHA-256'=aa file:hashes.MD5=bb file:name=x y", "property file:size"},
		`[ipv4-addr:value ISSUBSET '192.0.2.0/24']`:                                                                                                                                                                                                                   {"", "operator ISSUBSET"},
		`[x509-certificate:hashes.'SHA-1' = 'aa' OR x509-certificate:x = 1]`:                                                                                                                                                                                          {"x509-certificate:hashes.'SHA-1'=aa", "property x509-certificate:x"},
	} {
		found, passed, err := Pattern(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var got []string
		for _, o := range found {
			s := o.Type + ":" + o.Property + "=" + o.Value
			if o.Port != "" {
				s += ":" + o.Port
			}
			if o.Protocol != "" {
				s += "/" + o.Protocol
			}
			if o.Source {
				s += "<"
			}
			got = append(got, s)
		}
		if g, p := strings.Join(got, " "), strings.Join(passed, " "); g != want.found || p != want.passed {
			t.Errorf("%s\ngot  %s, passed %s\nwant %s, passed %s", in, g, p, want.found, want.passed)
		}
	}
}

func TestARecordHasTheObservableItsObjectAndWhatItMeans(t *testing.T) {
	const object = `{"type":"indicator","id":"indicator--1","name":"n","pattern":"[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 443]","labels":["C2"],"confidence":50,` +
		`"created_by_ref":"identity--1","kill_chain_phases":[{"kill_chain_name":"k","phase_name":"delivery"}],"object_marking_refs":["marking-definition--2"],` +
		`"external_references":[{"source_name":"cve","external_id":"CVE-2026-0001"}]}`
	c := ReadContext(`{"type":"bundle","objects":[{"type":"identity","id":"identity--1","name":"Example CERT"},` +
		`{"type":"marking-definition","id":"marking-definition--2","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"amber+strict"}}},` +
		`{"type":"threat-actor","id":"threat-actor--1","name":"X"},{"type":"relationship","id":"relationship--1","relationship_type":"indicates","source_ref":"indicator--1","target_ref":"threat-actor--1"}]}`)
	var s sink
	reject, err := NewReader(c).Object(object, &s)
	if err != nil || reject != "" || len(s.records) != 1 {
		t.Fatal(reject, err, s)
	}
	const want = `{"observable":{"type":"ipv4-addr","property":"value","value":"192.0.2.1","port":443},"ioc":{"ip":"192.0.2.1","dport":"443","category":"cnc","confidence":"medium"},` +
		`"id":"indicator--1","name":"n","confidence":50,"labels":["C2"],"kill_chain":["delivery"],"tlp":"amber+strict","threat_actors":["X"],"created_by":"Example CERT","cves":["CVE-2026-0001"],"object":` + object + `}`
	if s.records[0] != want {
		t.Errorf("got  %s\nwant %s", s.records[0], want)
	}
	completed := string(Complete(nil, `{"observable":{"type":"ipv4-addr","property":"value","value":"192.0.2.1","port":443},"labels":["C2"],"confidence":50} `))
	if !strings.HasSuffix(completed, `"confidence":50,"ioc":{"ip":"192.0.2.1","dport":"443","category":"cnc","confidence":"medium"}}`) {
		t.Error(completed)
	}
	if _, err := record.Parse(completed); err != nil {
		t.Error(err)
	}
}

func TestTheContextOfATextThatEndsInTheMiddle(t *testing.T) {
	const text = `{"type":"bundle","id":"bundle--1","objects":[{"type":"malware","id":"malware--1","name":"m"},{"type":"identity","id":"identity--1","name":"i"}]}`
	for i := range text {
		c := ReadContext(text[:i])
		if c.Whole && i > 0 {
			t.Fatalf("cut at %d: whole", i)
		}
		if want := strings.Contains(text[:i], `"m"}`); want != (c.names["malware--1"].name == "m") {
			t.Fatalf("cut at %d: %v", i, c.names)
		}
	}
	if c := ReadContext(text); !c.Whole || len(c.names) != 2 {
		t.Error(c)
	}
}

func TestCategoriesAreThoseOfEvents(t *testing.T) {
	for label, category := range categories {
		if _, ok := event.ParseCategory(category); !ok || label != normalLabel(label) {
			t.Errorf("%s: %s", label, category)
		}
	}
}

func TestHashesHaveTheNamesOfTheStandard(t *testing.T) {
	var names []string
	for _, s := range []string{"md5", "SHA1", "sha-256", "SHA_512", "ssdeep", "own"} {
		names = append(names, hashName(s))
	}
	if got := fmt.Sprint(names); !slices.Equal(names, []string{"MD5", "SHA-1", "SHA-256", "SHA-512", "SSDEEP", "own"}) {
		t.Error(got)
	}
}
