// Package checksum reads the files that sha256sum and its like write.
package checksum

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Sum is the digest of a file. Name is "" in a file that holds nothing else.
type Sum struct {
	Name   string
	Digest []byte
}

// Names tells whether the sum is for a file of one of the names; folders do not
// matter.
func (s Sum) Names(names []string) bool {
	return s.Name == "" || slices.Contains(names, path.Base(strings.ReplaceAll(s.Name, `\`, "/")))
}

// maxLine is how long a line may be, which holds a path and a digest.
const maxLine = 8 << 10

var (
	gnu = regexp.MustCompile(`^\\?([0-9a-fA-F]{64})(?: [ *]| |\t+)(.+)$`)
	bsd = regexp.MustCompile(`^(?:SHA256|SHA2-256) ?\((.+)\) ?= ?([0-9a-fA-F]{64})$`)
)

// Parse reads the lines "<hex>  name" (GNU), "SHA256 (name) = <hex>" (BSD,
// OpenSSL), or a digest alone. Other lines are left out: such files carry
// comments, other digests, and signatures.
func Parse(text []byte) ([]Sum, error) {
	var sums []Sum
	bare := 0
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		if len(raw) > maxLine {
			continue
		}
		line := strings.TrimSpace(string(raw))
		if m := gnu.FindStringSubmatch(line); m != nil {
			sums = append(sums, sum(m[2], m[1], strings.HasPrefix(line, `\`)))
		} else if m := bsd.FindStringSubmatch(line); m != nil {
			sums = append(sums, sum(m[1], m[2], false))
		} else if len(line) == 2*sha256.Size {
			if d, err := hex.DecodeString(line); err == nil {
				sums = append(sums, Sum{Digest: d})
				bare++
			}
		}
	}
	switch {
	case len(sums) == 0:
		return nil, errors.New("it holds no SHA-256 checksum")
	case bare > 0 && len(sums) > 1:
		return nil, errors.New("it holds several checksums, of which one has no file name")
	}
	return sums, nil
}

var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")

func sum(name, digits string, escaped bool) Sum {
	if escaped {
		name = unescape.Replace(name)
	}
	d, _ := hex.DecodeString(digits) // the pattern allows nothing else
	return Sum{Name: strings.TrimSpace(name), Digest: d}
}
