package check

import (
	"strings"
	"testing"

	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

const versioned = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: bank}
spec:
  exchangeRef: {name: main}
  organisation: {id: bank.example, criteria: {cidrs: [192.0.2.0/24]}}
  zones: {inside: {}}
  exports:
    - name: api
      api:
        versions:
`

// oldAndNew are a version with its notice and the one that follows it.
const oldAndNew = `
- version: "1"
  formats: [csv]
  columns: [{name: time, field: time}, {name: host, field: fqdn}]
  deprecated: "2026-01-01T00:00:00Z"
  sunset: "2026-04-01T00:00:00Z"
  successor: "2"
- version: "2"
  formats: [csv]
  columns: [{name: time, field: time}, {name: hostname, field: fqdn}]
  from: "2026-03-01T00:00:00Z"
`

// objectWith is a Subscription with the versions.
func objectWith(t *testing.T, versions string) map[string]any {
	t.Helper()
	indented := strings.ReplaceAll(strings.TrimSpace(versions), "\n", "\n          ")
	var o map[string]any
	if err := yaml.Unmarshal([]byte(versioned+"          "+indented+"\n"), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// refusal is what a cluster says of an object that takes the place of another (nil:
// of none).
func refusal(t *testing.T, all schemas, was, is map[string]any) string {
	t.Helper()
	s := all["Subscription"]
	if was != nil {
		if errs := s.validate(t.Context(), was); len(errs) > 0 {
			t.Fatalf("the object as it was is refused: %v", errs.ToAggregate())
		}
	}
	if errs := s.validate(t.Context(), is); len(errs) > 0 {
		return errs.ToAggregate().Error()
	}
	if was == nil {
		return ""
	}
	errs, _ := s.cel.Validate(t.Context(), nil, s.structural, is, was, celconfig.RuntimeCELCostBudget)
	if len(errs) > 0 {
		return errs.ToAggregate().Error()
	}
	return ""
}

func TestTheNoticeThatSubscribersGetIsEnforced(t *testing.T) {
	all, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(oldAndNew) }
	for name, tc := range map[string]struct{ versions, says string }{
		"90 days, 31 side by side":        {oldAndNew, ""},
		"one version":                     {`- version: "1.2.3"`, ""},
		"89 days":                         {change("2026-04-01", "2026-03-31"), "needs 90 days of notice"},
		"89 days with a reason":           {change("2026-04-01T00:00:00Z\"", "2026-03-31T00:00:00Z\"\n  emergency: the old version leaks tokens"), ""},
		"29 days side by side":            {change("2026-03-01", "2026-03-03T01:00:00Z\" #"), "side by side for 30 days"},
		"30 days side by side":            {change("2026-03-01", "2026-03-02"), ""},
		"no start of the successor":       {change(`  from: "2026-03-01T00:00:00Z"`, ""), "side by side for 30 days"},
		"no deprecated":                   {change(`  deprecated: "2026-01-01T00:00:00Z"`, ""), "sunset needs deprecated"},
		"no successor":                    {change(`  successor: "2"`, ""), "sunset needs deprecated"},
		"deprecated only":                 {change(`  sunset: "2026-04-01T00:00:00Z"`, ""), ""},
		"unknown successor":               {change(`successor: "2"`, `successor: "3"`), "successor must be another version"},
		"its own successor":               {change(`successor: "2"`, `successor: "1"`), "successor must be another version"},
		"a preview as successor":          {change(`  from: "2026-03-01T00:00:00Z"`, "  preview: true"), "successor must be another version"},
		"a minor change, 14 days":         {change(`"2"`, `"1.1"`, "2026-01-01", "2026-03-18"), ""},
		"a minor change, 13 days":         {change(`"2"`, `"1.1"`, "2026-01-01", "2026-03-19"), "needs 14 days of notice"},
		"sunset before deprecated":        {change("2026-01-01", "2026-05-01"), "needs 90 days of notice"},
		"an emergency before deprecated":  {change("2026-01-01T00:00:00Z\"", "2026-05-01T00:00:00Z\"\n  emergency: the old version leaks tokens"), "emergency is the reason"},
		"an emergency without sunset":     {change(`sunset: "2026-04-01T00:00:00Z"`, "emergency: the old version leaks tokens"), "emergency is the reason"},
		"an emergency without dates":      {"- version: \"1\"\n  emergency: the old version leaks tokens", "emergency is the reason"},
		"everything ends":                 {oldAndNew + "  sunset: \"2027-03-01T00:00:00Z\"\n  deprecated: \"2026-06-01T00:00:00Z\"\n  successor: \"1\"", "one version must stay"},
		"only a preview":                  {"- version: \"1\"\n  preview: true", "one version must stay"},
		"a preview with dates":            {"- version: \"1\"\n- version: \"2\"\n  preview: true\n  from: \"2026-03-01T00:00:00Z\"", "a preview has no dates"},
		"the same version in two ways":    {"- version: \"1\"\n- version: \"1.0.0\"", "versions must differ"},
		"no version":                      {"- version: v1", "should match"},
		"positions without columns":       {"- version: \"1\"\n  header: None", "header: None needs columns"},
		"positions with columns":          {"- version: \"1\"\n  header: None\n  columns: [{name: ip, field: ip}]", ""},
		"a field that events do not have": {"- version: \"1\"\n  columns: [{name: ip, field: hostname}]", "supported values"},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusal(t, all, nil, objectWith(t, tc.versions))
			if (tc.says == "") != (got == "") || !strings.Contains(strings.ToLower(got), strings.ToLower(tc.says)) {
				t.Errorf("got %q, want %q", got, tc.says)
			}
		})
	}
}

func TestWhatWasPublishedStays(t *testing.T) {
	all, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	const preview = "- version: \"1\"\n- version: \"2\"\n  preview: true\n  columns: [{name: ip, field: ip}]\n"
	change := func(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
	emergency := "\n  emergency: the old version leaks tokens"
	for name, tc := range map[string]struct{ was, is, says string }{
		"nothing":                  {oldAndNew, oldAndNew, ""},
		"a column":                 {oldAndNew, change(oldAndNew, "name: host,", "name: hosts,"), "cannot change"},
		"the columns":              {"- version: \"1\"", "- version: \"1\"\n  columns: [{name: ip, field: ip}]", "cannot change"},
		"the formats":              {"- version: \"1\"", "- version: \"1\"\n  formats: [csv]", "cannot change"},
		"the order of formats":     {"- version: \"1\"\n  formats: [csv, json]", "- version: \"1\"\n  formats: [json, csv]", ""},
		"the header":               {oldAndNew, change(oldAndNew, "version: \"1\"", "version: \"1\"\n  header: None"), "cannot change"},
		"a header that is told":    {oldAndNew, change(oldAndNew, "version: \"1\"", "version: \"1\"\n  header: First"), ""},
		"a preview's columns":      {preview, change(preview, "field: ip", "field: asn"), ""},
		"a preview is published":   {preview, change(preview, "preview: true", "preview: false"), ""},
		"a preview vanishes":       {preview, "- version: \"1\"", ""},
		"published, then preview":  {change(preview, "preview: true", "preview: false"), preview, "cannot become a preview again"},
		"it vanishes":              {"- version: \"1\"\n- version: \"2\"", "- version: \"2\"", "a version cannot vanish"},
		"it vanishes with notice":  {oldAndNew, "- version: \"2\"\n  formats: [csv]\n  columns: [{name: time, field: time}, {name: hostname, field: fqdn}]", ""},
		"sunset is postponed":      {oldAndNew, change(oldAndNew, "2026-04-01", "2026-05-01"), ""},
		"sunset is moved up":       {change(oldAndNew, "2026-04-01", "2026-05-01"), oldAndNew, "not moved up"},
		"moved up, with a reason":  {change(oldAndNew, "2026-04-01", "2026-05-01"), change(oldAndNew, "04-01T00:00:00Z\"", "04-01T00:00:00Z\""+emergency), ""},
		"sunset is called off":     {oldAndNew, change(oldAndNew, `  sunset: "2026-04-01T00:00:00Z"`, ""), ""},
		"deprecated is dated back": {oldAndNew, change(oldAndNew, "2026-01-01", "2025-01-01"), "cannot be dated back"},
		"versions come":            {"- version: \"1\"", oldAndNew, "cannot change"},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusal(t, all, objectWith(t, tc.was), objectWith(t, tc.is))
			if (tc.says == "") != (got == "") || !strings.Contains(got, tc.says) {
				t.Errorf("got %q, want %q", got, tc.says)
			}
		})
	}
}
