package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// Names of the keys in the Secret of a component.
const (
	keyCreds = "user.creds"
	keyCA    = "ca.crt"
)

// Trust applies the Secret with what the hub's own bus trusts: public JWTs. An
// external bus has none.
func (r *Ring) Trust(ctx context.Context, e *v1alpha1.Exchange, keys *Keys) error {
	if keys.Operator == "" {
		return nil
	}
	key := client.ObjectKey{Namespace: e.Namespace, Name: workload.TrustSecretName(e.Name)}
	hash := short(keys.Operator, keys.Account, keys.System)
	fresh, err := r.fresh(ctx, key, e, func(m *metav1.PartialObjectMetadata) bool {
		return m.Annotations[annotationApplied] == hash
	})
	if err != nil || fresh {
		return err
	}
	s, err := r.secret(e, key, workload.Labels(workload.ComponentHub, "Exchange", e.Name))
	if err != nil {
		return err
	}
	return r.apply(ctx, s.WithAnnotations(map[string]string{annotationApplied: hash}).WithData(map[string][]byte{
		keyOperatorJWT: []byte(keys.Operator), keyAccountJWT: []byte(keys.Account), keySystemJWT: []byte(keys.System),
	}))
}

// Credentials sees to it that the Secret name beside owner has good credentials for
// the role, and the CA if there is one. It writes only when they are missing, when
// less than about a third of their life is left, or when they were made for another
// role, other keys or another CA. rotateAt is when to call again; roleHash changes
// with what the credentials allow and not when they are made anew.
func (r *Ring) Credentials(ctx context.Context, owner client.Object, name string, labels map[string]string, keys *Keys, role creds.Role,
) (rotateAt time.Time, roleHash string, err error) {
	if roleHash, err = keys.Hash(role); err != nil {
		return time.Time{}, "", err
	}
	key := client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}
	ca := ""
	if keys.CA != nil {
		ca = short(string(keys.CA))
	}
	fresh, err := r.fresh(ctx, key, owner, func(m *metav1.PartialObjectMetadata) bool {
		expires, err := time.Parse(time.RFC3339, m.Annotations[AnnotationExpires])
		rotateAt = r.rotateAt(expires, owner.GetUID())
		return err == nil && r.now().Before(rotateAt) &&
			m.Annotations[AnnotationRole] == roleHash && m.Annotations[annotationCA] == ca
	})
	if err != nil || fresh {
		return rotateAt, roleHash, err
	}
	user, expires, err := keys.Mint(role, r.lifetime())
	if err != nil {
		return time.Time{}, "", err
	}
	s, err := r.secret(owner, key, labels)
	if err != nil {
		return time.Time{}, "", err
	}
	s.WithAnnotations(map[string]string{
		AnnotationExpires: expires.UTC().Format(time.RFC3339), AnnotationRole: roleHash,
	}).WithData(map[string][]byte{keyCreds: user})
	if ca != "" {
		s.WithAnnotations(map[string]string{annotationCA: ca}).WithData(map[string][]byte{keyCA: keys.CA})
	}
	if err := r.apply(ctx, s); err != nil {
		return time.Time{}, "", err
	}
	return r.rotateAt(expires, owner.GetUID()), roleHash, nil
}

// fresh reports whether a Secret is there, made for owner, and good. A cache that
// says otherwise may be late, so it is asked past it before anything is written.
func (r *Ring) fresh(ctx context.Context, key client.ObjectKey, owner client.Object, good func(*metav1.PartialObjectMetadata) bool) (bool, error) {
	for _, from := range []client.Reader{r.Meta, r.Reader} {
		m, err := secretMeta(ctx, from, key)
		if err != nil {
			return false, err
		}
		if m == nil {
			continue
		}
		if err := r.owned(m, owner); err != nil {
			return false, err
		}
		if good(m) {
			return true, nil
		}
	}
	return false, nil
}

// secret begins the configuration of a Secret of owner.
func (r *Ring) secret(owner client.Object, key client.ObjectKey, labels map[string]string) (*applycore.SecretApplyConfiguration, error) {
	ref, err := r.controller(owner)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(labels)
	if all == nil {
		all = make(map[string]string, 1)
	}
	all[labelManagedBy] = fieldOwner
	return applycore.Secret(key.Name, key.Namespace).WithLabels(all).WithOwnerReferences(ref), nil
}

func (r *Ring) apply(ctx context.Context, s *applycore.SecretApplyConfiguration) error {
	if err := r.Writer.Apply(ctx, s, client.FieldOwner(fieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("write Secret %s: %w", *s.Name, err)
	}
	return nil
}

// minted are credentials of the operator itself.
type minted struct {
	user     []byte
	expires  time.Time
	rotateAt time.Time
}

// Operator is the operator's own credentials for a bus. They are not stored; the
// same bytes come until they are to be made anew.
func (r *Ring) Operator(keys *Keys) ([]byte, error) {
	role := creds.Operator()
	hash, err := keys.Hash(role)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if m := r.operator[hash]; m != nil && now.Before(m.rotateAt) {
		return m.user, nil
	}
	user, expires, err := keys.Mint(role, r.lifetime())
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(r.operator, func(_ string, m *minted) bool { return now.After(m.expires) })
	if r.operator == nil {
		r.operator = make(map[string]*minted)
	}
	r.operator[hash] = &minted{user: user, expires: expires, rotateAt: r.rotateAt(expires, "")}
	return user, nil
}

// short hashes strings that have no zero byte.
func short(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
