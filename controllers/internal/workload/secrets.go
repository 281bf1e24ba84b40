package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
)

// FeedSecrets lists the Secrets that a collector of the feed mounts.
func FeedSecrets(f *v1alpha1.FeedSource) []v1alpha1.FieldRef {
	return f.Spec.SecretRefs()
}

// SubscriptionSecrets lists the Secrets that an exporter of the subscription mounts.
func SubscriptionSecrets(s *v1alpha1.Subscription) []v1alpha1.FieldRef {
	return s.Spec.Access.SecretRefs()
}

// SecretsHash is a hash of which Secrets there are in which version: name to
// metadata.resourceVersion. It is empty for none.
func SecretsHash(versions map[string]string) string {
	if len(versions) == 0 {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		// Neither names nor versions contain a zero byte.
		_, _ = io.WriteString(h, name+"\x00"+versions[name]+"\x00")
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// secretKeys are the keys that are used of each Secret, sorted, without duplicates.
type secretKeys struct {
	name string
	keys []string
}

func keysBySecret(refs []v1alpha1.FieldRef) []secretKeys {
	used := map[string][]string{}
	for _, r := range refs {
		used[r.Ref.Name] = append(used[r.Ref.Name], r.Ref.Key)
	}
	out := make([]secretKeys, 0, len(used))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		slices.Sort(used[name])
		out = append(out, secretKeys{name, slices.Compact(used[name])})
	}
	return out
}
