package collect

import (
	"bytes"
	"fmt"
	"strings"

	"aead.dev/minisign"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/weir-project/weir/api/v1alpha1"
)

// keys open and check payloads. They are read anew for each collection, as
// credentials are.
type keys struct {
	password string             // of archives
	private  openpgp.EntityList // to decrypt with
	signers  openpgp.EntityList // who may sign; nil: spec.verify.pgp is absent
	minisign []minisign.PublicKey
}

func loadKeys(store secretStore, spec *v1alpha1.FeedSourceSpec) (*keys, error) {
	k := &keys{}
	var err error
	if ref := spec.Unpack.Password; ref != nil {
		if k.password, err = store.value("spec.unpack.password", *ref); err != nil {
			return nil, err
		}
	}
	if spec.Unpack.PGP != nil {
		if k.private, err = loadPrivate(store, spec.Unpack.PGP); err != nil {
			return nil, err
		}
	}
	if spec.Verify == nil {
		return k, nil
	}
	if p := spec.Verify.PGP; p != nil {
		err = eachKey(store, "spec.verify.pgp.publicKeys", p.PublicKeys, func(raw []byte) error {
			list, err := readKeyRing(raw)
			k.signers = append(k.signers, list...)
			return err
		})
	}
	if m := spec.Verify.Minisign; m != nil {
		err = eachKey(store, "spec.verify.minisign.publicKeys", m.PublicKeys, func(raw []byte) error {
			key, err := readMinisignKey(raw)
			k.minisign = append(k.minisign, key)
			return err
		})
	}
	return k, err
}

// eachKey reads public keys of the spec or of Secrets.
func eachKey(store secretStore, field string, sources []v1alpha1.PublicKeySource, read func([]byte) error) error {
	for i, source := range sources {
		at := fmt.Sprintf("%s[%d]", field, i)
		ref := source.SecretRef
		if ref == nil {
			if err := read([]byte(source.Value)); err != nil {
				return fail(v1alpha1.ReasonInvalidSpec, stall, "%s.value is no public key: %w", at, err)
			}
			continue
		}
		raw, err := store.raw(at+".secretRef", *ref)
		if err != nil {
			return err
		}
		if err := read(raw); err != nil {
			return fail(v1alpha1.ReasonSecretNotFound, backOff, "%s.secretRef: secret %s, key %s holds no public key: %w", at, ref.Name, ref.Key, err)
		}
	}
	return nil
}

func loadPrivate(store secretStore, spec *v1alpha1.PGPUnpackSpec) (openpgp.EntityList, error) {
	const field = "spec.unpack.pgp.privateKey"
	ref := spec.PrivateKey
	raw, err := store.raw(field, ref)
	if err != nil {
		return nil, err
	}
	list, err := readKeyRing(raw)
	if err != nil {
		// The error of the decoder is left out: it read a secret.
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: secret %s, key %s holds no OpenPGP key", field, ref.Name, ref.Key)
	}
	var passphrase string
	if spec.Passphrase != nil {
		if passphrase, err = store.value("spec.unpack.pgp.passphrase", *spec.Passphrase); err != nil {
			return nil, err
		}
	}
	private, locked := false, false
	for _, e := range list {
		p, l := unlock(e, passphrase)
		private, locked = private || p, locked || l
	}
	switch {
	case !private && !locked:
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: secret %s, key %s holds a public key only: export it with --export-secret-keys", field, ref.Name, ref.Key)
	case locked && passphrase == "":
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: the key is locked: name its passphrase in spec.unpack.pgp.passphrase", field)
	case locked:
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "spec.unpack.pgp.passphrase: it does not open the key of spec.unpack.pgp.privateKey")
	}
	return list, nil
}

// unlock opens the private keys of an entity: whether there are any that are
// open now, and whether there are any that are not.
func unlock(e *openpgp.Entity, passphrase string) (open, locked bool) {
	_ = e.DecryptPrivateKeys([]byte(passphrase)) // what it did is looked at
	look := func(k *privateKey) {
		switch {
		case k == nil || k.Dummy():
		case k.Encrypted:
			locked = true
		default:
			open = true
		}
	}
	look(e.PrivateKey)
	for i := range e.Subkeys {
		look(e.Subkeys[i].PrivateKey)
	}
	return open, locked
}

// readKeyRing reads keys, armored or not.
func readKeyRing(raw []byte) (openpgp.EntityList, error) {
	if text := bytes.TrimLeft(raw, " \t\r\n\ufeff"); bytes.HasPrefix(text, []byte(armorBegin)) {
		body, kind, err := dearmor(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(kind, "KEY BLOCK") {
			return nil, fmt.Errorf("it is a %s", kind)
		}
		return openpgp.ReadKeyRing(body)
	}
	return openpgp.ReadKeyRing(bytes.NewReader(raw))
}

// readMinisignKey reads a key with or without the comment above it.
func readMinisignKey(raw []byte) (key minisign.PublicKey, err error) {
	err = key.UnmarshalText([]byte(strings.TrimSpace(strings.ReplaceAll(string(raw), "\r", ""))))
	return key, err
}
