package export

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/secret"
)

const (
	minTokenChars   = 24 // of a token that is kept in plain text
	minSigningBytes = 32 // RFC 7518, section 3.2: as long as the hash
	maxTokenBytes   = 4 << 10
	hashPrefix      = "sha256:"
)

// credentials are who may log in to one subscription. Tokens are kept as hashes
// only. The zero value lets nobody in.
type credentials struct {
	keys []hashedKey
	jwt  *jwtUsers
}

type hashedKey struct {
	name string
	sum  [sha256.Size]byte
}

// jwtUsers are n6's API keys: who has the signature and the one current id.
type jwtUsers struct {
	secret []byte
	ids    map[string]string // login to api_key_id
}

// loadCredentials reads the secrets of a subscription. What cannot be read opens
// nothing; the error tells all of it, by name, and the rest works.
func loadCredentials(read secret.Reader, namespace string, a *v1alpha1.AccessSpec) (credentials, error) {
	var c credentials
	var errs []error
	for _, k := range a.Keys {
		sum, err := loadKey(read, namespace, k.SecretRef)
		if err != nil {
			errs = append(errs, fmt.Errorf("spec.access.keys[%s].secretRef: %w", k.Name, err))
			continue
		}
		c.keys = append(c.keys, hashedKey{k.Name, sum})
	}
	if a.JWT != nil {
		users, err := loadUsers(read, namespace, a.JWT)
		if err != nil {
			errs = append(errs, fmt.Errorf("spec.access.jwt.secretRef: %w", err))
		}
		c.jwt = users
	}
	return c, errors.Join(errs...)
}

func loadKey(read secret.Reader, namespace string, ref v1alpha1.SecretKeyReference) (sum [sha256.Size]byte, err error) {
	value, err := read(namespace, ref.Name, ref.Key)
	if err != nil {
		return sum, err
	}
	token := strings.TrimSpace(string(value))
	if digits, ok := strings.CutPrefix(token, hashPrefix); ok {
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) != len(sum) {
			return sum, fmt.Errorf("secret %s, key %s: after %q there must be 64 hex digits", ref.Name, ref.Key, hashPrefix)
		}
		return [sha256.Size]byte(b), nil
	}
	if len(token) < minTokenChars || len(token) > maxTokenBytes {
		return sum, fmt.Errorf("secret %s, key %s: a token has %d to %d characters; make one with weir key new",
			ref.Name, ref.Key, minTokenChars, maxTokenBytes)
	}
	return sha256.Sum256([]byte(token)), nil
}

func loadUsers(read secret.Reader, namespace string, a *v1alpha1.JWTAccess) (*jwtUsers, error) {
	value, err := read(namespace, a.SecretRef.Name, a.SecretRef.Key)
	if err != nil {
		return nil, err
	}
	key := []byte(strings.TrimRight(string(value), "\r\n"))
	if len(key) < minSigningBytes {
		return nil, fmt.Errorf("secret %s, key %s: the key that signs tokens has at least %d bytes (RFC 7518)",
			a.SecretRef.Name, a.SecretRef.Key, minSigningBytes)
	}
	users := &jwtUsers{secret: key, ids: make(map[string]string, len(a.Users))}
	for _, u := range a.Users {
		users.ids[strings.ToLower(u.Login)] = u.APIKeyID
	}
	return users, nil
}

// empty reports whether nobody can log in.
func (c *credentials) empty() bool { return len(c.keys) == 0 && c.jwt == nil }

// admit returns the name of the key or the login that token belongs to. All keys
// are compared, each in constant time, so that the time taken tells nothing of
// any of them.
func (c *credentials) admit(token string) (string, bool) {
	if token == "" || len(token) > maxTokenBytes {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	name, found := "", false
	for i := range c.keys {
		if subtle.ConstantTimeCompare(sum[:], c.keys[i].sum[:]) == 1 {
			name, found = c.keys[i].name, true
		}
	}
	if found || c.jwt == nil {
		return name, found
	}
	return c.jwt.admit(token)
}

// hmacOnly refuses every algorithm but n6's, whatever the token's header says.
// Claims have no times to check: n6's tokens do not expire, changing api_key_id
// revokes them.
var hmacOnly = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
	jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

func (u *jwtUsers) admit(token string) (string, bool) {
	claims := jwt.MapClaims{}
	parsed, err := hmacOnly.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return u.secret, nil })
	if err != nil || !parsed.Valid || len(claims) != 2 {
		return "", false
	}
	login, ok := claims["login"].(string)
	id, ok2 := claims["api_key_id"].(string)
	if !ok || !ok2 {
		return "", false
	}
	login = strings.ToLower(login)
	current, known := u.ids[login]
	if !known || subtle.ConstantTimeCompare([]byte(id), []byte(current)) != 1 {
		return "", false
	}
	return login, true
}

// fingerprint changes when somebody else may log in.
func (c *credentials) fingerprint() [sha256.Size]byte {
	h := sha256.New()
	for i := range c.keys {
		h.Write(c.keys[i].sum[:])
	}
	if c.jwt != nil {
		sum := sha256.Sum256(c.jwt.secret)
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// bearerToken reads the token of RFC 6750, section 2.1. Tokens in addresses are
// not taken: addresses end up in logs.
func bearerToken(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
