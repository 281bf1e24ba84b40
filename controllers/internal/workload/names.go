package workload

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Components of the data plane. They are the suffix of the names of what is made
// for them, and in the singular the value of app.kubernetes.io/component.
const (
	ComponentCollector = "collector"
	ComponentMonitor   = "monitor"
	ComponentHub       = "hub"
	ComponentExporter  = "exporter"

	// In Shared mode, of an Exchange.
	ComponentCollectors = "collectors"
	ComponentMonitors   = "monitors"
	ComponentExporters  = "exporters"
)

// Labels and annotations.
const (
	labelName      = "app.kubernetes.io/name"
	labelInstance  = "app.kubernetes.io/instance"
	labelComponent = "app.kubernetes.io/component"
	labelPartOf    = "app.kubernetes.io/part-of"
	labelManagedBy = "app.kubernetes.io/managed-by"

	// LabelManagedBy and ManagedBy select everything that the operator makes.
	LabelManagedBy = labelManagedBy
	ManagedBy      = "weir-operator"

	// LabelBus names the bus that a pod talks to, see BusLabel.
	LabelBus = domain + "bus"
	// LabelShard is the number of a pod in Shared mode.
	LabelShard = domain + "shard"
	// AnnotationSecrets is the hash of the Secrets that a pod uses: another one rolls
	// the pods.
	AnnotationSecrets = domain + "secrets"

	domain          = "feeds.weir.dev/"
	labelFeedSource = domain + "feedsource"
	labelParser     = domain + "parser"
	labelExchange   = domain + "exchange"
	labelSub        = domain + "subscription"
)

const (
	maxName = 63
	// The controller puts <name>-<hash of ten characters> in a label of each pod of a
	// StatefulSet.
	maxStatefulSet = maxName - 11
	hashLength     = 10
)

// Child is the name of something that belongs to an object of the given name: a
// DNS label that begins with a letter, of at most 63 characters (52 for the hub).
// It is <name>-<suffix> where that fits, else name is cut and a hash of it is put
// in, so that distinct names stay distinct.
func Child(name, suffix string) string {
	limit := maxName
	if suffix == ComponentHub {
		limit = maxStatefulSet
	}
	if startsWithLetter(name) && len(name)+1+len(suffix) <= limit {
		return name + "-" + suffix
	}
	head := name
	if !startsWithLetter(name) {
		head = "w" + name // Services may not begin with a digit
	}
	if room := limit - len(suffix) - hashLength - 2; len(head) > room {
		head = head[:max(room, 1)]
	}
	return strings.TrimRight(head, "-.") + "-" + shortHash(name) + "-" + suffix
}

func startsWithLetter(s string) bool { return s != "" && s[0] >= 'a' && s[0] <= 'z' }

// shortHash is 50 bits of SHA-256 in ten lower-case letters and digits.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashLength]
}

// CredsSecretName is the name of the Secret with the bus credentials of a
// component: key user.creds, and ca.crt where Bus.CA is set. Pods wait until it
// is there. name is that of the FeedSource, Parser or Subscription, or of the
// Exchange for the hub and in Shared mode.
func CredsSecretName(component, name string) string { return Child(name, component+"-bus") }

// KeysSecretName is the name of the Secret with the keys of an Exchange's bus. No
// pod mounts it.
func KeysSecretName(exchange string) string { return Child(exchange, "bus-keys") }

// TrustSecretName is the name of the Secret with what an embedded bus trusts:
// operator.jwt, account.jwt and system.jwt.
func TrustSecretName(exchange string) string { return Child(exchange, "bus-trust") }

// AdminSecretName is the name of the Secret with credentials for the command line.
func AdminSecretName(exchange string) string { return Child(exchange, "admin-bus") }

// ServiceName is the name of the Service of a Subscription.
func ServiceName(subscription string) string { return Child(subscription, ComponentExporter) }

// BusLabel is the value of LabelBus: <namespace>.<exchange>, with a hash when that
// is too long for a label.
func BusLabel(namespace, exchange string) string {
	s := namespace + "." + exchange
	if len(s) <= maxName {
		return s
	}
	return strings.TrimRight(s[:maxName-hashLength-1], "-.") + "-" + shortHash(s)
}

// Labels are those of everything that is made for an object: component is one of
// the components above, kind the custom resource's, for example FeedSource.
func Labels(component, kind, name string) map[string]string {
	component = strings.TrimSuffix(component, "s")
	return map[string]string{
		labelName:                      "weir-" + component,
		labelInstance:                  name,
		labelComponent:                 component,
		labelPartOf:                    "weir",
		labelManagedBy:                 ManagedBy,
		domain + strings.ToLower(kind): name,
	}
}

// owner is a custom resource that children are made for.
type owner struct {
	kind string
	meta *metav1.ObjectMeta
}

func (w owner) reference() *applymeta.OwnerReferenceApplyConfiguration {
	return applymeta.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(w.kind).
		WithName(w.meta.Name).
		WithUID(w.meta.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
