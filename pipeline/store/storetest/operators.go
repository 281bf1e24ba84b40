package storetest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

func in(field string, values ...string) store.Cond {
	return store.Cond{Field: field, Op: store.In, Text: values}
}

func op(field string, o store.Op, values ...string) store.Cond {
	return store.Cond{Field: field, Op: o, Text: values}
}

func at(field string, o store.Op, t time.Time) store.Cond {
	return store.Cond{Field: field, Op: o, Time: t}
}

func nets(ns ...string) store.Cond {
	c := store.Cond{Field: "ip", Op: store.InNet}
	for _, n := range ns {
		c.Nets = append(c.Nets, netip.MustParsePrefix(n))
	}
	return c
}

// the events of testOperators, latest first.
func operatorEvents() map[string]*event.Event {
	full := basic(Day.Add(2 * time.Hour))
	full.Address = []event.Address{
		{IP: netip.MustParseAddr("192.0.2.10"), ASN: event.Some[uint32](64496), CC: "PL"},
		{IP: netip.MustParseAddr("2001:db8:7::1"), CC: "DE"},
	}
	full.FQDN, full.URL, full.Name, full.Target = "mail.example.com", "http://mail.example.com/Login_100%25", "Gozi_ISFB", "Bank"
	full.Confidence, full.Restriction, full.TLP = event.ConfidenceHigh, event.RestrictionNeedToKnow, event.TLPAmber
	full.SPort, full.Client = event.Some[uint16](0), []string{"org-a", "org-b"}
	full.Expires = Day.AddDate(0, 0, 3)

	bare := basic(Day.Add(time.Hour))

	old := basic(Day.AddDate(0, 0, -30))
	old.FQDN, old.Expires, old.Ignored = "notexample.com", Day.Add(time.Hour), true
	old.TLP = event.TLPClear
	return map[string]*event.Event{"full": Valid(full), "bare": Valid(bare), "old": Valid(old)}
}

func testOperators(t *testing.T, a Archive) {
	s := open(t, a)
	events := operatorEvents()
	for _, e := range []string{"old", "full", "bare"} {
		freshOf(t, s, events[e])
	}
	for name, c := range map[string]struct {
		where []store.Cond
		found []string
	}{
		"nothing asked":                         {nil, []string{"full", "bare", "old"}},
		"source":                                {[]store.Cond{in("source", "some.feed", "x.y")}, []string{"full", "bare", "old"}},
		"id":                                    {[]store.Cond{in("id", events["old"].ID.String())}, []string{"old"}},
		"no value at all":                       {[]store.Cond{in("source")}, nil},
		"empty value is not absence":            {[]store.Cond{in("cc", "")}, nil},
		"one condition or the other value":      {[]store.Cond{in("fqdn", "mail.example.com", "notexample.com")}, []string{"full", "old"}},
		"two conditions":                        {[]store.Cond{in("cc", "PL"), in("ignored", "true")}, nil},
		"any address":                           {[]store.Cond{in("cc", "DE"), in("asn", "64496"), in("ip", "2001:db8:7::1")}, []string{"full"}},
		"mapped address":                        {[]store.Cond{in("ip", "::ffff:192.0.2.10")}, []string{"full"}},
		"port zero":                             {[]store.Cond{in("sport", "0")}, []string{"full"}},
		"name in another case":                  {[]store.Cond{in("name", "gozi_isfb")}, []string{"full"}},
		"target in another case":                {[]store.Cond{in("target", "BANK")}, []string{"full"}},
		"url as it is":                          {[]store.Cond{in("url", "http://mail.example.com/Login_100%25")}, []string{"full"}},
		"url in another case":                   {[]store.Cond{in("url", "http://mail.example.com/login_100%25")}, nil},
		"host in another case":                  {[]store.Cond{in("fqdn", "MAIL.example.com.")}, []string{"full"}},
		"client":                                {[]store.Cond{in("client", "org-b")}, []string{"full"}},
		"not ignored":                           {[]store.Cond{in("ignored", "false")}, []string{"full", "bare"}},
		"part of a host":                        {[]store.Cond{op("fqdn", store.Contains, "example.c")}, []string{"full", "old"}},
		"part of a name":                        {[]store.Cond{op("name", store.Contains, "zi_is")}, []string{"full"}},
		"underscore is no wildcard":             {[]store.Cond{op("url", store.Contains, "Login%")}, nil},
		"per cent is no wildcard":               {[]store.Cond{op("url", store.Contains, "_100%25")}, []string{"full"}},
		"empty part finds what has the field":   {[]store.Cond{op("fqdn", store.Contains, "")}, []string{"full", "old"}},
		"below a name":                          {[]store.Cond{op("fqdn", store.Subdomain, "example.com")}, []string{"full"}},
		"below itself":                          {[]store.Cond{op("fqdn", store.Subdomain, "mail.example.com")}, []string{"full"}},
		"below a top-level domain":              {[]store.Cond{op("fqdn", store.Subdomain, "com")}, []string{"full", "old"}},
		"networks":                              {[]store.Cond{nets("192.0.2.8/29", "203.0.113.0/24")}, []string{"full"}},
		"host bits":                             {[]store.Cond{nets("192.0.2.77/24")}, []string{"full"}},
		"single addresses":                      {[]store.Cond{nets("192.0.2.10/32", "2001:db8:7::2/128")}, []string{"full"}},
		"wide v6 network":                       {[]store.Cond{nets("2001::/16")}, []string{"full"}},
		"other v6 network":                      {[]store.Cond{nets("2001:db8:8::/48")}, nil},
		"time from":                             {[]store.Cond{at("time", store.Min, Day.Add(time.Hour))}, []string{"full", "bare"}},
		"time up to":                            {[]store.Cond{at("time", store.Max, Day.Add(time.Hour))}, []string{"bare", "old"}},
		"time before":                           {[]store.Cond{at("time", store.Until, Day.Add(time.Hour))}, []string{"old"}},
		"nanoseconds count":                     {[]store.Cond{at("time", store.Min, Day.Add(time.Hour+1))}, []string{"full"}},
		"active from: expired by then":          {[]store.Cond{at("active", store.Min, Day.AddDate(0, 0, 4))}, nil},
		"active from: long ago, expires later":  {[]store.Cond{at("active", store.Min, Day.Add(time.Hour))}, []string{"full", "bare", "old"}},
		"active up to":                          {[]store.Cond{at("active", store.Max, Day.Add(time.Hour))}, []string{"bare", "old"}},
		"active before":                         {[]store.Cond{at("active", store.Until, Day.Add(time.Hour))}, nil},
		"tlp, absent is narrowest":              {[]store.Cond{op("tlp", store.AtMost, "AMBER")}, []string{"full", "old"}},
		"tlp of all":                            {[]store.Cond{op("tlp", store.AtMost, "RED")}, []string{"full", "bare", "old"}},
		"restriction":                           {[]store.Cond{op("restriction", store.AtMost, "public")}, []string{"bare", "old"}},
		"confidence":                            {[]store.Cond{op("confidence", store.AtLeast, "medium")}, []string{"full"}},
		"modified":                              {[]store.Cond{at("modified", store.Min, noon()), at("modified", store.Max, noon())}, []string{"full", "bare", "old"}},
		"modified later":                        {[]store.Cond{at("modified", store.Min, noon().Add(time.Second))}, nil},
		"modified before":                       {[]store.Cond{at("modified", store.Until, noon())}, nil},
		"the same condition twice is no matter": {[]store.Cond{in("cc", "DE"), in("cc", "PL")}, []string{"full"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{}
			for _, id := range find(t, s, store.Query{Where: c.where}) {
				for name, e := range events {
					if e.ID == id {
						got = append(got, name)
					}
				}
			}
			want(t, "found", got, c.found)
		})
	}
}

func testWrongQueries(t *testing.T, a Archive) {
	s := open(t, a)
	freshOf(t, s, Valid(basic(Day)))
	for name, q := range map[string]store.Query{
		"unknown field":         {Where: []store.Cond{in("colour", "red")}},
		"no operator":           {Where: []store.Cond{{Field: "source"}}},
		"unknown operator":      {Where: []store.Cond{{Field: "source", Op: 77}}},
		"operator of another":   {Where: []store.Cond{op("md5", store.Contains, "a")}},
		"network of a name":     {Where: []store.Cond{{Field: "fqdn", Op: store.InNet}}},
		"time of a name":        {Where: []store.Cond{at("source", store.Min, Day)}},
		"subdomain of a url":    {Where: []store.Cond{op("url", store.Subdomain, "example.com")}},
		"order of a category":   {Where: []store.Cond{op("category", store.AtMost, "bots")}},
		"order the other way":   {Where: []store.Cond{op("tlp", store.AtLeast, "RED")}},
		"order of two values":   {Where: []store.Cond{op("tlp", store.AtMost, "RED", "GREEN")}},
		"unknown label":         {Where: []store.Cond{op("tlp", store.AtMost, "PINK")}},
		"no such category":      {Where: []store.Cond{in("category", "robots")}},
		"number that is none":   {Where: []store.Cond{in("asn", "AS64496")}},
		"port out of range":     {Where: []store.Cond{in("dport", "65536")}},
		"address that is none":  {Where: []store.Cond{in("ip", "192.0.2.256")}},
		"id of half the length": {Where: []store.Cond{in("id", "0011")}},
		"id of no digits":       {Where: []store.Cond{in("id", "zz112233445566778899aabbccddeeff")}},
		"flag":                  {Where: []store.Cond{in("ignored", "maybe")}},
		"no network":            {Where: []store.Cond{{Field: "ip", Op: store.InNet, Nets: []netip.Prefix{{}}}}},
		"negative limit":        {Limit: -1},
	} {
		t.Run(name, func(t *testing.T) {
			var errs []error
			for e, err := range s.Search(context.Background(), q) {
				if e != nil {
					t.Error("yielded an event")
				}
				errs = append(errs, err)
			}
			if len(errs) != 1 || !errors.Is(errs[0], store.ErrQuery) {
				t.Errorf("errors are %v, want one ErrQuery", errs)
			}
		})
	}
	if !slices.Equal(find(t, s, store.Query{Limit: 1}), expect([]*event.Event{Valid(basic(Day))}, store.Query{})) {
		t.Error("the archive does not answer afterwards")
	}
}
