package creds

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nkeys"
)

// Hash changes whenever credentials of the role that were made before are not
// good any more: the role may do something else, or other keys sign. It says
// nothing about secrets.
func (k *Keys) Hash(role Role) (string, error) {
	grants, err := role.permissions()
	if err != nil {
		return "", fmt.Errorf("hash role %s: %w", role.Name(), err)
	}
	signer, err := nkeys.FromSeed(k.AccountSeed)
	if err != nil {
		return "", fmt.Errorf("hash role %s: account seed: %w", role.Name(), err)
	}
	defer signer.Wipe()
	public, err := signer.PublicKey()
	if err != nil {
		return "", fmt.Errorf("hash role %s: account seed: %w", role.Name(), err)
	}
	what, err := json.Marshal([]any{public, k.AccountPublic, role.Name(), grants})
	if err != nil {
		return "", fmt.Errorf("hash role %s: %w", role.Name(), err)
	}
	sum := sha256.Sum256(what)
	return hex.EncodeToString(sum[:16]), nil
}
