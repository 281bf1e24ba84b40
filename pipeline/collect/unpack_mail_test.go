package collect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

// mailWith is a mail with files attached.
func mailWith(files ...file) []byte {
	var b strings.Builder
	b.WriteString("Received: by mx.example.net\r\nFrom: feeds@example.org\r\nSubject: report\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=\"=_1\"\r\n\r\n--=_1\r\nContent-Type: text/plain\r\n\r\nHello\r\n")
	for _, f := range files {
		fmt.Fprintf(&b, "--=_1\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n", f.name)
		for body := base64.StdEncoding.EncodeToString([]byte(f.body)); body != ""; {
			n := min(76, len(body))
			b.WriteString(body[:n] + "\r\n")
			body = body[n:]
		}
	}
	b.WriteString("--=_1--\r\n")
	return []byte(b.String())
}

func withMail(include ...string) func(*unpacker) {
	return func(u *unpacker) { u.mail, u.include, u.keys = true, include, &keys{password: "infected"} }
}

func TestAttachmentsBecomePayloads(t *testing.T) {
	zip := string(zipped(file{"a.csv", "1"}, file{"read.me", "2"}))
	secret := string(testFile(t, "zipcrypt", "testdata", "aes256.zip"))
	both := string(mailWith(file{"a.csv", "1"}))
	mbox := "From feeds@example.org Sat Nov 28 06:00:00 2026\n" + strings.ReplaceAll(both, "\r\n", "\n") + "\nFrom feeds@example.org Sun Nov 29 06:00:00 2026\n" + strings.ReplaceAll(string(mailWith(file{"a.csv", "3"})), "\r\n", "\n")
	for name, tc := range map[string]struct {
		content []byte
		include []string
		want    string
	}{
		"all":                 {mailWith(file{"a.csv", "1"}, file{"b.txt", "2"}), nil, "a.csv=1 b.txt=2"},
		"picked":              {mailWith(file{"a.csv", "1"}, file{"b.txt", "2"}), []string{"*.csv"}, "a.csv=1"},
		"zip":                 {mailWith(file{"report.zip", zip}), nil, "a.csv=1 read.me=2"},
		"picked in zip":       {mailWith(file{"report.zip", zip}, file{"logo.png", "x"}), []string{"*.csv"}, "a.csv=1"},
		"all of a picked zip": {mailWith(file{"report.zip", zip}, file{"a.csv", "x"}), []string{"report*"}, "a.csv=1 read.me=2"},
		"gzip, by what it is": {mailWith(file{"a.csv.gz", string(gzipped("1"))}, file{"b.txt.gz", string(gzipped("2"))}), []string{"*.csv"}, "a.csv=1"},
		"zip with a password": {mailWith(file{"c2.zip", secret}), []string{"*.txt"}, "sub/more.txt=198.51.100.7\n"},
		"tar.gz":              {mailWith(file{"a.tgz", string(gzipped(string(tarred(file{"a.csv", "1"}))))}), []string{"*.csv"}, "a.csv=1"},
		"mbox":                {[]byte(mbox), []string{"*.csv"}, "a.csv=1 a.csv=3"},
		"in gzip":             {gzipped(both), nil, "a.csv=1"},
		"no mail":             {[]byte("192.0.2.1\n"), nil, "feed=192.0.2.1\n"},
	} {
		names, bodies, err := unpackBytes(t, tc.content, withMail(tc.include...))
		var got []string
		for i := range names {
			got = append(got, names[i]+"="+bodies[i])
		}
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.want)
		}
	}
	if _, bodies, err := unpackBytes(t, []byte(both), nil); err != nil || bodies[0] != both {
		t.Errorf("without spec.unpack.mail, a mail is not passed as it is: %v", err)
	}
}

func TestAnEncryptedMailIsOpened(t *testing.T) {
	// As in RFC 3156: what is encrypted is again what a mail consists of.
	inner := mailWith(file{"c2.tgz", string(gzipped(string(tarred(file{"a.csv", "1"}))))})
	content := mailWith(file{"encrypted.asc", string(signedBy(t, inner))})
	names, bodies, err := unpackBytes(t, content, func(u *unpacker) {
		withMail("*.csv")(u)
		u.keys.signers = signerRing(t)
	})
	if err != nil || fmt.Sprint(names, bodies) != "[a.csv] [1]" {
		t.Errorf("%q %q: %v", names, bodies, err)
	}
	// The same without a signature.
	refusal{mailWith(file{"a.csv", "1"}), func(u *unpacker) { withMail()(u); u.keys.signers = signerRing(t) },
		v1alpha1.ReasonSignatureInvalid, "not signed", onSchedule}.check(t, "not signed")
}

func TestMailsThatAreRefused(t *testing.T) {
	whole := mailWith(file{"a.csv", strings.Repeat("1", 2000)})
	many := make([]file, 101)
	for i := range many {
		many[i] = file{fmt.Sprintf("%d.csv", i), "x"}
	}
	small := func(u *unpacker) { withMail()(u); u.limits.payload = 1999 }
	const unpack, large = v1alpha1.ReasonUnpackFailed, v1alpha1.ReasonTooLarge
	for name, r := range map[string]refusal{
		"no attachment":             {mailWith(), withMail(), unpack, "the mail has no attachment that spec.unpack.include picks", onSchedule},
		"none picked":               {whole, withMail("*.json"), unpack, "spec.unpack.include picks (1 attachments", onSchedule},
		"none in the zip":           {mailWith(file{"a.zip", string(zipped(file{"b", "x"}))}), withMail("*.json"), unpack, "the mail has no attachment", onSchedule},
		"cut off":                   {whole[:len(whole)-100], withMail(), unpack, "breaks off", backOff},
		"too many":                  {mailWith(many...), withMail(), large, "more than 100 members", onSchedule},
		"too large":                 {whole, small, large, "payloadBytes", onSchedule},
		"a bomb":                    {mailWith(file{"a.gz", string(gzipped(strings.Repeat("0", 8<<20)))}), withMail(), large, "200 times", onSchedule},
		"a bomb that is not picked": {mailWith(file{"a.gz", string(gzipped(strings.Repeat("0", 8<<20)))}), withMail("*.csv"), large, "200 times", onSchedule},
	} {
		r.check(t, name)
	}
}

func TestAFolderOfMailsIsCollected(t *testing.T) {
	root := t.TempDir()
	h := newHarness(t, func(o *Options) { o.FilesRoot = root })
	cfg := fileFeed("mails/*.eml")
	cfg.Spec.Unpack = v1alpha1.UnpackSpec{Mail: v1alpha1.MailAttachments, Include: []string{"*.csv"}}
	put(t, root, "mails/1.eml", string(mailWith(file{"a.csv", "1"})), 0)
	put(t, root, "mails/2.eml", string(mailWith(file{"b.zip", string(zipped(file{"b.csv", "2"}))})), 0)
	h.works(cfg)
	h.published("1", "2")
	put(t, root, "mails/3.eml", string(mailWith(file{"c.csv", "3"})), 0)
	h.works(cfg)
	h.published("1", "2", "3")
	if p := h.raw.payloads; p[0].Filename != "a.csv" || p[1].Filename != "b.csv" {
		t.Errorf("payloads are called %q and %q", p[0].Filename, p[1].Filename)
	}
}

func FuzzMailUnpack(f *testing.F) {
	f.Add(mailWith(file{"a.csv", "1"}, file{"b.gz", string(gzipped("2"))}))
	f.Add([]byte("From a@b Sat Nov 28 06:00:00 2026\nSubject: x\nContent-Disposition: attachment\n\nx\n"))
	for _, name := range []string{"copy.7z", "lzma2.7z"} {
		if b, err := os.ReadFile("sevenzip/testdata/" + name); err == nil {
			f.Add(mailWith(file{name, string(b)}))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, bodies, err := unpackBytes(t, content, func(u *unpacker) { withMail()(u); u.limits.entries = 50; u.limits.payload = 1 << 20 })
		if len(bodies) > 51 {
			t.Errorf("%d payloads", len(bodies))
		}
		if failed := (*failure)(nil); err != nil && !errors.As(err, &failed) {
			t.Errorf("error without a reason: %v", err)
		}
	})
}
