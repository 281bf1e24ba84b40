package schema

import (
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
)

// extraKey begins the keys of extras; alone it keeps the name of the column.
const extraKey = "extra."

// fields are the keys that are always one field of an event. What is neither here
// nor in places has no field and becomes an extra with the key as its name.
var fields = map[string]string{
	"source.ip":                "ip",
	"source.asn":               "asn",
	"source.geolocation.cc":    "cc",
	"source.reverse_dns":       "rdns",
	"source.fqdn":              "fqdn",
	"source.url":               "url",
	"source.account":           "username", // or email
	"source.network":           "extra.network",
	"destination.ip":           "dip",
	"time.source":              "time",
	"protocol.transport":       "proto",
	"malware.name":             "name",
	"malware.hash.md5":         "md5",
	"malware.hash.sha1":        "sha1",
	"malware.hash.sha256":      "sha256",
	"classification.type":      "classification.type",
	"classification.taxonomy":  "classification.taxonomy",
	"event_description.target": "target",
	"event_description.text":   "extra.description",
	"event_description.url":    "extra.description_url",
	"tlp":                      "tlp",
}

// others are the keys of the vocabulary that become extras. Keys that are in
// neither list are unknown.
var others = func() map[string]bool {
	known := map[string]bool{"raw": true}
	for _, side := range []string{"source.", "destination."} {
		for _, key := range []string{"ip", "local_ip", "network", "port", "asn", "as_name", "account", "local_hostname", "urlpath",
			"fqdn", "reverse_dns", "domain_suffix", "url", "abuse_contact", "allocated", "registry", "tor_node",
			"geolocation.cc", "geolocation.city", "geolocation.country", "geolocation.region", "geolocation.state",
			"geolocation.latitude", "geolocation.longitude"} {
			known[side+key] = true
		}
	}
	for _, key := range []string{"source.geolocation.cymru_cc", "source.geolocation.geoip_cc", "classification.identifier",
		"comment", "status", "event_hash", "feed.name", "feed.provider", "feed.documentation",
		"feed.code", "feed.url", "feed.accuracy", "malware.version", "misp.attribute_uuid", "misp.event_uuid",
		"protocol.application", "rtir_id", "screenshot_url", "time.observation"} {
		known[key] = true
	}
	return known
}()

func known(key string) bool {
	return strings.HasPrefix(key, extraKey) || fields[key] != "" || others[key]
}

// Keys are the keys that become fields of an event, with the fields; those that
// depend on what else a report has are left out.
func Keys() map[string]string { return fields }

// place says which field a key is, in a report; "" drops it.
func (r *Report) place(key, column string) string {
	switch key {
	case "", "raw":
		return ""
	case "classification.taxonomy":
		if r.maps("classification.type") {
			return "" // it follows from the type
		}
	case extraKey:
		return extraKey + extraName(column)
	case "source.port":
		// With a destination it is where the traffic came from; without one it is the
		// service that was found.
		return r.port()
	case "destination.port":
		return "dport"
	case "destination.url", "destination.fqdn":
		// A victim that contacts a name has none of its own.
		side, name, _ := strings.Cut(key, ".")
		if side == "destination" && !r.maps("source."+name) {
			return name
		}
	case "classification.identifier":
		if !r.maps("malware.name") {
			return "name"
		}
	}
	switch {
	case fields[key] != "":
		return fields[key]
	case strings.HasPrefix(key, extraKey):
		return extraKey + extraName(key[len(extraKey):])
	}
	return extraKey + extraName(strings.ReplaceAll(key, ".", "_"))
}

func (r *Report) port() string {
	if r.maps("destination.port") || r.maps("destination.ip") {
		return "sport"
	}
	return "dport"
}

// maps tells whether the report has the key.
func (r *Report) maps(key string) bool {
	if _, ok := r.Constants[key]; ok {
		return true
	}
	return slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Key == key })
}

// extraName makes the key of an extra out of the name of a column. A header with a
// comma too many has a column without a name.
func extraName(column string) string {
	if column == "" {
		return "_"
	}
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("_.-", c):
			return c
		}
		return '_'
	}, column)
	return name[:min(len(name), 64)]
}

// field finds a field that there is.
func field(name string) event.Field {
	f, _ := event.Lookup(name)
	return f
}

// legacy are former names of types.
var legacy = map[string]string{
	"botnet drone": "infected-system", "infected system": "infected-system", "ransomware": "infected-system",
	"ids alert": "ids-alert", "c&c": "c2-server", "c2server": "c2-server", "malware configuration": "malware-configuration",
	"vulnerable client": "vulnerable-system", "vulnerable service": "vulnerable-system", "leak": "data-leak",
	"unknown": "undetermined", "dga domain": "dga-domain", "unauthorized-login": "system-compromise",
	"unauthorized-command": "system-compromise", "compromised": "system-compromise", "backdoor": "system-compromise",
	"defacement": "unauthorised-information-modification", "dropzone": "other",
}

// categories are those of types; what has none is other. They are the same as for
// events of IntelMQ.
var categories = map[string]string{
	"spam": "spam", "ddos": "dos-attacker", "dos": "dos-attacker", "misconfiguration": "vulnerable", "copyright": "fraud",
	"masquerade": "fraud", "phishing": "phish", "unauthorized-use-of-resources": "fraud", "data-leak": "leak", "data-loss": "leak",
	"unauthorised-information-access": "leak", "unauthorised-information-modification": "deface", "scanner": "scanning",
	"social-engineering": "scam", "brute-force": "server-exploit", "exploit": "server-exploit", "ids-alert": "server-exploit",
	"application-compromise": "backdoor", "system-compromise": "backdoor", "privileged-account-compromise": "backdoor",
	"unprivileged-account-compromise": "backdoor", "c2-server": "cnc", "infected-system": "bots", "dga-domain": "cnc",
	"malware": "malware-action", "malware-configuration": "malware-action", "malware-distribution": "malurl", "proxy": "proxy",
	"tor": "tor", "ddos-amplifier": "amplifier", "information-disclosure": "exposed", "potentially-unwanted-accessible": "exposed",
	"vulnerable-system": "vulnerable", "weak-crypto": "vulnerable",
}

// Category is that of events of a type of the vocabulary.
func Category(typ string) string { return categoryOf(typeOf(typ)) }

// typeOf gives a type its name of today.
func typeOf(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if now, ok := legacy[s]; ok {
		return now
	}
	return s
}

// categoryOf is the category of events of a type.
func categoryOf(typ string) string {
	if c := categories[typ]; c != "" {
		return c
	}
	return "other"
}

// refuseConstant says why a constant cannot be used.
func refuseConstant(key, value string) string {
	name := fields[key]
	if key == "classification.type" {
		value = typeOf(value)
	}
	if name == "" || value == "" {
		return ""
	}
	if err := field(name).Set(&event.Event{}, value); err != nil {
		return err.Error()
	}
	return ""
}
