package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/hack/e2e"
)

// rotation changes Secrets while everything runs.
func rotation(t *testing.T, w *world) {
	t.Run("a subscriber's key", func(t *testing.T) {
		const fresh = "bank-rotated-token-not-a-secret"
		works := func(token string, want bool) {
			t.Helper()
			until(t, "a login", func(ctx context.Context) error {
				_, err := e2e.GetWith(ctx, w.web(), "http://bank-exporter."+feedsNS+"/report/inside.sjson?time.min=2020-01-01", token)
				if want || err == nil {
					if !want {
						err = errors.New("the key still opens")
					}
					return err
				}
				if !strings.Contains(err.Error(), "401") {
					return err
				}
				return nil
			})
		}
		set := func(token string) {
			t.Helper()
			w.must(t, `kubectl patch secret subscribers --type=merge -p '{"stringData":{"bank":"`+token+`"}}'`)
		}
		works(fresh, false)
		set(fresh)
		works(fresh, true)
		works(token("bank"), false)
		set(token("bank"))
		works(token("bank"), true)
	})
	t.Run("the bus credentials of a collector", func(t *testing.T) {
		name := types.NamespacedName{Namespace: feedsNS, Name: "c2-collector-bus"}
		var before, after corev1.Secret
		if err := w.Get(t.Context(), name, &before); err != nil {
			t.Fatal(err)
		}
		pod := func() string {
			return w.must(t, "kubectl get pods -l feeds.weir.dev/feedsource=c2 -o jsonpath='{.items[*].metadata.uid}'")
		}
		was := pod()
		w.must(t, "kubectl annotate secret c2-collector-bus --overwrite feeds.weir.dev/expires=2020-01-01T00:00:00Z")
		until(t, "new credentials", func(ctx context.Context) error {
			if err := w.Get(ctx, name, &after); err != nil {
				return err
			}
			if string(after.Data["user.creds"]) == string(before.Data["user.creds"]) {
				return errors.New("the credentials are the old ones")
			}
			return nil
		})
		w.advance(t, feedsNS)
		w.settled(t, feedsNS, allFeeds...)
		if now := pod(); now != was {
			t.Errorf("the rotation restarted the pod: %s, before %s", now, was)
		}
	})
}

// shared moves objects into shared pods and back, under load.
func shared(t *testing.T, w *world) {
	live := w.listen(t, "isp", feedsNS)
	l := w.load(t)
	l.goesOn(t, "the start")
	for _, mode := range []struct {
		name, patch string
		deployments int
	}{
		{"Shared", `{"mode":"Shared"}`, 3},
		{"Dedicated", `{"mode":"Dedicated"}`, 11},
	} {
		w.must(t, `kubectl patch exchange main --type=merge -p '{"spec":{"collectors":`+mode.patch+`,"monitors":`+mode.patch+`,"exporters":`+mode.patch+`}}'`)
		until(t, "pods by mode "+mode.name, func(ctx context.Context) error {
			var all appsv1.DeploymentList
			if err := w.List(ctx, &all, client.InNamespace(feedsNS), client.MatchingLabels{"app.kubernetes.io/part-of": "weir"}); err != nil {
				return err
			}
			if len(all.Items) != mode.deployments {
				return fmt.Errorf("%d Deployments, want %d", len(all.Items), mode.deployments)
			}
			return nil
		})
		w.allReady(t)
		l.goesOn(t, "the change to "+mode.name)
	}
	l.stop(t)
	live.caughtUp(t)
	w.eachGetsItsOwn(t)
}

func (w *world) allReady(t *testing.T) {
	t.Helper()
	w.must(t, "kubectl wait exchanges,feedsources,parsers,subscriptions --all --for=condition=Ready --timeout=3m")
}

// upgrade brings other images, which every pod of Weir then runs.
func upgrade(t *testing.T, w *world) {
	next := w.nextTag()
	if w.archives == nil {
		if next = os.Getenv("WEIR_E2E_NEXT_TAG"); next == "" {
			t.Skip("set WEIR_E2E_NEXT_TAG to the tag of images to upgrade to")
		}
	}
	live := w.listen(t, "isp", feedsNS)
	l := w.load(t)
	l.goesOn(t, "the start")
	w.must(t, fmt.Sprintf("helm upgrade %s charts/weir -n %s --set image.operator.tag=%[3]s,image.pipeline.tag=%[3]s --wait --timeout=3m", release, system, next))
	until(t, "the new image", func(context.Context) error {
		pods := w.dataPlane(t)
		for i := range pods {
			if image := pods[i].Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+next) {
				return fmt.Errorf("pod %s runs %s", pods[i].Name, image)
			}
		}
		if len(pods) != 12 {
			return fmt.Errorf("%d pods, want 12", len(pods))
		}
		return nil
	})
	w.allReady(t)
	l.goesOn(t, "the upgrade")
	l.stop(t)
	live.caughtUp(t)
	w.eachGetsItsOwn(t)
}
