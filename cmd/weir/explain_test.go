package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "explain", name+".txt")
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%v, %s differs:\n%s\nwant:\n%s", err, path, got, want)
	}
}

var opened = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func renamedColumn() *status.Incident {
	return &status.Incident{
		ID: "1f0c6ab2d9e84c37", Opened: opened, LastGood: opened.Add(-time.Hour), Class: "BREAKING-silent", Records: 18,
		Summary: `Column "dst_ip" is gone; "ip" took its place.`,
		Findings: []status.Finding{
			{Code: "column-renamed", Path: "dst_ip", Class: "BREAKING-silent", Sentence: `Column "dst_ip" is gone; "ip" took its place.`, Breaking: true,
				Before: `ipv4 in 40 of 40 values: "192.0.2.1"`, After: `ipv4 in 18 of 18 values: "192.0.2.7"`, Fields: []string{"ip"},
				Evidence: &status.Evidence{Was: 40, WasOf: 40, IsOf: 18}},
			{Code: "column-added", Path: "asn", Class: "COMPATIBLE-additive", Sentence: `Column "asn" is new; no rule uses it yet.`},
		},
		Repair: &status.Repair{Patch: `{"mapping":[{"field":"ip","from":["ip"]}]}`, Parser: "c2", Confidence: 0.93, Safe: true,
			Changes: []string{`"dst_ip" is read from "ip".`}, Events: 9},
	}
}

func TestExplanations(t *testing.T) {
	h, a, kubeconfig := newCluster(t)
	put := func(key string, v any) {
		data, err := json.Marshal(v)
		if err = errors.Join(err, h.conn.Config().Put(t.Context(), key, data)); err != nil {
			t.Fatal(err)
		}
	}
	put(plan.Key(plan.PrefixCollector, "feeds", "c2"), plan.Collector{Namespace: "feeds", Name: "c2",
		Spec: v1alpha1.FeedSourceSpec{Provider: "example", Channel: "c2"}})
	sub := plan.Subscription{Namespace: "feeds", Name: "bank", Spec: v1alpha1.SubscriptionSpec{Zones: v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}}}}
	put(plan.Key(plan.PrefixSubscription, "feeds", "bank"), sub)
	sub.Name, sub.Spec.Zones.Inside.Sources = "other", []v1alpha1.SourceName{"example.phish"}
	put(plan.Key(plan.PrefixSubscription, "feeds", "other"), sub)

	reported := renamedColumn()
	reported.Class, reported.Repair = "DEGRADED", nil
	ok := status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}
	for name, m := range map[string]status.Monitor{
		"held":     {Held: 2, Incident: renamedColumn()},
		"reported": {Result: ok, Report: reported, Parser: &status.InForce{Name: "c2-v2", Since: opened, Payload: "p7"}},
		"retired":  {Result: status.Result{Reason: v1alpha1.ReasonRetired, Message: `The publisher has given the feed up: "discontinued".`}},
		"same":     {Result: ok, Parser: &status.InForce{Name: "c2"}},
	} {
		h.tell(t, plan.Key(plan.PrefixMonitor, "feeds", "c2"), m)
		code, out, errs := kubectlWeir(t, "explain", "c2", "--kubeconfig", kubeconfig)
		if code != 0 {
			t.Fatalf("%s: exit %d, %s", name, code, errs)
		}
		golden(t, name, out)
	}

	// With a FormatChange, no bus is asked.
	a.apply(t, `{apiVersion: feeds.weir.dev/v1alpha1, kind: FormatChange, metadata: {name: c2-i1, namespace: feeds, labels: {feeds.weir.dev/provider: example}},
spec: {sourceRef: {name: c2}, incident: i1}, status: {held: 2, summary: Column a is gone., class: BREAKING-silent, opened: "2026-03-01T12:00:00Z",
group: example-20260301t120000, subscriptions: {count: 7, names: [feeds/a, feeds/b, feeds/c, feeds/d, feeds/e, feeds/f]},
findings: [{code: column-missing, path: a, sentence: Column a is gone., evidence: "9 of 9 before, 0 of 9 now", breaking: true}],
repair: {patch: '{"input":{"csv":{"delimiter":";"}}}', confidence: 70, changes: [Cells end with ;.], refused: it is not sure enough}}}`)
	a.forbid("get secrets")
	code, out, errs := kubectlWeir(t, "explain", "c2", "--kubeconfig", kubeconfig)
	if code != 0 {
		t.Fatalf("exit %d, %s", code, errs)
	}
	golden(t, "formatchange", out)
}

func TestADecisionAboutAllOfAProvider(t *testing.T) {
	_, a, kubeconfig := newCluster(t)
	for _, name := range []string{"c2", "phish"} {
		a.apply(t, `{apiVersion: feeds.weir.dev/v1alpha1, kind: FormatChange, metadata: {name: `+name+`-i1, namespace: feeds, labels: {feeds.weir.dev/provider: example}},
spec: {sourceRef: {name: `+name+`}, incident: i1}, status: {held: 1}}`)
	}
	a.apply(t, `{apiVersion: feeds.weir.dev/v1alpha1, kind: FormatChange, metadata: {name: other-i1, namespace: feeds, labels: {feeds.weir.dev/provider: other}},
spec: {sourceRef: {name: other}, incident: i1}}`)
	a.forbid("get secrets")
	code, out, errs := kubectlWeir(t, "held", "adopt", "--provider", "example", "--kubeconfig", kubeconfig)
	if code != 0 || strings.Count(out, "adopt of 1 held payload is under way") != 2 {
		t.Errorf("exit %d, %q%q", code, out, errs)
	}
	for name, want := range map[string]any{"c2-i1": "Adopt", "phish-i1": "Adopt", "other-i1": nil} {
		if d := a.field(t, "formatchanges/feeds/"+name, "spec", "decision"); d != want {
			t.Errorf("%s: %v", name, d)
		}
	}
	if code, _, errs = kubectlWeir(t, "held", "adopt", "--provider", "nobody", "--kubeconfig", kubeconfig); code != 1 || !strings.Contains(errs, "nothing of provider nobody is held") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if code, _, errs = kubectlWeir(t, "held", "adopt", "c2", "--provider", "example", "--kubeconfig", kubeconfig); code != 1 || !strings.Contains(errs, "name a SOURCE") {
		t.Errorf("exit %d, %q", code, errs)
	}
	code, out, errs = kubectlWeir(t, "held", "repair", "c2", "--kubeconfig", kubeconfig)
	if d := a.field(t, "formatchanges/feeds/c2-i1", "spec", "decision"); code != 0 || d != "Repair" {
		t.Errorf("exit %d, %q%q, decision %v", code, out, errs, d)
	}
}

const manifestToRepair = `# All of it.
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name:   main}   # as it is
---
# Reads the list.
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata:
  name: c2
spec:
  input:
    csv:
      delimiter: ";"   # as of last year
      comment: "#"
  # What becomes what.
  mapping:
    - {field: ip, from: [dst_ip]}
  constants: {category: cnc}   # all of them
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name:   other}
spec: {input: {text: {}}, mapping: [{field: ip, from: [line]}], constants: {category: cnc}}
`

func TestARepairRewritesTheManifest(t *testing.T) {
	path := file(t, "all.yaml", manifestToRepair)
	res, err := check.Load(t.Context(), path)
	if err != nil || len(res.Problems) > 0 {
		t.Fatal(err, res.Problems)
	}
	feed := bus.Feed{Namespace: "default", Name: "c2"}
	r := &status.Repair{Parser: "c2", Spec: plan.SpecDigest(&res.Objects.Parsers[0].Spec), Changes: []string{"Cells end with a comma."},
		Patch: `{"input":{"csv":{"comment":null,"delimiter":","}},"mapping":[{"field":"ip","from":["ip"]}],"skip":[{"reason":"old","when":"false"}]}`}
	var out strings.Builder
	if err := repairManifest(t.Context(), &out, feed, r, ""); err != nil || !strings.Contains(out.String(), "delimiter: ','") {
		t.Errorf("%v, printed: %s", err, out.String())
	}
	if err := repairManifest(t.Context(), &out, feed, r, path); err != nil || !strings.Contains(out.String(), "is changed: Cells end with a comma.") {
		t.Fatalf("%v, %s", err, out.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start, _, _ := strings.Cut(manifestToRepair, "# Reads")
	_, end, _ := strings.Cut(manifestToRepair, "# all of them\n")
	for _, want := range []string{start, end, "# Reads the list.", "# as of last year", "# What becomes what.", "# all of them", `delimiter: ','`, "reason: old", "- ip"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "comment:") || strings.Contains(string(text), "dst_ip") {
		t.Errorf("it is not changed:\n%s", text)
	}
	if res, err := check.Load(t.Context(), path); err != nil || res.Count != 3 || res.Objects.Parsers[0].Spec.Input.CSV.Delimiter != "," {
		t.Errorf("%v, %+v", err, res)
	}
	if err := repairManifest(t.Context(), &out, feed, r, path); err == nil || !strings.Contains(err.Error(), "is not the one that the change was made for") {
		t.Errorf("twice: %v", err)
	}
	r.Parser = "third"
	if err := repairManifest(t.Context(), &out, feed, r, path); err == nil || !strings.Contains(err.Error(), "has no Parser default/third") {
		t.Errorf("%v", err)
	}
}

func TestARepairOfAParserThatBuildsOnAnotherOneSaysSo(t *testing.T) {
	path := file(t, "all.yaml", manifestToRepair+`---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: child}
spec: {base: {name: c2}, constants: {confidence: low}}
`)
	feed := bus.Feed{Namespace: "default", Name: "c2"}
	for _, x := range []struct{ patch, want, told string }{
		{`{"input":{"csv":{"delimiter":","}}}`, "base: {name: c2}", "is changed: Another.\n"},
		{`{"mapping":[{"field":"ip","from":["ip"]}]}`, "category: cnc", "no longer builds on the Parser c2"},
	} {
		res, err := check.Load(t.Context(), path)
		if err != nil || len(res.Problems) > 0 {
			t.Fatal(err, res.Problems)
		}
		r := &status.Repair{Parser: "child", Spec: plan.SpecDigest(res.ParserSpec(&res.Objects.Parsers[2])), Changes: []string{"Another."}, Patch: x.patch}
		var out strings.Builder
		if err := repairManifest(t.Context(), &out, feed, r, path); err != nil || !strings.Contains(out.String(), x.told) {
			t.Fatalf("%v, %s", err, out.String())
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, changed, _ := strings.Cut(string(text), "name: child")
		if !strings.Contains(changed, x.want) || !strings.HasPrefix(string(text), manifestToRepair) {
			t.Errorf("%s", text)
		}
	}
}
