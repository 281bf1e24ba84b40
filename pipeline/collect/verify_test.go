package collect

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// The files of testdata/minisign were made by minisign 0.11:
//
//	minisign -G -W -p minisign.pub -s minisign.key       (other.pub alike)
//	minisign -S -s minisign.key -m c2.csv -t 'c2 of January'
//	minisign -S -l -s minisign.key -m c2.csv -x legacy.minisig

// site serves files by path; what is not there is not found. It counts requests.
type site struct {
	*httptest.Server
	files map[string]string
	seen  []*http.Request
}

func newSite(t *testing.T, files map[string]string) *site {
	s := &site{files: files}
	s.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.seen = append(s.seen, r)
		body, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(body))
	})
	return s
}

func verified(url string, v v1alpha1.VerifySpec) *plan.Collector {
	cfg := httpFeed(url)
	cfg.Spec.Verify = &v
	return cfg
}

func publicKeys(t *testing.T, elem ...string) []v1alpha1.PublicKeySource {
	return []v1alpha1.PublicKeySource{{Value: string(testFile(t, append([]string{"testdata"}, elem...)...))}}
}

func byPGP(t *testing.T) v1alpha1.VerifySpec {
	return v1alpha1.VerifySpec{PGP: &v1alpha1.PGPVerifySpec{PublicKeys: publicKeys(t, "openpgp", "publisher.asc")}}
}

func byMinisign(t *testing.T) v1alpha1.VerifySpec {
	return v1alpha1.VerifySpec{Minisign: &v1alpha1.MinisignVerifySpec{PublicKeys: publicKeys(t, "minisign", "minisign.pub")}}
}

func bySHA256() v1alpha1.VerifySpec {
	return v1alpha1.VerifySpec{SHA256: &v1alpha1.SHA256VerifySpec{}}
}

func sumOf(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body))) }

func TestSignedFeedsAreCollected(t *testing.T) {
	asc, sig := string(pgpFile(t, "c2.csv.asc")), string(pgpFile(t, "c2.csv.sig"))
	mini, legacy := string(testFile(t, "testdata", "minisign", "c2.csv.minisig")), string(testFile(t, "testdata", "minisign", "legacy.minisig"))
	at := func(v v1alpha1.VerifySpec, url string) v1alpha1.VerifySpec { v.SignatureURL = url; return v }
	other := byPGP(t)
	other.PGP.PublicKeys = append(publicKeys(t, "openpgp", "other.asc"), other.PGP.PublicKeys...)
	line := byMinisign(t)
	line.Minisign.PublicKeys[0].Value = strings.Split(line.Minisign.PublicKeys[0].Value, "\n")[1]
	for name, tc := range map[string]struct {
		signature string // path
		body      string
		verify    v1alpha1.VerifySpec
	}{
		"pgp, armored":         {"/v1/c2.csv.asc", asc, byPGP(t)},
		"pgp, binary":          {"/v1/c2.csv.sig", sig, byPGP(t)},
		"pgp, the second key":  {"/v1/c2.csv.asc", asc, other},
		"relative":             {"/v1/signature", asc, at(byPGP(t), "signature")},
		"relative, above":      {"/sigs/c2.csv.gpg", sig, at(byPGP(t), "/sigs/{name}.gpg")},
		"by url":               {"/v1/c2.csv.sign", asc, at(byPGP(t), "{url}.sign")},
		"minisign":             {"/v1/c2.csv.minisig", mini, byMinisign(t)},
		"minisign, CRLF":       {"/v1/c2.csv.minisig", strings.ReplaceAll(mini, "\n", "\r\n"), byMinisign(t)},
		"minisign, one line":   {"/v1/c2.csv.minisig", mini, line},
		"minisign, old":        {"/v1/c2.csv.minisig", legacy, byMinisign(t)},
		"sha256, alone":        {"/v1/c2.csv.sha256", sumOf(c2()) + "\n", bySHA256()},
		"sha256, list":         {"/v1/SHA256SUMS", sumOf("x") + "  a.csv\n" + sumOf(c2()) + " *./c2.csv\n", at(bySHA256(), "SHA256SUMS")},
		"sha256, BSD":          {"/v1/CHECKSUM", "SHA256 (c2.csv) = " + strings.ToUpper(sumOf(c2())) + "\n", at(bySHA256(), "CHECKSUM")},
		"sha256, with a query": {"/v1/c2.csv.sha256", sumOf(c2()), at(bySHA256(), "{url}.sha256?token=1")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			s := newSite(t, map[string]string{"/v1/c2.csv": c2(), tc.signature: tc.body})
			h.works(verified(s.URL+"/v1/c2.csv?key=1", tc.verify))
			h.published(c2())
		})
	}
}

func TestFeedsWithoutAValidSignatureAreNotCollected(t *testing.T) {
	mini := string(testFile(t, "testdata", "minisign", "c2.csv.minisig"))
	otherMini := byMinisign(t)
	otherMini.Minisign.PublicKeys = publicKeys(t, "minisign", "other.pub")
	big := strings.Repeat("x", maxSignature+1)
	for name, tc := range map[string]struct {
		suffix, signature string
		verify            v1alpha1.VerifySpec
		text              string
	}{
		"missing":                   {".none", "", byPGP(t), "there is no signature at"},
		"of another":                {".asc", string(pgpFile(t, "other.csv.asc")), byPGP(t), "not signed by any key of spec.verify.pgp.publicKeys"},
		"no signature":              {".asc", "<html>hello</html>", byPGP(t), "pgp"},
		"a key":                     {".asc", string(pgpFile(t, "publisher.asc")), byPGP(t), "something else"},
		"empty":                     {".asc", "", byPGP(t), "not signed by any key"},
		"too large":                 {".asc", big, byPGP(t), "larger than"},
		"minisign of another":       {".minisig", mini, otherMini, "not signed by any key of spec.verify.minisign.publicKeys"},
		"minisign, something else":  {".minisig", "hello\n", byMinisign(t), "not one of minisign"},
		"minisign, changed comment": {".minisig", strings.Replace(mini, "January", "February", 1), byMinisign(t), "not valid"},
		"another sum":               {".sha256", sumOf("x"), bySHA256(), "the checksum is another"},
		"the sum of another file":   {".sha256", sumOf(c2()) + "  other.csv", bySHA256(), `none of its lines is for ["c2.csv"`},
		"sum, something else":       {".sha256", "hello", bySHA256(), "no SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			s := newSite(t, map[string]string{"/c2.csv": c2(), "/c2.csv" + tc.suffix: tc.signature})
			f := h.fails(verified(s.URL+"/c2.csv", tc.verify), v1alpha1.ReasonSignatureInvalid, tc.text)
			if f.policy != onSchedule {
				t.Errorf("policy %d", f.policy)
			}
		})
	}
	for name, v := range map[string]v1alpha1.VerifySpec{"pgp": byPGP(t), "minisign": byMinisign(t)} {
		h := newHarness(t)
		s := newSite(t, map[string]string{"/c2.csv": c2() + "203.0.113.1,1,2026-11-01T12:00:00Z\n", "/c2.csv.asc": string(pgpFile(t, "c2.csv.asc")), "/c2.csv.minisig": mini})
		h.fails(verified(s.URL+"/c2.csv", v), v1alpha1.ReasonSignatureInvalid, name+": the payload does not match")
	}
}

func TestAMessageCarriesItsOwnSignature(t *testing.T) {
	h := newHarness(t)
	h.secrets["pgp/key"], h.secrets["pgp/passphrase"] = string(pgpFile(t, "weir-private.gpg")), "correct horse\n"
	h.secrets["pgp/publisher"] = string(pgpFile(t, "publisher.asc"))
	s := newSite(t, map[string]string{"/c2.gpg": string(pgpFile(t, "encrypted-signed.gpg")), "/clear.asc": string(pgpFile(t, "clear.asc")), "/plain.gpg": string(pgpFile(t, "encrypted.gpg"))})
	ref, passphrase := secretRef("pgp", "publisher"), secretRef("pgp", "passphrase")
	v := v1alpha1.VerifySpec{PGP: &v1alpha1.PGPVerifySpec{PublicKeys: []v1alpha1.PublicKeySource{{SecretRef: &ref}}}}
	feed := func(path string) *plan.Collector {
		cfg := verified(s.URL+path, v)
		cfg.Spec.Unpack.PGP = &v1alpha1.PGPUnpackSpec{PrivateKey: secretRef("pgp", "key"), Passphrase: &passphrase}
		return cfg
	}
	h.works(feed("/c2.gpg"))
	h.published(c2())
	if name := h.raw.payloads[0].Filename; name != "c2" {
		t.Errorf("the payload is called %q", name)
	}
	h.works(feed("/clear.asc")) // the same bytes, so nothing more is published
	h.published(c2())
	h.fails(feed("/plain.gpg"), v1alpha1.ReasonSignatureInvalid, "not signed")
	if len(s.seen) != 3 {
		t.Errorf("%d requests: a message needs no signature beside it", len(s.seen))
	}
}

func TestPayloadAndSignatureThatWereReplacedInBetweenAreFetchedAgain(t *testing.T) {
	var n atomic.Int64
	old := "192.0.2.99\n"
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		switch {
		case r.URL.Path != "/c2.csv":
			_, _ = w.Write(pgpFile(t, "c2.csv.asc"))
		case n.Add(1) == 1:
			_, _ = w.Write([]byte(old))
		default:
			if r.Header.Get("If-None-Match") != "" {
				t.Error("the second attempt is conditional")
			}
			_, _ = w.Write([]byte(c2()))
		}
	})
	h := newHarness(t)
	cfg := verified(srv.URL+"/c2.csv", byPGP(t))
	cfg.Spec.Limits.DownloadBytes = int64(len(c2()) + 1000)
	h.works(cfg)
	h.published(c2())
	if n.Load() != 2 {
		t.Errorf("%d requests", n.Load())
	}
}

func TestCredentialsAreNotSentToTheHostOfASignature(t *testing.T) {
	elsewhere := newSite(t, map[string]string{"/c2.csv.asc": string(pgpFile(t, "c2.csv.asc"))})
	feed := newSite(t, map[string]string{"/c2.csv": c2(), "/c2.csv.asc": string(pgpFile(t, "c2.csv.asc"))})
	h := newHarness(t)
	h.secrets["api/key"] = "hush-hush"
	cfg := verified(feed.URL+"/c2.csv", byPGP(t))
	bearer := secretRef("api", "key")
	cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{Bearer: &bearer}
	cfg.Spec.HTTP.Method, cfg.Spec.HTTP.Body = "POST", "q"
	cfg.Spec.HTTP.Headers = []v1alpha1.HTTPHeader{{Name: "X-Api-Key", Value: "hush"}, {Name: "Accept", Value: "text/csv"}}
	h.works(cfg)
	cfg.Spec.Verify.SignatureURL = elsewhere.URL + "/{name}.asc"
	h.works(cfg)
	if r := elsewhere.seen[0]; r.Header.Get("Authorization")+r.Header.Get("X-Api-Key") != "" || r.Method != "GET" || r.ContentLength > 0 {
		t.Errorf("the other host got %s %v", r.Method, r.Header)
	}
	if r := feed.seen[1]; r.Header.Get("Authorization") != "Bearer hush-hush" || r.Method != "GET" || r.Header.Get("Accept") != "" {
		t.Errorf("the host of the feed got %s %s %v", r.Method, r.URL, r.Header)
	}
}

func TestSignatureURLsThatAreRefused(t *testing.T) {
	for place, why := range map[string]string{
		"ftp://example.org/x":      "must start with https",
		"http://a:b@example.org/x": "user or password",
		"http://%zz":               "no URL",
		"https://":                 "names no host",
	} {
		h := newHarness(t)
		v := byPGP(t)
		v.SignatureURL = place
		f := h.fails(verified(newSite(t, map[string]string{"/c2.csv": c2()}).URL+"/c2.csv", v), v1alpha1.ReasonInvalidSpec, why)
		if f.policy != stall {
			t.Errorf("%s: policy %d", place, f.policy)
		}
	}
	h := newHarness(t)
	v := byPGP(t)
	v.SignatureURL = "http://10.1.2.3/x" // not allowed to be reached
	h.fails(verified(newSite(t, map[string]string{"/c2.csv": c2()}).URL+"/c2.csv", v), v1alpha1.ReasonAddressForbidden, "the signature cannot be fetched")
}

func TestSignaturesOfFilesLieBesideThem(t *testing.T) {
	root := t.TempDir()
	h := newHarness(t, func(o *Options) { o.FilesRoot = root })
	cfg := fileFeed("in/*")
	v := byPGP(t)
	cfg.Spec.Verify = &v
	put(t, root, "in/c2.csv", c2(), 0)
	f := h.fails(cfg, v1alpha1.ReasonSignatureInvalid, "no signature beside in/c2.csv: it is looked for in in/c2.csv.asc and in/c2.csv.sig")
	if f.policy != backOff {
		t.Errorf("policy %d: the signature may be on its way", f.policy)
	}
	put(t, root, "in/c2.csv.sig", string(pgpFile(t, "c2.csv.sig")), 0)
	h.works(cfg)
	h.published(c2())
	put(t, root, "in/c2.csv", c2()+"x", time.Minute)
	h.fails(cfg, v1alpha1.ReasonSignatureInvalid, "does not match in/c2.csv.sig")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, pgpFile(t, "c2.csv.sig"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, root, "in/c2.csv", c2(), 2*time.Minute)
	_ = os.Remove(filepath.Join(root, "in/c2.csv.sig"))
	if err := os.Symlink(outside, filepath.Join(root, "in/c2.csv.sig")); err != nil {
		t.Fatal(err)
	}
	h.fails(cfg, v1alpha1.ReasonSignatureInvalid, "no regular file")
}

func TestKeysThatAreNoneAreTold(t *testing.T) {
	private, public := string(pgpFile(t, "weir-private.asc")), string(pgpFile(t, "publisher.asc"))
	secrets := map[string]string{"s/private": private, "s/public": public, "s/rubbish": "hush-hush", "s/right": "correct horse", "s/wrong": "battery", "s/empty": "\n"}
	key := func(name string) *v1alpha1.SecretKeyReference { r := secretRef("s", name); return &r }
	pgp := func(k, passphrase string) v1alpha1.FeedSourceSpec {
		p := &v1alpha1.PGPUnpackSpec{PrivateKey: *key(k)}
		if passphrase != "" {
			p.Passphrase = key(passphrase)
		}
		return v1alpha1.FeedSourceSpec{Unpack: v1alpha1.UnpackSpec{PGP: p}}
	}
	verify := func(v v1alpha1.VerifySpec) v1alpha1.FeedSourceSpec { return v1alpha1.FeedSourceSpec{Verify: &v} }
	value := func(v string) []v1alpha1.PublicKeySource { return []v1alpha1.PublicKeySource{{Value: v}} }
	ref := func(k string) []v1alpha1.PublicKeySource { return []v1alpha1.PublicKeySource{{SecretRef: key(k)}} }
	const missing, invalid = v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonInvalidSpec
	for name, tc := range map[string]struct {
		spec         v1alpha1.FeedSourceSpec
		reason, text string
	}{
		"no password":          {v1alpha1.FeedSourceSpec{Unpack: v1alpha1.UnpackSpec{Password: key("none")}}, missing, "spec.unpack.password: secret s, key none"},
		"empty password":       {v1alpha1.FeedSourceSpec{Unpack: v1alpha1.UnpackSpec{Password: key("empty")}}, missing, "spec.unpack.password: secret s, key empty is empty"},
		"no private key":       {pgp("none", ""), missing, "spec.unpack.pgp.privateKey: secret s, key none"},
		"rubbish":              {pgp("rubbish", ""), missing, "holds no OpenPGP key"},
		"a public key":         {pgp("public", ""), missing, "holds a public key only"},
		"locked":               {pgp("private", ""), missing, "spec.unpack.pgp.passphrase"},
		"wrong passphrase":     {pgp("private", "wrong"), missing, "does not open the key"},
		"no public key":        {verify(v1alpha1.VerifySpec{PGP: &v1alpha1.PGPVerifySpec{PublicKeys: value("x")}}), invalid, "spec.verify.pgp.publicKeys[0].value is no public key"},
		"no key in the secret": {verify(v1alpha1.VerifySpec{PGP: &v1alpha1.PGPVerifySpec{PublicKeys: ref("rubbish")}}), missing, "spec.verify.pgp.publicKeys[0].secretRef"},
		"no minisign key":      {verify(v1alpha1.VerifySpec{Minisign: &v1alpha1.MinisignVerifySpec{PublicKeys: value("RWx")}}), invalid, "spec.verify.minisign.publicKeys[0].value"},
	} {
		h := newHarness(t)
		h.secrets = secrets
		cfg := httpFeed("http://192.0.2.1/")
		cfg.Spec.Unpack, cfg.Spec.Verify = tc.spec.Unpack, tc.spec.Verify
		f := h.fails(cfg, tc.reason, tc.text)
		for _, hush := range []string{"hush-hush", "battery", "correct horse"} {
			if strings.Contains(f.Error(), hush) {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}

func TestPagesCannotBeVerified(t *testing.T) {
	cfg := verified("http://192.0.2.1/", byPGP(t))
	cfg.Spec.HTTP.Paging = &v1alpha1.PagingSpec{Link: &v1alpha1.LinkPaging{}}
	newHarness(t).fails(cfg, v1alpha1.ReasonInvalidSpec, "spec.http.paging")
}

func FuzzMinisign(f *testing.F) {
	pub := testFile(f, "testdata", "minisign", "minisign.pub")
	key, err := readMinisignKey(pub)
	if err != nil {
		f.Fatal(err)
	}
	k := &keys{}
	k.minisign = append(k.minisign, key)
	for _, name := range []string{"c2.csv.minisig", "legacy.minisig", "minisign.pub"} {
		f.Add([]byte("x"), testFile(f, "testdata", "minisign", name))
	}
	f.Fuzz(func(t *testing.T, content, signature []byte) {
		_, _ = readMinisignKey(signature)
		if err := k.checkMinisign(strings.NewReader(string(content)), int64(len(content)), signature); err == nil {
			t.Errorf("%q passes as the signature of %q", signature, content)
		}
	})
}
