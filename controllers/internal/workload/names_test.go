package workload

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/api/v1alpha1"
)

var (
	dns1035 = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	dns1123 = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	label   = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)
)

func names() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`)
}

func TestChildNamesFit(t *testing.T) {
	suffixes := []string{
		ComponentCollector, ComponentMonitor, ComponentHub, ComponentExporter, ComponentCollectors + "-255",
		ComponentMonitors + "-bus", ComponentExporters + "-255", "bus-keys", "bus-trust", "admin-bus", "collector-bus",
	}
	rapid.Check(t, func(t *rapid.T) {
		name := names().Draw(t, "name")
		suffix := rapid.SampledFrom(suffixes).Draw(t, "suffix")
		child := Child(name, suffix)
		limit := 63
		if suffix == ComponentHub {
			limit = 52
		}
		if len(child) > limit || !dns1035.MatchString(child) || !strings.HasSuffix(child, "-"+suffix) {
			t.Fatalf("Child(%q, %q) = %q, %d characters", name, suffix, child, len(child))
		}
	})
}

func TestDistinctNamesStayDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Long ones that differ only where they are cut, and short ones.
		prefix := rapid.SampledFrom([]string{"", "1", strings.Repeat("a", 40), strings.Repeat("b", 60), "w1"}).Draw(t, "prefix")
		tail := rapid.StringMatching(`[a-z0-9]{1,3}`)
		a, b := prefix+tail.Draw(t, "a"), prefix+tail.Draw(t, "b")
		for _, suffix := range []string{ComponentCollector, ComponentHub} {
			if a != b && Child(a, suffix) == Child(b, suffix) {
				t.Fatalf("%q and %q are both %q", a, b, Child(a, suffix))
			}
		}
		if a != b && BusLabel(a, strings.Repeat("x", 60)) == BusLabel(b, strings.Repeat("x", 60)) {
			t.Fatalf("%q and %q have the same bus", a, b)
		}
	})
}

func TestEveryNameAndLabelFitsForTheLongestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := exchange(shared, func(e *v1alpha1.Exchange) { e.Namespace = names().Draw(t, "namespace") })
		e.Name = names().Draw(t, "exchange")
		f, s := feed(names().Draw(t, "feed")), subscription(names().Draw(t, "subscription"))
		f.Namespace, s.Namespace = e.Namespace, e.Namespace
		p := parser()
		p.Name, p.Namespace = names().Draw(t, "parser"), e.Namespace
		plain := e.DeepCopy()
		plain.Spec.Collectors, plain.Spec.Monitors, plain.Spec.Exporters = v1alpha1.SharingSpec{}, v1alpha1.SharingSpec{}, v1alpha1.SharingSpec{}
		set := Hub(options(), e)
		set = append(set, Shared(options(), e, []*v1alpha1.FeedSource{f}, []*v1alpha1.Subscription{s}, nil)...)
		set = append(set, Collector(options(), plain, f, "")...)
		set = append(set, Monitor(options(), plain, p)...)
		set = append(set, Exporter(options(), plain, s, "", false)...)
		for _, o := range set {
			if !dns1035.MatchString(o.Name) || len(o.Name) > 63 {
				t.Fatalf("%s %q", o.GVK.Kind, o.Name)
			}
		}
		for _, l := range []map[string]string{
			Labels(ComponentHub, "Exchange", e.Name), {LabelBus: BusLabel(e.Namespace, e.Name)}, ExporterSelector(e, s),
		} {
			for k, v := range l {
				if len(v) > 63 || !label.MatchString(v) {
					t.Fatalf("label %s: %q", k, v)
				}
			}
		}
		for _, c := range ClaimNames(e) {
			if !dns1123.MatchString(c) || len(c) > 63 {
				t.Fatalf("claim %q", c)
			}
		}
	})
}

func TestShortNamesStayReadable(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Child("feodo", ComponentCollector), "feodo-collector"},
		{CredsSecretName(ComponentHub, "main"), "main-hub-bus"},
		{CredsSecretName(ComponentCollectors, "main"), "main-collectors-bus"},
		{KeysSecretName("main"), "main-bus-keys"},
		{TrustSecretName("main"), "main-bus-trust"},
		{AdminSecretName("main"), "main-admin-bus"},
		{ServiceName("acme"), "acme-exporter"},
		{BusLabel("cert", "main"), "cert.main"},
		{ClaimNames(exchange())[0], "data-main-hub-0"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestAShardIsFoundUnderItsName(t *testing.T) {
	e := exchange(shared)
	set := Shared(options(), e, sharedFeeds(), sharedSubscriptions(), versions)
	for _, f := range sharedFeeds() {
		name := ShardName(e, ComponentCollectors, e.Spec.Collectors, f.Namespace, f.Name)
		found := false
		for _, o := range set {
			found = found || o.GVK.Kind == "Deployment" && o.Name == name
		}
		if !found {
			t.Errorf("no Deployment %s for %s", name, f.Name)
		}
	}
}
