package collect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/weir-project/weir/api/v1alpha1"
)

// The files of testdata/openpgp were made by GnuPG 2.2.40, in a home of their own,
// with --faked-system-time 20240101T000000:
//
//	gpg --quick-generate-key 'Publisher <feeds@example.org>' ed25519 sign never        (other@example.com alike)
//	gpg --passphrase 'correct horse' --quick-generate-key 'Weir <weir@example.net>' rsa2048 cert,sign never
//	gpg --quick-add-key <fingerprint> rsa2048 encr never
//	gpg -u feeds@example.org -r weir@example.net -se -o encrypted-signed.gpg c2.csv    (with --armor: .asc)
//	gpg -r weir@example.net -e -o encrypted.gpg c2.csv
//	zip -P infected c2.zip c2.csv; gpg -r weir@example.net -e -o encrypted-zip.gpg c2.zip
//	gpg -u feeds@example.org -s -o signed.gpg c2.csv                                   (with --armor -z 0: signed-plain.asc)
//	gpg -u feeds@example.org --clear-sign -o clear.asc c2.csv
//	gpg -u feeds@example.org -b -o c2.csv.sig c2.csv                                   (with --armor: c2.csv.asc)

func c2() string {
	var b strings.Builder
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&b, "192.0.2.%d,443,2026-11-01T12:00:00Z\n", i)
	}
	return b.String()
}

func testFile(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pgpFile(t testing.TB, name string) []byte { return testFile(t, "testdata", "openpgp", name) }

func ring(t testing.TB, name string) openpgp.EntityList {
	t.Helper()
	list, err := readKeyRing(pgpFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func privateRing(t testing.TB) openpgp.EntityList {
	list := ring(t, "weir-private.asc")
	for _, e := range list {
		if open, locked := unlock(e, "correct horse"); !open || locked {
			t.Fatal("the key stays locked")
		}
	}
	return list
}

func withPassword(u *unpacker) { u.keys = &keys{password: "infected"} }

func TestEncryptedArchivesAreOpened(t *testing.T) {
	dirs := map[string]string{".zip": "zipcrypt", ".7z": "sevenzip"}
	for name, want := range map[string]string{
		"aes128.zip": "c2.csv sub/more.txt", "aes192.zip": "c2.csv sub/more.txt", "aes256.zip": "c2.csv sub/more.txt",
		"aes-bzip2.zip": "c2.csv", "crypt.zip": "c2.csv sub/more.txt", "crypt-store.zip": "c2.csv",
		"aes.7z": "c2.csv sub/more.txt", "aes-header.7z": "c2.csv sub/more.txt", "lzma2.7z": "empty.csv c2.csv sub/more.txt",
	} {
		content := testFile(t, dirs[filepath.Ext(name)], "testdata", name)
		names, bodies, err := unpackBytes(t, content, withPassword)
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%s: %q, %v", name, names, err)
			continue
		}
		for i, n := range names {
			if n == "c2.csv" && bodies[i] != c2() {
				t.Errorf("%s: %s is %.50q", name, n, bodies[i])
			}
		}
		// The same inside of something else.
		if _, bodies, err := unpackBytes(t, gzipped(string(content)), withPassword); err != nil || len(bodies) != len(names) {
			t.Errorf("%s in gzip: %d payloads, %v", name, len(bodies), err)
		}
	}
}

func TestIncludePicksOfSolidArchives(t *testing.T) {
	content := testFile(t, "sevenzip", "testdata", "lzma2.7z")
	names, bodies, err := unpackBytes(t, content, func(u *unpacker) { u.include = []string{"*.txt"} })
	if err != nil || fmt.Sprint(names) != "[sub/more.txt]" || bodies[0] != "198.51.100.7\n" {
		t.Errorf("%q %q: %v", names, bodies, err)
	}
}

// refusal is a payload that cannot be opened, with what is told about it.
type refusal struct {
	content []byte
	mend    func(*unpacker)
	reason  string
	text    string
	policy  policy
}

func (r refusal) check(t *testing.T, name string) {
	t.Helper()
	_, bodies, err := unpackBytes(t, r.content, r.mend)
	var f *failure
	if !errors.As(err, &f) {
		t.Errorf("%s: %v, %d payloads", name, err, len(bodies))
		return
	}
	if f.reason != r.reason || f.policy != r.policy || !strings.Contains(f.Error(), r.text) {
		t.Errorf("%s: %s, policy %d: %v\nwant %s, policy %d: ...%s...", name, f.reason, f.policy, f, r.reason, r.policy, r.text)
	}
	for _, secret := range []string{"infected", "wrong", "correct horse"} {
		if strings.Contains(strings.ReplaceAll(f.Error(), r.text, ""), secret) {
			t.Errorf("%s: a secret is told: %v", name, f)
		}
	}
}

func TestWhatCannotBeDecryptedSaysWhy(t *testing.T) {
	zip := func(name string) []byte { return testFile(t, "zipcrypt", "testdata", name) }
	seven := func(name string) []byte { return testFile(t, "sevenzip", "testdata", name) }
	wrong := func(u *unpacker) { u.keys = &keys{password: "wrong"} }
	few := func(u *unpacker) { withPassword(u); u.limits.entries = 1 }
	small := func(u *unpacker) { withPassword(u); u.limits.payload = 1000 }
	damaged := zip("aes-store.zip")
	damaged = bytes.Clone(damaged)
	damaged[100] ^= 1
	const unpack, large = v1alpha1.ReasonUnpackFailed, v1alpha1.ReasonTooLarge
	for name, r := range map[string]refusal{
		"zip without a password":      {zip("aes256.zip"), nil, unpack, "name the password in spec.unpack.password", onSchedule},
		"zip with a wrong password":   {zip("aes256.zip"), wrong, unpack, "spec.unpack.password is not the password", onSchedule},
		"old zip, wrong password":     {zip("crypt.zip"), wrong, unpack, "spec.unpack.password is not the password", onSchedule},
		"7z without a password":       {seven("aes.7z"), nil, unpack, "name the password in spec.unpack.password", onSchedule},
		"7z with a wrong password":    {seven("aes.7z"), wrong, unpack, "spec.unpack.password is not its password", onSchedule},
		"7z list, wrong password":     {seven("aes-header.7z"), wrong, unpack, "spec.unpack.password is not its password", onSchedule},
		"7z with PPMd":                {seven("ppmd.7z"), nil, unpack, "PPMd", onSchedule},
		"damaged zip":                 {damaged, withPassword, unpack, "damaged", onSchedule},
		"7z cut off":                  {seven("lzma2.7z")[:200], nil, unpack, "breaks off", backOff},
		"7z with too many":            {seven("lzma2.7z"), few, large, "more than 1 members", onSchedule},
		"zip with too many":           {zip("aes256.zip"), few, large, "more than 1 members", onSchedule},
		"7z with a payload too large": {seven("copy.7z"), small, large, "payloadBytes", onSchedule},
		"zip, payload too large":      {zip("aes256.zip"), small, large, "payloadBytes", onSchedule},
		"nothing picked of 7z": {
			seven("lzma2.7z"), func(u *unpacker) { u.include = []string{"*.json"} }, unpack, "spec.unpack.include", onSchedule,
		},
	} {
		r.check(t, name)
	}
}

func TestOpenPGPMessagesAreOpened(t *testing.T) {
	decrypt := func(u *unpacker) { u.keys = &keys{private: privateRing(t), password: "infected"} }
	verify := func(u *unpacker) { u.keys = &keys{signers: ring(t, "publisher.asc")} }
	both := func(u *unpacker) { u.keys = &keys{private: privateRing(t), signers: ring(t, "publisher.asc")} }
	for name, tc := range map[string]struct {
		file string
		mend func(*unpacker)
		want string
	}{
		"encrypted":                  {"encrypted.gpg", decrypt, c2()},
		"encrypted and signed":       {"encrypted-signed.gpg", both, c2()},
		"armored":                    {"encrypted-signed.asc", both, c2()},
		"signed, but nobody asks":    {"encrypted-signed.gpg", decrypt, c2()},
		"three layers, zip within":   {"encrypted-zip.gpg", decrypt, c2()},
		"signed and compressed":      {"signed.gpg", verify, c2()},
		"signed":                     {"signed-plain.asc", verify, c2()},
		"text":                       {"clear.asc", verify, c2()},
		"text with dashes":           {"clear-dashes.asc", verify, "- a dash\nblanks at the end\n\nFrom here\n192.0.2.1\n"},
		"text, decrypting otherwise": {"clear.asc", both, c2()},
	} {
		_, bodies, err := unpackBytes(t, pgpFile(t, tc.file), tc.mend)
		if err != nil || len(bodies) != 1 || bodies[0] != tc.want {
			t.Errorf("%s: %.80q, %v", name, bodies, err)
		}
	}
	// With unpack.mode None, only the signature is taken off.
	packed := signedBy(t, zipped(file{"a.csv", "x"}))
	_, bodies, err := unpackBytes(t, packed, func(u *unpacker) {
		u.bare, u.keys = true, &keys{signers: signerRing(t)}
	})
	if err != nil || len(bodies) != 1 || bodies[0] != string(zipped(file{"a.csv", "x"})) {
		t.Errorf("a signed archive that stays packed: %.80q, %v", bodies, err)
	}
}

var madeSigner openpgp.EntityList

// signerRing is a key made for the tests; signedBy signs with it.
func signerRing(t testing.TB) openpgp.EntityList {
	if madeSigner == nil {
		e, err := openpgp.NewEntity("Signer", "", "signer@example.org", nil)
		if err != nil {
			t.Fatal(err)
		}
		madeSigner = openpgp.EntityList{e}
	}
	return madeSigner
}

func signedBy(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := openpgp.Sign(&b, signerRing(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenPGPMessagesThatAreRefused(t *testing.T) {
	decrypt := func(u *unpacker) { u.keys = &keys{private: privateRing(t)} }
	other := func(u *unpacker) { u.keys = &keys{private: privateRing(t), signers: ring(t, "other.asc")} }
	own := func(u *unpacker) {
		u.keys = &keys{private: append(privateRing(t), signerRing(t)...), signers: ring(t, "publisher.asc")}
	}
	verify := func(u *unpacker) { u.keys = &keys{signers: ring(t, "publisher.asc")} }
	both := func(u *unpacker) { u.keys = &keys{private: privateRing(t), signers: ring(t, "publisher.asc")} }
	small := func(u *unpacker) { decrypt(u); u.limits.payload = 1000 }
	changed := bytes.Replace(pgpFile(t, "clear.asc"), []byte("192.0.2.7,"), []byte("192.0.2.8,"), 1)
	added := append([]byte("Read this first\n"), pgpFile(t, "clear.asc")...)
	cut := func(name string, n int) []byte { b := pgpFile(t, name); return b[:len(b)-n] }
	const unpack, bad = v1alpha1.ReasonUnpackFailed, v1alpha1.ReasonSignatureInvalid
	for name, r := range map[string]refusal{
		"no key":                       {pgpFile(t, "encrypted-signed.asc"), nil, unpack, "name the key in spec.unpack.pgp.privateKey", onSchedule},
		"no key to decrypt":            {pgpFile(t, "encrypted-signed.gpg"), verify, unpack, "name the key in spec.unpack.pgp.privateKey", onSchedule},
		"another key":                  {pgpFile(t, "encrypted.gpg"), func(u *unpacker) { u.keys = &keys{private: signerRing(t)} }, unpack, "not encrypted to the key", onSchedule},
		"cut off":                      {cut("encrypted.gpg", 30), decrypt, unpack, "pgp", backOff},
		"too large":                    {pgpFile(t, "encrypted.gpg"), small, v1alpha1.ReasonTooLarge, "payloadBytes", onSchedule},
		"signed by another":            {pgpFile(t, "encrypted-signed.gpg"), other, bad, "not signed by any key of spec.verify.pgp.publicKeys", onSchedule},
		"text signed by another":       {pgpFile(t, "clear.asc"), other, bad, "not signed by any key of spec.verify.pgp.publicKeys", onSchedule},
		"encrypted, not signed":        {pgpFile(t, "encrypted.gpg"), both, bad, "the payload is not signed", onSchedule},
		"neither":                      {[]byte(c2()), verify, bad, "the payload is not signed", onSchedule},
		"packed, not signed":           {zipped(file{"a.csv", "x"}), verify, bad, "the payload is not signed", onSchedule},
		"signed by the key to decrypt": {signedBy(t, []byte("x")), own, bad, "not signed by any key", onSchedule},
		"a changed text":               {changed, verify, bad, "the signature is not valid", onSchedule},
		"a text below another":         {added, verify, bad, "the payload is not signed", onSchedule},
		"a text without its end":       {cut("clear.asc", 250), verify, unpack, "breaks off", backOff},
	} {
		r.check(t, name)
	}
}

// A flipped byte anywhere gives a failure or, where it does not matter, the same.
func TestDamagedMessagesGiveNothingElse(t *testing.T) {
	k := &keys{private: privateRing(t), signers: ring(t, "publisher.asc")}
	for _, name := range []string{"signed.gpg", "signed-plain.asc", "clear.asc", "encrypted-signed.gpg"} {
		whole := pgpFile(t, name)
		step := 1
		if strings.HasPrefix(name, "encrypted") {
			step = 13 // each is a computation with the private key
		}
		for i := 0; i < len(whole); i += step {
			bad := bytes.Clone(whole)
			bad[i] ^= 0x04
			_, bodies, err := unpackBytes(t, bad, func(u *unpacker) { u.keys = k })
			if err == nil && (len(bodies) != 1 || bodies[0] != c2()) {
				t.Errorf("%s: with byte %d flipped: %.60q", name, i, bodies)
			}
			if _, bodies, err := unpackBytes(t, whole[:i], func(u *unpacker) { u.keys = k }); err == nil && bodies[0] != c2() {
				t.Errorf("%s: cut off at %d: %.60q", name, i, bodies)
			}
		}
	}
}

func TestABombInAMessageIsRefused(t *testing.T) {
	bomb := signedBy(t, gzipped(strings.Repeat("0", 8<<20)))
	refusal{bomb, func(u *unpacker) { u.keys = &keys{signers: signerRing(t)} }, v1alpha1.ReasonTooLarge, "200 times", onSchedule}.check(t, "bomb")
}

func FuzzOpenPGP(f *testing.F) {
	for _, name := range []string{"encrypted-signed.asc", "encrypted.gpg", "signed.gpg", "signed-plain.asc", "clear.asc", "clear-dashes.asc"} {
		f.Add(pgpFile(f, name))
	}
	k := &keys{private: privateRing(f), signers: ring(f, "publisher.asc")}
	known := map[string]bool{c2(): true, "- a dash\nblanks at the end\n\nFrom here\n192.0.2.1\n": true}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, bodies, err := unpackBytes(t, content, func(u *unpacker) { u.keys = k; u.limits.payload = 8 << 20 })
		if failed := (*failure)(nil); err != nil && !errors.As(err, &failed) {
			t.Errorf("error without a reason: %v", err)
		}
		for _, b := range bodies {
			if err == nil && !known[b] {
				t.Errorf("%.80q passes as signed", b)
			}
		}
	})
}
