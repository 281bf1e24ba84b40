package checksum

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

var (
	a = strings.Repeat("a1", 32)
	b = strings.Repeat("B2", 32)
)

func TestEveryKindOfFileIsRead(t *testing.T) {
	for text, want := range map[string]string{
		a + "  c2.csv\n": "c2.csv=a",
		a + "  c2.csv\r\n" + b + " *dir/other.csv\r\n": "c2.csv=a dir/other.csv=b",
		a + "  ./with blanks.csv":                      "./with blanks.csv=a",
		`\` + a + `  back\\slash\nline`:                "back\\slash\nline=a",
		"SHA256 (c2.csv) = " + a + "\n":                "c2.csv=a",
		"SHA2-256(c2 (new).csv)= " + b + "\n":          "c2 (new).csv=b",
		"SHA1 (c2.csv) = 12\nSHA256 (c2.csv) = " + a:   "c2.csv=a",
		a:                     "=a",
		"\ufeff" + b + "\n\n": "=b",
		"# sums\n\n" + a + "  c2.csv\n" + a[1:] + "  short":                                                      "c2.csv=a",
		"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + a + "  c2.csv\n-----BEGIN PGP SIGNATURE-----\n": "c2.csv=a",
		a + "\tc2.csv": "c2.csv=a",
	} {
		sums, err := Parse([]byte(text))
		var got []string
		for _, s := range sums {
			letter := strings.TrimRight(hex.EncodeToString(s.Digest)[:1], "")
			got = append(got, s.Name+"="+letter)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestWhatIsNoListOfSumsIsRefused(t *testing.T) {
	for text, why := range map[string]string{
		"":                                      "no SHA-256",
		"<html>404</html>":                      "no SHA-256",
		a[2:] + "  c2.csv":                      "no SHA-256",
		a + "\n" + b + "  c2.csv":               "several",
		a + "\n" + b:                            "several",
		a + "  " + strings.Repeat("x", maxLine): "no SHA-256",
	} {
		if sums, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.80q: %v, %v", text, sums, err)
		}
	}
}

func TestNamesMatchWithoutFolders(t *testing.T) {
	for name, want := range map[string]bool{"c2.csv": true, "./dir/c2.csv": true, `dir\c2.csv`: true, "": true, "c2.csv.gz": false, "dir/": false} {
		if (Sum{Name: name}).Names([]string{"c2.csv"}) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{a, a + "  x", "SHA256 (x) = " + b, `\` + a + `  x\\n`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sums, err := Parse(text)
		for _, s := range sums {
			if err == nil && (len(s.Digest) != 32 || !strings.Contains(strings.ToLower(string(text)), fmt.Sprintf("%x", s.Digest))) {
				t.Errorf("%x is not in the text", s.Digest)
			}
		}
	})
}
