package workload

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestDefaultsOfResourcesGiveWay(t *testing.T) {
	q := func(s string) map[string]resource.Quantity {
		if s == "" {
			return nil
		}
		return map[string]resource.Quantity{"memory": resource.MustParse(s)}
	}
	for _, c := range []struct{ name, request, limit, wantRequest, wantLimit, gomemlimit string }{
		{"nothing asked", "", "", "64Mi", "256Mi", "241591905"},
		{"a limit", "", "1Gi", "64Mi", "1Gi", "966367638"},
		{"a limit below the default request", "", "32Mi", "32Mi", "32Mi", "30198987"},
		{"a request above the default limit", "2Gi", "", "2Gi", "2Gi", "1932735276"},
		{"both", "100Mi", "200Mi", "100Mi", "200Mi", "188743680"},
		{"a contradiction is for the API server to refuse", "2Gi", "1Gi", "2Gi", "1Gi", "966367638"},
		{"no limit", "", "0", "0", "0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests, limits := resourcesOf(ComponentCollector, &v1alpha1.PodOptions{Resources: &v1alpha1.PodResources{Requests: q(c.request), Limits: q(c.limit)}})
			if got := requests.Memory().String(); got != c.wantRequest {
				t.Errorf("request %s, want %s", got, c.wantRequest)
			}
			if got := limits.Memory().String(); got != c.wantLimit {
				t.Errorf("limit %s, want %s", got, c.wantLimit)
			}
			var env string
			for _, e := range memoryEnv(limits) {
				env = *e.Value
			}
			if env != c.gomemlimit {
				t.Errorf("GOMEMLIMIT %s, want %s", env, c.gomemlimit)
			}
			if _, bound := limits[corev1.ResourceCPU]; bound {
				t.Error("a limit on CPU that nobody asked for")
			}
		})
	}
}

func TestTemporarySpaceFollowsTheLimits(t *testing.T) {
	for _, c := range []struct{ download, payload, want int64 }{
		{0, 0, 6*gib + 64*mib},
		{10 * mib, 20 * mib, 94 * mib},
		{1 << 62, 1 << 62, 16*gib + 64*mib},
	} {
		f := feed("feodo", func(f *v1alpha1.FeedSource) {
			f.Spec.Limits = v1alpha1.LimitsSpec{DownloadBytes: c.download, PayloadBytes: c.payload}
		})
		if got := temporary(f); got != c.want {
			t.Errorf("%d and %d bytes: %d, want %d", c.download, c.payload, got, c.want)
		}
	}
	mails := feed("mails", func(f *v1alpha1.FeedSource) { f.Spec.Unpack.Mail = v1alpha1.MailAttachments })
	if got := temporary(mails); got != 8*gib+64*mib {
		t.Errorf("mails, of which archives are unpacked: %d", got)
	}
}

func TestSecretsHash(t *testing.T) {
	a := SecretsHash(map[string]string{"one": "1", "two": "2"})
	if a != SecretsHash(map[string]string{"two": "2", "one": "1"}) || len(a) != 32 {
		t.Errorf("hash %q", a)
	}
	for _, other := range []map[string]string{nil, {"one": "1"}, {"one": "1", "two": "3"}, {"one": "12", "two": ""}, {"on": "e1", "two": "2"}} {
		if SecretsHash(other) == a {
			t.Errorf("%v has the same hash", other)
		}
	}
	if SecretsHash(nil) != "" {
		t.Error("no Secrets, but a hash")
	}
}

// A Secret that one shard uses must not roll the others.
func TestASecretRollsItsShardOnly(t *testing.T) {
	hashes := func(v map[string]string) map[string]string {
		m := map[string]string{}
		for _, o := range Shared(options(), exchange(shared), nil, sharedSubscriptions(), v) {
			if o.GVK.Kind == "Deployment" {
				m[o.Name] = decode[workloadOf](t, o).Spec.Template.Annotations[AnnotationSecrets]
			}
		}
		return m
	}
	e := exchange(shared)
	before, after := hashes(map[string]string{"acme-keys": "1"}), hashes(map[string]string{"acme-keys": "2"})
	acme := ShardName(e, ComponentExporters, e.Spec.Exporters, "cert", "acme")
	for name := range before {
		if (before[name] != after[name]) != (name == acme) {
			t.Errorf("%s: %q, then %q", name, before[name], after[name])
		}
	}
}
