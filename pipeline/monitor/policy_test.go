package monitor

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

func TestTheWorstClassDecides(t *testing.T) {
	for name, tc := range map[string]struct {
		policy  v1alpha1.FormatPolicySpec
		classes []string
		want    v1alpha1.FormatAction
	}{
		"nothing differs":        {want: v1alpha1.FormatPass},
		"hard":                   {classes: []string{drift.ClassBreakingHard}, want: v1alpha1.FormatHold},
		"silent":                 {classes: []string{drift.ClassBreakingSilent}, want: v1alpha1.FormatHold},
		"degraded":               {classes: []string{drift.ClassDegraded}, want: v1alpha1.FormatEmitValid},
		"widening":               {classes: []string{drift.ClassWidening}, want: v1alpha1.FormatReport},
		"additive":               {classes: []string{drift.ClassAdditive}, want: v1alpha1.FormatPass},
		"semantic":               {classes: []string{drift.ClassSemantic}, want: v1alpha1.FormatReport},
		"anomaly":                {classes: []string{drift.ClassAnomaly}, want: v1alpha1.FormatReport},
		"retired":                {classes: []string{drift.ClassRetired}, want: v1alpha1.FormatRetire},
		"cosmetic":               {classes: []string{drift.ClassCosmetic}, want: v1alpha1.FormatPass},
		"a class of the future":  {classes: []string{"COSMETIC-plus", drift.ClassCosmetic}, want: v1alpha1.FormatHold},
		"additive and widening":  {classes: []string{drift.ClassAdditive, drift.ClassWidening}, want: v1alpha1.FormatReport},
		"anomaly and retired":    {classes: []string{drift.ClassAnomaly, drift.ClassRetired}, want: v1alpha1.FormatRetire},
		"the worst passes":       {policy: v1alpha1.FormatPolicySpec{OnWidening: v1alpha1.FormatPass, OnAdditive: v1alpha1.FormatHold}, classes: []string{drift.ClassAdditive, drift.ClassWidening}, want: v1alpha1.FormatPass},
		"wanted: additive held":  {policy: v1alpha1.FormatPolicySpec{OnAdditive: v1alpha1.FormatHold}, classes: []string{drift.ClassAdditive}, want: v1alpha1.FormatHold},
		"wanted: retired passes": {policy: v1alpha1.FormatPolicySpec{OnRetired: v1alpha1.FormatReport}, classes: []string{drift.ClassRetired}, want: v1alpha1.FormatReport},
		"wanted: valid of what broke": {policy: v1alpha1.FormatPolicySpec{OnBreaking: v1alpha1.FormatEmitValid},
			classes: []string{drift.ClassBreakingSilent}, want: v1alpha1.FormatEmitValid},
	} {
		t.Run(name, func(t *testing.T) {
			var findings []status.Finding
			for _, c := range tc.classes {
				findings = append(findings, finding(c))
			}
			if got := action(&tc.policy, findings); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// finding has a code of the class, if there is one.
func finding(class string) status.Finding {
	f := status.Finding{Class: class, Path: "a", Sentence: class}
	switch class {
	case drift.ClassBreakingHard:
		f.Code, f.Breaking = drift.CodeUnreadable, true
	case drift.ClassBreakingSilent:
		f.Code, f.Breaking = drift.CodeColumnRenamed, true
	case drift.ClassDegraded:
		f.Code = drift.CodeEmptied
	case drift.ClassWidening:
		f.Code = drift.CodeWidened
	case drift.ClassAdditive:
		f.Code = drift.CodeColumnAdded
	case drift.ClassCosmetic:
		f.Code = drift.CodeColumnDropped
	}
	return f
}

func TestReportsAreToldOnceAndFadeAway(t *testing.T) {
	m, now := new(memory), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	p := &bus.Payload{ID: "p"}
	tell := func(code string, paths ...string) bool {
		now = now.Add(time.Hour)
		var findings []status.Finding
		for _, path := range paths {
			findings = append(findings, status.Finding{Code: code, Path: path, Sentence: path, Class: drift.ClassAdditive})
		}
		return m.report(p, findings, 0, now)
	}
	if !tell("column-added", "a") || tell("column-added", "a") || m.Report.Summary != "a" {
		t.Errorf("%+v", m.Report)
	}
	if tell("") || m.Report == nil {
		t.Error("it is gone with the next payload")
	}
	if !tell("column-added", "b") || tell("column-added", "a") || tell("column-added", "b") || m.Report.Summary != "b" {
		t.Errorf("the same in turns is told again: %+v", m.Report)
	}
	told := 0
	for i := range 20 {
		if tell("column-added", strings.Repeat("c", i+1)) {
			told++
		}
	}
	if told != maxReports-2 || len(m.Seen) > maxReports {
		t.Errorf("%d more were told", told)
	}
	now = now.Add(2 * reportFor)
	if tell("") || m.Report != nil || len(m.Seen) != 0 {
		t.Errorf("it stays for ever: %+v", m.Report)
	}
	if !tell("column-added", "a") {
		t.Error("after a long time it is not told")
	}
}

func TestRedactionKeepsNamesOnly(t *testing.T) {
	base := &drift.Profile{Columns: []string{"ip", "seen"}, Inputs: []drift.Column{{Name: "ip"}}}
	now := &drift.Profile{Columns: []string{"ip", "seen", "asn"}, Inputs: []drift.Column{{Name: "ip"}}}
	row := &drift.Profile{Columns: []string{"192.0.2.1", "asn"}, Inputs: []drift.Column{{Name: "ip"}}}
	for _, tc := range []struct{ in, want status.Finding }{
		{status.Finding{Code: drift.CodeRetyped, Path: "ip", Breaking: true, Sentence: `Column "ip" held ipv4: "192.0.2.1" became "a \"b\" c", for example.`,
			Before: `ipv4 in 9 of 9 values: "192.0.2.1", "192.0.2.2"`, After: `text in 9 of 9 values: "a"`},
			status.Finding{Code: drift.CodeRetyped, Path: "ip", Breaking: true, Sentence: `Column "ip" held ipv4: [redacted] became [redacted], for example.`,
				Before: `ipv4 in 9 of 9 values`, After: `text in 9 of 9 values`}},
		{status.Finding{Code: drift.CodeColumnAdded, Path: "asn", Sentence: `Column "asn" is new.`}, status.Finding{Code: drift.CodeColumnAdded, Path: "asn", Sentence: `Column "asn" is new.`}},
		{status.Finding{Code: drift.CodeUnfit, Path: "ip", Breaking: true, Sentence: `9 of 9 records cannot become events; 9 with ip: secret is no address.`, After: "secret is no address"},
			status.Finding{Code: drift.CodeUnfit, Path: "ip", Breaking: true, Sentence: `9 of 9 records cannot become events.`}},
		{status.Finding{Code: drift.CodeUnreadable, Breaking: true, Sentence: `The payload cannot be read as CSV: secret.`, After: "secret"},
			status.Finding{Code: drift.CodeUnreadable, Breaking: true, Sentence: `The payload cannot be read as CSV.`}},
		{status.Finding{Code: drift.CodeContainer, Breaking: true, Sentence: `The payload is HTML ("Dear Bob`}, status.Finding{Code: drift.CodeContainer, Breaking: true, Sentence: `The payload is HTML ([redacted]`}},
		// Where the header is gone, the names of columns are values.
		{status.Finding{Code: drift.CodeHeaderMissing, Breaking: true, Path: "asn", Sentence: `There is "ip" and "asn".`},
			status.Finding{Code: drift.CodeHeaderMissing, Breaking: true, Path: "[redacted]", Sentence: `There is "ip" and [redacted].`}},
	} {
		profile := now
		if tc.in.Code == drift.CodeHeaderMissing {
			profile = row
		}
		got := redact([]status.Finding{tc.in}, base, profile)[0]
		if got.Sentence != tc.want.Sentence || got.Before != tc.want.Before || got.After != tc.want.After || got.Path != tc.want.Path {
			t.Errorf("%+v\nwant %+v", got, tc.want)
		}
	}
}
