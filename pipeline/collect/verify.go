package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"aead.dev/minisign"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect/checksum"
)

// badSignature is the failure of a payload that is not what was signed. Sooner than
// on schedule, it would hardly be.
func badSignature(format string, args ...any) *failure {
	return fail(v1alpha1.ReasonSignatureInvalid, onSchedule, format, args...)
}

// mismatch tells whether an error says that payload and signature do not belong
// together, as they may if either was replaced in between.
func mismatch(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.reason == v1alpha1.ReasonSignatureInvalid
}

// detached tells whether the signature of a payload is apart from it. That of
// OpenPGP is inside, if the payload is a message or a mail and the spec names no
// other place.
func (c *collection) detached(p part) (bool, error) {
	v := c.cfg.Spec.Verify
	if v == nil {
		return false, nil
	}
	if v.PGP == nil || v.SignatureURL != "" {
		return true, nil
	}
	head, err := p.content.head()
	u := unpacker{keys: c.keys, mail: c.cfg.Spec.Unpack.Mail == v1alpha1.MailAttachments}
	return err == nil && !u.sniff(head).wraps(), err
}

// suffixes are what is put behind the name of a payload for that of its signature.
func suffixes(v *v1alpha1.VerifySpec) []string {
	switch {
	case v.PGP != nil:
		return []string{".asc", ".sig"}
	case v.Minisign != nil:
		return []string{".minisig"}
	default:
		return []string{".sha256"}
	}
}

// check compares a payload with its signature, which is from the place shown.
// names are those that the payload may have in a list of checksums.
func (c *collection) check(ctx context.Context, p part, signature []byte, shown string, names ...string) error {
	v := c.cfg.Spec.Verify
	content := stoppable{alive(ctx), p.content.reader()}
	var (
		kind string
		err  error
	)
	switch {
	case v.PGP != nil:
		kind, err = "pgp", c.keys.checkPGP(content, signature)
	case v.Minisign != nil:
		kind, err = "minisign", c.keys.checkMinisign(content, p.content.Size(), signature)
	default:
		kind, err = "sha256", checkSum(p.content.digest[:], signature, names)
	}
	if err == nil {
		return nil
	}
	if stopped := alive(ctx)(); stopped != nil {
		return stopped
	}
	return badSignature("%s: the payload does not match %s: %w", kind, shown, err)
}

// maxLegacy bounds payloads with a signature of the old kind of minisign, which
// must be in memory as a whole.
const maxLegacy = 64 << 20

func (k *keys) checkMinisign(content io.Reader, size int64, signature []byte) error {
	var s minisign.Signature
	if err := s.UnmarshalText(bytes.ReplaceAll(signature, []byte("\r"), nil)); err != nil {
		return errors.New("the file of the signature is not one of minisign")
	}
	if s.Algorithm == minisign.EdDSA && size > maxLegacy {
		return fmt.Errorf("the signature is of the kind before 2020, which is checked up to %d bytes: sign with a newer minisign", maxLegacy)
	}
	text, err := s.MarshalText()
	if err != nil {
		return err
	}
	known := false
	r := minisign.NewReader(content)
	var whole []byte
	if s.Algorithm == minisign.EdDSA {
		whole, err = io.ReadAll(io.LimitReader(content, maxLegacy+1))
	} else {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return err
	}
	for _, key := range k.minisign {
		if key.ID() != s.KeyID {
			continue
		}
		known = true
		if s.Algorithm == minisign.EdDSA && minisign.Verify(key, whole, text) || s.Algorithm == minisign.HashEdDSA && r.Verify(key, text) {
			return nil
		}
	}
	if !known {
		return errors.New("it is not signed by any key of spec.verify.minisign.publicKeys")
	}
	return errors.New("the signature is not valid")
}

func checkSum(digest, list []byte, names []string) error {
	sums, err := checksum.Parse(list)
	if err != nil {
		return err
	}
	var known []string
	for _, name := range names {
		if name = path.Base(name); name != "." && name != "/" {
			known = append(known, name)
		}
	}
	found := false
	for _, s := range sums {
		if !s.Names(known) {
			continue
		}
		found = true
		if bytes.Equal(s.Digest, digest) {
			return nil
		}
	}
	if !found {
		return fmt.Errorf("none of its lines is for %q", known)
	}
	return errors.New("the checksum is another")
}
