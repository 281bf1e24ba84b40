package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/hack/feedsim"
)

// uninstall follows the documentation; then nothing is left but what it says.
func uninstall(t *testing.T, w *world) {
	p := w.page(t)
	p.run(t, "Remove")
	made := func(what string) func(context.Context) error {
		return func(ctx context.Context) error {
			out, err := w.shell(ctx, "kubectl get "+what+" -A -l app.kubernetes.io/part-of=weir --ignore-not-found -o name")
			if err == nil && strings.TrimSpace(out) != "" {
				err = fmt.Errorf("left behind: %s", strings.Fields(out))
			}
			return err
		}
	}
	until(t, "what the operator and the chart made", made("pods,deployments,statefulsets,services,serviceaccounts,secrets,networkpolicies,pdb,configmaps,roles,rolebindings"))
	until(t, "rights", made("clusterroles,clusterrolebindings"))
	if crds := w.must(t, "kubectl get crd -o name"); strings.Count(crds, ".feeds.weir.dev") != 5 {
		t.Errorf("definitions that are kept: %s", crds)
	}
}

// volumeStays deletes the Exchange and makes it again: its archive is there.
func volumeStays(t *testing.T, w *world) {
	w.must(t, "kubectl delete exchange main")
	until(t, "the end of the hub", func(ctx context.Context) error {
		out, err := w.shell(ctx, "kubectl get pod main-hub-0 --ignore-not-found -o name")
		if err == nil && out != "" {
			err = errors.New("it runs")
		}
		return err
	})
	w.must(t, "kubectl get pvc data-main-hub-0")
	w.must(t, "kubectl apply -f config/samples/quickstart/exchange.yaml")
	w.allReady(t)
	w.eachGetsItsOwn(t)
}

// namespaced installs for some namespaces: no right in any other.
func namespaced(t *testing.T, w *world) {
	w.must(t, `for n in team-a team-b team-c; do kubectl create namespace $n; kubectl label namespace $n pod-security.kubernetes.io/enforce=restricted; done`)
	w.must(t, "helm install "+release+" charts/weir -n "+system+" -f charts/weir/ci/namespaced-values.yaml --wait --timeout=3m")
	if out := w.must(t, "kubectl get clusterroles,clusterrolebindings -l app.kubernetes.io/instance="+release+" -o name"); out != "" {
		t.Errorf("rights in the whole cluster: %s", out)
	}
	w.must(t, "kubectl apply -n team-c -f config/samples/quickstart/exchange.yaml")
	w.past = nil
	w.must(t, `set -o pipefail; kubectl kustomize config/samples/quickstart | sed 's/namespace: default/namespace: team-a/; s/feeds\.default\.svc/feeds.team-a.svc/' | kubectl apply -f -`)
	w.must(t, "kubectl delete -n team-a feedsource phishing scan sinkhole")
	w.must(t, "kubectl wait -n team-a exchanges,feedsources,parsers,subscriptions --all --for=condition=Ready --timeout=3m")
	w.settled(t, "team-a", feedsim.C2)
	if out := w.must(t, "kubectl get statefulsets,deployments,secrets -n team-c -o name"); out != "" {
		t.Errorf("the operator works in a namespace that is not its own: %s", out)
	}
	if out := w.must(t, "kubectl get exchange main -n team-c -o jsonpath='{.status.conditions}'"); out != "" {
		t.Errorf("the operator wrote a status in a namespace that is not its own: %s", out)
	}
	w.must(t, "kubectl delete namespace team-a team-c --timeout=3m") // nothing in them holds it up
}
