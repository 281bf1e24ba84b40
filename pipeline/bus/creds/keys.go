package creds

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// Keys sign the credentials of one Exchange. The seeds are secret; the JWTs are
// public, and are what the server must know (bus.Trust).
type Keys struct {
	OperatorSeed, AccountSeed, SystemSeed []byte
	Operator, Account, System             string // JWTs

	// AccountPublic is the account's public key when AccountSeed is one of its
	// signing keys; empty when AccountSeed is the account's own.
	AccountPublic string
}

// New makes the keys of an Exchange with a server of its own: an operator, an
// account with JetStream without limits, and the system account that the server
// needs (nobody has credentials for it).
func New() (*Keys, error) {
	k := new(Keys)
	operator, err := pair(nkeys.CreateOperator, &k.OperatorSeed)
	if err != nil {
		return nil, fmt.Errorf("make operator key: %w", err)
	}
	defer operator.Wipe()
	account, err := pair(nkeys.CreateAccount, &k.AccountSeed)
	if err != nil {
		return nil, fmt.Errorf("make account key: %w", err)
	}
	defer account.Wipe()
	system, err := pair(nkeys.CreateAccount, &k.SystemSeed)
	if err != nil {
		return nil, fmt.Errorf("make system account key: %w", err)
	}
	defer system.Wipe()
	if err := k.issue(operator, account, system); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	return k, nil
}

// pair makes a key pair and keeps its seed.
func pair(create func() (nkeys.KeyPair, error), seed *[]byte) (nkeys.KeyPair, error) {
	kp, err := create()
	if err != nil {
		return nil, err
	}
	own, err := kp.Seed()
	*seed = append([]byte(nil), own...) // own ends with Wipe
	return kp, err
}

// issue signs the three JWTs.
func (k *Keys) issue(operator, account, system nkeys.KeyPair) error {
	operatorKey, err1 := operator.PublicKey()
	accountKey, err2 := account.PublicKey()
	systemKey, err3 := system.PublicKey()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	o := jwt.NewOperatorClaims(operatorKey)
	o.Name = "weir"
	o.SystemAccount = systemKey
	var err error
	if k.Operator, err = o.Encode(operator); err != nil {
		return fmt.Errorf("sign operator: %w", err)
	}
	a := jwt.NewAccountClaims(accountKey)
	a.Name = "weir"
	a.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
	}
	a.Limits.DisallowBearer = true // a stolen JWT without its seed is worth nothing
	if k.Account, err = a.Encode(operator); err != nil {
		return fmt.Errorf("sign account: %w", err)
	}
	s := jwt.NewAccountClaims(systemKey)
	s.Name = "system"
	s.Limits.DisallowBearer = true
	if k.System, err = s.Encode(operator); err != nil {
		return fmt.Errorf("sign system account: %w", err)
	}
	return nil
}

// Signer makes Keys for a NATS server of somebody else. seed is a signing key of
// the account, or the account's own key, and account its public key ("A...").
// The account must have JetStream, and the server a max_control_line of 1 MB or
// more, as a JWT travels in one line. Operator, Account and System stay empty.
// What the package says about servers without a guard applies.
func Signer(seed []byte, account string) (*Keys, error) {
	if !nkeys.IsValidPublicAccountKey(account) {
		return nil, fmt.Errorf("account %q: must be an account's public key (A...)", account)
	}
	kp, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("signing key: must be the seed of an account key (SA...): %w", err)
	}
	defer kp.Wipe()
	public, err := kp.PublicKey()
	if err != nil || !nkeys.IsValidPublicAccountKey(public) {
		return nil, errors.New("signing key: must be the seed of an account key (SA...)")
	}
	k := &Keys{AccountSeed: append([]byte(nil), seed...)}
	if public != account {
		k.AccountPublic = account
	}
	return k, nil
}

// clockSkew is how far behind the clock of the server may be.
const clockSkew = 5 * time.Minute

// Mint makes the credentials of a role, in the format of a NATS credentials file:
// a JWT and the seed of a user key made for it. They are valid from a little
// before now until expires, lifetime from now, rounded up to a second.
func (k *Keys) Mint(role Role, lifetime time.Duration) (userCreds []byte, expires time.Time, err error) {
	fail := func(err error) ([]byte, time.Time, error) {
		return nil, time.Time{}, fmt.Errorf("mint credentials of %s: %w", role.Name(), err)
	}
	if lifetime <= 0 {
		return fail(fmt.Errorf("lifetime %s: must be positive", lifetime))
	}
	grants, err := role.permissions()
	if err != nil {
		return fail(err)
	}
	account, err := nkeys.FromSeed(k.AccountSeed)
	if err != nil {
		return fail(fmt.Errorf("account seed: %w", err))
	}
	defer account.Wipe()
	user, err := nkeys.CreateUser()
	if err != nil {
		return fail(err)
	}
	defer user.Wipe()
	public, err := user.PublicKey()
	if err != nil {
		return fail(err)
	}
	seed, err := user.Seed()
	if err != nil {
		return fail(err)
	}
	now := time.Now()
	expires = now.Add(lifetime + time.Second - 1).Truncate(time.Second)
	c := jwt.NewUserClaims(public)
	c.Name = role.Name()
	c.NotBefore, c.Expires = now.Add(-clockSkew).Unix(), expires.Unix()
	c.IssuerAccount = k.AccountPublic
	c.Permissions = grants
	c.Tags.Add(layout.TagSalt + k.salt(role))
	c.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeStandard, jwt.ConnectionTypeInProcess}
	token, err := c.Encode(account)
	if err != nil {
		return fail(err)
	}
	if len(token) > layout.MaxCredentials-1024 {
		return fail(fmt.Errorf("%d feeds are too many for one component: spread them over several", len(role.Feeds)))
	}
	file, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		return fail(err)
	}
	return file, expires, nil
}

// salt is the same for every credential of a role.
func (k *Keys) salt(role Role) string {
	m := hmac.New(sha256.New, k.AccountSeed)
	m.Write([]byte("weir message ids\x00" + role.Name()))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Expires tells when credentials that Mint made expire. Those that never do are an
// error.
func Expires(userCreds []byte) (time.Time, error) {
	token, err := jwt.ParseDecoratedJWT(userCreds)
	if err != nil {
		return time.Time{}, fmt.Errorf("bus credentials: %w", err)
	}
	c, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return time.Time{}, fmt.Errorf("bus credentials: %w", err)
	}
	if c.Expires == 0 {
		return time.Time{}, errors.New("bus credentials: they never expire")
	}
	return time.Unix(c.Expires, 0), nil
}
