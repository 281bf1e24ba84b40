package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// base is a folder without problems; cases replace parts of it.
const base = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: c2}
spec:
  provider: example-org
  channel: c2
  exchangeRef: {name: main}
  parserRef: {name: c2}
  http:
    url: https://feeds.example.org/c2.csv
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: c2}
spec:
  input:
    csv: {comment: "#"}
  mapping:
    - {field: ip, from: [dst_ip], required: true}
  constants: {category: cnc}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: bank}
spec:
  exchangeRef: {name: main}
  organisation:
    id: bank.example
    criteria: {cidrs: [192.0.2.0/24]}
  zones: {inside: {}}
  access:
    keys: [{name: soc, secretRef: {name: bank, key: token}}]
  exports: [{name: api, api: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {token: a-token-for-tests-only-123}
`

func load(t *testing.T, yaml string) *Result {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestAGoodFolderHasNoProblemsAndGetsItsDefaults(t *testing.T) {
	res := load(t, base)
	for _, p := range res.Problems {
		t.Error(p)
	}
	if res.Count != 4 {
		t.Errorf("counted %d objects, want 4 (the Secret does not count)", res.Count)
	}
	f := res.Objects.FeedSources[0]
	if f.Namespace != "default" || f.Spec.Schedule.Interval != "1h" || f.Spec.Policy.TLP != "AMBER" {
		t.Errorf("defaults are not set: %+v", f.Spec)
	}
	if len(res.Plan.Collectors) != 1 || len(res.Plan.Monitors) != 1 || len(res.Plan.Hubs) != 1 || len(res.Plan.Subscriptions) != 1 {
		t.Errorf("the plan is not complete: %+v", res.Plan)
	}
	token, err := res.Secrets.Read("default", "bank", "token")
	if err != nil || string(token) != "a-token-for-tests-only-123" {
		t.Errorf("secret: %q, %v", token, err)
	}
}

func TestProblemsNameFileObjectFieldAndMend(t *testing.T) {
	tests := []struct {
		name     string
		old, new string
		want     []string // all in one line
	}{
		{"misspelt field", "parserRef:", "parserReff:",
			[]string{"all.yaml:6", "FeedSource default/c2", "spec.parserReff", `did you mean "parserRef"?`}},
		{"missing field", "  provider: example-org\n", "", []string{"spec.provider", "Required value", "Provider is who publishes"}},
		{"wrong kind", "kind: Exchange", "kind: Exchang", []string{"there is no kind Exchang", "Exchange, FeedSource"}},
		{"wrong version", "apiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange", "apiVersion: feeds.weir.dev/v1\nkind: Exchange",
			[]string{"write feeds.weir.dev/v1alpha1"}},
		{"version that grew too little", "api: {}", "api: {versions: [{version: \"1\", columns: [{name: ip, field: ip}]}, {version: \"1.1\", columns: [{name: host, field: ip}]}]}",
			[]string{"Subscription default/bank", "spec.exports[0].api.versions[1].version", `"ip" is called "host" now`, `write version "2.0.0"`}},
		{"notice that is too short", "api: {}", `api: {versions: [{version: "1", deprecated: "2026-01-01T00:00:00Z", sunset: "2026-03-01T00:00:00Z", successor: "2"}, {version: "2", from: "2026-01-01T00:00:00Z"}]}`,
			[]string{"Subscription default/bank", "spec.exports[0].api.versions[0]", "needs 90 days of notice", "emergency: <reason>"}},
		{"name that is no subject", "metadata: {name: c2}\nspec:\n  provider", "metadata: {name: c2.x}\nspec:\n  provider",
			[]string{"must be a DNS label"}},
		{"two transports", "  http:\n", "  file: {path: a.csv}\n  http:\n", []string{"exactly one of", "http", "file"}},
		{"no transport", "  http:\n    url: https://feeds.example.org/c2.csv\n", "", []string{"exactly one of"}},
		{"url of another scheme", "https://feeds", "ftp://feeds", []string{"spec.http", "must start with https://"}},
		{"password in the url", "https://feeds", "https://me:secret@feeds", []string{"must not carry a user or password", "auth.basic"}},
		{"body without POST", "c2.csv\n", "c2.csv\n    body: x\n", []string{"body needs method: POST"}},
		{"certificate without key", "c2.csv\n", "c2.csv\n    tls: {clientCert: {name: a, key: b}}\n", []string{"clientCert and clientKey go together"}},
		{"two ways to log in", "c2.csv\n", "c2.csv\n    auth: {bearer: {name: a, key: b}, basic: {username: u, password: {name: a, key: b}}}\n",
			[]string{"spec.http.auth", "exactly one of"}},
		{"interval in words", "  http:\n", "  schedule: {interval: 5 minutes}\n  http:\n", []string{"spec.schedule.interval", "5 minutes"}},
		{"interval too short", "  http:\n", "  schedule: {interval: 10ms}\n  http:\n", []string{"spec.schedule.interval", "between 1s and 8760h"}},
		{"interval and cron", "  http:\n", "  schedule: {interval: 1h, cron: '0 * * * *'}\n  http:\n", []string{"spec.schedule", "exactly one of"}},
		{"time zone without cron", "  http:\n", "  schedule: {interval: 1h, timeZone: UTC}\n  http:\n", []string{"timeZone belongs to cron"}},
		{"cron that never is", "  http:\n", "  schedule: {cron: '61 * * * *'}\n  http:\n", []string{"spec.schedule.cron", "61"}},
		{"time zone that is not", "  http:\n", "  schedule: {cron: '1 * * * *', timeZone: Mars/Olympus}\n  http:\n",
			[]string{"spec.schedule.timeZone", "Europe/Warsaw"}},
		{"file outside", "  http:\n    url: https://feeds.example.org/c2.csv\n", "  file: {path: ../etc/passwd}\n", []string{"spec.file.path", "must not contain '..'"}},
		{"absolute file", "  http:\n    url: https://feeds.example.org/c2.csv\n", "  file: {path: /etc/passwd}\n", []string{"spec.file.path", "relative"}},
		{"timeout too long", "  http:\n", "  limits: {timeout: 48h}\n  http:\n", []string{"spec.limits.timeout", "between 1s and 24h"}},
		{"pattern that is none", "  http:\n", "  unpack: {include: ['[a']}\n  http:\n", []string{"spec.unpack.include[0]", "no pattern"}},
		{"password without unpacking", "  http:\n", "  unpack: {mode: None, password: {name: a, key: b}}\n  http:\n", []string{"spec.unpack", "need mode: Auto"}},
		{"key that is none", "  http:\n", "  verify: {pgp: {publicKeys: [{value: x}]}}\n  http:\n",
			[]string{"spec.verify.pgp.publicKeys[0].value", "gpg --export --armor"}},
		{"minisign key that is none", "  http:\n", "  verify: {minisign: {publicKeys: [{value: x}]}}\n  http:\n",
			[]string{"spec.verify.minisign.publicKeys[0].value", "starts with RW"}},
		{"signature that is not encrypted", "  http:\n", "  verify: {sha256: {}, signatureURL: 'http://feeds.example.org/sums'}\n  http:\n",
			[]string{"spec.verify.signatureURL", "must be https"}},
		{"two ways to verify", "  http:\n", "  verify: {sha256: {}, minisign: {publicKeys: [{value: x}]}}\n  http:\n", []string{"spec.verify", "exactly one of"}},
		{"password without key", "  http:\n", "  unpack: {password: {name: bank, key: none}}\n  http:\n", []string{"spec.unpack.password", `Secret "bank" has no key "none"`}},
		{"dangling parser", "parserRef: {name: c2}", "parserRef: {name: c3}", []string{"spec.parserRef.name", `no Parser "c3"`, "there are: c2"}},
		{"dangling exchange", "  parserRef", "  # \n  parserRef", nil},
		{"secret without key", "key: token", "key: tokn", []string{"spec.access.keys[0].secretRef", `Secret "bank" has no key "tokn"`}},
		{"no header and no columns", `csv: {comment: "#"}`, `csv: {header: None}`, []string{"spec.input.csv", "columns and header: None go together"}},
		{"commented header without comment", `csv: {comment: "#"}`, `csv: {header: Commented}`, []string{"needs comment"}},
		{"two formats", `csv: {comment: "#"}`, "csv: {}\n    json: {}", []string{"spec.input", "exactly one of"}},
		{"rule with two origins", "from: [dst_ip]", "from: [dst_ip], value: x", []string{"spec.mapping[0]", "exactly one of"}},
		{"field that is none", "field: ip", "field: ipp", []string{"spec.mapping[0].field", `"ip"`}},
		{"expression that does not compile", "from: [dst_ip]", "expr: record.dst_ip +", []string{"spec.mapping[0].expr"}},
		{"category that is none", "category: cnc", "category: c2", []string{"spec.constants", "c2"}},
		{"retention under a day", "metadata: {name: main}\n", "metadata: {name: main}\nspec: {store: {retention: 1h}}\n", []string{"spec.store.retention", "at least 24h"}},
		{"raw retention under an hour", "metadata: {name: main}\n", "metadata: {name: main}\nspec: {raw: {retention: 1m}}\n", []string{"spec.raw.retention", "at least 1h"}},
		{"stream retention under a minute", "metadata: {name: main}\n", "metadata: {name: main}\nspec: {stream: {retention: 1s}}\n", []string{"spec.stream.retention", "at least 1m"}},
		{"no zone", "zones: {inside: {}}", "zones: {}", []string{"grant at least one zone"}},
		{"inside without criteria", "criteria: {cidrs: [192.0.2.0/24]}", "criteria: {}", []string{"spec.organisation.criteria", "no event can be inside"}},
		{"network that is none", "192.0.2.0/24", "192.0.2.0/99", []string{"spec.organisation.criteria.cidrs[0]"}},
		{"export of no kind", "exports: [{name: api, api: {}}]", "exports: [{name: api}]", []string{"spec.exports[0]", "exactly one of"}},
		{"key used twice", "    url: https://feeds.example.org/c2.csv\n",
			"    url: https://feeds.example.org/c2.csv\n    headers: [{name: A, value: b}, {name: A, value: c}]\n", []string{"spec.http.headers[1]", "Duplicate value"}},
		{"token in plain base64", "stringData: {token: a-token-for-tests-only-123}", "data: {token: '***'}", []string{"data.token", "stringData"}},
		{"yaml with a double key", "kind: Secret", "kind: Secret\nkind: Secret", []string{"all.yaml:", `"kind"`}},
		{"name taken", "metadata: {name: bank}\nspec", "metadata: {name: bank}\nspec", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(base, tt.old) {
				t.Fatalf("the base has no %q", tt.old)
			}
			res := load(t, strings.Replace(base, tt.old, tt.new, 1))
			if len(tt.want) == 0 {
				if len(res.Problems) > 0 {
					t.Fatalf("unexpected problems: %v", res.Problems)
				}
				return
			}
			for _, p := range res.Problems {
				if containsAll(p.String(), tt.want) {
					return
				}
			}
			t.Errorf("no problem says all of %q; there are:\n%v", tt.want, res.Problems)
		})
	}
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

func TestTwoObjectsOfOneNameAreReported(t *testing.T) {
	res := load(t, base+"---\napiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange\nmetadata: {name: main}\n")
	if len(res.Problems) != 1 || !strings.Contains(res.Problems[0].Message, "already taken at") {
		t.Errorf("problems: %v", res.Problems)
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	res, err := Load(t.Context(), filepath.Join(t.TempDir(), "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Problems) != 1 || !strings.Contains(res.Problems[0].Message, "no such file") {
		t.Errorf("problems: %v", res.Problems)
	}
}
