package mapping

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

func TestTransforms(t *testing.T) {
	for _, x := range []struct {
		steps      transforms
		in, out    string
		wantReason bool
	}{
		{transforms{"UnpadOctets"}, "010.001.000.255", "10.1.0.255", false},
		{transforms{"UnpadOctets"}, "198.051.100.000/24", "198.51.100.0/24", false},
		{transforms{"UnpadOctets"}, "2001:db8::1", "2001:db8::1", false},
		{transforms{"Network"}, "192.0.2.77/24", "192.0.2.0/24", false},
		{transforms{"Network"}, "192.0.2.0/255.255.255.128", "192.0.2.0/25", false},
		{transforms{"Network"}, "192.0.2.0 255.255.255.0", "192.0.2.0/24", false},
		{transforms{"Network"}, "192.0.2.0 - 192.0.2.255", "192.0.2.0/24", false},
		{transforms{"Network"}, "192.0.2.7", "192.0.2.7/32", false},
		{transforms{"Network"}, "2001:db8::/32", "2001:db8::/32", false},
		{transforms{"Network"}, "192.0.2.1-192.0.2.9", "", true},
		{transforms{"Network"}, "192.0.2.9-192.0.2.1", "", true},
		{transforms{"Network"}, "192.0.2.0/255.0.255.0", "", true},
		{transforms{"Network"}, "192.0.2.0/33", "", true},
		{transforms{"Network"}, "example.com", "", true},
		{transforms{"FirstAddress"}, "192.0.2.77/24", "192.0.2.0", false},
		{transforms{"LastAddress"}, "192.0.2.77/24", "192.0.2.255", false},
		{transforms{"LastAddress"}, "2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", false},
		{transforms{"LastAddress"}, "0.0.0.0/0", "255.255.255.255", false},
		{transforms{"IPFromInteger"}, "3221225991", "192.0.2.7", false},
		{transforms{"IPFromInteger"}, "4294967296", "", true},
		{transforms{"URLHost"}, "hxxps://user@Bad[.]example:8080/x", "Bad.example", false},
		{transforms{"URLHost"}, "[2001:db8::1]:443/x", "2001:db8::1", false},
		{transforms{"URLHost"}, "/only/a/path", "", true},
		{transforms{"Refang"}, "hxxp://bad[.]example", "http://bad.example", false},
		{transforms{"Refang"}, "meows://a(.)b", "https://a.b", false},
		{transforms{"Base64"}, "aGVsbG8=", "hello", false},
		{transforms{"Base64"}, "_-8", "", true}, // no text
		{transforms{"Base64"}, "***", "", true},
		{transforms{"Hex"}, "0x68656c6c6f", "hello", false},
		{transforms{"Hex"}, "xyz", "", true},
		{transforms{"URLDecode"}, "a%20b", "a b", false},
		{transforms{"URLDecode"}, "%zz", "", true},
		{transforms{"HTMLDecode", "Upper"}, "a &amp; b", "A & B", false},
		{transforms{"Unquote"}, `'"a"'`, "a", false},
		{transforms{"Unquote"}, `"`, `"`, false},
	} {
		out, reason := x.steps.apply(x.in)
		if out != x.out || (reason != "") != x.wantReason {
			t.Errorf("%v of %q: got %q, %q, want %q", x.steps, x.in, out, reason, x.out)
		}
	}
}

func TestFuzzyTimes(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"2026-11-20T08:15:30Z":                 "2026-11-20T08:15:30Z",
		"2026/11/20 08:15":                     "2026-11-20T07:15:00Z",
		"2026-11-20T08:15:30Z UTC":             "2026-11-20T08:15:30Z",
		"Fri Nov 20 08:15:30 UTC 2026":         "2026-11-20T08:15:30Z",
		"Fri Nov 20 08:15:30 2026":             "2026-11-20T07:15:30Z",
		"Fri, 20 Nov 2026 08:15:30 +0100":      "2026-11-20T07:15:30Z",
		"20-Nov-26 08:15:30 PM EST":            "2026-11-21T01:15:30Z",
		"November 20th, 2026 at 8:15 am (UTC)": "2026-11-20T08:15:00Z",
		"Last updated: 20 November 2026":       "2026-11-19T23:00:00Z",
		"20.11.2026 08:15:30,5":                "2026-11-20T07:15:30.5Z",
		"11/20/26":                             "2026-11-19T23:00:00Z",
		"20261120":                             "2026-11-19T23:00:00Z",
		"20261120081530":                       "2026-11-20T07:15:30Z",
		"1763626530":                           "2025-11-20T08:15:30Z",
		"1763626530123456":                     "2025-11-20T08:15:30.123456Z",
		"2026-11-20 08:15:30 +02:00":           "2026-11-20T06:15:30Z",
		"03/04/2026":                           "",
		"31/31/2026":                           "",
		"2026-02-30":                           "",
		"20 Nov 2026 08:15 XST":                "",
		"yesterday":                            "",
		"":                                     "",
		"version 1.2.3":                        "",
	} {
		got, ok := parseFuzzy(in, prague)
		if ok != (want != "") || ok && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: got %v, %v, want %q", in, got.UTC().Format(time.RFC3339Nano), ok, want)
		}
	}
}

// Whatever a value is, its steps do not panic, and what they make of it is stable.
func FuzzValues(f *testing.F) {
	for _, s := range []string{
		"192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "[2001:db8::1]:443", "hxxp://bad[.]example/x?y=1#z", "a=1; b:2",
		"CVE-2026-1234", "d41d8cd98f00b204e9800998ecf8427e", "a@b.example", "*.example.com", "20 Nov 2026 8:15 pm CET", "0.0.0.0/0",
	} {
		f.Add(s)
	}
	all := []v1alpha1.Transform{"Lower", "Upper", "Unquote", "Refang", "UnpadOctets", "Network", "FirstAddress", "LastAddress",
		"IPFromInteger", "URLHost", "URLDecode", "HTMLDecode", "Base64", "Hex"}
	f.Fuzz(func(t *testing.T, s string) {
		for _, step := range all {
			_, _ = transform(step, s)
		}
		if p, reason := transform("Network", s); reason == "" {
			prefix, err := netip.ParsePrefix(p)
			if err != nil || prefix != prefix.Masked() {
				t.Errorf("the network of %q is %q", s, p)
			}
			if again, _ := transform("Network", p); again != p {
				t.Errorf("the network of %q is %q", p, again)
			}
		}
		for _, o := range observe(s) {
			field, ok := event.Lookup(o.field)
			if !ok {
				t.Fatalf("%q is observed as %q", s, o.field)
			}
			_ = field.Set(&event.Event{}, o.value)
		}
		if text := pairsJSON(s); !json.Valid([]byte(text)) {
			t.Errorf("pairs of %q: %s", s, text)
		}
		if text := urlJSON(s); text != "" && !json.Valid([]byte(text)) {
			t.Errorf("parts of %q: %s", s, text)
		}
		if at, ok := parseFuzzy(s, time.UTC); ok {
			if again, ok := parseFuzzy(at.Format(time.RFC3339Nano), time.UTC); !ok || !again.Equal(at) {
				t.Errorf("%q is %v, which is read as %v", s, at, again)
			}
		}
	})
}
