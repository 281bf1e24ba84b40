package charts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"sigs.k8s.io/yaml"
)

type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Groups []struct {
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no alerts")
	}
	return all
}

// panel is a panel of a Grafana dashboard, or a row of them.
type panel struct {
	Title   string  `json:"title"`
	Type    string  `json:"type"`
	Panels  []panel `json:"panels"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// queries of the dashboard by the titles of their panels.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "files", "dashboards", "weir.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels     []panel `json:"panels"`
		Templating struct {
			List []struct {
				Name  string `json:"name"`
				Type  string `json:"type"`
				Query any    `json:"query"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	var walk func([]panel)
	walk = func(panels []panel) {
		for _, p := range panels {
			for _, target := range p.Targets {
				found[p.Title] = append(found[p.Title], target.Expr)
			}
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("panel %q shows nothing", p.Title)
			}
			walk(p.Panels)
		}
	}
	walk(dashboard.Panels)
	for _, v := range dashboard.Templating.List {
		if query, ok := v.Query.(string); ok && v.Type == "query" {
			found["variable "+v.Name] = []string{labelValues.ReplaceAllString(query, "$1")}
		}
	}
	if len(found) < 10 {
		t.Fatalf("%d panels only", len(found))
	}
	return found
}

var (
	labelValues = regexp.MustCompile(`^label_values\((.*), *\w+\)$`)
	variable    = regexp.MustCompile(`\$\w+`)
)

// metricNames returns the names that an expression reads, sorted.
func metricNames(t *testing.T, where, expr string) []string {
	t.Helper()
	expr = variable.ReplaceAllString(strings.ReplaceAll(expr, "$__rate_interval", "5m"), "x")
	parsed, err := metricsql.Parse(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return nil
	}
	var names []string
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			if len(filters) == 0 || filters[0].Label != "__name__" || filters[0].IsRegexp {
				t.Errorf("%s: %s names no metric", where, expr)
				continue
			}
			names = append(names, filters[0].Value)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

func TestAlertsAndDashboardReadOnlyMetricsThatTheCodeRegisters(t *testing.T) {
	known := registered(t)
	check := func(where, expr string) {
		names := metricNames(t, where, expr)
		if len(names) == 0 {
			t.Errorf("%s: %s reads no metric", where, expr)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: no code registers %s", where, name)
			}
		}
	}
	for _, a := range alerts(t) {
		check("alert "+a.Alert, a.Expr)
	}
	for title, exprs := range queries(t) {
		for _, expr := range exprs {
			check("panel "+title, expr)
		}
	}
}

func TestTheMetricsOfEveryStageAreFoundInTheSource(t *testing.T) {
	known := registered(t)
	for _, name := range []string{
		"weir_collect_collections_total", "weir_collect_duration_seconds_bucket", "weir_monitor_held_payloads",
		"weir_hub_recorded_events_total", "weir_hub_batch_seconds_bucket", "weir_export_streams",
		"controller_runtime_reconcile_errors_total", "workqueue_depth",
	} {
		if !known[name] {
			t.Errorf("%s is not found", name)
		}
	}
	for _, name := range []string{"weir_hub_", "weir_collect_duration_seconds", "name"} {
		if known[name] {
			t.Errorf("%s is no series", name)
		}
	}
}

func TestEveryAlertHasASeverityASummaryAndASectionOfTheRunbook(t *testing.T) {
	text, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		sections[m[1]] = true
	}
	for _, a := range alerts(t) {
		if a.Labels["severity"] != "warning" && a.Labels["severity"] != "critical" {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: no summary or no description", a.Alert)
		}
		if want := "/docs/runbook.md#" + strings.ToLower(a.Alert); !strings.HasSuffix(a.Annotations["runbook_url"], want) {
			t.Errorf("%s: runbook_url %q, want ...%s", a.Alert, a.Annotations["runbook_url"], want)
		}
		if !sections[a.Alert] {
			t.Errorf("docs/runbook.md has no section %s", a.Alert)
		}
		delete(sections, a.Alert)
	}
	for name := range sections {
		if strings.HasPrefix(name, "Weir") {
			t.Errorf("docs/runbook.md has a section of an alert that is not there: %s", name)
		}
	}
}

var reasonOf = regexp.MustCompile(`reason="(\w+)"`)

func TestReasonsThatAlertsLookForAreReasonsOfTheAPI(t *testing.T) {
	source, err := os.ReadFile("../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, a := range alerts(t) {
		for _, m := range reasonOf.FindAllStringSubmatch(a.Expr, -1) {
			found++
			if !strings.Contains(string(source), `= "`+m[1]+`"`) {
				t.Errorf("%s: the API has no reason %s", a.Alert, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no alert looks for a reason")
	}
}
