package misp

// rsitCategories are the categories of types of the Reference Security Incident
// Taxonomy that say more than MISP's own categories.
var rsitCategories = map[string]string{
	"spam": "spam", "ddos": "dos-attacker", "dos": "dos-attacker", "phishing": "phish", "copyright": "fraud", "masquerade": "fraud",
	"unauthorised-use-of-resources": "fraud", "unauthorized-use-of-resources": "fraud", "scanner": "scanning",
	"brute-force": "server-exploit", "exploit": "server-exploit", "ids-alert": "server-exploit", "c2-server": "cnc",
	"infected-system": "bots", "malware-distribution": "malurl", "ddos-amplifier": "amplifier", "vulnerable-system": "vulnerable",
	"data-leak": "leak", "social-engineering": "scam",
}

// categoryOf is what the attribute is about, as n6 sees attributes, and beyond for
// those that n6 does not take. It is empty where nothing tells.
func (a *attribute) categoryOf(rsit string) string {
	if len(a.found) == 0 {
		return ""
	}
	switch a.found[0].name {
	case "ip", "network", "fqdn", "url", "email":
		if c := rsitCategories[rsit]; c != "" {
			return c
		}
		return a.networkCategory()
	case "cve", "vulnerability", "cpe":
		return "vulnerable"
	case "iban", "phone", "btc", "xmr", "dash", "bank_account_nr", "bic":
		return "fraud"
	case "asn", "mac_address", "user_agent", "community_id":
		return ""
	case "x509fp_sha1", "x509fp_md5", "x509fp_sha256", "jarm_fingerprint", "ja3_fingerprint_md5", "hasshserver_md5", "favicon_mmh3":
		return a.ifDetects("cnc")
	}
	return "malware-action"
}

func (a *attribute) networkCategory() string {
	switch a.category {
	case "Network activity":
		switch a.typ {
		case "ip-src", "ip-src|port":
			return "bots"
		case "domain|ip":
			return "malurl"
		}
		return a.ifDetects("cnc")
	case "Payload delivery":
		if a.found[0].name == "email" {
			return "spam"
		}
		return "malurl"
	case "Payload installation", "Artifacts dropped":
		return "malurl"
	case "Financial fraud":
		return "fraud"
	}
	return ""
}

// ifDetects is the category of what is fit for detection; anything may be in the
// rest.
func (a *attribute) ifDetects(category string) string {
	if a.ids {
		return category
	}
	return "other"
}
