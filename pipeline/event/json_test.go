package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestCanonicalJSONOfAFullEvent(t *testing.T) {
	got := AppendJSON(nil, full(t))
	want, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.TrimSpace(want)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid(got) {
		t.Error("encoding/json does not accept it")
	}
	var back Event
	if err := DecodeJSON(want, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, full(t)) {
		t.Errorf("decoded to %s", AppendJSON(nil, &back))
	}
}

// The decoder finds keys without search only where its order is the encoder's.
func TestMembersAreInTheOrderOfTheEncoder(t *testing.T) {
	line := AppendJSON(nil, full(t))
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for _, m := range eventMembers {
		key, err := dec.Token()
		if err != nil || key != m.name {
			t.Fatalf("got %v (%v), want %s", key, err, m.name)
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryFieldOfTheStructIsInTheJSON(t *testing.T) {
	e := full(t)
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("full has no %s", v.Type().Field(i).Name)
		}
	}
	var back Event
	if err := DecodeJSON(AppendJSON(nil, e), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, e) {
		t.Error("a field was lost")
	}
}

func TestAppendJSONKeepsWhatIsThere(t *testing.T) {
	if got := string(AppendJSON([]byte("x"), &Event{})); got != "x{}" {
		t.Errorf("got %s", got)
	}
	if got := string(AppendJSON(nil, &Event{Address: []Address{{}}, Extra: []Extra{{Key: "k"}}})); got != `{"address":[{}],"extra":{"k":null}}` {
		t.Errorf("got %s", got)
	}
}

func TestAppendJSONEscapesWhatLinesAndJSONCannotHold(t *testing.T) {
	e := &Event{Name: "a\"\\/<&>\n\r\t\x01\x7f\u2028\u2029é😀\xff"}
	want := `{"name":"a\"\\/<&>\n\r\t\u0001` + "\x7f" + `\u2028\u2029é😀` + "\uFFFD" + `"}`
	if got := string(AppendJSON(nil, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeJSONReadsAnyOrderAndSpacing(t *testing.T) {
	in := "\t{ \"extra\" : { \"b\" : [ 1 , 2 ] , \"a\" : \"\u2028\" } ,\r\n \"name\":\"\\u0041\\ud83d\\ude00\\/\\b\",\"id\":\"000102030405060708090A0B0C0D0E0F\"," +
		`"address":[],"cves":[ ],"classification":{},"ignored":false,"dport": 0 } `
	var e Event
	if err := DecodeJSON([]byte(in), &e); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"000102030405060708090a0b0c0d0e0f","name":"A😀/\u0008","dport":0,"extra":{"a":"\u2028","b":[1,2]}}`
	if got := string(AppendJSON(nil, &e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeJSONSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ in, field, reason string }{
		{``, "event", "expected '{' at byte 0"},
		{`[]`, "event", "expected '{'"},
		{`{} {}`, "event", "expected the end"},
		{`{"name":"a"`, "event", "expected ','"},
		{`{"name":"a",}`, "event", "expected a string"},
		{`{"name" "a"}`, "event", "expected ':'"},
		{`{name:"a"}`, "event", "expected a string"},
		{`{"nom":"a"}`, "nom", "is no field of an event"},
		{`{"a b\n":1}`, `"a b\n"`, "is no field of an event"},
		{`{"ip":"192.0.2.1"}`, "ip", "is no field of an event"},
		{`{"name":"a","name":"b"}`, "name", "occurs twice"},
		{`{"name":null}`, "name", "expected a string"},
		{`{"name":1}`, "name", "expected a string"},
		{`{"name":"a` + "\n" + `"}`, "name", "control character"},
		{`{"name":"a\x"}`, "name", "wrong escape"},
		{`{"name":"\u12g4"}`, "name", "wrong escape"},
		{`{"name":"\ud83d"}`, "name", "surrogate"},
		{`{"name":"\ud83d\u0041"}`, "name", "surrogate"},
		{`{"name":"\ude00"}`, "name", "surrogate"},
		{`{"name":"\u0000"}`, "name", "U+0000"},
		{"{\"name\":\"\xff\"}", "name", "UTF-8"},
		{`{"name":"a`, "name", "no end"},
		{`{"time":"2024-05-01 12:30:05"}`, "time", "RFC 3339"},
		{`{"id":"xyz"}`, "id", "32 hex"},
		{`{"dport":65536}`, "dport", "16 bits"},
		{`{"dport":"80"}`, "dport", "expected a value"},
		{`{"dport":1.0}`, "dport", "whole number"},
		{`{"dport":-1}`, "dport", "whole number"},
		{`{"dport":01}`, "event", "expected ','"},
		{`{"count":4294967296}`, "count", "32 bits"},
		{`{"ignored":1}`, "ignored", "true or false"},
		{`{"undated":tru}`, "undated", "expected a value"},
		{`{"proto":"tcq"}`, "proto", "did you mean tcp?"},
		{`{"dip":"fe80::1%eth0"}`, "dip", "IP address"},
		{`{"address":{"ip":"192.0.2.1"}}`, "address", "expected '['"},
		{`{"address":[{"ip":"192.0.2.1"},{"asn":"1"}]}`, "address[1].asn", "expected a value"},
		{`{"address":[{"ip":"192.0.2.1","ip":"192.0.2.1"}]}`, "address[0].ip", "occurs twice"},
		{`{"address":[` + strings.Repeat(`{},`, 256) + `{}]}`, "address", "more than 256"},
		{`{"cves":["a",1]}`, "cves[1]", "expected a string"},
		{`{"classification":{"kind":"x"}}`, "classification.kind", "is no field"},
		{`{"extra":{"a":1,"a":2}}`, "extra.a", "occurs twice"},
		{`{"extra":{"a":{"b":[01]}}}`, "extra.a", "expected ','"},
		{`{"extra":{"a":` + strings.Repeat("[", 100) + `}}`, "extra.a", "nested more than 64"},
		{`{"extra":[]}`, "extra", "expected '{'"},
	} {
		var e Event
		err := DecodeJSON([]byte(c.in), &e)
		var fe *FieldError
		if !errors.As(err, &fe) {
			t.Errorf("%s: got %v", c.in, err)
		} else if fe.Field != c.field || !strings.Contains(fe.Reason, c.reason) {
			t.Errorf("%s: got %v", c.in, err)
		}
	}
}

func TestDecodedStringsDoNotAliasTheLine(t *testing.T) {
	want := AppendJSON(nil, full(t))
	line := bytes.Clone(want)
	var e Event
	if err := DecodeJSON(line, &e); err != nil {
		t.Fatal(err)
	}
	clear(line)
	if got := AppendJSON(nil, &e); !bytes.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	e := full(t)
	c := e.Clone()
	if !reflect.DeepEqual(c, e) {
		t.Fatal("the clone is different")
	}
	e.Address[0].IP, e.CVEs[0], e.Client[0], e.Extra[0].Key = netip.Addr{}, "", "", ""
	clear(e.Extra[1].Value)
	if !reflect.DeepEqual(c, full(t)) {
		t.Error("the clone changed with the original")
	}
}
