package event

import (
	"crypto/sha256"
	"net/netip"
	"testing"
	"time"
)

// Ids are in archives and at subscribers: these may never change.
func TestIDsAreStable(t *testing.T) {
	for _, c := range []struct {
		name string
		e    *Event
		want string
	}{
		{"empty", &Event{}, "4bf5122f344554c53bde2ebb8cd2b7e3"},
		{"typical", typical(), "365b8ff36df84a9b39cfa756161f975b"},
		{"full", full(t), "2220a2d8286490545c2a5bced1aec7ae"},
	} {
		if got := ComputeID(c.e).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// The form that ComputeID documents, written by hand.
func TestIDHashesTheDocumentedForm(t *testing.T) {
	e := &Event{
		Source: "a.b", Time: time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC), Category: mustCategory("tor"),
		Address: []Address{{IP: netip.MustParseAddr("192.0.2.1"), ASN: Some[uint32](258)}}, DPort: Some[uint16](443),
		Extra: []Extra{{"k", []byte("1")}},
	}
	form := "\x01" +
		"\x01\x03a.b" +
		"\x02\x08\x00\x00\x00\x00\x00\x0f\x42\x40" +
		"\x03\x03tor" +
		"\x07\x04\xc0\x00\x02\x01" +
		"\x08\x04\x00\x00\x01\x02" +
		"\x10\x02\x01\xbb" +
		"\x29\x01k" + "\x2a\x011"
	sum := sha256.Sum256([]byte(form))
	if got := ComputeID(e); got != ID(sum[:16]) {
		t.Errorf("got %s", got)
	}
}

func TestIDDependsOnTheRecordOnly(t *testing.T) {
	base := ComputeID(full(t))
	undated := full(t) // full is undated: its time is when it was collected
	undated.Time = undated.Time.AddDate(1, 0, 0)
	for name, change := range map[string]func(e *Event){
		"id":          func(e *Event) { e.ID = ID{9} },
		"modified":    func(e *Event) { e.Modified = time.Time{} },
		"client":      func(e *Event) { e.Client = nil },
		"ignored":     func(e *Event) { e.Ignored = false },
		"restriction": func(e *Event) { e.Restriction = RestrictionInternal },
		"tlp":         func(e *Event) { e.TLP = TLPRed },
		"time":        func(e *Event) { e.Time = e.Time.AddDate(1, 0, 0) },
	} {
		e := full(t)
		if change(e); ComputeID(e) != base {
			t.Errorf("%s changes the id", name)
		}
	}
}

func TestIDTellsEventsApart(t *testing.T) {
	seen := map[ID]string{ComputeID(full(t)): "full"}
	for name, change := range map[string]func(e *Event){
		"source": func(e *Event) { e.Source = "a.c" }, "dated": func(e *Event) { e.Undated = false },
		"category": func(e *Event) { e.Category = 1 }, "confidence": func(e *Event) { e.Confidence = 1 },
		"name": func(e *Event) { e.Name = "x" }, "target": func(e *Event) { e.Target = "" },
		"name as target": func(e *Event) { e.Name, e.Target = e.Target, e.Name },
		"ip":             func(e *Event) { e.Address[0].IP = e.Address[0].IP.Next() },
		"asn":            func(e *Event) { e.Address[1].ASN.Set = false },
		"asn moved":      func(e *Event) { e.Address[0].ASN, e.Address[1].ASN = e.Address[1].ASN, e.Address[0].ASN },
		"cc":             func(e *Event) { e.Address[0].CC = "" }, "dir": func(e *Event) { e.Address[0].Dir = 2 },
		"rdns": func(e *Event) { e.Address[1].RDNS = "" }, "fqdn": func(e *Event) { e.FQDN = "" },
		"url": func(e *Event) { e.URL += "x" }, "proto": func(e *Event) { e.Proto = 2 },
		"sport": func(e *Event) { e.SPort = Opt[uint16]{} }, "dport": func(e *Event) { e.DPort.V++ },
		"dip": func(e *Event) { e.DIP = netip.Addr{} }, "adip": func(e *Event) { e.ADIP = "" },
		"md5": func(e *Event) { e.MD5 = "" }, "sha1": func(e *Event) { e.SHA1 = "" }, "sha256": func(e *Event) { e.SHA256 = "" },
		"x509": func(e *Event) { e.X509FPSHA1 = "" }, "origin": func(e *Event) { e.Origin = 2 },
		"status": func(e *Event) { e.Status = 1 }, "action": func(e *Event) { e.Action = "" }, "email": func(e *Event) { e.Email = "" },
		"iban": func(e *Event) { e.IBAN = "" }, "phone": func(e *Event) { e.Phone = "" }, "username": func(e *Event) { e.Username = "" },
		"registrar": func(e *Event) { e.Registrar = "" }, "url_pattern": func(e *Event) { e.URLPattern = "" },
		"until": func(e *Event) { e.Until = e.Expires }, "count": func(e *Event) { e.Count.V = 0 },
		"expires": func(e *Event) { e.Expires = time.Time{} }, "first_seen": func(e *Event) { e.FirstSeen = time.Time{} },
		"last_seen": func(e *Event) { e.LastSeen = time.Time{} }, "replaces": func(e *Event) { e.Replaces = ID{2} },
		"taxonomy": func(e *Event) { e.Taxonomy = "" }, "type": func(e *Event) { e.Type = "" },
		"cves": func(e *Event) { e.CVEs = e.CVEs[:1] }, "extra": func(e *Event) { e.Extra = e.Extra[:1] },
	} {
		e := full(t)
		change(e)
		id := ComputeID(e)
		if other := seen[id]; other != "" {
			t.Errorf("%s and %s have the same id", name, other)
		}
		seen[id] = name
	}
}

func TestComputeIDDoesNotAllocate(t *testing.T) {
	e := full(t)
	if n := testing.AllocsPerRun(100, func() { ComputeID(e) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseIDReadsBothCases(t *testing.T) {
	id, err := ParseID("0123456789ABCDEF0123456789abcdef")
	if err != nil || id.String() != "0123456789abcdef0123456789abcdef" {
		t.Errorf("got %v, %v", id, err)
	}
	for _, s := range []string{"", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef0"} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}
