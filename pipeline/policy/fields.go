package policy

// Class is n6's access class of a field in results.
type Class byte

// The classes.
const (
	// Unrestricted fields are shown to everybody who may see the event.
	Unrestricted Class = 'U'
	// Anonymized fields are replaced by something that says less.
	Anonymized Class = 'A'
	// Restricted fields are left out.
	Restricted Class = 'R'
)

// Fields is the class of every field of an event's JSON form. Full access sees
// all of them as they are. What is not n6's (tlp, classification, cves, seen
// times) describes the threat rather than the publisher's sensors or the other
// subscribers, hence U.
//
// Extra keys are listed as extra.<key>; those that are not here are Restricted,
// as n6 restricts custom fields unless it says otherwise.
var Fields = map[string]Class{
	"id":                      Unrestricted,
	"source":                  Anonymized, // to an alias, unless the source shows itself
	"time":                    Unrestricted,
	"undated":                 Unrestricted,
	"modified":                Unrestricted,
	"category":                Unrestricted,
	"confidence":              Unrestricted,
	"restriction":             Unrestricted,
	"tlp":                     Unrestricted,
	"name":                    Unrestricted,
	"target":                  Unrestricted,
	"address":                 Unrestricted, // with ip, asn, cc, dir and rdns
	"fqdn":                    Unrestricted,
	"url":                     Unrestricted,
	"proto":                   Unrestricted,
	"sport":                   Unrestricted,
	"dport":                   Unrestricted,
	"dip":                     Anonymized, // to adip
	"adip":                    Unrestricted,
	"md5":                     Unrestricted,
	"sha1":                    Unrestricted,
	"sha256":                  Unrestricted,
	"x509fp_sha1":             Unrestricted,
	"origin":                  Unrestricted,
	"status":                  Unrestricted,
	"action":                  Unrestricted,
	"email":                   Unrestricted,
	"iban":                    Unrestricted,
	"phone":                   Unrestricted,
	"username":                Unrestricted,
	"registrar":               Unrestricted,
	"url_pattern":             Unrestricted,
	"until":                   Restricted,
	"count":                   Restricted,
	"expires":                 Unrestricted,
	"first_seen":              Unrestricted,
	"last_seen":               Unrestricted,
	"replaces":                Unrestricted,
	"client":                  Restricted,
	"ignored":                 Restricted,
	"classification.taxonomy": Unrestricted,
	"classification.type":     Unrestricted,
	"cves":                    Unrestricted,

	"extra.block":            Unrestricted,
	"extra.product":          Unrestricted,
	"extra.x509issuer":       Unrestricted,
	"extra.x509subject":      Unrestricted,
	"extra.long_description": Unrestricted,
}

// openExtra are the extra keys of class U, by their own names.
var openExtra = func() map[string]bool {
	const prefix = "extra."
	open := map[string]bool{}
	for name, class := range Fields {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix && class == Unrestricted {
			open[name[len(prefix):]] = true
		}
	}
	return open
}()

// restrictedParams are the query parameters that tell about restricted fields:
// asking for them is refused, or the answers would give the values away.
var restrictedParams = map[string]bool{
	"rid":         true,
	"restriction": true,
	"dip":         true,
	"name.sub":    true,
	"client":      true,
	"ignored":     true,
}

// ForbiddenParam reports whether the query parameter name of n6's API is refused
// to a subscriber with clearance c.
func ForbiddenParam(name string, c Clearance) bool {
	return !c.FullAccess && restrictedParams[name]
}
