package event

import (
	"strings"
	"testing"
)

func TestURLsAreRefangedAndLowerCasedUpToThePath(t *testing.T) {
	checkNormalizer(t, normalURL, []normalCase{
		{in: "http://example.com/a?b=C#d", want: "http://example.com/a?b=C#d"},
		{in: "HTTPS://Example.COM:8443/A", want: "https://example.com:8443/A"},
		{in: "hxxp://example[.]com/a.php", want: "http://example.com/a.php"},
		{in: "hXXps://example(.)com", want: "https://example.com"},
		{in: "fxp://example[dot]com/", want: "ftp://example.com/"},
		{in: "http[:]//example.com/", want: "http://example.com/"},
		{in: "hxxp[://]example[.]com/", want: "http://example.com/"},
		{in: "http://example[.]com[:]8080[/]A[.]exe", want: "http://example.com:8080/A.exe"},
		{in: "http://[2001:DB8::1]:80/", want: "http://[2001:db8::1]:80/"},
		{in: "http://User:Pass@Example.com/", want: "http://User:Pass@example.com/"},
		{in: "http://example.com/re[.]x?q=[dot]", want: "http://example.com/re[.]x?q=[dot]"}, // not defanged: its own brackets
		{in: "http://example.com/a b", want: "http://example.com/a b"},
		{in: "http://příklad.example/ž", want: "http://příklad.example/ž"},
		{in: " http://example.com ", want: "http://example.com"},
		{in: "file:///etc/passwd", want: "file:///etc/passwd"},
		{in: "MAILTO:a@example.com", want: "mailto:a@example.com"},
		{in: "data:text/html,x", want: "data:text/html,x"},
		{in: "", want: ""},
		{in: "example.com", refused: "no scheme"},
		{in: "example.com/a:b", refused: "no scheme"},
		{in: "example.com:8080/", refused: "no scheme"},
		{in: "//example.com/", refused: "no scheme"},
		{in: "http:", refused: "nothing after"},
		{in: "http:///a", refused: "no host"},
		{in: "http://a\r\nb/", refused: "control character"},
		{in: "http://a\xff/", refused: "UTF-8"},
		{in: "http://a/" + strings.Repeat("x", 2040), refused: "2049 characters"},
		{in: "http://a/" + strings.Repeat("x", 100_000), refused: "characters"},
	})
	fits := "http://a/" + strings.Repeat("ž", 2039)
	if _, reason := normalURL(fits); reason != "" {
		t.Errorf("2048 characters: %s", reason)
	}
}

func TestFQDNsAreALabelsInLowerCase(t *testing.T) {
	checkNormalizer(t, normalFQDN, []normalCase{
		{in: "example.com", want: "example.com"},
		{in: "WWW.Example.COM.", want: "www.example.com"},
		{in: "_dmarc.example.com", want: "_dmarc.example.com"},
		{in: "evil[.]example", want: "evil.example"},
		{in: "příklad.example", want: "xn--pklad-zsa96e.example"},
		{in: "faß.example", want: "xn--fa-hia.example"},
		{in: "例。example", want: "xn--fsq.example"},
		{in: "localhost", want: "localhost"},
		{in: "1.2.0.192.in-addr.arpa", want: "1.2.0.192.in-addr.arpa"},
		{in: ".", want: ""},
		{in: "192.0.2.1", refused: "map it to ip"},
		{in: "2001:db8::1", refused: "map it to ip"},
		{in: "192.0.2.1:80", refused: "map them to ip and dport"},
		{in: "１９２.0.2.1", refused: "the number 1"},
		{in: "example.123", refused: "the number 123"},
		{in: "http://example.com", refused: "is a URL"},
		{in: "example.com/a", refused: "has a path"},
		{in: "example.com:80", refused: "has a port"},
		{in: "a@example.com", refused: "email"},
		{in: "*.example.com", refused: "wildcard"},
		{in: "a..b", refused: "empty label"},
		{in: ".example", refused: "empty label"},
		{in: "a b.example", refused: `the character " "`},
		{in: strings.Repeat("a", 64) + ".example", refused: "63"},
		{in: strings.Repeat("a.", 130) + "example", refused: "267 characters"},
		{in: "a\x00.example", refused: "control character"},
	})
}

func TestAddressesAreReadAsFeedsWriteThem(t *testing.T) {
	checkNormalizer(t, func(s string) (string, string) {
		ip, reason := ParseAddr(s)
		if reason != "" {
			return "", reason
		}
		return ip.String(), ""
	}, []normalCase{
		{in: "192.0.2.1", want: "192.0.2.1"},
		{in: " 192[.]0[.]2[.]1 ", want: "192.0.2.1"},
		{in: "192.0.2.1/32", want: "192.0.2.1"},
		{in: "[2001:DB8::1]", want: "2001:db8::1"},
		{in: "2001:db8::1/128", want: "2001:db8::1"},
		{in: "::ffff:192.0.2.1", want: "192.0.2.1"},
		{in: "0.0.0.0", refused: "unspecified"},
		{in: "::", refused: "unspecified"},
		{in: "fe80::1%eth0", refused: "zone"},
		{in: "192.0.2.0/24", refused: "network"},
		{in: "192.0.2.1:443", refused: "port"},
		{in: "192.0.2.1, 192.0.2.2", refused: "split"},
		{in: "192.0.02.1", refused: "not an IP address"},
		{in: "example.com", refused: "not an IP address"},
		{in: strings.Repeat("[", 100_000), refused: "not an IP address"},
	})
}

func TestASNumbersAreReadAsFeedsWriteThem(t *testing.T) {
	for in, want := range map[string]uint32{
		"64496": 64496, "AS64496": 64496, "as 64496": 64496, "ASN64496": 64496, "1.10": 65546, "0": 0, " 4294967295 ": 4294967295,
	} {
		if got, reason := parseASN(in); got != want || reason != "" {
			t.Errorf("%q: %d %s", in, got, reason)
		}
	}
	for _, in := range []string{"", "AS", "-1", "+1", "4294967296", "1.65536", "1.2.3", "AS1 Example", "0x10"} {
		if got, reason := parseASN(in); reason == "" {
			t.Errorf("%q: %d", in, got)
		}
	}
}
