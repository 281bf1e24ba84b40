package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/hack/feedsim"
)

// victims are pods of every kind, by namespace and label.
var victims = []struct{ name, namespace, label, value string }{
	{"the hub", feedsNS, "feeds.weir.dev/exchange", "main"},
	{"the collectors", feedsNS, "app.kubernetes.io/name", "weir-collector"},
	{"the monitors", feedsNS, "app.kubernetes.io/name", "weir-monitor"},
	{"the exporters", feedsNS, "app.kubernetes.io/name", "weir-exporter"},
	{"the operators", system, "app.kubernetes.io/name", "weir-operator"},
}

// killings kills pods of every kind under load, drains the node, restarts it: then
// everything that was published is in the archive once, and a live stream has it too.
func killings(t *testing.T, w *world) {
	live := w.listen(t, "isp", feedsNS)
	l := w.load(t)
	l.goesOn(t, "the start")
	for _, v := range victims {
		w.kill(t, v.namespace, v.label, v.value)
		l.goesOn(t, "kill -9 of "+v.name)
	}
	for _, v := range victims {
		w.must(t, fmt.Sprintf("kubectl delete pod -n %s -l %s=%s --wait=false", v.namespace, v.label, v.value))
		l.goesOn(t, "the deletion of "+v.name)
	}
	w.drain(t)
	l.goesOn(t, "the drain of a node")
	l.stop(t)
	live.caughtUp(t)
	w.eachGetsItsOwn(t)
}

// restart does what a reboot of the only node does. The simulator moves to this
// process: what it has published must outlive its pod.
func restart(t *testing.T, w *world) {
	if w.node == nil {
		t.Skip("restarts the node of hack/cluster only")
	}
	w.hostFeeds(t)
	live := w.listen(t, "isp", feedsNS)
	l := w.load(t)
	l.goesOn(t, "the move of the feeds")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.node.RestartNode(ctx); err != nil {
		t.Fatal(err)
	}
	l.goesOn(t, "the restart of the node")
	l.stop(t)
	live.caughtUp(t)
	w.eachGetsItsOwn(t)
}

// kill ends the processes in the pods with a label at once: by a signal where they
// run on this machine, else by a deletion without grace.
func (w *world) kill(t *testing.T, namespace, label, value string) {
	t.Helper()
	var pods corev1.PodList
	if err := w.List(t.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{label: value}); err != nil {
		t.Fatal(err)
	}
	killed := 0
	for i := range pods.Items {
		p := &pods.Items[i]
		if w.node != nil {
			killed += killProcesses(t, string(p.UID))
			continue
		}
		if err := w.Delete(t.Context(), p, client.GracePeriodSeconds(0)); err != nil {
			t.Fatal(err)
		}
		killed++
	}
	if killed == 0 {
		t.Fatalf("nothing with %s=%s to kill", label, value)
	}
}

// killProcesses kills Weir's programs in the control groups of a pod.
func killProcesses(t *testing.T, uid string) (killed int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		groups, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(groups), "pod"+uid) {
			continue // ended meanwhile, or somebody else's
		}
		dir := filepath.Dir(path)
		args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		program, _, _ := strings.Cut(string(args), "\x00")
		if err != nil || program != "/pipeline" && program != "/operator" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// drain empties the node of the hub as an administrator does. The operators stay
// where there is one node only: their budget lets one go when the other runs elsewhere.
func (w *world) drain(t *testing.T) {
	t.Helper()
	name := strings.TrimSpace(w.must(t, "kubectl get pod main-hub-0 -o jsonpath={.spec.nodeName}"))
	w.must(t, "kubectl drain "+name+" --ignore-daemonsets --delete-emptydir-data --timeout=3m "+
		"--pod-selector='app.kubernetes.io/part-of=weir,app.kubernetes.io/component!=operator'")
	w.must(t, "kubectl uncordon "+name)
}

// hostFeeds makes this process the publisher behind the Service feeds.
func (w *world) hostFeeds(t *testing.T) {
	t.Helper()
	w.settled(t, feedsNS, allFeeds...)
	past := map[string]map[string]feedsim.Record{}
	for _, feed := range allFeeds {
		until(t, "what "+feed+" has published", func(ctx context.Context) (err error) {
			past[feed], err = w.truth(ctx, feedsNS, feed)
			return err
		})
	}
	address := strings.TrimSpace(w.must(t, `kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}'`))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: feedsim.New(feedsim.Options{Seed: 2}), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // until it is closed
	w.closers = append(w.closers, server.Close)
	w.must(t, fmt.Sprintf(`kubectl delete service feeds && kubectl apply -f - <<END
apiVersion: v1
kind: Service
metadata: {name: feeds, namespace: %[1]s}
spec: {ports: [{name: http, port: 80, targetPort: %[3]d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: feeds-outside, namespace: %[1]s, labels: {kubernetes.io/service-name: feeds}}
addressType: IPv4
endpoints: [{addresses: [%[2]s]}]
ports: [{name: http, port: %[3]d}]
END`, feedsNS, address, listener.Addr().(*net.TCPAddr).Port))
	w.past = past
}
