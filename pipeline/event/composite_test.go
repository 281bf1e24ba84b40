package event

import (
	"encoding/json"
	"testing"
)

func setJSON(t *testing.T, e *Event, field, value string) error {
	t.Helper()
	return mustLookup(t, field).SetJSON(e, json.RawMessage(value))
}

func TestAListOfAddressesIsTakenWithItsParts(t *testing.T) {
	for in, want := range map[string]string{
		`[{"ip":"192.0.2.1","cc":"PL","asn":64496},{"ip":"192.0.2.2","asn":"AS64497"}]`: `[{"ip":"192.0.2.1","asn":64496,"cc":"PL"},{"ip":"192.0.2.2","asn":64497}]`,
		`{"ipv6":"2001:db8::1","dir":"src","rdns":"a.example.","x":[1,{"y":2}]}`:        `[{"ip":"2001:db8::1","dir":"src","rdns":"a.example"}]`,
		` [ "192.0.2.1" , { "ip" : "192.0.2.2" , "cc" : null } ] `:                      `[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]`,
		`[]`: ``,
	} {
		var e Event
		if err := setJSON(t, &e, "address", in); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var full struct{ Address json.RawMessage }
		if err := json.Unmarshal(AppendJSON(nil, &e), &full); err != nil || string(full.Address) != want {
			t.Errorf("%s: %s, %v", in, full.Address, err)
		}
	}
}

func TestWhatIsNoListOfAddressesIsRefusedAndChangesNothing(t *testing.T) {
	for _, in := range []string{`7`, `[7]`, `[{"cc":"PL"}]`, `[{"ip":"x"}]`, `["192.0.2.1"`, `[{"ip":"192.0.2.1","asn":-1}]`, `[{"ip":"192.0.2.1"},]`, `""`, `[{"ip"}]`} {
		var e Event
		if err := setJSON(t, &e, "address", in); err == nil || len(e.Address) != 0 {
			t.Errorf("%s: %v, %v", in, err, e.Address)
		}
	}
}

func TestAddressesThatAreThereAlreadyStay(t *testing.T) {
	var e Event
	_ = mustLookup(t, "ip").Set(&e, "192.0.2.9")
	if err := setJSON(t, &e, "address", `["192.0.2.1"]`); err != nil || len(e.Address) != 1 || e.Address[0].IP.String() != "192.0.2.9" {
		t.Error(e.Address, err)
	}
	e = Event{}
	_ = mustLookup(t, "cc").Set(&e, "CZ")
	if err := setJSON(t, &e, "address", `[{"ip":"192.0.2.1","cc":"PL"}]`); err != nil || len(e.Address) != 1 || e.Address[0].CC != "CZ" {
		t.Error(e.Address, err)
	}
}

func TestTheMembersOfAnObjectBecomeExtras(t *testing.T) {
	var e Event
	_ = mustLookup(t, "extra.a").Set(&e, "first")
	if err := setJSON(t, &e, "extra", ` { "a" : 1, "b" : [1, "x"], "c d/é" : 2.50, "n" : null, "t": true } `); err != nil {
		t.Fatal(err)
	}
	if err := setJSON(t, &e, "extra", `"{\"z\": \"text\"}"`); err != nil {
		t.Fatal(err)
	}
	f := mustLookup(t, "extra")
	if got, _ := f.Get(&e); got != `{"a":"first","b":[1,"x"],"c_d__":2.50,"t":true,"z":"text"}` {
		t.Error(got)
	}
	for _, in := range []string{`7`, `[1]`, `"x"`, `{"q":`, `{"q":1`, `{q:1}`, `"{\"q\":1"`} {
		if err := setJSON(t, &e, "extra", in); err == nil || len(e.Extra) != 5 {
			t.Errorf("%s: %v, %v", in, err, e.Extra)
		}
	}
	if f.Clear(&e); f.Has(&e) {
		t.Error("not cleared")
	}
}
