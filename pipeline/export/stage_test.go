package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func (f *fixture) status(name string) (status.Exporter, bool) {
	f.buckets.mu.Lock()
	defer f.buckets.mu.Unlock()
	var st status.Exporter
	v, ok := f.buckets.status["exporter.default."+name]
	if ok {
		if err := json.Unmarshal([]byte(v), &st); err != nil {
			f.t.Fatal(err)
		}
	}
	return st, ok
}

func (f *fixture) code(path, token string) int { return f.get(path, token).StatusCode }

func TestSubscriptionsComeChangeAndGo(t *testing.T) {
	f := newFixture(t)
	f.synced()
	const path = "/s/acme/search/events.json?" + since
	if got := f.code(path, acmeToken); got != 401 {
		t.Errorf("before: %d", got)
	}
	cfg := subscription("default", "acme", "acme")
	f.configure(cfg)
	if got := f.code(path, acmeToken); got != 200 {
		t.Errorf("configured: %d", got)
	}
	cfg.Spec.Zones.Search = nil
	f.configure(cfg)
	if got := f.code(path, acmeToken); got != 403 {
		t.Errorf("zone withdrawn: %d", got)
	}
	cfg.Spec.Suspend = true
	f.configure(cfg)
	if r := f.get(path, acmeToken); r.StatusCode != 403 || r.problemOf(t).Code != codeSuspended {
		t.Errorf("suspended: %d %s", r.StatusCode, r.body)
	}
	eventually(t, "status says suspended", func() bool {
		st, _ := f.status("acme")
		return !st.OK && st.Reason == v1alpha1.ReasonSuspended && !st.Since.IsZero()
	})
	f.buckets.changes <- bus.Entry{Key: "subscription.default.acme"}
	f.synced()
	if got := f.code(path, acmeToken); got != 401 {
		t.Errorf("removed: %d", got)
	}
	eventually(t, "the status is deleted", func() bool { _, ok := f.status("acme"); return !ok })
}

func TestConfigurationThatCannotBeReadIsNotServed(t *testing.T) {
	f := newFixture(t)
	f.configure(subscription("default", "acme", "acme"))
	other, _ := json.Marshal(subscription("default", "other", "other"))
	for name, value := range map[string]string{"rubbish": "{", "another subscription's": string(other)} {
		f.configure(subscription("default", "acme", "acme"))
		if got := f.code("/s/acme/", acmeToken); got != 200 {
			t.Fatalf("before %s: %d", name, got)
		}
		f.buckets.changes <- bus.Entry{Key: "subscription.default.acme", Value: []byte(value)}
		f.synced()
		if got := f.code("/s/acme/", acmeToken); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Clearance.TLP = "PURPLE"
	f.configure(cfg)
	if got := f.code("/s/acme/", acmeToken); got != 401 {
		t.Errorf("unknown label: %d", got)
	}
	eventually(t, "status names the field", func() bool {
		st, _ := f.status("acme")
		return !st.OK && st.Reason == v1alpha1.ReasonInvalidSpec && strings.Contains(st.Message, "spec.clearance.tlp")
	})
}

func TestStatusNamesTheSecretThatIsMissing(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Access.Keys = append(cfg.Spec.Access.Keys, key("old", "gone/token"))
	f.configure(cfg)
	eventually(t, "status names the secret", func() bool {
		st, _ := f.status("acme")
		return !st.OK && st.Reason == v1alpha1.ReasonSecretNotFound && strings.Contains(st.Message, "keys[old].secretRef: secret gone, key token")
	})
	if got := f.code("/s/acme/", acmeToken); got != 200 {
		t.Errorf("the other key: %d", got)
	}
}

func TestSubscriptionWithoutAccessLetsNobodyIn(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Access = v1alpha1.AccessSpec{}
	f.configure(cfg)
	for _, token := range []string{"", acmeToken, otherToken} {
		if got := f.code("/s/acme/", token); got != 401 {
			t.Errorf("%q: %d", token, got)
		}
	}
	eventually(t, "status says so", func() bool {
		st, _ := f.status("acme")
		return st.OK && strings.Contains(st.Message, "nobody can log in")
	})
}

func TestRotatedSecretsAreTakenWithoutAChange(t *testing.T) {
	f := standard(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	const next = "the-next-token-of-acme-is-this"
	f.secrets.Store("acme/token", next)
	eventually(t, "the new token is taken", func() bool { return f.code("/s/acme/", next) == 200 })
	if got := f.code("/s/acme/", acmeToken); got != 401 {
		t.Errorf("the old token: %d", got)
	}
	f.secrets.Delete("acme/token")
	eventually(t, "a deleted secret lets nobody in", func() bool { return f.code("/s/acme/", next) == 401 })
	f.secrets.Store("acme/token", next)
	eventually(t, "it is back", func() bool { return f.code("/s/acme/", next) == 200 })
}

func TestStatusIsToldAgainAfterAFailure(t *testing.T) {
	f := newFixture(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	f.buckets.mu.Lock()
	f.buckets.broken = errDisk
	f.buckets.mu.Unlock()
	f.configure(subscription("default", "acme", "acme"))
	eventually(t, "the failure is logged", func() bool { return strings.Contains(f.log.String(), "status was not told") })
	f.buckets.mu.Lock()
	f.buckets.broken = nil
	f.buckets.mu.Unlock()
	eventually(t, "the status is there", func() bool { st, ok := f.status("acme"); return ok && st.OK })
}

func TestOptionsThatAreRequired(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "Conn, Archive and Secrets") {
		t.Errorf("got %v", err)
	}
	reg := prometheus.NewRegistry()
	for i, want := range []bool{false, true} {
		_, err := newStage(Options{Metrics: reg}, nil, nil, nil, nil)
		if (err != nil) != want {
			t.Errorf("stage %d on one registry: %v", i, err)
		}
	}
}

func TestStreamIsNotServedWhileTheBusIsAway(t *testing.T) {
	f := newFixture(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	f.deliveries.mu.Lock()
	f.deliveries.err = errors.New("no bus")
	f.deliveries.mu.Unlock()
	f.configure(subscription("default", "acme", "acme"))
	if r := f.get("/s/acme/stream", acmeToken); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if got := f.code("/s/acme/search/events.json?"+since, acmeToken); got != 200 {
		t.Errorf("the API does not need it: %d", got)
	}
	eventually(t, "status says so", func() bool {
		st, _ := f.status("acme")
		return st.Reason == v1alpha1.ReasonBusUnavailable
	})
	f.deliveries.mu.Lock()
	f.deliveries.err = nil
	f.deliveries.mu.Unlock()
	eventually(t, "it is served again", func() bool { st, _ := f.status("acme"); return st.OK })
}

func TestKeysOfOtherResourcesAreIgnored(t *testing.T) {
	f := newFixture(t)
	f.synced()
	b, _ := json.Marshal(plan.Subscription{Namespace: "default", Name: "acme"})
	f.buckets.changes <- bus.Entry{Key: "collector.default.acme", Value: b}
	f.synced()
	if got := f.code("/s/acme/", acmeToken); got != 401 {
		t.Errorf("%d", got)
	}
}

func TestAStageServesItsShareOfTheSubscriptions(t *testing.T) {
	first := newFixture(t, func(s *Stage) { s.share = plan.Share{Index: 0, Count: 2} })
	second := newFixture(t, func(s *Stage) { s.share = plan.Share{Index: 1, Count: 2} })
	served := [2]int{}
	for i := range 20 {
		cfg := subscription("default", fmt.Sprint("s", i), "acme")
		for n, f := range []*fixture{first, second} {
			f.configure(cfg)
			if f.code("/s/"+cfg.Name+"/", acmeToken) == 200 {
				served[n]++
			}
		}
	}
	if served[0]+served[1] != 20 || served[0] == 0 || served[1] == 0 {
		t.Errorf("served %v of 20", served)
	}
}

func TestAQueryNamesTheExchangeAndItsReplicas(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "main", Namespace: "hub"}
	f.configure(cfg)
	f.get("/s/acme/search/events.json?"+since, acmeToken)
	f.knows(cfg)
	f.synced()
	f.get("/s/acme/search/events.json?"+since, acmeToken)
	asked := f.archive.requests()
	if len(asked) != 2 || asked[0].Replicas != 0 || asked[1].Replicas != 3 || asked[1].Exchange != (plan.Ref{Namespace: "hub", Name: "main"}) {
		t.Errorf("asked %+v", asked)
	}
}
