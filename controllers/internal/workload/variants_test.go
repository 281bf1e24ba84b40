package workload

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/api/v1alpha1"
)

// canary stands wherever a test must not find it: it is the name of every key of a
// Secret, and would be its value too if a builder ever saw one.
const canary = "k3y-0f-a-secret"

func options(change ...func(*Options)) Options {
	o := Options{
		Image:             "registry.example/weir-pipeline:v1",
		NetworkPolicies:   true,
		OperatorNamespace: "weir-system",
		OperatorLabels:    map[string]string{"app.kubernetes.io/name": "weir-operator"},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "cert", Name: name, UID: types.UID("uid-of-" + name)}
}

func exchange(change ...func(*v1alpha1.Exchange)) *v1alpha1.Exchange {
	e := &v1alpha1.Exchange{ObjectMeta: meta("main"), Spec: v1alpha1.ExchangeSpec{
		Replicas: 1,
		Storage:  v1alpha1.StorageSpec{Size: new(resource.MustParse("20Gi")), DeletionPolicy: v1alpha1.DeletionRetain},
	}}
	for _, c := range change {
		c(e)
	}
	return e
}

func external(e *v1alpha1.Exchange) {
	e.Spec.Bus.NATS = &v1alpha1.NATSSpec{
		URLs:       []string{"tls://nats.nats.svc:4222", "tls://bus.example.org", "nats://198.51.100.7:4333"},
		SigningKey: v1alpha1.SecretKeyReference{Name: "nats-account", Key: canary},
		CA:         &v1alpha1.SecretKeyReference{Name: "nats-ca", Key: "ca.crt"},
		Replicas:   3,
	}
}

func shared(e *v1alpha1.Exchange) {
	e.Spec.Collectors = v1alpha1.SharingSpec{Mode: v1alpha1.Shared, Shards: 2, Pod: podOptions()}
	e.Spec.Monitors = v1alpha1.SharingSpec{Mode: v1alpha1.Shared}
	e.Spec.Exporters = v1alpha1.SharingSpec{Mode: v1alpha1.Shared, Shards: 2}
}

func podOptions() *v1alpha1.PodOptions {
	return &v1alpha1.PodOptions{
		Resources: &v1alpha1.PodResources{
			Requests: map[string]resource.Quantity{"cpu": resource.MustParse("0.5"), "memory": resource.MustParse("2Gi")},
			Limits:   map[string]resource.Quantity{"ephemeral-storage": resource.MustParse("10Gi")},
		},
		NodeSelector:      map[string]string{"pool": "feeds"},
		Tolerations:       []v1alpha1.PodToleration{{Key: "dedicated", Operator: "Equal", Value: "feeds", Effect: "NoSchedule"}, {Operator: "Exists"}},
		PriorityClassName: "feeds",
		Labels:            map[string]string{"team": "soc", labelName: "mine", LabelBus: "mine", "feeds.weir.dev/parser": "mine"},
		Annotations:       map[string]string{"team/contact": "soc@example.org", AnnotationSecrets: "mine"},
	}
}

func feed(name string, change ...func(*v1alpha1.FeedSource)) *v1alpha1.FeedSource {
	f := &v1alpha1.FeedSource{ObjectMeta: meta(name), Spec: v1alpha1.FeedSourceSpec{
		Provider: "abuse-ch", Channel: name,
		HTTP: &v1alpha1.HTTPSpec{URL: "https://feeds.example.org/" + name},
	}}
	for _, c := range change {
		c(f)
	}
	return f
}

func key(name string) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: name, Key: canary}
}

func withSecrets(f *v1alpha1.FeedSource) {
	cert, private := key("feodo-tls"), v1alpha1.SecretKeyReference{Name: "feodo-tls", Key: "tls.key"}
	f.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{Basic: &v1alpha1.BasicAuth{Username: "reader", Password: key("feodo.login")}}
	f.Spec.HTTP.TLS = &v1alpha1.TLSSpec{ClientCert: &cert, ClientKey: &private}
}

// unpacked has Secrets that open payloads and check them.
func unpacked(f *v1alpha1.FeedSource) {
	password, passphrase, signer := key("archives"), v1alpha1.SecretKeyReference{Name: "pgp", Key: "passphrase"}, key("signers")
	f.Spec.Unpack = v1alpha1.UnpackSpec{
		Password: &password,
		PGP:      &v1alpha1.PGPUnpackSpec{PrivateKey: v1alpha1.SecretKeyReference{Name: "pgp", Key: "private.asc"}, Passphrase: &passphrase},
	}
	f.Spec.Verify = &v1alpha1.VerifySpec{PGP: &v1alpha1.PGPVerifySpec{PublicKeys: []v1alpha1.PublicKeySource{{Value: "a key"}, {SecretRef: &signer}}}}
}

func fromFile(f *v1alpha1.FeedSource) {
	f.Spec.HTTP = nil
	f.Spec.File = &v1alpha1.FileSpec{Path: "reports/*.csv", ClaimName: "reports"}
}

func parser() *v1alpha1.Parser { return &v1alpha1.Parser{ObjectMeta: meta("feodo")} }

func subscription(name string, change ...func(*v1alpha1.Subscription)) *v1alpha1.Subscription {
	one := int32(1)
	s := &v1alpha1.Subscription{ObjectMeta: meta(name), Spec: v1alpha1.SubscriptionSpec{
		Organisation: v1alpha1.OrganisationSpec{ID: name + ".example"},
		Access:       v1alpha1.AccessSpec{Keys: []v1alpha1.AccessKey{{Name: "siem", SecretRef: key(name + "-keys")}}},
		Replicas:     &one,
	}}
	for _, c := range change {
		c(s)
	}
	return s
}

func replicas(n int32) func(*v1alpha1.Subscription) {
	return func(s *v1alpha1.Subscription) { s.Spec.Replicas = &n }
}

func byIngress(s *v1alpha1.Subscription) {
	s.Spec.Expose = &v1alpha1.ExposeSpec{Host: "feeds.example.org", Ingress: &v1alpha1.IngressSpec{
		ClassName: "nginx", TLSSecretName: "feeds-tls", Annotations: map[string]string{"cert-manager.io/cluster-issuer": "le"},
	}}
}

func byHTTPRoute(s *v1alpha1.Subscription) {
	s.Spec.Expose = &v1alpha1.ExposeSpec{Host: "feeds.example.org", HTTPRoute: &v1alpha1.HTTPRouteSpec{
		ParentRefs: []v1alpha1.GatewayReference{{Name: "public", Namespace: "gateways", SectionName: "https"}},
	}}
}

func sharedFeeds() []*v1alpha1.FeedSource {
	return []*v1alpha1.FeedSource{
		feed("feodo", withSecrets), feed("reports", fromFile), feed("urlhaus"), feed("threatfox", withSecrets),
		feed("elsewhere", withSecrets, func(f *v1alpha1.FeedSource) { f.Namespace = "other" }),
	}
}

func sharedSubscriptions() []*v1alpha1.Subscription {
	return []*v1alpha1.Subscription{subscription("acme"), subscription("bank"), subscription("city")}
}

// versions are the resource versions of some of the Secrets above.
var versions = map[string]string{"feodo.login": "7", "feodo-tls": "8", "acme-keys": "9", "bank-keys": "10", "stranger": "11"}

// variants are what the golden files show.
func variants() map[string]Set {
	return map[string]Set{
		"collector": Collector(options(), exchange(), feed("feodo"), ""),
		"collector-options": Collector(options(func(o *Options) {
			o.PullPolicy, o.PullSecrets = "IfNotPresent", []string{"registry"}
			o.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.20.30.40/16"), netip.MustParsePrefix("fd00:1::/64")}
			o.DNSNamespace, o.MetricsFrom, o.LogLevel = "openshift-dns", []string{"monitoring"}, "debug"
			o.UserNamespaces, o.PlatformGroup = true, true
		}), exchange(), feed("feodo"), ""),
		"collector-suspended": Collector(options(), exchange(), feed("feodo", func(f *v1alpha1.FeedSource) { f.Spec.Suspend = true }), ""),
		"collector-secrets":   Collector(options(), exchange(), feed("feodo", withSecrets), SecretsHash(versions)),
		"collector-unpack":    Collector(options(), exchange(), feed("reports", fromFile, unpacked), ""),
		"collector-file":      Collector(options(), exchange(), feed("reports", fromFile), ""),
		"collector-pod":       Collector(options(), exchange(), feed("feodo", func(f *v1alpha1.FeedSource) { f.Spec.Pod = podOptions() }), ""),
		"collector-limits": Collector(options(func(o *Options) { o.NetworkPolicies = false }), exchange(), feed("feodo", func(f *v1alpha1.FeedSource) {
			f.Spec.Limits = v1alpha1.LimitsSpec{DownloadBytes: 10 * mib, PayloadBytes: 100 * mib}
		}), ""),
		"collector-external": Collector(options(), exchange(external), feed("feodo"), ""),
		"monitor":            Monitor(options(), exchange(), parser()),
		"hub":                Hub(options(), exchange()),
		"hub-replicas": Hub(options(), exchange(func(e *v1alpha1.Exchange) {
			bytes := resource.MustParse("4Gi")
			e.Spec.Replicas, e.Spec.Pod, e.Spec.Bus.MaxBytes = 3, podOptions(), &bytes
			e.Spec.Storage = v1alpha1.StorageSpec{Size: new(resource.MustParse("100Gi")), ClassName: "fast", DeletionPolicy: v1alpha1.DeletionDelete}
			e.Spec.AllowedNamespaces = v1alpha1.NamespacesSpec{From: v1alpha1.NamespacesSelector, Selector: &metav1.LabelSelector{
				MatchLabels:      map[string]string{"feeds": "yes"},
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "stage", Operator: metav1.LabelSelectorOpIn, Values: []string{"live", "test"}}},
			}}
		})),
		"hub-all-namespaces": Hub(options(), exchange(func(e *v1alpha1.Exchange) { e.Spec.AllowedNamespaces.From = v1alpha1.NamespacesAll })),
		"hub-external":       Hub(options(), exchange(external)),
		"exporter":           Exporter(options(), exchange(), subscription("acme"), "", false),
		"exporter-replicas":  Exporter(options(), exchange(), subscription("acme", replicas(3)), SecretsHash(versions), false),
		"exporter-autoscaled": Exporter(options(), exchange(), subscription("acme", func(s *v1alpha1.Subscription) {
			s.Spec.Replicas, s.Spec.Pod = nil, podOptions()
		}), "", false),
		"exporter-suspended": Exporter(options(), exchange(), subscription("acme", replicas(3), func(s *v1alpha1.Subscription) { s.Spec.Suspend = true }), "", false),
		"exporter-ingress":   Exporter(options(), exchange(), subscription("acme", byIngress), "", false),
		"exporter-httproute": Exporter(options(), exchange(), subscription("acme", byHTTPRoute), "", true),
		"exporter-shared":    Exporter(options(), exchange(shared), subscription("acme", byIngress), "", false),
		"shared":             Shared(options(), exchange(shared), sharedFeeds(), sharedSubscriptions(), versions),
	}
}
