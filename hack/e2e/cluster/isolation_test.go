package cluster

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// isolation checks what a pod of the data plane has, and has not.
func isolation(t *testing.T, w *world) {
	pods := w.dataPlane(t)
	var policies networkingv1.NetworkPolicyList
	if err := w.List(t.Context(), &policies, client.InNamespace(feedsNS)); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for i := range pods {
		p := &pods[i]
		kinds[p.Labels["app.kubernetes.io/component"]]++
		checkNoToken(t, p)
		checkPolicy(t, p, policies.Items)
	}
	if want := map[string]int{"hub": 1, "collector": 4, "monitor": 4, "exporter": 3}; !maps.Equal(kinds, want) {
		t.Errorf("pods by kind: %v, want %v", kinds, want)
	}
	t.Run("the namespace enforces the restricted standard", func(t *testing.T) {
		bad := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: feedsNS, Name: "forbidden"},
			Spec:       corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		}
		if err := w.Create(t.Context(), bad, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("a pod on the network of the host: %v", err)
		}
	})
	t.Run("credentials open their own subjects", func(t *testing.T) { strangers(t, w) })
	t.Run("no secret is told", func(t *testing.T) { canaries(t, w) })
}

// dataPlane are the pods that the operator made.
func (w *world) dataPlane(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := w.List(t.Context(), &pods, client.InNamespace(feedsNS), client.MatchingLabels{"app.kubernetes.io/part-of": "weir"}); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

func checkNoToken(t *testing.T, p *corev1.Pod) {
	t.Helper()
	if p.Spec.AutomountServiceAccountToken == nil || *p.Spec.AutomountServiceAccountToken {
		t.Errorf("pod %s takes a token of its ServiceAccount", p.Name)
	}
	for _, v := range p.Spec.Volumes {
		if v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.Secret == nil }) {
			t.Errorf("pod %s has the volume %s of more than Secrets", p.Name, v.Name)
		}
	}
	for _, c := range p.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if strings.HasPrefix(m.MountPath, "/var/run/secrets") {
				t.Errorf("pod %s mounts %s", p.Name, m.MountPath)
			}
		}
	}
}

// checkPolicy finds a policy about a pod that allows nothing but what it lists.
func checkPolicy(t *testing.T, p *corev1.Pod, policies []networkingv1.NetworkPolicy) {
	t.Helper()
	both := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	for _, n := range policies {
		s, err := metav1.LabelSelectorAsSelector(&n.Spec.PodSelector)
		if err == nil && s.Matches(labels.Set(p.Labels)) && slices.Contains(n.Spec.PolicyTypes, both[0]) && slices.Contains(n.Spec.PolicyTypes, both[1]) {
			for _, e := range n.Spec.Egress {
				if len(e.To) == 0 {
					t.Errorf("NetworkPolicy %s lets pod %s talk to everybody", n.Name, p.Name)
				}
			}
			return
		}
	}
	t.Errorf("no NetworkPolicy is about pod %s in both directions", p.Name)
}

// strangers connects with the credentials of a collector and reaches for the
// payloads of another feed.
func strangers(t *testing.T, w *world) {
	var secret corev1.Secret
	if err := w.Get(t.Context(), types.NamespacedName{Namespace: feedsNS, Name: "c2-collector-bus"}, &secret); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 64)
	nc, err := nats.Connect("nats://main-hub:4222",
		nats.UserCredentialBytes(secret.Data["user.creds"]),
		nats.SetCustomDialer(busDialer{t, w}),
		nats.SkipHostLookup(), nats.Timeout(30*time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for name, try := range map[string]func() error{
		"listen to another feed":  func() error { _, err := nc.SubscribeSync("raw." + feedsNS + ".scan"); return err },
		"listen to all feeds":     func() error { _, err := nc.SubscribeSync("raw.>"); return err },
		"listen to everything":    func() error { _, err := nc.SubscribeSync(">"); return err },
		"publish as another feed": func() error { return nc.Publish("raw."+feedsNS+".scan", nil) },
		"read configurations": func() error {
			return nc.Publish("$JS.API.DIRECT.GET.KV_config.$KV.config.collector."+feedsNS+".scan", nil)
		},
		"get a message by number":  func() error { return nc.Publish("$JS.API.STREAM.MSG.GET.RAW", []byte(`{"seq":1}`)) },
		"make a consumer for all":  func() error { return nc.Publish("$JS.API.CONSUMER.CREATE.RAW.spy", []byte(`{}`)) },
		"delete a stream":          func() error { return nc.Publish("$JS.API.STREAM.DELETE.RAW", nil) },
		"ask the hub as a session": func() error { return nc.Publish("query."+feedsNS+".main.0."+feedsNS+".cert", nil) },
	} {
		if err := try(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := nc.FlushTimeout(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("the credentials of a collector can %s", name)
		}
	}
}

// busDialer reaches the bus in the hub's pod.
type busDialer struct {
	t *testing.T
	w *world
}

func (d busDialer) Dial(string, string) (net.Conn, error) {
	var p corev1.Pod
	if err := d.w.Get(d.t.Context(), types.NamespacedName{Namespace: feedsNS, Name: "main-hub-0"}, &p); err != nil {
		return nil, err
	}
	return d.w.forward(&p, 4222)
}

// canaries looks for the values of Secrets in everything that is told: logs, objects
// other than Secrets, events.
func canaries(t *testing.T, w *world) {
	said := map[string]string{
		"objects": w.must(t, "kubectl get weir,pods,deployments,statefulsets,services,networkpolicies,serviceaccounts,configmaps,events -A -o yaml"),
	}
	for _, namespace := range []string{feedsNS, system} {
		var pods corev1.PodList
		if err := w.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range pods.Items {
			p := &pods.Items[i]
			until(t, "the log of "+p.Name, func(ctx context.Context) error {
				log, err := w.core.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
				said["log of "+p.Name] = string(log)
				return err
			})
		}
	}
	secrets := w.secretTexts(t)
	if len(secrets) < 15 || len(said) < 10 {
		t.Fatalf("%d texts of Secrets, %d places: too few to mean anything", len(secrets), len(said))
	}
	for place, text := range said {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: has %s", place, name)
			}
		}
	}
}

// secretTexts are what nobody but its owner should see: tokens, and the seeds in
// credentials and keys.
func (w *world) secretTexts(t *testing.T) map[string]string {
	t.Helper()
	var all corev1.SecretList
	if err := w.List(t.Context(), &all, client.InNamespace(feedsNS)); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, s := range all.Items {
		for key, value := range s.Data {
			for i, word := range strings.Fields(string(value)) {
				seed := len(word) == 58 && word[0] == 'S'
				if seed || s.Name == "subscribers" {
					texts[fmt.Sprintf("%s/%s word %d", s.Name, key, i)] = word
				}
			}
		}
	}
	return texts
}
