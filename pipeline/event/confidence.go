package event

// ConfidenceOf puts a confidence in percent into words, as the scale "None / Low /
// Med / High" of STIX 2.1 (appendix A) does.
func ConfidenceOf(percent float64) Confidence {
	switch {
	case percent >= 70:
		return ConfidenceHigh
	case percent >= 30:
		return ConfidenceMedium
	}
	return ConfidenceLow
}
