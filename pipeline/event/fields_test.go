package event

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustLookup(t testing.TB, name string) Field {
	t.Helper()
	f, ok := Lookup(name)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	return f
}

func TestEveryFieldSetsGetsAndClears(t *testing.T) {
	samples := map[string][2]string{ // as a feed has it, as Get gives it
		"time": {"2024-05-01 12:30:05", "2024-05-01T12:30:05Z"}, "until": {"2024-05-01", "2024-05-01T00:00:00Z"},
		"expires": {"2024-05-01", "2024-05-01T00:00:00Z"}, "first_seen": {"2024-05-01", "2024-05-01T00:00:00Z"},
		"last_seen": {"2024-05-01", "2024-05-01T00:00:00Z"}, "category": {"CnC", "cnc"}, "confidence": {"HIGH", "high"},
		"restriction": {"public", "public"}, "tlp": {"tlp:amber+strict", "AMBER+STRICT"}, "proto": {" TCP ", "tcp"},
		"origin": {"honeypot", "honeypot"}, "status": {"Active", "active"}, "ip": {"192[.]0.2.1", "192.0.2.1"},
		"asn": {"AS64496", "64496"}, "cc": {"pl", "PL"}, "dir": {"SRC", "src"}, "rdns": {"A.Example.", "a.example"},
		"dip": {"2001:DB8::1", "2001:db8::1"}, "sport": {"0", "0"}, "dport": {" 443", "443"}, "count": {"7", "7"},
		"cves": {"cve-2021-44228", "CVE-2021-44228"}, "name": {" x ", "x"}, "target": {"x", "x"}, "fqdn": {"A.Example", "a.example"},
		"url": {"hxxp://a.example", "http://a.example"}, "adip": {"X.x.1.2", "x.x.1.2"}, "md5": {strings.Repeat("A", 32), strings.Repeat("a", 32)},
		"sha1": {strings.Repeat("A", 40), strings.Repeat("a", 40)}, "sha256": {strings.Repeat("A", 64), strings.Repeat("a", 64)},
		"x509fp_sha1": {strings.Repeat("A", 40), strings.Repeat("a", 40)}, "action": {"x", "x"}, "email": {"a[at]b.example", "a@b.example"},
		"iban": {"gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"}, "phone": {"1", "1"}, "username": {"x", "x"},
		"registrar": {"x", "x"}, "url_pattern": {"x", "x"}, "classification.taxonomy": {"Fraud", "fraud"},
		"classification.type": {"Phishing", "phishing"}, "extra.<key>": {"two\nlines", "two\nlines"},
	}
	for _, name := range Fields() {
		sample, ok := samples[name]
		if !ok {
			t.Errorf("no sample of %s", name)
			continue
		}
		f := mustLookup(t, strings.Replace(name, "<key>", "Some-Key.x", 1))
		var e Event
		if f.Has(&e) {
			t.Errorf("%s: present in an empty event", name)
		}
		if s, ok := f.Get(&e); ok {
			t.Errorf("%s: got %q of an empty event", name, s)
		}
		f.Clear(&e)
		if err := f.Set(&e, sample[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s, ok := f.Get(&e); s != sample[1] || !ok || !f.Has(&e) {
			t.Errorf("%s: got %q", name, s)
		}
		if f.Kind().String() == "" || f.Name() == "" {
			t.Errorf("%s: kind %q, name %q", name, f.Kind(), f.Name())
		}
		if f.Kind() == KindEnum && !slices.Contains(f.Choices(), sample[1]) {
			t.Errorf("%s: %q is no choice of %v", name, sample[1], f.Choices())
		}
		f.Clear(&e)
		if f.Has(&e) || string(AppendJSON(nil, &e)) != "{}" {
			t.Errorf("%s: after Clear: %s", name, AppendJSON(nil, &e))
		}
	}
	if !slices.IsSorted(Fields()) || len(Fields()) != len(samples) {
		t.Errorf("fields %v", Fields())
	}
}

func TestSetRefusesWithTheNameOfTheField(t *testing.T) {
	for _, c := range [][3]string{
		{"time", "01/05/2024", "layout"}, {"time", "0001-01-01", "1970"}, {"ip", "example.com", "IP address"}, {"asn", "x", "AS number"},
		{"cc", "Poland", "two letters"}, {"dir", "up", "src, dst"}, {"rdns", "a/b", "path"}, {"dip", "0.0.0.0", "unspecified"},
		{"dport", "65536", "port"}, {"dport", "-1", "port"}, {"count", "1.5", "count"}, {"cves", "x", "CVE"}, {"proto", "tpc", "did you mean tcp?"},
		{"category", "botnet", "bots"}, {"md5", "x", "MD5"}, {"url", "x", "scheme"}, {"name", "a\x00", "control"}, {"extra.x", "a\x00", "U+0000"},
		{"extra.x", "\xff", "UTF-8"}, {"extra.x", strings.Repeat("x", MaxExtraBytes+1), "65537 bytes"}, {"classification.type", "x", "RSIT"},
	} {
		var e Event
		err := mustLookup(t, c[0]).Set(&e, c[1])
		var fe *FieldError
		if !errors.As(err, &fe) || fe.Field != c[0] || !strings.Contains(fe.Reason, c[2]) || len(fe.Value) > 128 {
			t.Errorf("%s = %.50q: got %v", c[0], c[1], err)
		}
		if s := string(AppendJSON(nil, &e)); s != "{}" {
			t.Errorf("%s: left %s behind", c[0], s)
		}
	}
}

func TestPartsOfAddressesComeInAnyOrder(t *testing.T) {
	want := `{"address":[{"ip":"192.0.2.1","asn":64496,"cc":"PL","dir":"src","rdns":"a.example"}]}`
	pairs := [][2]string{{"ip", "192.0.2.1"}, {"asn", "64496"}, {"cc", "pl"}, {"dir", "src"}, {"rdns", "a.example"}}
	for range pairs {
		pairs = append(pairs[1:], pairs[0])
		var e Event
		for _, p := range pairs {
			if err := mustLookup(t, p[0]).Set(&e, p[1]); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(AppendJSON(nil, &e)); got != want {
			t.Errorf("%v: got %s", pairs, got)
		}
	}
}

func TestListsTakeSeveralValues(t *testing.T) {
	var e Event
	if err := mustLookup(t, "ip").SetValues(&e, "192.0.2.1", "192.0.2.2"); err != nil {
		t.Fatal(err)
	}
	if err := mustLookup(t, "asn").Set(&e, "64496"); err != nil {
		t.Fatal(err)
	}
	if err := mustLookup(t, "cves").SetValues(&e, "CVE-2021-44228", "CVE-2022-0001"); err != nil {
		t.Fatal(err)
	}
	want := `{"address":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2","asn":64496}],"cves":["CVE-2021-44228","CVE-2022-0001"]}`
	if got := string(AppendJSON(nil, &e)); got != want {
		t.Errorf("got %s", got)
	}
	if s, _ := mustLookup(t, "ip").Get(&e); s != "192.0.2.1,192.0.2.2" {
		t.Errorf("ip: got %s", s)
	}
	if err := mustLookup(t, "name").SetValues(&e, "a", "b"); err == nil {
		t.Error("name takes two values")
	}
	ip := mustLookup(t, "ip")
	for range MaxAddresses - 2 {
		if err := ip.Set(&e, "192.0.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if err := ip.Set(&e, "192.0.2.3"); err == nil {
		t.Error("more addresses than allowed")
	}
}

func TestSetTime(t *testing.T) {
	at := time.Date(2024, 5, 1, 14, 30, 5, 1500, time.FixedZone("", 7200))
	var e Event
	for _, name := range []string{"time", "extra.seen"} {
		if err := mustLookup(t, name).SetTime(&e, at); err != nil {
			t.Fatal(err)
		}
		if s, _ := mustLookup(t, name).Get(&e); s != "2024-05-01T12:30:05.000001Z" {
			t.Errorf("%s: got %s", name, s)
		}
	}
	if err := mustLookup(t, "name").SetTime(&e, at); err == nil {
		t.Error("name takes a time")
	}
	if err := mustLookup(t, "time").SetTime(&e, time.Time{}); err == nil {
		t.Error("time takes the zero time")
	}
}

func TestSetJSON(t *testing.T) {
	for _, c := range []struct{ field, in, want, refused string }{
		{"extra.a", ` { "b" : [ 1 ] } `, `{"b":[1]}`, ""},
		{"extra.a", `1.50`, `1.50`, ""},
		{"extra.a", `"t\n"`, "t\n", ""},
		{"extra.a", `{`, "", "expected"},
		{"extra.a", ``, "", "expected"},
		{"extra.a", `"` + strings.Repeat("x", MaxExtraBytes) + `"`, "", "bytes"},
		{"dport", `443`, "443", ""},
		{"dport", ` "443" `, "443", ""},
		{"name", `"\u0041"`, "A", ""},
		{"name", `12`, "12", ""},
		{"name", `null`, "", "takes a JSON string or number"},
		{"name", `["a"]`, "", "takes a JSON string or number"},
		{"name", `"a" 1`, "", "takes a JSON string or number"},
		{"name", `-`, "", "takes a JSON string or number"},
		{"dport", `4.5`, "", "port"},
	} {
		var e Event
		f := mustLookup(t, c.field)
		err := f.SetJSON(&e, []byte(c.in))
		if got, _ := f.Get(&e); got != c.want || (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s = %.40s: got %q, %v", c.field, c.in, got, err)
		}
	}
}

func TestSetKeepsNormalTextWithoutCopying(t *testing.T) {
	var e Event
	e.Address = make([]Address, 0, 4)
	sets := [][2]string{{"ip", "192.0.2.1"}, {"url", "http://a.example/x"}, {"fqdn", "a.example"}, {"name", "emotet"}, {"time", "2024-05-01T12:30:05Z"},
		{"dport", "443"}, {"category", "cnc"}, {"asn", "64496"}, {"md5", strings.Repeat("a", 32)}}
	var fields []Field
	for _, s := range sets {
		fields = append(fields, mustLookup(t, s[0]))
	}
	if n := testing.AllocsPerRun(100, func() {
		e.Reset()
		for i, f := range fields {
			if err := f.Set(&e, sets[i][1]); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLookupRefusesWhatRecordsMayNotSet(t *testing.T) {
	for _, name := range []string{"id", "source", "modified", "client", "ignored", "replaces", "undated", "extra.",
		"extra.a b", "extra." + strings.Repeat("x", 65), "", "Name"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%q is a field", name)
		}
	}
}

func TestSuggestFindsTheFieldThatWasMeant(t *testing.T) {
	for in, want := range map[string]string{
		"adress":    "ip",
		"source.ip": "ip", "catgory": "category", "tiem": "time", "Name": "name", "first-seen": "first_seen", "Extra": "extra",
		"domain": "fqdn", "timestamp": "time", "destination.port": "dport", "port": "dport", "zzzzzz": "", "": "", "classification_type": "classification.type",
	} {
		if got := Suggest(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for from, to := range synonyms {
		if _, ok := Lookup(to); !ok {
			t.Errorf("%s leads to %s, which is no field", from, to)
		}
	}
}
