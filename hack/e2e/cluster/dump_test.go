package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// dump logs what explains a failure: objects, pods, events, and what every pod said.
func (w *world) dump(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for _, args := range []string{
		"get weir -A -o wide",
		"get pods,statefulsets,deployments,pvc -A -o wide",
		`get weir -A -o jsonpath={range.items[*]}{.kind}/{.metadata.name}{"\t"}{range.status.conditions[*]}{.type}={.status}({.reason}){end}{"\n"}{end}`,
		"get events -A --sort-by=.lastTimestamp",
	} {
		out, err := w.run(ctx, "kubectl", strings.SplitN(args, " ", 5)...)
		if err != nil {
			out += err.Error()
		}
		t.Logf("kubectl %s\n%s", args, out)
	}
	var pods corev1.PodList
	if err := w.List(ctx, &pods); err != nil {
		t.Log(err)
		return
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.Namespace == "kube-system" {
			continue
		}
		for _, previous := range []bool{true, false} {
			lines := int64(25)
			if previous && restarts(p) == 0 {
				continue
			}
			log, err := w.core.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: &lines, Previous: previous}).DoRaw(ctx)
			t.Logf("%s\n%s", logTitle(p, previous, err), log)
		}
	}
}

func logTitle(p *corev1.Pod, previous bool, err error) string {
	title := fmt.Sprintf("log of %s/%s", p.Namespace, p.Name)
	if previous {
		title += " before its restart"
	}
	if err != nil {
		title += ": " + err.Error()
	}
	return title
}

func restarts(p *corev1.Pod) (n int32) {
	for _, c := range p.Status.ContainerStatuses {
		n += c.RestartCount
	}
	return n
}
