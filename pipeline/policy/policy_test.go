package policy

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
)

func TestEventsAreVisibleUpToTheClearance(t *testing.T) {
	green := Clearance{TLP: event.TLPGreen}
	greenFull := Clearance{TLP: event.TLPGreen, FullAccess: true}
	red := Clearance{TLP: event.TLPRed}
	redFull := Clearance{TLP: event.TLPRed, FullAccess: true}
	ev := func(tlp event.TLP, r event.Restriction) event.Event { return event.Event{TLP: tlp, Restriction: r} }
	ignored := ev(event.TLPClear, event.RestrictionPublic)
	ignored.Ignored = true
	for _, tt := range []struct {
		what string
		e    event.Event
		want map[Clearance]bool
	}{
		{"public and clear", ev(event.TLPClear, event.RestrictionPublic), map[Clearance]bool{{}: false, green: true, greenFull: true, red: true, redFull: true}},
		{"at the clearance", ev(event.TLPGreen, event.RestrictionNeedToKnow), map[Clearance]bool{{}: false, green: true, red: true}},
		{"above the clearance", ev(event.TLPAmber, event.RestrictionPublic), map[Clearance]bool{green: false, greenFull: false, red: true}},
		{"amber+strict", ev(event.TLPAmberStrict, event.RestrictionPublic), map[Clearance]bool{{TLP: event.TLPAmber}: false, {TLP: event.TLPAmberStrict}: true}},
		{"without a label", ev(0, event.RestrictionPublic), map[Clearance]bool{green: false, greenFull: false, red: true, redFull: true, {FullAccess: true}: false}},
		{"internal", ev(event.TLPClear, event.RestrictionInternal), map[Clearance]bool{green: false, greenFull: true, red: false, redFull: true}},
		{"without a restriction", ev(event.TLPClear, 0), map[Clearance]bool{green: false, greenFull: true}},
		{"ignored", ignored, map[Clearance]bool{green: false, greenFull: true, red: false}},
	} {
		for c, want := range tt.want {
			if got := Visible(&tt.e, c); got != want {
				t.Errorf("%s: visible to %+v = %v, want %v", tt.what, c, got, want)
			}
		}
	}
}

func TestClearanceOfASubscription(t *testing.T) {
	for spec, want := range map[v1alpha1.ClearanceSpec]Clearance{
		{}:                             {TLP: event.TLPGreen},
		{TLP: "AMBER+STRICT"}:          {TLP: event.TLPAmberStrict},
		{TLP: "RED", FullAccess: true}: {TLP: event.TLPRed, FullAccess: true},
		{TLP: v1alpha1.TLPClear}:       {TLP: event.TLPClear},
		{TLP: v1alpha1.TLPGreen, FullAccess: true}: {TLP: event.TLPGreen, FullAccess: true},
	} {
		if got, err := ClearanceOf(spec); err != nil || got != want {
			t.Errorf("%+v: %+v, %v; want %+v", spec, got, err, want)
		}
	}
	got, err := ClearanceOf(v1alpha1.ClearanceSpec{TLP: "WHITE", FullAccess: true})
	if err == nil || got != (Clearance{}) || !strings.HasPrefix(err.Error(), "spec.clearance.tlp: ") {
		t.Errorf("an unknown label gives %+v, %v; want nothing and an error that names the field", got, err)
	}
}

// whole is an event with every field set.
func whole(t *testing.T) *event.Event {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := &event.Event{
		ID: event.ID{1}, Source: "provider.hidden", Time: at, Undated: true, Modified: at,
		Category: 1, Confidence: 1, Restriction: 1, TLP: 1, Name: "name", Target: "target",
		Address: []event.Address{{IP: netip.MustParseAddr("192.0.2.1"), ASN: event.Some(uint32(64500)), CC: "PL", Dir: 1, RDNS: "example.org"}},
		FQDN:    "example.org", URL: "https://example.org/", Proto: 1, SPort: event.Some(uint16(1)), DPort: event.Some(uint16(2)),
		DIP: netip.MustParseAddr("198.51.100.7"), ADIP: "x.x.1.1",
		MD5: "m", SHA1: "s", SHA256: "t", X509FPSHA1: "x", Origin: 1, Status: 1, Action: "a", Email: "a@example.org", IBAN: "i", Phone: "p",
		Username: "u", Registrar: "r", URLPattern: "p", Until: at, Count: event.Some(uint32(3)), Expires: at, FirstSeen: at, LastSeen: at,
		Replaces: event.ID{2}, Client: []string{"other.example"}, Ignored: true, Taxonomy: "tax", Type: "type", CVEs: []string{"CVE-2026-0001"},
		Extra: []event.Extra{{Key: "block", Value: json.RawMessage("true")}, {Key: "description", Value: json.RawMessage(`"d"`)},
			{Key: "unheard.of", Value: json.RawMessage("1")}, {Key: "x509issuer", Value: json.RawMessage(`"i"`)}},
	}
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("test event lacks %s", v.Type().Field(i).Name)
		}
	}
	return e
}

func members(t *testing.T, e *event.Event) map[string]string {
	t.Helper()
	var top map[string]json.RawMessage
	if err := json.Unmarshal(event.AppendJSON(nil, e), &top); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range top {
		var sub map[string]json.RawMessage
		if (k == "extra" || k == "classification") && json.Unmarshal(v, &sub) == nil {
			for name, value := range sub {
				out[k+"."+name] = string(value)
			}
			continue
		}
		out[k] = string(v)
	}
	return out
}

func TestTheViewFollowsTheTableOfFields(t *testing.T) {
	e := whole(t)
	before := members(t, e)
	v := Viewer{Clearance: Clearance{TLP: event.TLPRed}}
	seen := members(t, v.View(e))
	for name, value := range before {
		class, known := Fields[name]
		got, there := seen[name]
		switch {
		case !known && !strings.HasPrefix(name, "extra."):
			t.Errorf("%s has no class", name)
		case class == Unrestricted && got != value:
			t.Errorf("%s is unrestricted but %s became %q", name, value, got)
		case class == Anonymized && got == value:
			t.Errorf("%s is not anonymized", name)
		case class != Unrestricted && class != Anonymized && there:
			t.Errorf("%s is restricted but shown: %s", name, got)
		}
	}
	for name := range Fields {
		if _, ok := before[name]; !ok && !strings.HasPrefix(name, "extra.") {
			t.Errorf("%s is no field of an event", name)
		}
	}
	if !reflect.DeepEqual(members(t, e), before) {
		t.Error("looking at an event changed it")
	}
	full := Viewer{Clearance: Clearance{TLP: event.TLPClear, FullAccess: true}}
	if !reflect.DeepEqual(members(t, full.View(e)), before) {
		t.Error("full access does not see everything")
	}
}

func TestAViewerKeepsNothingOfTheLastEvent(t *testing.T) {
	var v Viewer
	v.View(whole(t))
	if got := v.View(&event.Event{Source: "a.b"}); !reflect.DeepEqual(*got, event.Event{Source: plan.Alias("a.b"), Extra: got.Extra}) || len(got.Extra) > 0 {
		t.Errorf("view of an empty event: %+v", got)
	}
}

func TestDestinationAddressesKeepTheirLast16Bits(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":         "x.x.2.7",
		"198.51.100.255":    "x.x.100.255",
		"::ffff:192.0.2.7":  "x.x.2.7",
		"2001:db8::a:b":     "x:x:x:x:x:x:x:b",
		"2001:db8::":        "x:x:x:x:x:x:x:0",
		"2001:db8::12:abcd": "x:x:x:x:x:x:x:abcd",
		"fe80::1%eth0":      "x:x:x:x:x:x:x:1",
	} {
		var v Viewer
		got := v.View(&event.Event{DIP: netip.MustParseAddr(in)})
		if got.ADIP != want || got.DIP.IsValid() {
			t.Errorf("%s: adip %q dip %v, want %q and none", in, got.ADIP, got.DIP, want)
		}
	}
}

func TestSourcesAreShownAndResolvedByTheNameThatTheSubscriberKnows(t *testing.T) {
	s := NewSources([]plan.SourcePolicy{
		{Source: "a.hidden", Alias: "hidden.00000001"},
		{Source: "b.shown", Alias: "hidden.00000002", ShowSource: true},
		{Source: "c.twin", Alias: "hidden.00000001"},
	})
	for source, want := range map[string]string{
		"a.hidden": "hidden.00000001", "b.shown": "b.shown", "gone.source": plan.Alias("gone.source"),
	} {
		if got := s.Shown(source); got != want {
			t.Errorf("%s is shown as %s, want %s", source, got, want)
		}
	}
	limited, full := Clearance{TLP: event.TLPRed}, Clearance{TLP: event.TLPClear, FullAccess: true}
	for _, tt := range []struct {
		ask  string
		c    Clearance
		want []string
	}{
		{"hidden.00000001", limited, []string{"a.hidden", "c.twin"}},
		{"a.hidden", limited, nil},
		{"b.shown", limited, []string{"b.shown"}},
		{"hidden.00000002", limited, nil}, // it has a name of its own
		{"no.such", limited, nil},
		{"", limited, nil},
		{"a.hidden", full, []string{"a.hidden"}},
		{"hidden.00000001", full, []string{"hidden.00000001"}},
	} {
		got := s.Resolve([]string{tt.ask}, tt.c)
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q resolves to %v for %+v, want %v", tt.ask, got, tt.c, tt.want)
		}
	}
}

func TestParametersThatTellAboutRestrictedFieldsAreForbidden(t *testing.T) {
	for _, name := range []string{"restriction", "rid", "dip", "name.sub", "client", "ignored"} {
		if !ForbiddenParam(name, Clearance{TLP: event.TLPRed}) {
			t.Errorf("%s is allowed without full access", name)
		}
		if ForbiddenParam(name, Clearance{FullAccess: true}) {
			t.Errorf("%s is forbidden with full access", name)
		}
	}
	for _, name := range []string{"id", "source", "name", "tlp", "fqdn.sub", "url.sub", "time.min", "ip.net", "opt.limit"} {
		if ForbiddenParam(name, Clearance{}) {
			t.Errorf("%s is forbidden", name)
		}
	}
}

func BenchmarkView(b *testing.B) {
	e := &event.Event{Source: "a.b", DIP: netip.MustParseAddr("198.51.100.7"), Client: []string{"x"}, Extra: []event.Extra{{Key: "block"}, {Key: "tags"}}}
	v := Viewer{Sources: NewSources([]plan.SourcePolicy{{Source: "a.b", Alias: "hidden.00000001"}})}
	b.ReportAllocs()
	for b.Loop() {
		v.View(e)
	}
}
