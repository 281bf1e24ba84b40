package drift

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestKindsOf(t *testing.T) {
	for value, want := range map[string]Kinds{
		"": Empty, " \t": Empty,
		"192.0.2.1": IPv4, " 192.0.2.1 ": IPv4, "192.0.2[.]1": IPv4, "256.0.2.1": Text, "1.2.3": Text, "1.2.3.4.5": Text,
		"2001:db8::1": IPv6, "::": IPv6, "::ffff:192.0.2.1": IPv6, "2001:db8:0:0:0:0:0:1": IPv6,
		"192.0.2.0/24": CIDR4, "192.0.2.0/33": Text, "2001:db8::/32": CIDR6, "2001:db8::/129": Text,
		"192.0.2.1:443": IPPort, "[2001:db8::1]:443": IPPort, "192.0.2.1:99999": Text,
		"192.0.2.1-192.0.2.9": IPRange, "192.0.2.1 - 192.0.2.9": IPRange, "2001:db8::1-2001:db8::9": IPRange,
		"http://example.com/a": URL, "hxxps://example[.]com/a": URL, "HTTP://192.0.2.1:8080/x y": Text, "hxxp[:]//example.com": URL,
		"example.com": FQDN, "_dmarc.example.com": FQDN, "example[.]com": FQDN, "xn--e1afmkfd.xn--p1ai": FQDN, "example.com.": FQDN,
		"-a.example.com": Text, "1.2.a4": Text, "a..b": Text, "v1.2.3": Text, "localhost": Text,
		"a@example.com": Email, "a@b": Text, "@example.com": Text,
		"00:11:22:aa:bb:cc": MAC, "00-11-22-AA-BB-CC": MAC,
		"d41d8cd98f00b204e9800998ecf8427e":                                 MD5,
		"da39a3ee5e6b4b0d3255bfef95601890afd80709":                         SHA1,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": SHA256,
		"11111111111111111111111111111111":                                 MD5,
		"CVE-2024-12345":                                                   CVE, "cve-1999-0001": CVE, "CVE-24-1": Text,
		"AS64500": ASN, "as 64500": ASN, "asbestos": Text,
		"80": Int | Port | ASN, "70000": Int | ASN, "5000000000": Int, "1": Int | Port | ASN | Bool, "-5": Int, "+7": Int,
		"1748000000": Int | ASN | Timestamp, "1748000000123": Int | Timestamp, "1748000000123456": Int | Timestamp,
		"99999999999999999999": Int, "3.14": Float, "-0.5": Float, "1.": Float, "-": Text, ".": Text,
		"US": CC | Text, "no": CC | Bool | Text, "true": Bool | Text, "FALSE": Bool | Text, "word": Text,
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8": UUID,
		"2025-05-31":                           Timestamp, "2025-05-31T10:11:12Z": Timestamp, "2025-05-31 10:11:12.123 UTC": Timestamp,
		"2025-05-31T10:11:12+02:00": Timestamp, "31/05/2025 10:11": Timestamp, "05-31-2025": Timestamp, "31.05.2025": Timestamp,
		"Mon, 02 Jan 2006 15:04:05 GMT": Timestamp, "Jan 2, 2025": Timestamp, "2 January 2025 3:04 PM": Timestamp,
		"10:11:12": Text, "2025": Int | Port | ASN, "12 monkeys 2025": Text, "2025-1": Text, "May 2025": Text,
		"日本": Text, "\xff\xfe": Text,
	} {
		if got := KindsOf(value); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

func TestLayouts(t *testing.T) {
	for value, want := range map[string]string{
		"2025-05-31": layoutISO, "2025-05-31 10:11": layoutISO, "2025-05-31T10:11:12.123456Z": layoutISO,
		"2025-05-31T10:11:12+0200": layoutISO, "1748000000": layoutUnix, "1748000000123": layoutUnixMS,
		"1748000000123456": layoutUnixUS, "31/05/2025 10:11": "00/00/0000 00:00", "1/5/2025 1:11": "00/00/0000 00:00",
		"2025/05/31": "0000/00/00", "Mon, 02 Jan 2006 15:04:05 GMT": "Mon, 00 Jan 0000 00:00:00 UTC",
		"02/Jan/2006:15:04:05 +0000": "00/Jan/0000:00:00:00 +0000",
	} {
		k, layout := classify(value, nil)
		if k&Timestamp == 0 || string(layout) != want {
			t.Errorf("%q is %s with layout %q, want %q", value, k, layout, want)
		}
	}
}

func FuzzKindsOf(f *testing.F) {
	for _, s := range []string{"", "192.0.2.1", "2001:db8::1", "[::1]:80", "hxxp[:]//a", "a[.]b", "CVE-2024-1", "2025-05-31T",
		"31/05/2025 1", "a@b.c", "-", "00:11:22:33:44:55", "[.]", "[", "1.2.3.4-", "Jan 1 2000", "\xff", strings.Repeat("9", 600)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var buf [maxLayout * 4]byte
		k, layout := classify(s, buf[:0])
		if k == 0 {
			t.Errorf("%q has no kind", s)
		}
		if k&Empty != 0 && k != Empty {
			t.Errorf("%q is empty and %s", s, k)
		}
		if (k&Timestamp != 0) != (len(layout) > 0) {
			t.Errorf("%q is %s with layout %q", s, k, layout)
		}
		if len(layout) > len(buf) {
			t.Errorf("layout of %d bytes", len(layout))
		}
	})
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{"", "<html><title>x</title>", "<!-- a --><html>", "<?xml <html", "{\"a\":1}", "[", "[1]", "PK\x03\x04",
		"\xef\xbb\xbf<html>", "\xff\xfea", "a,b\n", "<title", "<html><title>\xe2\x84\xaa</title>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		container, excerpt := sniff(head, formatCSV, "auto")
		if container == "" || len(excerpt) > 3*maxExcerpt || !utf8.ValidString(excerpt) {
			t.Errorf("%q: %q, %q", head, container, excerpt)
		}
	})
}

func TestSniff(t *testing.T) {
	for _, tc := range []struct{ head, declared, charset, container, excerpt string }{
		{"a,b\n1,2\n", formatCSV, "auto", formatCSV, ""},
		{" \n<HTML>", formatCSV, "auto", containerHTML, ""},
		{"<!-- cached --><!doctype html><title>Sign&nbsp;in\n now</title>", formatCSV, "auto", containerHTML, "Sign in now"},
		{"<?xml version=\"1.0\"?><a/>", formatCSV, "auto", containerXML, `<?xml version="1.0"?><a/>`},
		{"{\"error\": 1}", formatText, "auto", containerJSON, `{"error": 1}`},
		{"{\"error\": 1}", formatJSONLines, "auto", formatJSONLines, ""},
		{"[2001:db8::1]:80\n", formatText, "auto", formatText, ""},
		{"\x1f\x8b\x08", formatCSV, "auto", "gzip", ""},
		{"a\x00b", formatCSV, "auto", containerBinary, ""},
		{"a\x00,\x00b\x00", formatCSV, "utf-16le", formatCSV, ""},
		{"\xff\xfea\x00", formatCSV, "auto", formatCSV, ""},
		{"\xef\xbb\xbf", formatCSV, "auto", containerEmpty, ""},
	} {
		container, excerpt := sniff([]byte(tc.head), tc.declared, tc.charset)
		if container != tc.container || excerpt != tc.excerpt {
			t.Errorf("%q: %s (%q), want %s (%q)", tc.head, container, excerpt, tc.container, tc.excerpt)
		}
	}
}

func TestCountsSurviveJSON(t *testing.T) {
	var c, back Counts
	c.add(IPv4, 1)
	c.add(Int|Port, 1)
	b, err := json.Marshal(c)
	if err != nil || string(b) != `{"int":1,"ipv4":1,"port":1}` {
		t.Fatalf("%s, %v", b, err)
	}
	if err := json.Unmarshal(b, &back); err != nil || back != c {
		t.Errorf("%v, %v", back, err)
	}
}

var kindsSink Kinds

func BenchmarkKindsOf(b *testing.B) {
	for name, value := range map[string]string{
		"ipv4": "192.0.2.123", "ipv6": "2001:db8:1:2::7", "port": "8080", "iso": "2025-05-31 10:11:12", "url": "http://www.example.com/a/b.php?c=1",
		"fqdn": "www.example.com", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "text": "win.emotet",
		"words": "generic trojan", "layout": "31/05/2025 10:11",
	} {
		b.Run(name, func(b *testing.B) {
			var buf [maxLayout * 4]byte
			b.ReportAllocs()
			for b.Loop() {
				kindsSink, _ = classify(value, buf[:0])
			}
		})
	}
}
