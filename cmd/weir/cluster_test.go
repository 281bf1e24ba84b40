package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// kubectlWeir runs the command line as the plugin of kubectl.
func kubectlWeir(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(true)
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	code = execute(t.Context(), root)
	return code, out.String(), errs.String()
}

// hubBus is the bus of a hub, with what components tell on it.
type hubBus struct {
	server *bus.Server
	conn   *bus.Conn
	admin  []byte // credentials of the command line
}

func newHubBus(t *testing.T) *hubBus {
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := bus.StartServer(bus.ServerOptions{
		Dir: t.TempDir(), Listen: "127.0.0.1:0",
		Trust: &bus.Trust{Operator: keys.Operator, Account: keys.Account, System: keys.System},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	conn, err := bus.DialCreds(t.Context(), bus.DialOptions{Server: server, Creds: everything(t, keys), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Setup(t.Context(), bus.Retention{}); err != nil {
		t.Fatal(err)
	}
	admin, _, err := keys.Mint(creds.Admin(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &hubBus{server, conn, admin}
}

// everything makes credentials of somebody who may do everything.
func everything(t *testing.T, keys *creds.Keys) []byte {
	account, err := nkeys.FromSeed(keys.AccountSeed)
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	token, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *hubBus) address(t *testing.T) string {
	u, err := url.Parse(h.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (h *hubBus) tell(t *testing.T, key string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.conn.Status().Put(t.Context(), key, data); err != nil {
		t.Fatal(err)
	}
}

func (h *hubBus) hold(t *testing.T, feed bus.Feed, reason string) {
	t.Helper()
	p := &bus.Payload{ID: "p-" + feed.Name, Feed: feed, Source: "example.c2", Collected: time.Now().UTC()}
	if err := h.conn.PublishRaw(t.Context(), p, strings.NewReader("text")); err != nil {
		t.Fatal(err)
	}
	if err := h.conn.Hold(t.Context(), &bus.Held{Payload: *p, Incident: "i1", Reason: reason, Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

const clusterObjects = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main, namespace: hub, generation: 1}
status: {observedGeneration: 1, conditions: [{type: Ready, status: "True", reason: Succeeded}]}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: c2, namespace: feeds, generation: 1}
spec: {exchangeRef: {name: main, namespace: hub}}
status: {observedGeneration: 1, conditions: [{type: Ready, status: "False", reason: FormatChanged, message: column ip is gone}]}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: c2, namespace: feeds, generation: 2}
status: {observedGeneration: 1, conditions: [{type: Ready, status: "True", reason: Succeeded}]}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: idle, namespace: feeds}
spec: {suspend: true, exchangeRef: {name: main, namespace: hub}}
---
apiVersion: v1
kind: Pod
metadata: {name: main-hub-0, namespace: hub}
status: {phase: Running}`

// newCluster is a cluster in which namespace feeds works with the Exchange hub/main.
func newCluster(t *testing.T) (*hubBus, *fakeAPI, string) {
	h := newHubBus(t)
	h.tell(t, plan.Key(plan.PrefixCollector, "feeds", "c2"), status.Collector{Payloads: 3})
	h.tell(t, plan.Key(plan.PrefixMonitor, "feeds", "c2"), status.Monitor{Events: 42, Held: 1, Incident: &status.Incident{ID: "i1", Summary: "column ip is gone"}})
	h.tell(t, plan.Key(plan.PrefixMonitor, "elsewhere", "scan"), status.Monitor{Events: 7})
	h.tell(t, plan.Key(plan.PrefixHub, "hub", "main"), status.Hub{Result: status.Result{OK: true}, Events: 49})
	h.hold(t, bus.Feed{Namespace: "feeds", Name: "c2"}, "column ip is gone")
	h.hold(t, bus.Feed{Namespace: "elsewhere", Name: "scan"}, "all is new")
	a := newFakeAPI(t, h.address(t), clusterObjects)
	a.apply(t, "{apiVersion: v1, kind: Secret, metadata: {name: main-admin-bus, namespace: hub}, data: {user.creds: "+
		base64.StdEncoding.EncodeToString(h.admin)+"}}")
	return h, a, a.kubeconfig(t)
}

func TestStatusOfAClusterJoinsObjectsAndBus(t *testing.T) {
	_, _, kubeconfig := newCluster(t)
	code, out, errs := kubectlWeir(t, "status", "--kubeconfig", kubeconfig)
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	if errs != "Exchange hub/main in the cluster of context test\n" {
		t.Errorf("the world is not told: %q", errs)
	}
	squeezed := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"NAMESPACE OBJECT READY REASON MESSAGE feeds feedsource/c2 False FormatChanged column ip is gone",
		"feeds feedsource/idle Unknown Waiting", "feeds parser/c2 Unknown Progressing",
		"feeds/c2 never 3 42 0 0 1 FormatChanged: column ip is gone", "hub/main 49 0 0 Ready",
	} {
		if !strings.Contains(squeezed, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "elsewhere") {
		t.Errorf("another namespace shows:\n%s", out)
	}
}

func TestStatusOfAllNamespacesAsJSON(t *testing.T) {
	_, _, kubeconfig := newCluster(t)
	code, out, errs := kubectlWeir(t, "status", "-A", "-o", "json", "--kubeconfig", kubeconfig)
	var r report
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	if len(r.Objects) != 4 || r.Objects[3].Kind != "Exchange" || r.Objects[3].Ready != "True" {
		t.Errorf("objects: %+v", r.Objects)
	}
	if len(r.Sources) != 2 || r.Sources[0].Namespace != "elsewhere" || r.Sources[1].Monitor.Events != 42 || len(r.Exchanges) != 1 || r.Exchanges[0].Events != 49 {
		t.Errorf("sources %+v, exchanges %+v", r.Sources, r.Exchanges)
	}
}

func TestStatusDoesWithoutABusThatItMayNotRead(t *testing.T) {
	_, a, kubeconfig := newCluster(t)
	a.forbid("get secrets")
	code, out, errs := kubectlWeir(t, "status", "--kubeconfig", kubeconfig)
	if code != 1 || !strings.Contains(out, "feedsource/c2") {
		t.Errorf("exit %d, %q", code, out)
	}
	if want := "ask for the RBAC rule: verb get on secrets with resourceName main-admin-bus in namespace hub"; !strings.Contains(errs, want) {
		t.Errorf("no %q in %q", want, errs)
	}
}

func TestHeldOfAClusterIsOfTheNamespaceUnlessAllAreAskedFor(t *testing.T) {
	_, _, kubeconfig := newCluster(t)
	for args, want := range map[string]struct{ has, hasNot string }{
		"held ls":    {"feeds/c2", "elsewhere"},
		"held ls -A": {"elsewhere/scan", "nothing"},
		"held ls elsewhere/scan --exchange hub/main": {"all is new", "feeds/c2"},
		"held -n feeds ls":                           {"column ip is gone", "elsewhere"},
		"held show c2":                               {"kubectl weir held adopt feeds/c2", "elsewhere"},
		"explain c2":                                 {"kubectl weir held adopt feeds/c2", "elsewhere"},
		"rejected ls":                                {"", "elsewhere"},
		"dead ls":                                    {"there are no dead letters", "elsewhere"},
	} {
		code, out, errs := kubectlWeir(t, append(strings.Fields(args), "--kubeconfig", kubeconfig)...)
		if code != 0 || !strings.Contains(out, want.has) || strings.Contains(out, want.hasNot) {
			t.Errorf("%s: exit %d, %q, %q", args, code, out, errs)
		}
	}
}

func TestADecisionGoesIntoTheFormatChangeElseToTheMonitor(t *testing.T) {
	h, a, kubeconfig := newCluster(t)
	key := plan.Key(plan.PrefixDecision, "feeds", "c2", "i1")
	code, out, errs := kubectlWeir(t, "held", "discard", "c2", "--kubeconfig", kubeconfig)
	if code != 0 || !strings.Contains(out, "feeds/c2: discard of 1 held payload is under way (incident i1)") {
		t.Fatalf("exit %d, %q%q", code, out, errs)
	}
	if data, err := h.conn.Config().Get(t.Context(), key); err != nil || !strings.Contains(string(data), `"Discard"`) {
		t.Errorf("decision on the bus: %s, %v", data, err)
	}
	a.apply(t, `{apiVersion: feeds.weir.dev/v1alpha1, kind: FormatChange, metadata: {name: old, namespace: feeds},
spec: {sourceRef: {name: c2}, incident: i0}, status: {conditions: [{type: Resolved, status: "True"}]}}`)
	a.apply(t, `{apiVersion: feeds.weir.dev/v1alpha1, kind: FormatChange, metadata: {name: c2-i1, namespace: feeds},
spec: {sourceRef: {name: c2}, incident: i1}, status: {held: 1}}`)
	a.forbid("get secrets") // a decision by the API needs none
	code, out, errs = kubectlWeir(t, "held", "release", "c2", "--kubeconfig", kubeconfig)
	if code != 0 || !strings.Contains(out, "release of 1 held payload is under way (FormatChange c2-i1, incident i1)") {
		t.Errorf("exit %d, %q%q", code, out, errs)
	}
	if d := a.field(t, "formatchanges/feeds/c2-i1", "spec", "decision"); d != "Release" {
		t.Errorf("decision: %v", d)
	}
	a.forbid("patch formatchanges")
	if code, _, errs = kubectlWeir(t, "held", "release", "c2", "--kubeconfig", kubeconfig); code != 1 || !strings.Contains(errs, "verb patch on formatchanges.feeds.weir.dev") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func TestCollectNowAsksTheOperator(t *testing.T) {
	_, a, kubeconfig := newCluster(t)
	code, out, errs := weir(t, "", "collect", "feeds/c2", "--kubeconfig", kubeconfig)
	at, _ := a.field(t, "feedsources/feeds/c2", "metadata", "annotations", "feeds.weir.dev/requestedAt").(string)
	if _, err := time.Parse(time.RFC3339Nano, at); code != 0 || err != nil {
		t.Errorf("exit %d, %q%q, annotation %q", code, out, errs, at)
	}
	for name, want := range map[string]string{"idle": "is suspended", "none": "namespace feeds: feedsources/feeds/none not found"} {
		if code, _, errs := weir(t, "", "collect", name, "--kubeconfig", kubeconfig); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
	}
}

func TestReplayReachesTheBus(t *testing.T) {
	h, _, kubeconfig := newCluster(t)
	if code, out, errs := kubectlWeir(t, "replay", "c2", "--since", "1h", "--kubeconfig", kubeconfig); code != 0 {
		t.Fatalf("exit %d, %q%q", code, out, errs)
	}
	if _, err := h.conn.Config().Get(t.Context(), plan.Key(plan.PrefixReplay, "feeds", "c2")); err != nil {
		t.Error(err)
	}
}

func TestWhatKeepsFromTheBusIsExplained(t *testing.T) {
	const pod = `{apiVersion: v1, kind: Pod, metadata: {name: main-hub-0, namespace: hub}, status: {phase: Pending,
containerStatuses: [{name: hub, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]}}`
	tests := []struct {
		name, want string
		args       []string
		change     func(*fakeAPI)
	}{
		{"no rule for port-forward", "ask for the RBAC rule: verb get,create on pods/portforward with resourceName main-hub-0 in namespace hub", nil,
			func(a *fakeAPI) { a.forbid("get pods/portforward", "create pods/portforward") }},
		{"no rule for Exchanges", "verb list on exchanges.feeds.weir.dev in namespace feeds", nil,
			func(a *fakeAPI) { a.forbid("list exchanges") }},
		{"no rule for the other namespace", "verb get on exchanges.feeds.weir.dev with resourceName main in namespace hub", nil,
			func(a *fakeAPI) { a.forbid("get exchanges") }},
		{"no rule for the whole cluster", "verb list on exchanges.feeds.weir.dev in a ClusterRole", []string{"-A"},
			func(a *fakeAPI) { a.forbid("list exchanges") }},
		{"pod waits", "Pod hub/main-hub-0 is Pending (ImagePullBackOff: no such image)", nil,
			func(a *fakeAPI) { a.apply(t, pod) }},
		{"no pod", "there is no Pod hub/main-hub-0", nil,
			func(a *fakeAPI) { delete(a.objects, "pods/hub/main-hub-0") }},
		{"no Secret", "there is no Secret hub/main-admin-bus", nil,
			func(a *fakeAPI) { delete(a.objects, "secrets/hub/main-admin-bus") }},
		{"bus does not listen", "the port that was forwarded to Pod hub/main-hub-0 is closed; does the bus run in it?", nil,
			func(a *fakeAPI) { a.pod = "127.0.0.1:1" }},
		{"nothing here", "namespace empty has no Exchange, and no FeedSource or Subscription that names one", []string{"-n", "empty"}, nil},
		{"several Exchanges", "namespace feeds has several Exchanges; choose one with --exchange: a, b", nil, func(a *fakeAPI) {
			a.apply(t, "{apiVersion: feeds.weir.dev/v1alpha1, kind: Exchange, metadata: {name: a, namespace: feeds}}")
			a.apply(t, "{apiVersion: feeds.weir.dev/v1alpha1, kind: Exchange, metadata: {name: b, namespace: feeds}}")
		}},
		{"several named", "objects of namespace feeds name several Exchanges; choose one with --exchange: feeds/own, hub/main", nil, func(a *fakeAPI) {
			a.apply(t, "{apiVersion: feeds.weir.dev/v1alpha1, kind: Subscription, metadata: {name: s, namespace: feeds}, spec: {exchangeRef: {name: own}}}")
		}},
		{"no such Exchange", "there is no Exchange hub/other", []string{"--exchange", "hub/other"}, nil},
		{"no Exchange name", "write NAME or NAMESPACE/NAME", []string{"--exchange", "a/b/c"}, nil},
		{"no such context", `kubeconfig has no context "prod"; it has: other, test`, []string{"--context", "prod"}, nil},
		{"both worlds", "--data is about a weir run", []string{"--data", "data"}, nil},
		{"API server is away", "the API server of context test does not answer", nil, func(a *fakeAPI) { a.Close() }},
	}
	h := newHubBus(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newFakeAPI(t, h.address(t), clusterObjects)
			a.apply(t, "{apiVersion: v1, kind: Secret, metadata: {name: main-admin-bus, namespace: hub}, data: {user.creds: "+
				base64.StdEncoding.EncodeToString(h.admin)+"}}")
			kubeconfig := a.kubeconfig(t)
			if tt.change != nil {
				tt.change(a)
			}
			code, out, errs := kubectlWeir(t, append([]string{"held", "ls", "--kubeconfig", kubeconfig}, tt.args...)...)
			if code != 1 || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, %q\n%s\nwant %q", code, out, errs, tt.want)
			}
		})
	}
}

func TestTheWorldIsChosenByFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", "/none")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	const noKubeconfig, noFolder = "there is no kubeconfig", "is no data folder of weir run"
	for args, want := range map[string][2]string{ // as weir, as kubectl weir
		"status":                {noFolder + " (it has no bus); name it with --data; for a cluster give --cluster", noKubeconfig},
		"status --data /none":   {"/none " + noFolder, "/none " + noFolder},
		"--data /none status":   {"/none " + noFolder, "/none " + noFolder},
		"held ls --data /none":  {"/none " + noFolder, "/none " + noFolder},
		"status --exchange a/b": {noKubeconfig, noKubeconfig},
		"--data /none key new":  {"takes no --data", "takes no --data"},
	} {
		if code, _, errs := weir(t, "", strings.Fields(args)...); code != 1 || !strings.Contains(errs, want[0]) {
			t.Errorf("weir %s: exit %d, %q", args, code, errs)
		}
		if code, _, errs := kubectlWeir(t, strings.Fields(args)...); code != 1 || !strings.Contains(errs, want[1]) {
			t.Errorf("kubectl weir %s: exit %d, %q", args, code, errs)
		}
	}
	for _, args := range []string{"status --cluster", "--cluster status", "held --cluster ls", "held ls --cluster"} {
		if code, _, errs := weir(t, "", strings.Fields(args)...); code != 1 || !strings.Contains(errs, noKubeconfig) {
			t.Errorf("weir %s: exit %d, %q", args, code, errs)
		}
	}
}
