package misp

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// iocOf is the member ioc of the record of an attribute.
func iocOf(t *testing.T, attribute string, e *Event) string {
	t.Helper()
	text, pass := Attribute(nil, attribute, e, nil)
	if pass != "" {
		return pass
	}
	if _, err := record.Parse(string(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	_, ioc, _ := strings.Cut(string(text), `"ioc":`)
	return strings.TrimSuffix(ioc, "}")
}

func TestWhatAttributesMean(t *testing.T) {
	for in, want := range map[string]string{
		`"Network activity","type":"hostname","value":"a.example.org","to_ids":true`:     `{"fqdn":"a.example.org","category":"cnc"}`,
		`"Network activity","type":"url","value":"http://a/","to_ids":false`:             `{"url":"http://a/","category":"other"}`,
		`"Network activity","type":"ip-src","value":"192.0.2.1","to_ids":true`:           `{"ip":"192.0.2.1","category":"bots"}`,
		`"Network activity","type":"domain|ip","value":"a.example|192.0.2.1"`:            `{"fqdn":"a.example","ip":"192.0.2.1","category":"malurl"}`,
		`"Network activity","type":"email-src","value":"a@example.org","to_ids":true`:    `{"email":"a@example.org","category":"cnc"}`,
		`"Payload delivery","type":"ip-src","value":"192.0.2.1"`:                         `{"ip":"192.0.2.1","category":"malurl"}`,
		`"Payload delivery","type":"email-src","value":"a@example.org"`:                  `{"email":"a@example.org","category":"spam"}`,
		`"Payload delivery","type":"filename|sha256","value":"a b.exe|00ff"`:             `{"filename":"a b.exe","sha256":"00ff","category":"malware-action"}`,
		`"Payload delivery","type":"malware-sample","value":"a.exe|00ff"`:                `{"filename":"a.exe","md5":"00ff","category":"malware-action"}`,
		`"Artifacts dropped","type":"sha512/256","value":"00ff"`:                         `{"sha512_256":"00ff","category":"malware-action"}`,
		`"Network activity","type":"hostname|port","value":"a.example|443","to_ids":"1"`: `{"fqdn":"a.example","dport":"443","category":"cnc"}`,
		`"Network activity","type":"ip-dst|port","value":"[2001:db8::1]:443"`:            `{"ip":"2001:db8::1","dport":"443","category":"other"}`,
		`"Network activity","type":"ip-dst","value":"192.0.2.1","comment":"Port: 8080"`:  `{"ip":"192.0.2.1","dport":"8080","category":"other"}`,
		`"External analysis","type":"vulnerability","value":"CVE-2026-0001"`:             `{"cve":"CVE-2026-0001","category":"vulnerable"}`,
		`"External analysis","type":"link","value":"https://example.org"`:                `type link`,
		`"External analysis","type":"\u0000","value":"x"`:                                `type`,
		`"Network activity","type":"ip-dst","value":""`:                                  `no-value`,
		`"Network activity","type":"AS","value":"AS64496"`:                               `{"asn":"AS64496"}`,
		`"Financial fraud","type":"iban","value":"x"`:                                    `{"iban":"x","category":"fraud"}`,
	} {
		if got := iocOf(t, `{"category":`+in+`}`, nil); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestTagsOfTheEventAndTheAttributeAreReadTogether(t *testing.T) {
	e := ReadEvent(`{"info":"x","Tag":[{"name":"tlp:green"},{"name":"misp-galaxy:tool=\"Cobalt Strike\""},{"name":"misp-galaxy:threat-actor=\"APT 1\""},{"name":"misp-galaxy:malpedia=\"Emotet\""}]}`)
	const of = `{"type":"ip-dst","value":"192.0.2.1","category":"Network activity"`
	for in, want := range map[string]string{
		`}`: `"category":"other","tlp":"green","malware":"Emotet","threat_actor":"APT 1"`,
		`,"Tag":[{"name":"TLP:Amber+Strict"},{"name":"tlp:nonsense"},{"name":"misp-galaxy:mitre-malware=\"QakBot - S0650\""}]}`: `"category":"other","tlp":"amber+strict","malware":"QakBot","threat_actor":"APT 1"`,
		`,"Tag":[{"name":"tlp:white"},{"name":"rsit:fraud=\"phishing\""}]}`:                                                     `"category":"phish","type":"phishing","tlp":"green","malware":"Emotet","threat_actor":"APT 1"`,
		`,"AttributeTag":[{"Tag":{"name":"tlp:red"}}]}`:                                                                         `"category":"other","tlp":"red","malware":"Emotet","threat_actor":"APT 1"`,
	} {
		if got := iocOf(t, of+in, e); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestCategoriesAreThoseOfEvents(t *testing.T) {
	for typ, category := range rsitCategories {
		if _, ok := event.ParseCategory(category); !ok {
			t.Errorf("%s: %s", typ, category)
		}
	}
}
