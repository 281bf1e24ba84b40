package drift

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/status"
)

// Codes of findings.
const (
	CodeContainer       = "container-changed"
	CodeUnreadable      = "unreadable"
	CodeColumnMissing   = "column-missing"
	CodeColumnRenamed   = "column-renamed"
	CodeColumnMoved     = "column-moved"
	CodeColumnsSwapped  = "columns-swapped"
	CodeColumnInserted  = "column-inserted"
	CodeColumnAdded     = "column-added"
	CodeColumnDropped   = "column-dropped" // one that no rule uses
	CodeHeaderReordered = "header-reordered"
	CodeHeaderMissing   = "header-missing"
	CodeDelimiter       = "delimiter-changed"
	CodeCellsMissing    = "cells-missing"
	CodePathMissing     = "path-missing"
	CodePathMoved       = "path-moved"
	CodePathType        = "path-type"
	CodePathAdded       = "path-added"
	CodePathDropped     = "path-dropped"
	CodeRetyped         = "retyped"
	CodeLayout          = "layout-changed"
	CodeEmptied         = "emptied"
	CodeWidened         = "widened"
	CodeRetired         = "retired"      // the publisher says so
	CodeErrorBody       = "error-body"   // an error message instead of data
	CodeTruncated       = "truncated"    // the end is missing
	CodeRepeated        = "repeated"     // the records are there more than once
	CodeRejections      = "rejections"   // more records than usual are no events
	CodeKindShare       = "kind-share"   // more values than usual are of another kind
	CodeMissing         = "more-missing" // more values than usual are missing
	CodeMarker          = "null-marker"  // a value that stands for none
	CodeVocabulary      = "vocabulary"   // other words than before
	CodeWordAdded       = "word-added"
	CodeSeparator       = "separator-changed"
	CodeTimes           = "times-moved"
	CodeOneTime         = "one-time"       // all events have the same time
	CodeWindow          = "window-shorter" // older records are left out
	CodeOrder           = "order-reversed" // the oldest records come first, or the newest
	CodeLimit           = "row-limit"      // always the same round number of records
	CodeMemberOrder     = "members-sorted"
	CodeFile            = "file-renamed"
	CodeVolume          = "volume"
	CodeEmpty           = "no-records"
	CodeStale           = "stale" // nothing new for too long
	CodeUnfit           = "values-unfit"
	CodeSchema          = "schema-refused"     // a schema document fails a check
	CodeSchemaBack      = "schema-rolled-back" // reports could not be read with one
)

// Classes of changes.
const (
	ClassBreakingHard   = "BREAKING-hard"
	ClassBreakingSilent = "BREAKING-silent" // it would be read, but wrongly
	ClassRetired        = "RETIRED"         // the publisher has given the feed up
	ClassDegraded       = "DEGRADED"
	ClassSemantic       = "SEMANTIC" // the same syntax has another meaning
	ClassWidening       = "COMPATIBLE-widening"
	ClassAdditive       = "COMPATIBLE-additive"
	ClassAnomaly        = "ANOMALY" // unusual amounts, without a cause in the structure
	ClassCosmetic       = "COSMETIC"
)

// maxFindings bounds what one comparison tells; the breaking ones come first.
const maxFindings = 32

// A check adds findings. Those of an earlier one explain away what a later one
// would say.
type check struct {
	name string
	run  func(*comparison)
}

var checks = []check{
	{"container", checkContainer},
	{"notice", checkNotice},
	{"whole", checkWhole},
	{"files", checkFiles},
	{"header", checkHeader},
	{"positions", checkPositions},
	{"paths", checkPaths},
	{"readable", checkReadable},
	{"twins", checkTwins},
	{"markers", checkMarkers},
	{"kinds", checkKinds},
	{"words", checkWords},
	{"fit", checkFit},
	{"shares", checkShares},
	{"members", checkMembers},
	{"times", checkTimes},
}

// comparison is the state of one Compare.
type comparison struct {
	base, now *Profile
	findings  []status.Finding
	// explained are the mapped columns whose change has a finding.
	explained map[string]bool
	// done ends the chain: the cause explains whatever else differs.
	done bool
	// whole and partial are the levels of the tests; once is for two files.
	whole, partial float64
	once           bool
	// fresh is the share of the records that were not in the payload before.
	fresh float64
	// rejectionsExplained: a finding says why records were rejected.
	rejectionsExplained bool
}

// Compare explains how a payload differs from the baseline: breaking findings
// first, in the order of the checks. Without a baseline (nil) it tells whether
// the payload fits its Parser at all. A baseline that was learned with another
// Parser must go through Profile.For first.
func Compare(base, now *Profile) []status.Finding {
	return (&comparison{base: base, now: now, whole: wholeLevel, partial: alarmLevel}).run()
}

// CompareOnce compares two payloads that somebody chose, instead of all that come:
// less evidence is enough for a finding.
func CompareOnce(base, now *Profile) []status.Finding {
	return (&comparison{base: base, now: now, whole: onceLevel, partial: onceLevel, once: true}).run()
}

func (c *comparison) run() []status.Finding {
	c.explained = make(map[string]bool)
	for _, check := range checks {
		if check.run(c); c.done {
			break
		}
	}
	return sorted(c.findings)
}

// sorted puts what matters most first, and sets the classes.
func sorted(findings []status.Finding) []status.Finding {
	for i := range findings {
		findings[i].Class = ClassOf(&findings[i])
	}
	slices.SortStableFunc(findings, func(a, b status.Finding) int {
		return cmp.Compare(rank(&a), rank(&b))
	})
	return findings[:min(len(findings), maxFindings)]
}

// ClassOf is the class of a finding: the one that it says, or that of its code.
func ClassOf(f *status.Finding) string {
	if f.Class != "" {
		return f.Class
	}
	class := codeClass[f.Code]
	if f.Breaking && class != ClassBreakingHard {
		class = ClassBreakingSilent
	}
	return class
}

func rank(f *status.Finding) int {
	if f.Breaking {
		return 0
	}
	return Severity(ClassOf(f))
}

func (c *comparison) add(f status.Finding) {
	if f.Fields == nil {
		if in := c.now.input(f.Path); in != nil {
			f.Fields = in.Fields
		}
	}
	c.findings = append(c.findings, f)
}

// explain adds a finding and takes the column out of the later checks.
func (c *comparison) explain(column string, f status.Finding) {
	c.explained[column] = true
	c.add(f)
}

func (c *comparison) broken() bool { return Breaking(c.findings) }

// Breaking tells whether one of the findings is.
func Breaking(findings []status.Finding) bool {
	return slices.ContainsFunc(findings, func(f status.Finding) bool { return f.Breaking })
}

var classOrder = []string{ClassBreakingHard, ClassBreakingSilent, ClassRetired, ClassDegraded, ClassSemantic, ClassWidening,
	ClassAdditive, ClassAnomaly, ClassCosmetic}

// Severity orders classes: 0 is the worst, -1 is none that is known.
func Severity(class string) int { return slices.Index(classOrder, class) }

// codeClass is the class of a finding by its code; a breaking finding whose code
// is not listed as hard is silent: the payload would still parse.
var codeClass = map[string]string{
	CodeContainer:       ClassBreakingHard,
	CodeUnreadable:      ClassBreakingHard,
	CodeUnfit:           ClassBreakingHard,
	CodeCellsMissing:    ClassBreakingHard,
	CodeDelimiter:       ClassBreakingHard,
	CodeHeaderMissing:   ClassBreakingHard,
	CodeSchema:          ClassBreakingHard,
	CodeSchemaBack:      ClassBreakingHard,
	CodeErrorBody:       ClassBreakingHard,
	CodeRetired:         ClassRetired,
	CodeTruncated:       ClassDegraded,
	CodeRepeated:        ClassDegraded,
	CodeRejections:      ClassDegraded,
	CodeKindShare:       ClassDegraded,
	CodeMissing:         ClassDegraded,
	CodeMarker:          ClassDegraded,
	CodeVocabulary:      ClassSemantic,
	CodeSeparator:       ClassSemantic,
	CodeTimes:           ClassSemantic,
	CodeOneTime:         ClassSemantic,
	CodeWindow:          ClassSemantic,
	CodeLimit:           ClassSemantic,
	CodeOrder:           ClassCosmetic,
	CodeMemberOrder:     ClassSemantic,
	CodeWordAdded:       ClassAdditive,
	CodeVolume:          ClassAnomaly,
	CodeEmpty:           ClassAnomaly,
	CodeStale:           ClassAnomaly,
	CodeEmptied:         ClassDegraded,
	CodeWidened:         ClassWidening,
	CodeLayout:          ClassWidening,
	CodeColumnAdded:     ClassAdditive,
	CodePathAdded:       ClassAdditive,
	CodePathType:        ClassWidening,
	CodeColumnDropped:   ClassCosmetic,
	CodePathDropped:     ClassCosmetic,
	CodeHeaderReordered: ClassCosmetic,
}

// Classify returns the worst class among findings, "" if there are none.
func Classify(findings []status.Finding) string {
	worst := len(classOrder)
	for i := range findings {
		if at := Severity(ClassOf(&findings[i])); at >= 0 {
			worst = min(worst, at)
		}
	}
	if worst == len(classOrder) {
		return ""
	}
	return classOrder[worst]
}

// Hard tells whether the payload cannot be parsed at all: there is nothing valid
// in it to emit.
func Hard(findings []status.Finding) bool {
	return slices.ContainsFunc(findings, func(f status.Finding) bool {
		switch f.Code {
		case CodeContainer, CodeUnreadable, CodeDelimiter, CodeHeaderMissing:
			return true
		}
		return false
	})
}

// Summarize says in one sentence what changed.
func Summarize(findings []status.Finding) string {
	if len(findings) == 0 {
		return "The format has not changed."
	}
	first := findings[0].Sentence
	more := 0
	for _, f := range findings[1:] {
		if f.Breaking == findings[0].Breaking {
			more++
		}
	}
	if more == 0 {
		return first
	}
	return strings.TrimSuffix(first, ".") + ", and " + count(int64(more), "more change") + "."
}

// count is "1 column" or "2 columns", with commas in long numbers.
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number64(n) + " " + noun
}

func number64(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
