package event

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// normalCase is a value, what becomes of it, or a part of the reason why not.
type normalCase struct{ in, want, refused string }

func checkNormalizer(t *testing.T, normalize normalizer, cases []normalCase) {
	t.Helper()
	for _, c := range cases {
		got, reason := normalize(c.in)
		switch {
		case c.refused != "" && !strings.Contains(reason, c.refused):
			t.Errorf("%q: got %q, reason %q; want a reason with %q", c.in, got, reason, c.refused)
		case c.refused == "" && reason != "":
			t.Errorf("%q: refused: %s", c.in, reason)
		case c.refused == "" && got != c.want:
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if again, reason2 := normalize(got); reason == "" && (again != got || reason2 != "") {
			t.Errorf("%q: normal form %q is not stable: %q %s", c.in, got, again, reason2)
		}
	}
}

func TestTextIsTrimmedAndKeptWhole(t *testing.T) {
	checkNormalizer(t, textOf(5), []normalCase{
		{in: "abcde", want: "abcde"},
		{in: "  a b\t", want: "a b"},
		{in: " \n ", want: ""},
		{in: "žluťo", want: "žluťo"}, // five characters, eight bytes
		{in: "abcdef", refused: "has 6 characters, more than the 5"},
		{in: "žluťou", refused: "has 6 characters"},
		{in: "a\nb", refused: "control character U+000A at byte 1"},
		{in: "a\x00b", refused: "control character U+0000"},
		{in: "a\x7fb", refused: "control character U+007F"},
		{in: "a\u009bb", refused: "control character U+009B"},
		{in: "a\xffb", refused: "UTF-8"},
	})
}

func TestIsPlainLooksAtEveryByte(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			b := []byte("abcdefghijklmnopqrs")
			b[at] = byte(c)
			if got, want := isPlain(string(b)), c >= 0x20 && c <= 0x7e; got != want {
				t.Fatalf("byte %#x at %d: %v", c, at, got)
			}
		}
	}
}

func TestPatternsOfFields(t *testing.T) {
	t.Run("source", func(t *testing.T) {
		checkNormalizer(t, normalSource, []normalCase{
			{in: "abuse-ch.feodo-2", want: "abuse-ch.feodo-2"},
			{in: "Abuse.x", refused: "<provider>.<channel>"},
			{in: "abuse", refused: "<provider>.<channel>"},
			{in: "a.b.c", refused: "<provider>.<channel>"},
			{in: "a.", refused: "<provider>.<channel>"},
			{in: strings.Repeat("a", 32) + "." + strings.Repeat("b", 32), refused: "65 characters"},
		})
	})
	t.Run("md5", func(t *testing.T) {
		checkNormalizer(t, hashOf("MD5", 32), []normalCase{
			{in: "D41D8CD98F00B204E9800998ECF8427E", want: "d41d8cd98f00b204e9800998ecf8427e"},
			{in: " d41d8cd98f00b204e9800998ecf8427e ", want: "d41d8cd98f00b204e9800998ecf8427e"},
			{in: "d41d8cd98f00b204e9800998ecf8427", refused: "MD5"},
			{in: "g41d8cd98f00b204e9800998ecf8427e", refused: "MD5"},
		})
	})
	t.Run("fingerprint", func(t *testing.T) {
		checkNormalizer(t, hashOf("SHA-1", 40), []normalCase{
			{in: "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09", want: "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		})
	})
	t.Run("email", func(t *testing.T) {
		checkNormalizer(t, normalEmail, []normalCase{
			{in: "a.b@example.com", want: "a.b@example.com"},
			{in: "a[at]example[dot]com", want: "a@example.com"},
			{in: "a@b@example.com", refused: "email"},
			{in: "@example.com", refused: "email"},
			{in: "a b@example.com", refused: "email"},
			{in: strings.Repeat("a", 250) + "@b.cz", refused: "254"},
		})
	})
	t.Run("iban", func(t *testing.T) {
		checkNormalizer(t, normalIBAN, []normalCase{
			{in: "gb82 west 1234 5698 7654 32", want: "GB82WEST12345698765432"},
			{in: "82GBWEST12345698765432", refused: "IBAN"},
			{in: "GB82-WEST-1234", refused: "IBAN"},
		})
	})
	t.Run("adip", func(t *testing.T) {
		checkNormalizer(t, normalADIP, []normalCase{
			{in: "X.x.3.4", want: "x.x.3.4"},
			{in: "x.1.3.255", want: "x.1.3.255"},
			{in: "1.x.3.4", refused: "x.x.3.4"},
			{in: "x.x.3", refused: "x.x.3.4"},
			{in: "x.x.3.256", refused: "x.x.3.4"},
			{in: "x.x.3.04", refused: "x.x.3.4"},
		})
	})
	t.Run("cve", func(t *testing.T) {
		checkNormalizer(t, normalCVE, []normalCase{
			{in: " cve-2021-44228", want: "CVE-2021-44228"},
			{in: "CVE-2021-123", refused: "CVE-2021-44228"},
			{in: "2021-44228", refused: "CVE-2021-44228"},
			{in: "CVE-2021-4422x", refused: "CVE-2021-44228"},
		})
	})
	t.Run("cc", func(t *testing.T) {
		checkNormalizer(t, normalCC, []normalCase{
			{in: "pl", want: "PL"},
			{in: " CZ ", want: "CZ"},
			{in: "POL", refused: "two letters"},
			{in: "A1", refused: "two letters"},
			{in: "--", refused: "two letters"},
		})
	})
}

func TestValidateNormalizesTheWholeEvent(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	e := &Event{
		Source: "a.b", Restriction: RestrictionPublic, Confidence: ConfidenceLow, Category: mustCategory("cnc"),
		Time: time.Date(2024, 5, 1, 2, 0, 0, 1999, zone), Name: " emotet ", URL: "HXXP://Evil[.]Example/A",
		FQDN: "Evil[.]Example.", MD5: "D41D8CD98F00B204E9800998ECF8427E", Type: "Phishing",
		CVEs: []string{"cve-2022-0001", "CVE-2021-44228", "CVE-2022-0001", " "}, Client: []string{"b", "a"},
		DIP: netip.MustParseAddr("::ffff:192.0.2.9"), DPort: Opt[uint16]{V: 7},
		Extra: []Extra{{"b", []byte(`{ "x": [1, 2] }`)}, {"a", []byte(`"1"`)}},
	}
	if err := Validate(e); err != nil {
		t.Fatal(err)
	}
	want := &Event{
		Source: "a.b", Restriction: RestrictionPublic, Confidence: ConfidenceLow, Category: mustCategory("cnc"),
		Time: time.Date(2024, 5, 1, 0, 0, 0, 1000, time.UTC), Name: "emotet", URL: "http://evil.example/A",
		FQDN: "evil.example", MD5: "d41d8cd98f00b204e9800998ecf8427e", Taxonomy: "fraud", Type: "phishing",
		CVEs: []string{"CVE-2021-44228", "CVE-2022-0001"}, Client: []string{"a", "b"}, DIP: netip.MustParseAddr("192.0.2.9"),
		Extra: []Extra{{"a", []byte(`"1"`)}, {"b", []byte(`{"x":[1,2]}`)}},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got  %s\nwant %s", AppendJSON(nil, e), AppendJSON(nil, want))
	}
}

func TestValidateMergesAddressesWithTheSameIP(t *testing.T) {
	ip1, ip2 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	list := []Address{
		{IP: ip2}, {IP: ip1, ASN: Some[uint32](64497)}, {IP: netip.MustParseAddr("::ffff:192.0.2.1"), ASN: Some[uint32](64496), CC: "pl"},
		{IP: ip1, RDNS: "Host.Example.", Dir: 2},
	}
	want := []Address{{IP: ip1, ASN: Some[uint32](64496), CC: "PL", Dir: 2, RDNS: "host.example"}, {IP: ip2}}
	for range len(list) {
		list = append(list[1:], list[0])
		e := typical()
		e.Address = slices.Clone(list)
		if err := Validate(e); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(e.Address, want) {
			t.Errorf("%v: got %v", list, e.Address)
		}
	}
}

func TestValidateNamesTheFieldAndTheMend(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		name   string
		breaks func(e *Event)
		field  string
		reason string
	}{
		{"no source", func(e *Event) { e.Source = "" }, "source", "is required"},
		{"no time", func(e *Event) { e.Time = time.Time{} }, "time", "is required"},
		{"no category", func(e *Event) { e.Category = 0 }, "category", "is required"},
		{"no confidence", func(e *Event) { e.Confidence = 0 }, "confidence", "is required"},
		{"no restriction", func(e *Event) { e.Restriction = 0 }, "restriction", "is required"},
		{"unit of time", func(e *Event) { e.Time = time.UnixMilli(1714557600000 * 1000) }, "time", "1970 to 9999"},
		{"before 1970", func(e *Event) { e.LastSeen = time.Unix(-1, 0) }, "last_seen", "1970 to 9999"},
		{"long name", func(e *Event) { e.Name = strings.Repeat("x", 256) }, "name", "256 characters, more than the 255"},
		{"asn without ip", func(e *Event) { e.Address = []Address{{IP: ip}, {ASN: Some[uint32](1)}} }, "address[1].ip", "is missing"},
		{"zone", func(e *Event) { e.Address = []Address{{IP: netip.MustParseAddr("fe80::1%eth0")}} }, "address[0].ip", "zone"},
		{"0.0.0.0", func(e *Event) { e.Address = []Address{{IP: netip.MustParseAddr("0.0.0.0")}} }, "address[0].ip", "unspecified"},
		{"::", func(e *Event) { e.DIP = netip.MustParseAddr("::") }, "dip", "unspecified"},
		{"::ffff:0.0.0.0", func(e *Event) { e.DIP = netip.MustParseAddr("::ffff:0.0.0.0") }, "dip", "unspecified"},
		{"country", func(e *Event) { e.Address[0].CC = "Poland" }, "address[0].cc", "two letters"},
		{"rdns", func(e *Event) { e.Address[0].RDNS = "a..b" }, "address[0].rdns", "empty label"},
		{"dir", func(e *Event) { e.Address[0].Dir = 9 }, "address[0].dir", "direction"},
		{"addresses", func(e *Event) { e.Address = make([]Address, 257) }, "address", "more than 256"},
		{"fqdn is ip", func(e *Event) { e.FQDN = "192.0.2.1" }, "fqdn", "map it to ip"},
		{"url", func(e *Event) { e.URL = "example.com/a" }, "url", "scheme"},
		{"cve", func(e *Event) { e.CVEs = []string{"CVE-2021-44228", "x"} }, "cves[1]", "CVE"},
		{"client", func(e *Event) { e.Client = []string{"A B"} }, "client[0]", "organisation"},
		{"type", func(e *Event) { e.Type = "phising" }, "classification.type", "did you mean phishing?"},
		{"taxonomy", func(e *Event) { e.Type, e.Taxonomy = "phishing", "test" }, "classification.taxonomy", "fraud"},
		{"enum", func(e *Event) { e.Proto = 77 }, "proto", "out of range"},
		{"extra key", func(e *Event) { e.Extra = []Extra{{"a b", []byte("1")}} }, "extra", "key"},
		{"extra twice", func(e *Event) { e.Extra = []Extra{{"a", []byte("1")}, {"a", []byte("2")}} }, "extra.a", "twice"},
		{"extra json", func(e *Event) { e.Extra = []Extra{{"a", []byte("{1}")}} }, "extra.a", "expected a string"},
		{"extra nul", func(e *Event) { e.Extra = []Extra{{"a", []byte(`"\u0000"`)}} }, "extra.a", "U+0000"},
		{"extra none", func(e *Event) { e.Extra = []Extra{{"a", nil}} }, "extra.a", "expected a value"},
		{"extra size", func(e *Event) {
			e.Extra = []Extra{{"a", []byte(`"` + strings.Repeat("x", MaxExtraBytes) + `"`)}}
		}, "extra", "65539 bytes"},
		{"until", func(e *Event) { e.Until = e.Time.Add(-time.Second) }, "until", "before time"},
		{"seen", func(e *Event) { e.FirstSeen, e.LastSeen = e.Time.Add(time.Second), e.Time }, "last_seen", "swapped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := typical()
			c.breaks(e)
			err := Validate(e)
			var fe *FieldError
			if !errors.As(err, &fe) {
				t.Fatalf("got %v", err)
			}
			if fe.Field != c.field || !strings.Contains(fe.Reason, c.reason) || len(fe.Value) > 128 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestValidateLetsUndatedEventsEndBeforeTheirCollection(t *testing.T) {
	e := typical()
	e.Undated, e.Until = true, e.Time.Add(-time.Hour)
	if err := Validate(e); err != nil {
		t.Error(err)
	}
}

func TestValidateOfANormalEventDoesNotAllocate(t *testing.T) {
	e := full(t)
	if n := testing.AllocsPerRun(100, func() {
		if err := Validate(e); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFieldErrorDoesNotKeepTheRecord(t *testing.T) {
	e := typical()
	e.Name = strings.Repeat("x", 127) + "é" + strings.Repeat("x", 1000)
	var fe *FieldError
	if !errors.As(Validate(e), &fe) || fe.Value != strings.Repeat("x", 127) {
		t.Errorf("got %v", fe)
	}
}

// full is a normal event with every field.
func full(t testing.TB) *Event {
	t.Helper()
	e := typical()
	day := func(n int) time.Time { return e.Time.AddDate(0, 0, n).Add(123456 * time.Microsecond) }
	e.Modified, e.Until, e.Expires, e.FirstSeen, e.LastSeen = day(1), day(2), day(3), day(-4), day(5)
	e.Target, e.SPort, e.DIP, e.ADIP = "Example Bank", Some[uint16](0), netip.MustParseAddr("2001:db8::5"), "x.x.3.4"
	e.MD5, e.SHA1, e.SHA256 = strings.Repeat("a", 32), strings.Repeat("b", 40), strings.Repeat("c", 64)
	e.X509FPSHA1, e.Origin, e.Status, e.Action = strings.Repeat("d", 40), 1, 2, "block"
	e.Email, e.IBAN, e.Phone, e.Username = "a@example.com", "GB82WEST12345698765432", "+420 123 456", `x"\`
	e.Registrar, e.URLPattern, e.Count = "Registrar", "http://*", Some[uint32](4294967295)
	e.Client, e.Ignored, e.Undated = []string{"a.example", "b.example"}, true, true
	e.Type, e.CVEs = "malware-distribution", []string{"CVE-2021-44228", "CVE-2023-1234567"}
	e.Address = append(e.Address, Address{IP: netip.MustParseAddr("2001:db8::1"), ASN: Some[uint32](0), CC: "CZ", Dir: 1, RDNS: "a.example"})
	e.Extra = []Extra{{"a.b", []byte(`{"k":[1,-2.5e3,true,null,"\n\ud83d\ude00"]}`)}, {"Z", []byte(`"é"`)}}
	if err := Validate(e); err != nil {
		t.Fatal(err)
	}
	e.Replaces = ID{1}
	e.ID = ComputeID(e)
	return e
}
