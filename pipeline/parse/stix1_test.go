package parse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

// cybox is an observable of one object.
func cybox(kind, attrs, inside string) string {
	return `<cybox:Observable ` + attrs + `><cybox:Object><cybox:Properties xsi:type="X:` + kind + `ObjectType">` + inside + `</cybox:Properties></cybox:Object></cybox:Observable>`
}

func TestSTIX1(t *testing.T) {
	pack := func(inside string) string {
		return `<stix:STIX_Package timestamp="2026-11-20T08:00:00Z">` + inside + `</stix:STIX_Package>`
	}
	indicator := func(inside string) string {
		return "<stix:Indicators><stix:Indicator id='i'>" + inside + "</stix:Indicator></stix:Indicators>"
	}
	ip := cybox("Address", "", `<a:Address_Value>192.0.2.1</a:Address_Value>`)
	for _, c := range []parseCase{
		{name: "objects", fields: "fqdn ip dport email url sha256 extra.filename", payload: pack(indicator(
			cybox("DomainName", "", "<d:Value condition='Equals'>a.example</d:Value>") +
				cybox("Hostname", "", "<h:Hostname_Value>b.example</h:Hostname_Value>") +
				cybox("SocketAddress", "", "<s:IP_Address category='ipv4-addr'><a:Address_Value>192.0.2.1</a:Address_Value></s:IP_Address><s:Port><p:Port_Value>443</p:Port_Value><p:Layer4_Protocol>TCP</p:Layer4_Protocol></s:Port>") +
				cybox("EmailMessage", "", "<e:Header><e:From category='e-mail'><a:Address_Value>x@example.com</a:Address_Value></e:From></e:Header>") +
				cybox("Link", "", "<u:Value>http://a.example/x</u:Value>") +
				cybox("File", "", "<f:File_Name>x.exe</f:File_Name><f:Hashes><c:Hash><c:Simple_Hash_Value>e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</c:Simple_Hash_Value></c:Hash></f:Hashes>"))),
			events: []string{"a.example||||||", "b.example||||||", "|192.0.2.1|443||||", "|||x@example.com|||", "||||http://a.example/x||", "||||||x.exe", "|||||e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|"}},
		{name: "observables without indicators", fields: "ip time", payload: pack("<stix:Observables>" + strings.Replace(ip, "Observable ", "Observable id='o' ", 1) + ip + "</stix:Observables>"), events: []string{"192.0.2.1|2026-11-20T08:00:00Z", "192.0.2.1|2026-11-20T08:00:00Z"}},
		{name: "a reference, and one to nothing", fields: "ip name", payload: pack("<stix:Observables>" + strings.Replace(ip, "Observable ", "Observable id='o' ", 1) + "</stix:Observables>" +
			indicator("<i:Title>n</i:Title><i:Observable idref='o'/><i:Observable idref='none'/>")), events: []string{"192.0.2.1|n"}},
		{name: "compositions and negations", fields: "ip", payload: pack(indicator("<i:Observable><c:Observable_Composition operator='OR'>" + ip + cybox("Address", "negate='true'", "<a:Address_Value>192.0.2.2</a:Address_Value>") +
			cybox("Address", "", "<a:Address_Value condition='DoesNotEqual'>192.0.2.3</a:Address_Value>") + "</c:Observable_Composition></i:Observable>")), events: []string{"192.0.2.1"}},
		{name: "markings", fields: "ip tlp", payload: pack("<stix:STIX_Header><m:Marking_Structure color='GREEN'/></stix:STIX_Header>" + "<stix:Indicators><stix:Indicator>" + ip + "</stix:Indicator><stix:Indicator>" + ip +
			"<i:Handling><m:Marking><m:Marking_Structure color='RED'/></m:Marking></i:Handling></stix:Indicator></stix:Indicators>"), events: []string{"192.0.2.1|GREEN", "192.0.2.1|RED"}},
		{name: "a poll of TAXII 1", fields: "ip", payload: "<taxii_11:Poll_Response><taxii_11:Content_Block><taxii_11:Content>" + pack(indicator(ip)) + "</taxii_11:Content></taxii_11:Content_Block><taxii_11:Content_Block><taxii_11:Content>" + pack(indicator(ip)) + "</taxii_11:Content></taxii_11:Content_Block></taxii_11:Poll_Response>", events: []string{"192.0.2.1", "192.0.2.1"}},
		{name: "an address that is none", fields: "ip", payload: pack(indicator(cybox("File", "", "<f:Hashes><c:Hash><c:Type>MD5</c:Type><c:Simple_Hash_Value>x</c:Simple_Hash_Value></c:Hash></f:Hashes>"))), rejected: []string{"md5: "}},
		{name: "an empty package", fields: "ip", payload: pack("")},
		{name: "the end in the middle", fields: "ip", payload: pack("<stix:Observables>" + strings.Replace(ip, "Observable ", "Observable id='o' ", 1) + "</stix:Observables>")[:290], events: []string{"192.0.2.1"}, err: "the XML ends in the middle"},
		{name: "other XML", fields: "ip", payload: "<rss/>", err: "the document is <rss>; there is no <STIX_Package> in it"},
		{name: "HTML", fields: "ip", payload: "<!DOCTYPE html><html></html>", err: "looks like HTML, not STIX"},
	} {
		c.spec = "input: {stix: {}}\nconstants: {category: malurl}"
		c.run(t)
	}
}

func FuzzSTIX1(f *testing.F) {
	f.Add([]byte("<STIX_Package><Observables>" + cybox("Address", "id='o'", "<a:Address_Value>192.0.2.1##comma##x</a:Address_Value>") + "</Observables><Indicators><Indicator><Observable idref='o'/><Type>C2</Type></Indicator></Indicators></STIX_Package>"))
	f.Add([]byte("<STIX_Package><Indicators><Indicator>" + cybox("File", "", "<Hash><Simple_Hash_Value>x</Simple_Hash_Value></Hash>") + "</Indicator></Indicators></STIX_Package>"))
	p := parserOf(f, "input: {stix: {}}")
	f.Fuzz(func(t *testing.T, payload []byte) {
		payload = append([]byte("<"), payload...)
		whole := parseRubbish(t, p, bytes.NewReader(payload))
		if bytewise := parseRubbish(t, p, iotest.OneByteReader(bytes.NewReader(payload))); fmt.Sprint(whole) != fmt.Sprint(bytewise) {
			t.Errorf("byte by byte %q, not %q", bytewise, whole)
		}
	})
}

func BenchmarkSTIX1(b *testing.B) {
	rows := eachRow(`<Indicator id="2024-05-%02d-%02d-%d"><Title>n</Title><Observable><Object><Properties xsi:type="AddressObj:AddressObjectType" category="ipv4-addr"><Address_Value>198.51.%d.%d</Address_Value></Properties></Object></Observable><Short_Description>%d-%x-%d</Short_Description></Indicator>`)
	benchmarkVocabulary(b, "input: {stix: {}}", []byte("<STIX_Package><Indicators>"+string(rows)+"</Indicators></STIX_Package>"), benchRows)
}
