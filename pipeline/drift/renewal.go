package drift

import "slices"

// renewal is the share of the records of a payload that were not in the one before,
// as far as the values of its columns show. Lists keep most of theirs: what is wrong
// with one of their records today was wrong yesterday and says nothing more. It is 1
// where it cannot be known. base may be nil.
func renewal(base, now *Profile) float64 {
	if base == nil {
		return 1
	}
	most, known := 0.0, false
	for i := range now.Inputs {
		if b := base.input(now.Inputs[i].Name); b != nil && len(b.Sketch) >= minNow && len(now.Inputs[i].Sketch) >= minNow {
			most, known = max(most, now.Inputs[i].Sketch.unlike(b.Sketch)), true
		}
	}
	if !known {
		return 1
	}
	return most
}

// unlike is the share of the values that another sketch has not. Only hashes below
// the last ones of both can be compared.
func (s Sketch) unlike(other Sketch) float64 {
	last := ^uint32(0)
	for _, list := range []Sketch{s, other} {
		if len(list) == maxHashes {
			last = min(last, list[len(list)-1])
		}
	}
	var fresh, of int64
	for _, h := range s {
		if h > last {
			break
		}
		of++
		if _, there := slices.BinarySearch(other, h); !there {
			fresh++
		}
	}
	return share(fresh, of)
}
