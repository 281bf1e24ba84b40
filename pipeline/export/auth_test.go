package export

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/secret"
)

const signing = "0123456789abcdef0123456789abcdef"

// vault is a secret.Reader over name/key.
func vault(values map[string]string) secret.Reader {
	return func(_, name, key string) ([]byte, error) {
		if v, ok := values[name+"/"+key]; ok {
			return []byte(v), nil
		}
		return nil, fmt.Errorf("secret %s, key %s: %w", name, key, secret.ErrNotFound)
	}
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

func key(name, ref string) v1alpha1.AccessKey {
	return v1alpha1.AccessKey{Name: name, SecretRef: reference(ref)}
}

func reference(ref string) v1alpha1.SecretKeyReference {
	n, k, _ := strings.Cut(ref, "/")
	return v1alpha1.SecretKeyReference{Name: n, Key: k}
}

func TestBearerTokens(t *testing.T) {
	read := vault(map[string]string{"s/plain": "a-plain-token-of-24-chars\n", "s/hashed": hashed("another-token-that-is-hashed") + "\n",
		"s/short": "too-short", "s/badhash": "sha256:12", "s/empty": ""})
	c, err := loadCredentials(read, "default", &v1alpha1.AccessSpec{Keys: []v1alpha1.AccessKey{
		key("one", "s/plain"), key("two", "s/hashed"), key("three", "s/short"), key("four", "s/badhash"), key("five", "s/none"), key("six", "s/empty")}})
	if err == nil {
		t.Fatal("want errors for the keys that cannot be used")
	}
	for _, want := range []string{"spec.access.keys[three].secretRef", "24 to 4096 characters", "spec.access.keys[four].secretRef", "64 hex digits",
		"spec.access.keys[five].secretRef: secret s, key none: secret not found", "spec.access.keys[six].secretRef"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	for _, leak := range []string{"too-short", "a-plain-token"} {
		if strings.Contains(err.Error(), leak) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
	for token, want := range map[string]string{"a-plain-token-of-24-chars": "one", "another-token-that-is-hashed": "two",
		"": "", "too-short": "", "a-plain-token-of-24-chars\n": "", hashed("another-token-that-is-hashed"): "", "sha256:12": "",
		strings.Repeat("x", maxTokenBytes+1): ""} {
		if name, ok := c.admit(token); name != want || ok != (want != "") {
			t.Errorf("admit(%.40q) = %q, %v, want %q", token, name, ok, want)
		}
	}
}

func sign(t *testing.T, method jwt.SigningMethod, with any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestN6Tokens(t *testing.T) {
	const id = "3f0a9c0e-6d3f-4c0e-9a6b-0d7f5b1c2a33"
	c, err := loadCredentials(vault(map[string]string{"n6/secret": signing + "\n"}), "default", &v1alpha1.AccessSpec{JWT: &v1alpha1.JWTAccess{
		SecretRef: reference("n6/secret"), Users: []v1alpha1.JWTUser{{Login: "Ops@example.com", APIKeyID: id}, {Login: "b@example.com", APIKeyID: "another-id"}}}})
	if err != nil {
		t.Fatal(err)
	}
	claims := func(login, id any) jwt.MapClaims { return jwt.MapClaims{"login": login, "api_key_id": id} }
	with := func(c jwt.MapClaims, k string, v any) jwt.MapClaims { c[k] = v; return c }
	hs256, good := jwt.SigningMethodHS256, []byte(signing)
	valid := sign(t, hs256, good, claims("ops@example.com", id))
	parts := strings.Split(valid, ".")
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

	for name, c2 := range map[string]struct {
		token string
		want  string
	}{
		"as n6 makes it":              {valid, "ops@example.com"},
		"login in upper case":         {sign(t, hs256, good, claims("OPS@EXAMPLE.COM", id)), "ops@example.com"},
		"alg none":                    {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims("ops@example.com", id)), ""},
		"alg none, signature kept":    {raw(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ""},
		"alg HS512":                   {sign(t, jwt.SigningMethodHS512, good, claims("ops@example.com", id)), ""},
		"another secret":              {sign(t, hs256, []byte("another secret, which is as long"), claims("ops@example.com", id)), ""},
		"empty secret":                {sign(t, hs256, []byte{}, claims("ops@example.com", id)), ""},
		"secret with the newline":     {sign(t, hs256, []byte(signing+"\n"), claims("ops@example.com", id)), ""},
		"unknown login":               {sign(t, hs256, good, claims("x@example.com", id)), ""},
		"id of another user":          {sign(t, hs256, good, claims("ops@example.com", "another-id")), ""},
		"revoked id":                  {sign(t, hs256, good, claims("ops@example.com", "00000000-0000-0000-0000-000000000000")), ""},
		"empty id":                    {sign(t, hs256, good, claims("ops@example.com", "")), ""},
		"id is no string":             {sign(t, hs256, good, claims("ops@example.com", 1)), ""},
		"login is no string":          {sign(t, hs256, good, claims([]string{"ops@example.com"}, id)), ""},
		"no id":                       {sign(t, hs256, good, jwt.MapClaims{"login": "ops@example.com"}), ""},
		"an extra claim":              {sign(t, hs256, good, with(claims("ops@example.com", id), "exp", 99999999999)), ""},
		"an extra claim for no id":    {sign(t, hs256, good, jwt.MapClaims{"login": "ops@example.com", "sub": id}), ""},
		"changed claims":              {parts[0] + "." + raw(`{"login":"b@example.com","api_key_id":"another-id"}`) + "." + parts[2], ""},
		"no signature":                {parts[0] + "." + parts[1] + ".", ""},
		"two parts":                   {parts[0] + "." + parts[1], ""},
		"four parts":                  {valid + ".x", ""},
		"padded":                      {valid + "=", ""},
		"rubbish":                     {"a.b.c", ""},
		"signing key as bearer token": {signing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := c.admit(c2.token); got != c2.want || ok != (c2.want != "") {
				t.Errorf("admit = %q, %v, want %q", got, ok, c2.want)
			}
		})
	}
}

func TestSigningKeyMustBeLong(t *testing.T) {
	c, err := loadCredentials(vault(map[string]string{"n6/secret": signing[1:]}), "default", &v1alpha1.AccessSpec{JWT: &v1alpha1.JWTAccess{
		SecretRef: reference("n6/secret"), Users: []v1alpha1.JWTUser{{Login: "a", APIKeyID: "12345678"}}}})
	if err == nil || !strings.Contains(err.Error(), "at least 32 bytes") || !c.empty() {
		t.Errorf("got %v, credentials empty: %v", err, c.empty())
	}
}

func TestFailedLoginsAreBoundedPerAddress(t *testing.T) {
	f := newFailures()
	now := time.Unix(1000, 0)
	for i := range failureBurst {
		if wait := f.add("192.0.2.1:1000", now); wait != 0 {
			t.Fatalf("failure %d has to wait %v", i, wait)
		}
	}
	if wait := f.add("192.0.2.1:2000", now); wait <= 0 || wait > failureRefill {
		t.Errorf("the next failure waits %v", wait)
	}
	if wait := f.add("192.0.2.2:1000", now); wait != 0 {
		t.Errorf("another address waits %v", wait)
	}
	if wait := f.add("192.0.2.1:1000", now.Add(failureRefill)); wait != 0 {
		t.Errorf("after a refill it waits %v", wait)
	}
	for range failureBurst {
		f.add("[2001:db8::1]:1", now)
	}
	if wait := f.add("[2001:db8::ffff:2]:1", now); wait == 0 {
		t.Error("another address of the same /64 does not wait")
	}
}

func TestFailedLoginsTakeBoundedMemory(t *testing.T) {
	f := newFailures()
	now := time.Unix(1000, 0)
	for i := range 3 * maxFailureSeen {
		f.add(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), now)
	}
	if len(f.seen) > maxFailureSeen {
		t.Errorf("%d addresses are remembered", len(f.seen))
	}
}
