package event

import "strings"

// The enums are n6's (category, confidence, restriction, proto, origin, status)
// plus TLP 2.0 and the direction of an address. The zero value is "absent".
type (
	// Category is what the event is about.
	Category uint8
	// Confidence is how sure the publisher is.
	Confidence uint8
	// Restriction says who may see the event at all.
	Restriction uint8
	// TLP is a label of the Traffic Light Protocol 2.0, ordered: a greater one
	// has a smaller audience.
	TLP uint8
	// Proto is a transport protocol.
	Proto uint8
	// Origin is how the publisher came to know.
	Origin uint8
	// Status of a blacklist entry.
	Status uint8
	// Dir is the role of an address.
	Dir uint8
)

// Confidence, from low to high.
const (
	ConfidenceLow Confidence = iota + 1
	ConfidenceMedium
	ConfidenceHigh
)

// Restriction, from wide to narrow.
const (
	RestrictionPublic Restriction = iota + 1
	RestrictionNeedToKnow
	RestrictionInternal
)

// TLP, from wide to narrow.
const (
	TLPClear TLP = iota + 1
	TLPGreen
	TLPAmber
	TLPAmberStrict
	TLPRed
)

// Names of the enum values; index 0 is "absent".
var (
	categoryNames = []string{"", "amplifier", "bots", "backdoor", "cnc", "deface", "dns-query", "dos-attacker",
		"dos-victim", "exposed", "flow", "flow-anomaly", "fraud", "leak", "malurl", "malware-action", "other", "phish",
		"proxy", "sandbox-url", "scam", "scanning", "server-exploit", "spam", "spam-url", "tor", "vulnerable", "webinject"}
	confidenceNames  = []string{"", "low", "medium", "high"}
	restrictionNames = []string{"", "public", "need-to-know", "internal"}
	tlpNames         = []string{"", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}
	protoNames       = []string{"", "tcp", "udp", "icmp"}
	originNames      = []string{"", "c2", "dropzone", "proxy", "p2p-crawler", "p2p-drone", "sinkhole", "sandbox",
		"honeypot", "darknet", "av", "ids", "waf"}
	statusNames = []string{"", "active", "delisted", "expired", "replaced"}
	dirNames    = []string{"", "src", "dst"}
)

func (v Category) String() string    { return name(categoryNames, int(v)) }
func (v Confidence) String() string  { return name(confidenceNames, int(v)) }
func (v Restriction) String() string { return name(restrictionNames, int(v)) }
func (v TLP) String() string         { return name(tlpNames, int(v)) }
func (v Proto) String() string       { return name(protoNames, int(v)) }
func (v Origin) String() string      { return name(originNames, int(v)) }
func (v Status) String() string      { return name(statusNames, int(v)) }
func (v Dir) String() string         { return name(dirNames, int(v)) }

// ParseCategory and its siblings return false for a name that is not in the
// list. Names are compared exactly.
func ParseCategory(s string) (Category, bool) { return parse[Category](categoryNames, s) }

// ParseConfidence reads a confidence.
func ParseConfidence(s string) (Confidence, bool) { return parse[Confidence](confidenceNames, s) }

// ParseRestriction reads a restriction.
func ParseRestriction(s string) (Restriction, bool) { return parse[Restriction](restrictionNames, s) }

// ParseTLP reads a TLP label without the "TLP:" prefix.
func ParseTLP(s string) (TLP, bool) { return parse[TLP](tlpNames, s) }

// ParseProto reads a protocol name.
func ParseProto(s string) (Proto, bool) { return parse[Proto](protoNames, s) }

// ParseOrigin reads an origin.
func ParseOrigin(s string) (Origin, bool) { return parse[Origin](originNames, s) }

// ParseStatus reads a status.
func ParseStatus(s string) (Status, bool) { return parse[Status](statusNames, s) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

func parse[T ~uint8](names []string, s string) (T, bool) {
	for i, n := range names {
		if i > 0 && n == s {
			return T(i), true
		}
	}
	return 0, false
}

// parseLoosely reads a name as feeds write it: any case, spaces around it.
func parseLoosely[T ~uint8](names []string, s string) (T, string) {
	if v, ok := parse[T](names, s); ok {
		return v, ""
	}
	s = strings.TrimSpace(s)
	for i, n := range names {
		if i > 0 && strings.EqualFold(n, s) {
			return T(i), ""
		}
	}
	return 0, "is not known" + oneOf(s, names[1:])
}

// withoutTLP removes the prefix of a label, and gives TLP 1.0's WHITE its name of
// today.
func withoutTLP(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 4 && strings.EqualFold(s[:4], "TLP:") {
		s = s[4:]
	}
	if strings.EqualFold(s, "WHITE") {
		return TLPClear.String()
	}
	return s
}
