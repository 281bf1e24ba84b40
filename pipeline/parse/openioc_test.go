package parse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

func iocItem(search, content, more string) string {
	document, _, _ := strings.Cut(search, "/")
	return `<IndicatorItem id="x" ` + more + `><Context document="` + document + `" search="` + search + `" type="mir"/><Content type="string">` + content + `</Content></IndicatorItem>`
}

const iocStart = `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="i" last-modified="2026-11-20T08:15:30"><short_description>n</short_description><definition><Indicator operator="OR" id="o">`

const iocEnd = `</Indicator></definition></ioc>`

func TestOpenIOC(t *testing.T) {
	const is = `condition="is"`
	var terms strings.Builder
	for _, s := range []string{"FileItem/Sha1sum|da39a3ee5e6b4b0d3255bfef95601890afd80709", "DnsEntryItem/RecordData/Host|a.example", "DnsEntryItem/RecordData/IPv4Address|192.0.2.1",
		"Network/URI|/gate.php", "Email/From|a@example.com", "PortItem/remotePort|443", "UrlHistoryItem/HostName|b.example", "SystemInfoItem/hostname|pc", "RouteEntryItem/Destination|192.0.2.0/24"} {
		search, content, _ := strings.Cut(s, "|")
		terms.WriteString(iocItem(search, content, is))
	}
	for _, c := range []parseCase{
		{name: "terms", fields: "sha1 fqdn ip extra.uri email dport extra.content", payload: iocStart + terms.String() + iocEnd, events: []string{
			"da39a3ee5e6b4b0d3255bfef95601890afd80709||||||", "|a.example||||| a.example", "||192.0.2.1||||", "|||/gate.php|||", "||||a@example.com|| a@example.com",
			"|||||443|", "|b.example||||| b.example", "|||||| pc", "|||||| 192.0.2.0/24"}},
		{name: "several documents", fields: "name ip time", payload: "<iocs>" + iocStart + iocItem("PortItem/remoteIP", "192.0.2.1", is) + iocEnd + `<OpenIOC published-date="2026-11-21T00:00:00Z"><metadata><short_description>m</short_description></metadata><criteria>` + iocItem("PortItem/remoteIP", "192.0.2.2", is) + "</criteria></OpenIOC></iocs>",
			events: []string{"n|192.0.2.1|2026-11-20T08:15:30Z", "m|192.0.2.2|2026-11-21T00:00:00Z"}},
		{name: "negated groups", fields: "ip", payload: iocStart + `<Indicator operator="AND" negate="true">` + iocItem("PortItem/remoteIP", "192.0.2.1", is) + "</Indicator>" + iocItem("PortItem/remoteIP", "192.0.2.2", `condition="containsnot"`) + iocEnd},
		{name: "a network", fields: "extra.network ip", payload: iocStart + iocItem("PortItem/remoteIP", "192.0.2.0/24", is) + iocEnd, events: []string{"192.0.2.0/24|"}},
		{name: "a hash that is none", fields: "md5", payload: iocStart + iocItem("FileItem/Md5sum", "xyz", is) + iocEnd, rejected: []string{"md5: "}},
		{name: "no items", fields: "md5", payload: iocStart + iocEnd},
		{name: "other XML", fields: "md5", payload: "<stix/>", err: "the document is <stix>; there is no <ioc> or <OpenIOC> in it"},
		{name: "the end in the middle", fields: "ip", payload: iocStart + iocItem("PortItem/remoteIP", "192.0.2.1", is) + "<Indicator", events: []string{"192.0.2.1"}, err: "the XML ends in the middle"},
	} {
		c.spec = "input: {openioc: {}}\nconstants: {category: malware-action}"
		for i, e := range c.events { // extras are JSON
			c.events[i] = strings.ReplaceAll(e, "| ", "|")
		}
		c.run(t)
	}
}

func FuzzOpenIOC(f *testing.F) {
	f.Add([]byte(iocStart + iocItem("PortItem/remoteIP", "192.0.2.1", `condition="is"`) + iocEnd))
	f.Add([]byte("<OpenIOC><criteria><Indicator operator='AND'>" + iocItem("FileItem/Md5sum", "x", `negate="true"`) + "</Indicator></criteria></OpenIOC>"))
	p := parserOf(f, "input: {openioc: {}}")
	f.Fuzz(func(t *testing.T, payload []byte) {
		whole := parseRubbish(t, p, bytes.NewReader(payload))
		if bytewise := parseRubbish(t, p, iotest.OneByteReader(bytes.NewReader(payload))); fmt.Sprint(whole) != fmt.Sprint(bytewise) {
			t.Errorf("byte by byte %q, not %q", bytewise, whole)
		}
	})
}

func BenchmarkOpenIOC(b *testing.B) {
	rows := eachRow(`<IndicatorItem id="2024-05-%02d-%02d-%d" condition="is"><Context document="PortItem" search="PortItem/remoteIP" type="mir"/><Content type="IP">198.51.%d.%d</Content><Comment>%d-%x-%d</Comment></IndicatorItem>`)
	benchmarkVocabulary(b, "input: {openioc: {}}", []byte(iocStart+string(rows)+iocEnd), benchRows)
}
