package mail

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// read gives the attachments of a mail as "name=content".
func read(walk func(io.Reader, func(Attachment) error) error, mail string) ([]string, error) {
	var got []string
	err := walk(strings.NewReader(mail), func(a Attachment) error {
		b, err := io.ReadAll(io.LimitReader(a.Content, 1<<20))
		got = append(got, a.Name+"="+string(b))
		return err
	})
	return got, err
}

func lines(l ...string) string { return strings.Join(l, "\r\n") }

// report is a mail with one attachment.
func report(headers ...string) string {
	return lines(append(append([]string{
		"Received: from mx.example.org by mx.example.net", "\twith ESMTPS; Sat, 28 Nov 2026 06:00:00 +0000",
		"From: Feeds <feeds@example.org>", "To: weir@example.net", "Subject: =?utf-8?q?Daily_report?=", "MIME-Version: 1.0",
		`Content-Type: multipart/mixed; boundary="b1"`, "", "This is a mail in several parts.",
		"--b1", "Content-Type: text/plain; charset=utf-8", "", "See the attachment.", "--b1",
	}, headers...), "--b1--", "a tail", "")...)
}

func TestAttachmentsAreRead(t *testing.T) {
	csv := "192.0.2.1,443\n"
	b64 := base64.StdEncoding.EncodeToString([]byte(csv))
	for name, tc := range map[string]struct {
		mail string
		want string
	}{
		"base64":              {report("Content-Type: text/csv; name=\"c2.csv\"", "Content-Disposition: attachment; filename=\"c2.csv\"", "Content-Transfer-Encoding: base64", "", b64[:10], b64[10:], ""), "c2.csv=" + csv},
		"with odd bytes":      {report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: BASE64", "", b64[:7]+" ", "!"+b64[7:], ""), "c2.csv=" + csv},
		"quoted-printable":    {report("Content-Type: text/csv; name=c2.csv", "Content-Transfer-Encoding: quoted-printable", "", "a=3Db,192.0.2.=", "1"), "c2.csv=a=b,192.0.2.1"},
		"8bit":                {report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: 8bit", "", "é"), "c2.csv=é"},
		"inline, but a file":  {report("Content-Type: text/plain; name=c2.txt", "Content-Disposition: inline", "", "x"), "c2.txt=x"},
		"RFC 2231":            {report("Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.csv", "", "x"), "résumé.csv=x"},
		"RFC 2231, in pieces": {report("Content-Disposition: attachment; filename*0=\"a-long\";", " filename*1=\"-name.csv\"", "", "x"), "a-long-name.csv=x"},
		"RFC 2047":            {report("Content-Disposition: attachment; filename=\"=?utf-8?b?csOpc3Vtw6kuY3N2?=\"", "", "x"), "résumé.csv=x"},
		"name without quotes": {report("Content-Disposition: attachment; filename=my report (1).csv", "", "x"), "my report (1).csv=x"},
		"name with folders":   {report("Content-Disposition: attachment; filename=\"..\\..\\etc/c2.csv\"", "", "x"), "c2.csv=x"},
		"no name":             {report("Content-Type: application/octet-stream", "", "x"), "attachment=x"},
		"no attachment":       {report("Content-Type: text/html", "", "<b>x</b>"), ""},
		"the mail itself":     {lines("From: a@example.org", "Content-Type: text/csv", "Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: base64", "", b64), "c2.csv=" + csv},
		"plain":               {lines("From: a@example.org", "Subject: hello", "", "just text"), ""},
		"forwarded":           {report("Content-Type: message/rfc822", "Content-Disposition: attachment; filename=fwd.eml", "", strings.ReplaceAll(report("Content-Disposition: attachment; filename=c2.csv", "", "x"), "b1", "c1")), "c2.csv=x"},
		"nested":              {report(`Content-Type: multipart/related; boundary=b2`, "", "--b2", "Content-Disposition: attachment; filename=c2.csv", "", "x", "--b2--"), "c2.csv=x"},
		"signed":              {report("Content-Disposition: attachment; filename=c2.csv", "", "x", "--b1", "Content-Type: application/pgp-signature; name=signature.asc", "", "sig"), "c2.csv=x"},
		"LF only":             {strings.ReplaceAll(report("Content-Disposition: attachment; filename=c2.csv", "", "x"), "\r\n", "\n"), "c2.csv=x"},
		"from a unix mailbox": {"From a@example.org Sat Nov 28 06:00:00 2026\n" + report("Content-Disposition: attachment; filename=c2.csv", "", "x"), "c2.csv=x"},
	} {
		got, err := read(Walk, tc.mail)
		if err != nil || strings.Join(got, "|") != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.want)
		}
	}
}

func TestAMailThatBreaksOffIsNoMail(t *testing.T) {
	whole := report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 300))))
	end := strings.LastIndex(whole, "--b1--") + len("--b1-")
	header := strings.Index(whole, "\r\n\r\n") + 4
	for i := header; i < end; i++ {
		if got, err := read(Walk, whole[:i]); err == nil {
			t.Fatalf("cut off at %d of %d, it is a mail with %d attachments: ...%q", i, len(whole), len(got), whole[max(0, i-60):i])
		}
	}
}

func TestAMailThatCannotBeReadSaysWhy(t *testing.T) {
	deep := "From: a@example.org\n"
	for i := range maxDepth + 2 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=x%d\n\n--x%d\n", i, i)
	}
	many := strings.Repeat("--b\n\nx\n", MaxParts+1)
	for name, tc := range map[string]struct {
		mail string
		want error
	}{
		"deep":         {deep, ErrDeep},
		"many parts":   {"From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n" + many, ErrParts},
		"long line":    {"From: " + strings.Repeat("x", 1<<17) + "\n\n", ErrHeader},
		"many headers": {strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\n", 1100) + "\n", ErrHeader},
		"odd encoding": {report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: x-uuencode", "", "x"), ErrEncoding},
		"empty":        {"", ErrHeader},
	} {
		if _, err := read(Walk, tc.mail); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestEachMailOfAnMboxIsRead(t *testing.T) {
	one := strings.ReplaceAll(report("Content-Disposition: attachment; filename=a.csv", "", "1", ">From here", "From there", "", "From now on"), "\r\n", "\n")
	two := "From: x@example.org\nContent-Disposition: attachment; filename=b.csv\nContent-Type: text/csv\n\n2\n"
	box := "From feeds@example.org Sat Nov 28 06:00:00 2026\n" + one + "\nFrom feeds@example.org Sun Nov 29 06:00:00 2026\n" + two
	got, err := read(WalkMbox, box)
	want := "a.csv=1\nFrom here\nFrom there\n\nFrom now on|b.csv=2\n"
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("%q, %v\nwant %q", strings.Join(got, "|"), err, want)
	}
	if !SniffMbox([]byte(box)) {
		t.Error("it is not recognized")
	}
	if _, err := read(WalkMbox, "From x"); err == nil {
		t.Error("an mbox without a mail is read")
	}
}

func TestMailsAreRecognized(t *testing.T) {
	for head, want := range map[string]bool{
		report():                                  true,
		"From: a@example.org\n":                   true,
		"Content-Type: text/csv\n\nx":             true,
		"Return-Path: <a@example.org>\nX-Spam: n": true,
		"Subject: x\nReceiv":                      true,
		"":                                        false,
		"ip,port\n192.0.2.1,443\n":                false,
		"# From: nobody\n192.0.2.1\n":             false,
		"X-A: b\n\nFrom: x":                       false,
		`{"from": "x"}`:                           false,
		"from,to\n":                               false,
		"- from: yaml\n":                          false,
		" from: x\n":                              false,
		"From here to there: 2026\n":              false,
	} {
		if Sniff([]byte(head)) != want {
			t.Errorf("%.40q: %v", head, !want)
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte(report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: base64", "", "eA==")))
	f.Add([]byte(report("Content-Type: message/rfc822", "", report("Content-Type: text/csv; name=a b", "", "x"))))
	f.Add([]byte("From x@y Sat Nov 28 06:00:00 2026\n" + report("Content-Disposition: attachment; filename*=utf-8''%C3%A9", "Content-Transfer-Encoding: quoted-printable", "", "=3D")))
	f.Fuzz(func(t *testing.T, mail []byte) {
		Sniff(mail)
		SniffMbox(mail)
		for _, walk := range []func(io.Reader, func(Attachment) error) error{Walk, WalkMbox} {
			got, _ := read(walk, string(mail))
			for _, g := range got {
				if name, _, _ := strings.Cut(g, "="); strings.ContainsAny(name, `/\`) {
					t.Errorf("a folder in %q", name)
				}
			}
		}
	})
}

func BenchmarkWalk(b *testing.B) {
	body := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("192.0.2.1,443,2026-11-01T12:00:00Z\n", 100_000)))
	var wrapped strings.Builder
	for i := 0; i < len(body); i += 76 {
		wrapped.WriteString(body[i:min(i+76, len(body))] + "\r\n")
	}
	mail := report("Content-Disposition: attachment; filename=c2.csv", "Content-Transfer-Encoding: base64", "", wrapped.String())
	b.SetBytes(int64(len(mail)))
	for b.Loop() {
		err := Walk(strings.NewReader(mail), func(a Attachment) error {
			_, err := io.Copy(io.Discard, a.Content)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
