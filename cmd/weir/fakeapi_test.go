package main

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"sigs.k8s.io/yaml"
)

// fakeAPI is an API server that has objects in memory and forwards the port of
// every pod to one address. It takes SPDY only, as an API server before 1.30 does.
type fakeAPI struct {
	*httptest.Server
	pod string // the address behind every pod

	mu        sync.Mutex
	objects   map[string]map[string]any // by resource/namespace/name
	forbidden map[string]bool           // "<verb> <resource>"
}

func newFakeAPI(t *testing.T, pod string, manifests string) *fakeAPI {
	a := &fakeAPI{pod: pod, objects: map[string]map[string]any{}, forbidden: map[string]bool{}}
	for _, doc := range strings.Split(manifests, "\n---\n") {
		a.apply(t, doc)
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *fakeAPI) apply(t *testing.T, manifest string) {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &o); err != nil {
		t.Fatal(err)
	}
	m := o["metadata"].(map[string]any)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects[strings.ToLower(o["kind"].(string))+"s/"+m["namespace"].(string)+"/"+m["name"].(string)] = o
}

// object returns a field of what is stored.
func (a *fakeAPI) field(t *testing.T, key string, path ...string) any {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var v any = a.objects[key]
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func (a *fakeAPI) forbid(rules ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range rules {
		a.forbidden[r] = true
	}
}

// kubeconfig writes one with a context "test" whose namespace is feeds.
func (a *fakeAPI) kubeconfig(t *testing.T) string {
	return file(t, "kubeconfig", `
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: c, cluster: {server: "`+a.URL+`"}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: test, context: {cluster: c, user: u, namespace: feeds}}, {name: other, context: {cluster: c, user: u}}]
`)
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/feeds.weir.dev/v1alpha1/"), "/api/v1/")
	parts := strings.Split(path, "/")
	namespace := ""
	if parts[0] == "namespaces" {
		namespace, parts = parts[1], parts[2:]
	}
	verb := map[string]string{http.MethodGet: "get", http.MethodPatch: "patch", http.MethodPost: "create"}[r.Method]
	resource := parts[0]
	switch {
	case len(parts) == 1:
		verb = "list"
	case len(parts) == 3:
		resource += "/" + parts[2]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.forbidden[verb+" "+resource]:
		answerStatus(w, http.StatusForbidden, metav1.StatusReasonForbidden, `User "jane" cannot `+verb+" "+resource)
	case len(parts) == 1:
		a.list(w, resource, namespace)
	case len(parts) == 3 && httpstream.IsUpgradeRequest(r) && strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		answerStatus(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "no WebSockets here")
	case len(parts) == 3:
		a.mu.Unlock()
		a.forward(w, r)
		a.mu.Lock()
	default:
		a.one(w, r, resource+"/"+namespace+"/"+parts[1])
	}
}

func (a *fakeAPI) list(w http.ResponseWriter, resource, namespace string) {
	items := []any{}
	for _, k := range slices.Sorted(maps.Keys(a.objects)) {
		if f := strings.Split(k, "/"); f[0] == resource && (namespace == "" || f[1] == namespace) {
			items = append(items, a.objects[k])
		}
	}
	kinds := map[string]string{"exchanges": "Exchange", "feedsources": "FeedSource", "parsers": "Parser", "subscriptions": "Subscription", "formatchanges": "FormatChange"}
	answer(w, http.StatusOK, map[string]any{"apiVersion": "feeds.weir.dev/v1alpha1", "kind": kinds[resource] + "List", "metadata": map[string]any{}, "items": items})
}

func (a *fakeAPI) one(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := a.objects[key]
	if !ok {
		answerStatus(w, http.StatusNotFound, metav1.StatusReasonNotFound, key+" not found")
		return
	}
	if r.Method == http.MethodPatch {
		var patch map[string]any
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil || r.Header.Get("Content-Type") != "application/merge-patch+json" {
			answerStatus(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "no merge patch")
			return
		}
		merge(o, patch)
	}
	answer(w, http.StatusOK, o)
}

func merge(into, patch map[string]any) {
	for k, v := range patch {
		sub, isMap := v.(map[string]any)
		old, wasMap := into[k].(map[string]any)
		if isMap && wasMap {
			merge(old, sub)
		} else {
			into[k] = v
		}
	}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func answerStatus(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// forward is what a kubelet does: for each pair of streams, one connection.
func (a *fakeAPI) forward(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return
	}
	errorStreams := map[string]httpstream.Stream{}
	var mu sync.Mutex
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		id := s.Headers().Get("requestID")
		mu.Lock()
		defer mu.Unlock()
		if s.Headers().Get("streamType") == "error" {
			errorStreams[id] = s
		} else {
			go a.pump(s, errorStreams[id])
		}
		return nil
	})
	if conn != nil {
		<-conn.CloseChan()
	}
}

func (a *fakeAPI) pump(data, errs httpstream.Stream) {
	defer errs.Close()
	c, err := net.Dial("tcp", a.pod)
	if err != nil {
		_, _ = io.WriteString(errs, err.Error())
		_ = data.Reset()
		return
	}
	defer c.Close()
	go func() {
		_, _ = io.Copy(c, data)
		c.Close()
	}()
	_, _ = io.Copy(data, c)
	_ = data.Close()
}
