// Package contract is what an export promises to those who read it: versions with
// dates, a manifest, and that the number of a version grows as much as its format
// changed. The last is found out with the monitor that watches the formats of
// others (pipeline/drift): what it would hold is a breaking change of ours, too.
package contract

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Level says how far a change goes. The zero value is no change.
type Level int

// The levels, as in semantic versioning.
const (
	// Patch: readers need not notice.
	Patch Level = iota + 1
	// Minor: something is new beside what there was.
	Minor
	// Major: a reader of the version before fails, or reads it wrongly.
	Major
)

func (l Level) String() string {
	return []string{"no", "patch", "minor", "major"}[max(0, min(l, Major))]
}

// Version is MAJOR.MINOR.PATCH.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads 2, 2.1 or 2.1.0; what is missing is 0.
func ParseVersion(s string) (Version, error) {
	parts := strings.Split(s, ".")
	var n [3]int
	if len(parts) > len(n) {
		return Version{}, fmt.Errorf("version %q: write MAJOR.MINOR.PATCH, such as 2.1.0", s)
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 14)
		if err != nil || len(p) > 1 && p[0] == '0' || p[0] == '+' {
			return Version{}, fmt.Errorf("version %q: write MAJOR.MINOR.PATCH, such as 2.1.0", s)
		}
		n[i] = int(v)
	}
	return Version{n[0], n[1], n[2]}, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare is negative if v comes before w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// Step is the level that the numbers of two versions declare.
func Step(from, to Version) Level {
	switch {
	case from.Major != to.Major:
		return Major
	case from.Minor != to.Minor:
		return Minor
	case from.Patch != to.Patch:
		return Patch
	}
	return 0
}

// Next is the smallest version after v that declares a level.
func (v Version) Next(l Level) Version {
	switch l {
	case Major:
		return Version{v.Major + 1, 0, 0}
	case Minor:
		return Version{v.Major, v.Minor + 1, 0}
	case Patch:
		return Version{v.Major, v.Minor, v.Patch + 1}
	}
	return v
}
