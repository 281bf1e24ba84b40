package storetest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Day is the day of what Make makes, unless Spread says otherwise.
var Day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// Shape says what events Make makes.
type Shape struct {
	Seed   uint64
	Spread time.Duration // of their times before the end of Day; a day if zero
	// Undated says that all come from one collection without times.
	Undated bool
}

// Make returns n different valid events as feeds give them: a few sources, AS
// numbers and countries with a long tail, a host name, URL or hash each.
func Make(n int, s Shape) []*event.Event {
	r := rand.New(rand.NewPCG(s.Seed, 1))
	if s.Spread == 0 {
		s.Spread = 24 * time.Hour
	}
	out := make([]*event.Event, n)
	for i := range out {
		out[i] = makeEvent(r, s, i)
	}
	return out
}

var countries = []string{"US", "DE", "CN", "PL", "FR", "NL", "RU", "BR", "IN", "GB", "LI", "TV"}

// tail picks one of n, the first ones far more often.
func tail(r *rand.Rand, n int) int { return min(int(r.ExpFloat64()*float64(n)/8), n-1) }

func makeEvent(r *rand.Rand, s Shape, i int) *event.Event {
	end := Day.Add(24 * time.Hour)
	at := end.Add(-time.Duration(r.Int64N(int64(s.Spread/time.Second))+1) * time.Second)
	source := fmt.Sprintf("provider%d.feed", i/2000%20)
	e := &event.Event{
		Source: source, Time: at, Undated: s.Undated,
		Category: event.Category(1 + i/2000%7), Confidence: event.Confidence(1 + r.IntN(3)),
		Restriction: event.Restriction(1 + r.IntN(3)), TLP: event.TLP(r.IntN(6)),
		Address: []event.Address{{
			IP:  netip.AddrFrom4([4]byte{198, byte(18 + r.IntN(2)), byte(r.UintN(256)), byte(r.UintN(256))}),
			ASN: event.Some(uint32(64496 + tail(r, 4000))), CC: countries[tail(r, len(countries))],
		}},
		Name: []string{"mirai", "Emotet", "qakbot", "zeus"}[r.IntN(4)],
	}
	if s.Undated {
		e.Time = Day.Add(12 * time.Hour)
	}
	unique := hex.EncodeToString(fmt.Appendf(nil, "%d-%d", s.Seed, i))
	e.FQDN = fmt.Sprintf("h%s.customer%d.example.net", unique, tail(r, 5000))
	switch i % 3 {
	case 0:
		e.URL = "http://" + e.FQDN + "/wp-content/" + unique + ".exe?id=1"
	case 1:
		e.SHA256 = fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	default:
		e.DPort, e.Proto = event.Some(uint16(r.UintN(65536))), event.Proto(1+r.IntN(2))
	}
	if r.IntN(20) == 0 {
		e.Client = []string{fmt.Sprintf("org%d", tail(r, 300))}
	}
	return Valid(e)
}

// Valid validates e and gives it its id; it panics if e is no event.
func Valid(e *event.Event) *event.Event {
	if err := event.Validate(e); err != nil {
		panic(err)
	}
	e.ID = event.ComputeID(e)
	return e
}
