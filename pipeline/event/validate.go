package event

import (
	"slices"
	"strconv"
	"time"
)

// textFields are the fields of text, in the order of the canonical JSON.
var textFields = [...]struct {
	name string
	textField
}{
	{"source", textField{func(e *Event) *string { return &e.Source }, normalSource, KindText}},
	{"name", textField{func(e *Event) *string { return &e.Name }, textOf(maxName), KindText}},
	{"target", textField{func(e *Event) *string { return &e.Target }, textOf(maxTarget), KindText}},
	{"fqdn", textField{func(e *Event) *string { return &e.FQDN }, normalFQDN, KindText}},
	{"url", textField{func(e *Event) *string { return &e.URL }, normalURL, KindText}},
	{"adip", textField{func(e *Event) *string { return &e.ADIP }, normalADIP, KindText}},
	{"md5", textField{func(e *Event) *string { return &e.MD5 }, hashOf("MD5", 32), KindHash}},
	{"sha1", textField{func(e *Event) *string { return &e.SHA1 }, hashOf("SHA-1", 40), KindHash}},
	{"sha256", textField{func(e *Event) *string { return &e.SHA256 }, hashOf("SHA-256", 64), KindHash}},
	{"x509fp_sha1", textField{func(e *Event) *string { return &e.X509FPSHA1 }, hashOf("SHA-1", 40), KindHash}},
	{"action", textField{func(e *Event) *string { return &e.Action }, textOf(maxAction), KindText}},
	{"email", textField{func(e *Event) *string { return &e.Email }, normalEmail, KindText}},
	{"iban", textField{func(e *Event) *string { return &e.IBAN }, normalIBAN, KindText}},
	{"phone", textField{func(e *Event) *string { return &e.Phone }, textOf(maxPhone), KindText}},
	{"username", textField{func(e *Event) *string { return &e.Username }, textOf(maxUsername), KindText}},
	{"registrar", textField{func(e *Event) *string { return &e.Registrar }, textOf(maxRegistrar), KindText}},
	{"url_pattern", textField{func(e *Event) *string { return &e.URLPattern }, textOf(maxURLPattern), KindText}},
	{"classification.taxonomy", textField{func(e *Event) *string { return &e.Taxonomy }, normalTaxonomy, KindText}},
	{"classification.type", textField{func(e *Event) *string { return &e.Type }, normalType, KindText}},
}

// Validate normalizes every field of e in place (defanging, IDNA, case, time
// zone, order and duplicates of lists) or returns a *FieldError for the first
// that cannot be; e is then half normalized. Source, Time, Category, Confidence
// and Restriction must be set. Validating twice is validating once. It does not
// allocate for an event that is normal already.
func Validate(e *Event) error {
	for _, check := range [...]func(*Event) *FieldError{
		validateTexts, validateTimes, validateEnums, validateAddresses, validateNumbers, validateLists,
		validateClassification, validateExtra, requireFields, validateOrder,
	} {
		if err := check(e); err != nil {
			return err
		}
	}
	return nil
}

func validateTexts(e *Event) *FieldError {
	for i := range textFields {
		f := &textFields[i]
		p := f.at(e)
		if *p == "" {
			continue
		}
		out, reason := f.normalize(*p)
		if reason != "" {
			return fieldError(f.name, reason, *p)
		}
		*p = out
	}
	return nil
}

func validateTimes(e *Event) *FieldError {
	for _, f := range [...]struct {
		name string
		at   *time.Time
	}{
		{"time", &e.Time}, {"modified", &e.Modified}, {"until", &e.Until}, {"expires", &e.Expires},
		{"first_seen", &e.FirstSeen}, {"last_seen", &e.LastSeen},
	} {
		if f.at.IsZero() {
			continue
		}
		t, reason := normalTime(*f.at)
		if reason != "" {
			return fieldError(f.name, reason, f.at.String())
		}
		*f.at = t
	}
	return nil
}

// validateEnums refuses numbers without a name, which only a programming error
// can have made.
func validateEnums(e *Event) *FieldError {
	for _, f := range [...]struct {
		name   string
		value  uint8
		values int
	}{
		{"restriction", uint8(e.Restriction), len(restrictionNames)},
		{"confidence", uint8(e.Confidence), len(confidenceNames)},
		{"category", uint8(e.Category), len(categoryNames)},
		{"proto", uint8(e.Proto), len(protoNames)},
		{"origin", uint8(e.Origin), len(originNames)},
		{"status", uint8(e.Status), len(statusNames)},
		{"tlp", uint8(e.TLP), len(tlpNames)},
	} {
		if int(f.value) >= f.values {
			return fieldError(f.name, "is out of range", strconv.Itoa(int(f.value)))
		}
	}
	return nil
}

// validateNumbers also clears what an absent number left behind, so that equal
// events are equal.
func validateNumbers(e *Event) *FieldError {
	if e.DIP.IsValid() {
		ip, reason := normalAddr(e.DIP)
		if reason != "" {
			return fieldError("dip", reason, e.DIP.String())
		}
		e.DIP = ip
	}
	if !e.SPort.Set {
		e.SPort.V = 0
	}
	if !e.DPort.Set {
		e.DPort.V = 0
	}
	if !e.Count.Set {
		e.Count.V = 0
	}
	return nil
}

func validateLists(e *Event) *FieldError {
	var err *FieldError
	if e.CVEs, err = normalList("cves", e.CVEs, MaxCVEs, normalCVE); err != nil {
		return err
	}
	e.Client, err = normalList("client", e.Client, MaxClients, normalClient)
	return err
}

// normalList normalizes, sorts and removes duplicates and empty values.
func normalList(field string, list []string, limit int, normalize normalizer) ([]string, *FieldError) {
	if len(list) == 0 {
		return list, nil
	}
	if len(list) > limit {
		return list, fieldError(field, "has more than "+strconv.Itoa(limit)+" values", "")
	}
	sorted := true
	for i, s := range list {
		out, reason := normalize(s)
		if reason != "" {
			return list, fieldError(field+"["+strconv.Itoa(i)+"]", reason, s)
		}
		list[i] = out
		sorted = sorted && out != "" && (i == 0 || list[i-1] < out)
	}
	if sorted {
		return list, nil
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if list[0] == "" {
		list = slices.Delete(list, 0, 1)
	}
	return list, nil
}

func requireFields(e *Event) *FieldError {
	var field string
	switch {
	case e.Source == "":
		return fieldError("source", "is required", "")
	case e.Restriction == 0:
		field = "restriction"
	case e.Confidence == 0:
		field = "confidence"
	case e.Category == 0:
		field = "category"
	case e.Time.IsZero():
		field = "time"
	default:
		return nil
	}
	return fieldError(field, "is required: map it, or give it under constants", "")
}

// validateOrder compares times. Of an undated event Time is when it was collected,
// which comes after what it tells.
func validateOrder(e *Event) *FieldError {
	if !e.Until.IsZero() && !e.Undated && e.Until.Before(e.Time) {
		return fieldError("until", "is before time ("+string(appendTime(nil, e.Time))+")", string(appendTime(nil, e.Until)))
	}
	if !e.FirstSeen.IsZero() && !e.LastSeen.IsZero() && e.LastSeen.Before(e.FirstSeen) {
		return fieldError("last_seen", "is before first_seen ("+string(appendTime(nil, e.FirstSeen))+
			"); are the columns swapped?", string(appendTime(nil, e.LastSeen)))
	}
	return nil
}
