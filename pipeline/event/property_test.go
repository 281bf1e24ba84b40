package event

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// text puts together what feeds are full of.
func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{
				"http", "HXXP", "hxxps", "://", "[://]", "[:]", "//", "[.]", "(dot)", ".", "[at]", "@", "/", "[/]", "?", "#", ":", "8080", "example",
				"Example.COM", "192.0.2.1", "2001:DB8::1", "[", "]", "xn--", "ž", "。", " ", "\t", "*", "-", "_", "cve-2021-", "44228", "x.x.1.2", "TLP:", "\u2028", "\x00",
			}),
			rapid.StringN(0, 6, -1),
			rapid.StringMatching(`[a-z0-9]{1,8}`),
		), 0, 8).Draw(t, "parts")
		return strings.Join(parts, "")
	})
}

func opt[T any](g *rapid.Generator[T]) *rapid.Generator[Opt[T]] {
	return rapid.Custom(func(t *rapid.T) Opt[T] {
		return Opt[T]{V: g.Draw(t, "v"), Set: rapid.Bool().Draw(t, "set")}
	})
}

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "absent") {
			return time.Time{}
		}
		zone := time.FixedZone("", rapid.IntRange(-50000, 50000).Draw(t, "zone"))
		return time.Unix(rapid.Int64Range(-1, endOfTime).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "nsec")).In(zone)
	})
}

func addrs() *rapid.Generator[netip.Addr] {
	return rapid.OneOf(
		rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")}),
		rapid.Custom(func(t *rapid.T) netip.Addr {
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		}),
		rapid.Custom(func(t *rapid.T) netip.Addr {
			return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")))
		}),
	)
}

func addresses() *rapid.Generator[Address] {
	return rapid.Custom(func(t *rapid.T) Address {
		return Address{
			IP: addrs().Draw(t, "ip"), ASN: opt(rapid.Uint32()).Draw(t, "asn"), Dir: Dir(rapid.Uint8Range(0, 2).Draw(t, "dir")),
			CC:   rapid.SampledFrom([]string{"", "pl", "CZ"}).Draw(t, "cc"),
			RDNS: rapid.SampledFrom([]string{"", "A.example.", "b.example"}).Draw(t, "rdns"),
		}
	})
}

func extras() *rapid.Generator[[]Extra] {
	return rapid.Custom(func(t *rapid.T) []Extra {
		keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9_.-]{1,4}`), 0, 4, rapid.ID[string]).Draw(t, "keys")
		var out []Extra
		for _, k := range keys {
			v, err := json.MarshalIndent(map[string]any{"k": []any{strings.ReplaceAll(text().Draw(t, "v"), "\x00", ""), rapid.Int().Draw(t, "n")}}, " ", " ")
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, Extra{Key: k, Value: v})
		}
		return out
	})
}

// events are often valid; not all of them are.
func events() *rapid.Generator[*Event] {
	return rapid.Custom(func(t *rapid.T) *Event {
		e := &Event{
			Source: "a.b", Restriction: Restriction(rapid.Uint8Range(1, 3).Draw(t, "restriction")), Time: instants().Draw(t, "time"),
			Confidence: Confidence(rapid.Uint8Range(1, 3).Draw(t, "confidence")), Category: Category(rapid.Uint8Range(1, 27).Draw(t, "category")),
			TLP: TLP(rapid.Uint8Range(0, 5).Draw(t, "tlp")), Undated: rapid.Bool().Draw(t, "undated"), Modified: instants().Draw(t, "modified"),
			Address: rapid.SliceOfN(addresses(), 0, 5).Draw(t, "address"), SPort: opt(rapid.Uint16()).Draw(t, "sport"), DPort: opt(rapid.Uint16()).Draw(t, "dport"),
			Count: opt(rapid.Uint32()).Draw(t, "count"), Extra: extras().Draw(t, "extra"), Expires: instants().Draw(t, "expires"),
			CVEs:   rapid.SliceOfN(rapid.StringMatching(` ?(CVE|cve)-20[0-9]{2}-[0-9]{4,6}`), 0, 4).Draw(t, "cves"),
			Client: rapid.SliceOfN(rapid.StringMatching(`[a-z.]{0,5}`), 0, 4).Draw(t, "client"),
		}
		for _, i := range rapid.SliceOfN(rapid.IntRange(1, len(textFields)-1), 0, 3).Draw(t, "fields") {
			*textFields[i].at(e) = text().Draw(t, textFields[i].name)
		}
		return e
	})
}

// valid draws a valid event; where a field spoils it the field is removed, as a
// Parser with onInvalid: Drop does.
func valid(t *rapid.T) *Event {
	e := events().Draw(t, "event")
	for i := range textFields {
		p := textFields[i].at(e)
		if _, reason := textFields[i].normalize(*p); reason != "" {
			*p = ""
		}
	}
	for _, p := range []*time.Time{&e.Time, &e.Modified, &e.Expires} {
		if _, reason := normalTime(*p); reason != "" {
			*p = time.Time{}
		}
	}
	if e.Time.IsZero() {
		e.Time = time.Unix(0, 0)
	}
	e.Address = slices.DeleteFunc(e.Address, func(a Address) bool {
		_, reason := normalAddr(a.IP)
		return reason != ""
	})
	if e.Type != "" {
		e.Taxonomy = ""
	}
	if err := Validate(e); err != nil {
		t.Fatalf("still invalid: %v", err)
	}
	return e
}

func TestValidatingTwiceIsValidatingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := valid(t)
		once := e.Clone()
		if err := Validate(e); err != nil {
			t.Fatalf("valid once, then: %v", err)
		}
		if !reflect.DeepEqual(once, e) {
			t.Fatalf("once  %s\ntwice %s", AppendJSON(nil, once), AppendJSON(nil, e))
		}
	})
}

func TestValidEventsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := valid(t)
		e.ID = ComputeID(e)
		line := AppendJSON(nil, e)
		if !json.Valid(line) || bytes.ContainsAny(line, "\n\r\u2028\u2029") {
			t.Fatalf("not fit for a line: %q", line)
		}
		var back Event
		if err := DecodeJSON(line, &back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if again := AppendJSON(nil, &back); !bytes.Equal(again, line) {
			t.Fatalf("encoded %s\nagain   %s", line, again)
		}
		if err := Validate(&back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if ComputeID(&back) != e.ID {
			t.Fatalf("%s: another id", line)
		}
	})
}

func TestIDDoesNotDependOnTheOrderOfLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := valid(t)
		shuffled := e.Clone()
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffled.Address = append(shuffled.Address, shuffled.Address...)
		r.Shuffle(len(shuffled.Address), reflect.Swapper(shuffled.Address))
		r.Shuffle(len(shuffled.CVEs), reflect.Swapper(shuffled.CVEs))
		r.Shuffle(len(shuffled.Extra), reflect.Swapper(shuffled.Extra))
		if err := Validate(shuffled); err != nil {
			t.Fatal(err)
		}
		if ComputeID(shuffled) != ComputeID(e) {
			t.Fatalf("%s\n%s", AppendJSON(nil, e), AppendJSON(nil, shuffled))
		}
	})
}

func TestWhatFieldsGiveTheyTake(t *testing.T) {
	names := slices.DeleteFunc(Fields(), func(n string) bool { return n == extraAny })
	rapid.Check(t, func(t *rapid.T) {
		f, _ := Lookup(rapid.SampledFrom(append(names, "extra.k")).Draw(t, "field"))
		value := rapid.OneOf(text(), rapid.StringMatching(`(AS)?[0-9]{1,6}`), rapid.StringMatching(`20[0-9]{2}-?[01][0-9]-?[0-3][0-9]([T ][0-2][0-9]:?[0-5][0-9])?`)).Draw(t, "value")
		e := typical()
		f.Clear(e)
		if f.Set(e, value) != nil {
			return
		}
		got, ok := f.Get(e)
		if ok != f.Has(e) {
			t.Fatalf("Get %v, Has %v", ok, f.Has(e))
		}
		if !ok {
			return
		}
		f.Clear(e)
		if err := f.Set(e, got); err != nil {
			t.Fatalf("%q is refused: %v", got, err)
		}
		if again, _ := f.Get(e); again != got {
			t.Fatalf("%q, then %q", got, again)
		}
	})
}

func TestPublishersNormalURLsAreAcceptedFastAndSlowAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]string{"", "http://", "ftp:", "hxxp://", "x:"}).Draw(t, "scheme") + text().Draw(t, "rest")
		if !isPlain(s) || len(s) > maxURL || !isNormalURL(s) {
			return
		}
		// A non-ASCII tail takes the slow path.
		slow, reason := normalURL(s + "/ž")
		if reason != "" || slow != s+"/ž" {
			t.Fatalf("%q: slow path gives %q (%s)", s, slow, reason)
		}
	})
}
