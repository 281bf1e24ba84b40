package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// weir runs the command line in this process.
func weir(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(false)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	code = execute(t.Context(), root)
	return code, out.String(), errs.String()
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const parserYAML = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: c2}
spec:
  input: {csv: {comment: "#"}}
  skip: [{when: 'record.status == "offline"', reason: offline}]
  mapping:
    - {field: ip, from: [ip], required: true}
    - {field: time, from: [time]}
  constants: {category: cnc}
`

func TestTryPrintsCanonicalEventsAndRejectedRecordsAsJSON(t *testing.T) {
	payload := "ip,time,status\n192.0.2.1,2026-11-20T08:15:30Z,online\n192.0.2.2,2026-11-20T08:15:30Z,offline\nnot-an-address,2026-11-20T08:15:30Z,online\n"
	code, out, errs := weir(t, payload, "try", "-f", file(t, "p.yaml", parserYAML), "-", "-o", "json", "--meta", "source=example.c2")
	if code != 1 {
		t.Errorf("exit %d, want 1: a record was rejected", code)
	}
	var e struct {
		ID, Source, Time, Category string
		Address                    []struct{ IP string }
	}
	if strings.Count(out, "\n") != 1 || json.Unmarshal([]byte(out), &e) != nil {
		t.Fatalf("want one event as a JSON line, got %q", out)
	}
	if len(e.ID) != 32 || e.Source != "example.c2" || e.Time != "2026-11-20T08:15:30Z" || e.Category != "cnc" || e.Address[0].IP != "192.0.2.1" {
		t.Errorf("event %+v", e)
	}
	var r map[string]string
	if strings.Count(errs, "\n") != 1 || json.Unmarshal([]byte(errs), &r) != nil {
		t.Fatalf("want one rejected record as a JSON line, got %q", errs)
	}
	if len(r) != 3 || !strings.Contains(r["field"], "ip") || r["reason"] == "" || !strings.Contains(r["record"], "not-an-address,2026") {
		t.Errorf("rejected %v", r)
	}
}

func TestTryExitCodes(t *testing.T) {
	parser := file(t, "p.yaml", parserYAML)
	tests := []struct {
		name, payload string
		code          int
	}{
		{"all events", "ip,time,status\n192.0.2.1,,online\n", 0},
		{"all skipped", "ip,time,status\n192.0.2.1,,offline\n", 0},
		{"some rejected", "ip,time,status\n192.0.2.1,yesterday,online\n", 1},
		{"a header and no rows", "ip,time,status\n", 0},
		{"nothing", "", 0},
		{"a web page", "<!DOCTYPE html><html><title>Just a moment...</title></html>", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if code, out, errs := weir(t, tt.payload, "try", "-f", parser, "-", "-o", "json"); code != tt.code {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, out, errs)
			}
		})
	}
	for name, args := range map[string][]string{
		"no such payload":  {"try", "-f", parser, filepath.Join(t.TempDir(), "none")},
		"no such manifest": {"try", "-f", filepath.Join(t.TempDir(), "none"), "-"},
		"no payload":       {"try", "-f", parser},
		"two payloads":     {"try", "-f", parser, "a.csv", "b.csv"},
		"no manifest":      {"try", "-"},
		"no such flag":     {"try", "-f", parser, "-", "--outptu", "json"},
		"no such output":   {"try", "-f", parser, "-", "-o", "yaml"},
		"unknown meta":     {"try", "-f", parser, "-", "--meta", "colour=red"},
	} {
		if code, _, errs := weir(t, "", args...); code != 2 || !strings.HasPrefix(lastLine(errs), "weir: ") {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
	}
}

// What a payload holds before the place where it breaks is shown, and the exit
// code still says that it was not read.
func TestTryExits2WhenAPayloadBreaksInTheMiddle(t *testing.T) {
	parser := file(t, "p.yaml", strings.Replace(strings.Replace(parserYAML, `csv: {comment: "#"}`, "json: {}", 1), "record.status ==", "has(record.status) && record.status ==", 1))
	code, out, errs := weir(t, `[{"ip":"192.0.2.1"},{"ip":"x"},{"ip":"192.0`, "try", "-f", parser, "-", "-o", "json")
	if code != 2 || strings.Count(out, "\n") != 1 || !json.Valid([]byte(out)) {
		t.Errorf("exit %d, %q", code, out)
	}
	if !strings.HasPrefix(lastLine(errs), "weir: payload cannot be read: the JSON ends in the middle") {
		t.Errorf("%q", errs)
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestTryShowsATableToPeople(t *testing.T) {
	code, out, errs := weir(t, "ip,time,status\n192.0.2.1,2026-11-20T08:15:30Z,online\nx,,online\n", "try", "-f", file(t, "p.yaml", parserYAML), "-")
	if code != 1 || !strings.Contains(out, "CATEGORY") || !strings.Contains(out, "192.0.2.1") {
		t.Errorf("exit %d, %q", code, out)
	}
	if !strings.Contains(errs, "rejected: ") || !strings.Contains(errs, "2 records: 1 events, 1 rejected") {
		t.Errorf("summary: %q", errs)
	}
}

func TestCheckAndTestTellByTheirExitCode(t *testing.T) {
	good := "../../docs/examples/parser"
	if code, out, _ := weir(t, "", "check", "-f", good); code != 0 || !strings.Contains(out, "no problems") {
		t.Errorf("check: exit %d, %q", code, out)
	}
	if code, out, errs := weir(t, "", "test", "-f", good); code != 0 || !strings.Contains(out, " passed, 0 failed") {
		t.Errorf("test: exit %d, %q%q", code, out, errs)
	}
	bad := file(t, "p.yaml", strings.Replace(parserYAML, "required: true", "requird: true", 1))
	if code, out, _ := weir(t, "", "check", "-f", bad); code != 1 || !strings.Contains(out, `did you mean "required"?`) {
		t.Errorf("check: exit %d, %q", code, out)
	}
	if code, out, _ := weir(t, "", "check", "-f", bad, "-o", "json"); code != 1 || !json.Valid([]byte(out)) {
		t.Errorf("check -o json: exit %d, %q", code, out)
	}
	wrong := file(t, "p.yaml", parserYAML+`
  examples:
    - name: expects another address
      input: "ip,time,status\n192.0.2.1,,online\n"
      events: [{address: [{ip: 192.0.2.9}]}]
`)
	code, out, _ := weir(t, "", "test", "-f", wrong)
	if code != 1 || !strings.Contains(out, "FAIL  default/c2: expects another address") || !strings.Contains(out, "192.0.2.9") || !strings.Contains(out, "192.0.2.1") {
		t.Errorf("test: exit %d, %q", code, out)
	}
}

func TestRunRefusesBadManifestsAndForeignFolders(t *testing.T) {
	bad := file(t, "p.yaml", strings.Replace(parserYAML, "field: ip", "field: adress", 1))
	code, _, errs := weir(t, "", "run", "-f", bad, "--data", t.TempDir())
	if code != 1 || !strings.Contains(errs, "spec.mapping[0].field") {
		t.Errorf("run: exit %d, %q", code, errs)
	}
	code, _, errs = weir(t, "", "run", "-f", file(t, "p.yaml", parserYAML), "--data", t.TempDir())
	if code != 1 || !strings.Contains(errs, "declare no Exchange") {
		t.Errorf("run: exit %d, %q", code, errs)
	}
	code, _, errs = weir(t, "", "held", "ls", "--data", t.TempDir())
	if code != 1 || !strings.Contains(errs, "is no data folder") {
		t.Errorf("held: exit %d, %q", code, errs)
	}
	code, _, errs = weir(t, "", "run", "-f", bad, "--data", t.TempDir(), "--allow-net", "10.0.0.0")
	if code != 1 || !strings.Contains(errs, "--allow-net") {
		t.Errorf("run: exit %d, %q", code, errs)
	}
}

func TestAFolderWhereNothingRunsCanBeLookedAt(t *testing.T) {
	data := t.TempDir()
	server, err := bus.StartServer(bus.ServerOptions{Dir: filepath.Join(data, "bus")})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := server.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(conn.Setup(t.Context(), bus.Retention{}),
		conn.Config().Put(t.Context(), plan.Key(plan.PrefixCollector, "default", "c2"), []byte(`{}`)),
		conn.Config().Put(t.Context(), plan.Key(plan.PrefixCollector, "default", "idle"), []byte(`{"spec": {"suspend": true}}`)),
		conn.Close())
	if err != nil {
		t.Fatal(err)
	}
	server.Shutdown()
	for args, want := range map[string]string{
		"held ls": "nothing is held", "dead ls": "there are no dead letters", "status": "SOURCE", "rejected ls": "",
	} {
		code, out, errs := weir(t, "", append(strings.Fields(args), "--data", data)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("weir %s: exit %d, %q%q", args, code, out, errs)
		}
	}
	if code, out, errs := weir(t, "", "status", "-o", "json", "--data", data); code != 0 || out != "{\"sources\":[],\"exchanges\":[]}\n" {
		t.Errorf("status: exit %d, %q%q", code, out, errs)
	}
	if code, out, errs := weir(t, "", "collect", "c2", "--data", data); code != 0 || out != "default/c2: collection was asked for\n" {
		t.Errorf("collect: exit %d, %q%q", code, out, errs)
	}
	if code, _, errs := weir(t, "", "collect", "idle", "--data", data); code != 1 || !strings.Contains(errs, "default/idle is suspended") {
		t.Errorf("collect: exit %d, %q", code, errs)
	}
	if code, _, errs := weir(t, "", "collect", "none", "--data", data); code != 1 || !strings.Contains(errs, "there is no FeedSource default/none") {
		t.Errorf("collect: exit %d, %q", code, errs)
	}
	if code, _, errs := weir(t, "", "held", "release", "c2", "--data", data); code != 1 || !strings.Contains(errs, "nothing is known about a FeedSource default/c2") {
		t.Errorf("held release: exit %d, %q", code, errs)
	}
}

func TestAKeyAndItsHashBelongTogether(t *testing.T) {
	code, out, _ := weir(t, "", "key", "new")
	if code != 0 || !strings.Contains(out, "sha256:") {
		t.Errorf("exit %d, %q", code, out)
	}
}
