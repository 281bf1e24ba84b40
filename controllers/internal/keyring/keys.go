package keyring

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// Keys of an Exchange's bus. They must not be changed.
type Keys struct {
	*creds.Keys
	// CA is the PEM bundle that an external bus is checked against; nil is the
	// system's.
	CA []byte
}

// held is what is known of the bus of one Exchange.
type held struct {
	mu   sync.Mutex // one at a time makes keys
	seed read
	keys *creds.Keys
	ca   read
	pem  []byte
}

// read is which Secret something was read from.
type read struct {
	exchange types.UID
	secret   types.UID
	version  string // of an external Secret; what we make is immutable
	what     string // the part of the spec that decided
}

// Names of the keys in the Secret of an embedded bus. The first three are also in
// the Secret that the hub mounts.
const (
	keyOperatorJWT  = "operator.jwt"
	keyAccountJWT   = "account.jwt"
	keySystemJWT    = "system.jwt"
	keyOperatorSeed = "operator.seed"
	keyAccountSeed  = "account.seed"
	keySystemSeed   = "system.seed"
)

// Keys are those of an Exchange's bus. For an embedded one they are made if need be
// and kept in a Secret; it must not be lost, because the bus keeps what it stores
// by account. For an external one they are the signing key that the spec names.
func (r *Ring) Keys(ctx context.Context, e *v1alpha1.Exchange) (*Keys, error) {
	h := r.hold(client.ObjectKeyFromObject(e))
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Spec.Bus.NATS == nil {
		if err := r.own(ctx, e, h); err != nil {
			return nil, err
		}
		return &Keys{Keys: h.keys}, nil
	}
	if err := r.signer(ctx, e, h); err != nil {
		return nil, err
	}
	if err := r.authority(ctx, e, h); err != nil {
		return nil, err
	}
	return &Keys{Keys: h.keys, CA: h.pem}, nil
}

func (r *Ring) hold(exchange types.NamespacedName) *held {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = make(map[types.NamespacedName]*held)
	}
	h := r.held[exchange]
	if h == nil {
		h = new(held)
		r.held[exchange] = h
	}
	return h
}

// own gets the keys of an embedded bus.
func (r *Ring) own(ctx context.Context, e *v1alpha1.Exchange, h *held) error {
	key := client.ObjectKey{Namespace: e.Namespace, Name: workload.KeysSecretName(e.Name)}
	m, err := secretMeta(ctx, r.Meta, key)
	if err != nil {
		return err
	}
	if m != nil {
		if err := r.owned(m, e); err != nil {
			return err
		}
		if h.keys != nil && h.seed == (read{exchange: e.UID, secret: m.UID}) {
			return nil
		}
	}
	s := new(corev1.Secret)
	err = r.Reader.Get(ctx, key, s)
	if apierrors.IsNotFound(err) {
		s, err = r.create(ctx, e, key)
	}
	if err != nil {
		return fmt.Errorf("keys of the bus in Secret %s: %w", key.Name, err)
	}
	if err := r.owned(s, e); err != nil {
		return err
	}
	keys, err := parse(s.Data)
	if err != nil {
		return failed(v1alpha1.ReasonInvalidSpec, err,
			"Secret %s does not hold the keys of a bus: restore it; if it is deleted, new ones are made, and what the bus stored is not found any more", key.Name)
	}
	h.seed, h.keys = read{exchange: e.UID, secret: s.UID}, keys
	return nil
}

// create makes keys, unless somebody else did meanwhile.
func (r *Ring) create(ctx context.Context, e *v1alpha1.Exchange, key client.ObjectKey) (*corev1.Secret, error) {
	if e.DeletionTimestamp != nil {
		return nil, failed(v1alpha1.ReasonDeleting, nil, "the Exchange is being deleted: no new keys are made")
	}
	keys, err := creds.New()
	if err != nil {
		return nil, err
	}
	labels := workload.Labels(workload.ComponentHub, "Exchange", e.Name)
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: labels},
		Immutable:  new(true),
		Type:       corev1.SecretTypeOpaque,
		Data: map[string][]byte{
			keyOperatorJWT: []byte(keys.Operator), keyOperatorSeed: keys.OperatorSeed,
			keyAccountJWT: []byte(keys.Account), keyAccountSeed: keys.AccountSeed,
			keySystemJWT: []byte(keys.System), keySystemSeed: keys.SystemSeed,
		},
	}
	if err := controllerutil.SetControllerReference(e, s, r.Writer.Scheme()); err != nil {
		return nil, err
	}
	err = r.Writer.Create(ctx, s, client.FieldOwner(fieldOwner))
	if apierrors.IsAlreadyExists(err) {
		s = new(corev1.Secret)
		err = r.Reader.Get(ctx, key, s)
	}
	return s, err
}

// parse reads the keys and checks that the account's belong together.
func parse(data map[string][]byte) (*creds.Keys, error) {
	for _, key := range []string{keyOperatorJWT, keyOperatorSeed, keyAccountJWT, keyAccountSeed, keySystemJWT, keySystemSeed} {
		if len(data[key]) == 0 {
			return nil, fmt.Errorf("key %s is missing", key)
		}
	}
	k := &creds.Keys{
		Operator: string(data[keyOperatorJWT]), OperatorSeed: data[keyOperatorSeed],
		Account: string(data[keyAccountJWT]), AccountSeed: data[keyAccountSeed],
		System: string(data[keySystemJWT]), SystemSeed: data[keySystemSeed],
	}
	account, err := publicKey(k.AccountSeed)
	if err != nil {
		return nil, fmt.Errorf("key %s is not the seed of an account", keyAccountSeed)
	}
	claims, err := jwt.DecodeAccountClaims(k.Account)
	if err != nil {
		return nil, fmt.Errorf("key %s is not the JWT of an account", keyAccountJWT)
	}
	if claims.Subject != account {
		return nil, fmt.Errorf("keys %s and %s are of different accounts", keyAccountSeed, keyAccountJWT)
	}
	return k, nil
}

// publicKey of the seed of an account. Errors say nothing about the seed.
func publicKey(seed []byte) (string, error) {
	kp, err := nkeys.FromSeed(seed)
	if err != nil {
		return "", err
	}
	defer kp.Wipe()
	public, err := kp.PublicKey()
	if err == nil && !nkeys.IsValidPublicAccountKey(public) {
		err = errors.New("not the key of an account")
	}
	return public, err
}

// signer gets the signing key of an external bus.
func (r *Ring) signer(ctx context.Context, e *v1alpha1.Exchange, h *held) error {
	nats := e.Spec.Bus.NATS
	const field = "spec.bus.nats.signingKey"
	seed, from, err := r.external(ctx, e, field, nats.SigningKey, h.seed, nats.Account)
	if err != nil {
		return err
	}
	if from == h.seed && h.keys != nil {
		return nil
	}
	seed = bytes.TrimSpace(seed) // files end with a line break
	account := nats.Account
	if account == "" {
		if account, err = publicKey(seed); err != nil {
			return failed(v1alpha1.ReasonInvalidSpec, nil,
				"%s: key %s of Secret %s is not the seed of an account key (SA...)", field, nats.SigningKey.Key, nats.SigningKey.Name)
		}
	}
	keys, err := creds.Signer(seed, account)
	if err != nil {
		return failed(v1alpha1.ReasonInvalidSpec, nil,
			"%s: key %s of Secret %s is not the seed of an account key (SA...), or spec.bus.nats.account not the public key of an account (A...)",
			field, nats.SigningKey.Key, nats.SigningKey.Name)
	}
	h.seed, h.keys = from, keys
	return nil
}

// authority gets the CA of an external bus.
func (r *Ring) authority(ctx context.Context, e *v1alpha1.Exchange, h *held) error {
	ref := e.Spec.Bus.NATS.CA
	if ref == nil {
		h.ca, h.pem = read{}, nil
		return nil
	}
	const field = "spec.bus.nats.ca"
	data, from, err := r.external(ctx, e, field, *ref, h.ca, "")
	if err != nil {
		return err
	}
	if from == h.ca && h.pem != nil {
		return nil
	}
	ca := certificates(data)
	if len(ca) == 0 {
		return failed(v1alpha1.ReasonInvalidSpec, nil, "%s: key %s of Secret %s has no certificate (PEM)", field, ref.Key, ref.Name)
	}
	h.ca, h.pem = from, ca
	return nil
}

// external reads one key of a Secret of the Exchange's namespace, unless nothing
// has changed since before: then the data is nil and from is before.
func (r *Ring) external(ctx context.Context, e *v1alpha1.Exchange, field string, ref v1alpha1.SecretKeyReference, before read, more string,
) (data []byte, from read, err error) {
	key := client.ObjectKey{Namespace: e.Namespace, Name: ref.Name}
	what := ref.Name + "/" + ref.Key + "/" + more
	m, err := secretMeta(ctx, r.Meta, key)
	if err != nil {
		return nil, read{}, err
	}
	if m != nil && before == (read{e.UID, m.UID, m.ResourceVersion, what}) {
		return nil, before, nil
	}
	s := new(corev1.Secret)
	if err := r.Reader.Get(ctx, key, s); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, read{}, failed(v1alpha1.ReasonSecretNotFound, nil, "%s: Secret %s is missing: make it, with a key %s", field, ref.Name, ref.Key)
		}
		return nil, read{}, fmt.Errorf("%s: read Secret %s: %w", field, ref.Name, err)
	}
	data, ok := s.Data[ref.Key]
	if !ok || len(data) == 0 {
		return nil, read{}, failed(v1alpha1.ReasonSecretNotFound, nil, "%s: Secret %s has no key %s", field, ref.Name, ref.Key)
	}
	return data, read{e.UID, s.UID, s.ResourceVersion, what}, nil
}

// certificates keeps the certificates of a PEM bundle and nothing else: what is
// beside them must not be copied to the Secrets of components.
func certificates(data []byte) []byte {
	var out []byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
}
