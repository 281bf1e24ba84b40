package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/weir-project/weir/api/v1alpha1"
)

type privateKey = packet.PrivateKey

const (
	armorBegin     = "-----BEGIN PGP "
	armorMessage   = armorBegin + "MESSAGE-----"
	armorSigned    = armorBegin + "SIGNED MESSAGE-----"
	armorSignature = armorBegin + "SIGNATURE-----"

	// armorHeader bounds the headers of armor, which its decoder keeps.
	armorHeader = 16 << 10
)

// sniffArmor recognizes armored OpenPGP by its first line.
func sniffArmor(head []byte) format {
	head = bytes.TrimLeft(head, " \t\r\n\ufeff")
	switch {
	case bytes.HasPrefix(head, []byte(armorMessage)):
		return formatArmor
	case bytes.HasPrefix(head, []byte(armorSigned)):
		return formatSigned
	}
	return formatNone
}

// sniffPGP recognizes a binary OpenPGP message by its first packet (RFC 9580,
// section 4.2): one that starts a message, in a version that there is.
func sniffPGP(head []byte) format {
	if len(head) < 16 || head[0]&0x80 == 0 {
		return formatNone
	}
	tag, body := head[0]>>2&0x0f, head[1+1<<(head[0]&3):]
	switch {
	case head[0]&0x40 != 0: // the newer kind of length
		tag = head[0] & 0x3f
		body = head[2:]
		switch {
		case head[1] == 255:
			body = head[6:]
		case head[1] >= 192 && head[1] < 224:
			body = head[3:]
		}
	case head[0]&3 == 3: // without a length
		body = head[1:]
	}
	if len(body) == 0 {
		return formatNone
	}
	versions := map[byte][]byte{
		1:  {2, 3, 6},       // a session key for a public key
		2:  {3, 4, 6},       // a signature
		3:  {4, 5, 6},       // a session key for a passphrase
		4:  {3, 6},          // a signature that follows
		8:  {0, 1, 2, 3},    // compressed
		18: {1, 2}, 20: {1}, // encrypted
	}
	if slices.Contains(versions[tag], body[0]) {
		return formatPGP
	}
	return formatNone
}

// dearmor starts to decode armor, whose kind is for example "PGP MESSAGE". r is at
// its first line.
func dearmor(r io.Reader) (body io.Reader, kind string, err error) {
	br := bufio.NewReaderSize(r, armorHeader)
	head, err := br.Peek(armorHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	blank := false
	for line := range bytes.Lines(head) {
		blank = blank || len(bytes.TrimSpace(line)) == 0
	}
	if !blank {
		return nil, "", errors.New("the armor has no end of its headers")
	}
	block, err := armor.Decode(br)
	if err != nil {
		return nil, "", err
	}
	return block.Body, block.Type, nil
}

// pgp opens an OpenPGP message: what is encrypted, what is signed within.
func (u *unpacker) pgp(f format, p part, content io.Reader, at depth) error {
	content = stoppable{u.alive, content}
	if f == formatArmor {
		body, _, err := dearmor(content)
		if err != nil {
			return broken(f, err)
		}
		content = body
	}
	ring := append(slices.Clone(u.keys.signers), u.keys.private...)
	md, err := openpgp.ReadMessage(content, ring, nil, &packet.Config{})
	if err != nil {
		return u.explainPGP(err)
	}
	p.filename, p.contentType = withoutSuffix(p.filename, formatPGP), ""
	outer := at
	at.signed = at.signed || (md.IsSigned && u.keys.signers != nil)
	if err := u.inner(p, &pgpBody{u: u, r: md.UnverifiedBody}, at); err != nil {
		return err
	}
	if outer.signed || !at.signed {
		return nil
	}
	// Now that all of it was read. Nothing is published yet.
	return u.keys.checkSigned(md)
}

// pgpBody explains the errors of decrypting. It asks for the end only once: each
// time, the signature would be computed further.
type pgpBody struct {
	u   *unpacker
	r   io.Reader
	err error
}

func (b *pgpBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.u.explainPGP(err)
	}
	b.err = err
	return n, err
}

// explainPGP says why a message cannot be opened. Decrypting hides what went wrong
// with its input, so that is asked first.
func (u *unpacker) explainPGP(err error) error {
	if stopped := u.alive(); stopped != nil {
		return stopped
	}
	var known *failure
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, pgperrors.ErrKeyIncorrect) && u.keys.private == nil:
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "pgp: the message is encrypted: name the key in spec.unpack.pgp.privateKey")
	case errors.Is(err, pgperrors.ErrKeyIncorrect):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "pgp: the message is not encrypted to the key of spec.unpack.pgp.privateKey")
	}
	return broken(formatPGP, err)
}

// checkSigned tells whether a message that was read to its end is signed by one
// of the signers. The keys to decrypt with are in the same ring, but sign nothing.
func (k *keys) checkSigned(md *openpgp.MessageDetails) error {
	err := md.SignatureError
	switch {
	case !md.IsVerified || md.Signature == nil || md.SignedBy == nil:
		if err == nil {
			err = errors.New("there is no signature")
		}
	case err == nil && !k.signs(md.SignedBy):
		err = pgperrors.ErrUnknownIssuer
	}
	if err != nil {
		return badSignature("pgp: %w", explainSigner(err))
	}
	return nil
}

func (k *keys) signs(key *openpgp.Key) bool {
	return slices.ContainsFunc(k.signers, func(e *openpgp.Entity) bool {
		return bytes.Equal(e.PrimaryKey.Fingerprint, key.Entity.PrimaryKey.Fingerprint)
	})
}

func explainSigner(err error) error {
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		return errors.New("it is not signed by any key of spec.verify.pgp.publicKeys")
	}
	return fmt.Errorf("the signature is not valid: %w", err)
}

// checkPGP checks a detached signature, armored or not.
func (k *keys) checkPGP(content io.Reader, signature []byte) error {
	sig := io.Reader(bytes.NewReader(signature))
	if text := bytes.TrimLeft(signature, " \t\r\n\ufeff"); bytes.HasPrefix(text, []byte(armorBegin)) {
		body, kind, err := dearmor(bytes.NewReader(text))
		if err != nil || kind != openpgp.SignatureType {
			return errors.New("the file of the signature holds something else")
		}
		sig = body
	}
	md, err := openpgp.VerifyDetachedSignatureReader(k.signers, content, sig, &packet.Config{})
	if err != nil {
		return explainSigner(err)
	}
	if _, err := io.Copy(io.Discard, md.UnverifiedBody); err != nil {
		return err
	}
	if md.SignatureError != nil || !md.IsVerified || md.Signature == nil {
		return explainSigner(cmpError(md.SignatureError, pgperrors.ErrUnknownIssuer))
	}
	return nil
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// clearSigned opens a text with its signature below (RFC 9580, section 7). Only
// what is signed is taken: nothing around it, and no blanks at the ends of lines.
func (u *unpacker) clearSigned(p part, content io.Reader, at depth) error {
	br := bufio.NewReaderSize(stoppable{u.alive, content}, maxSignedLine)
	if err := skipHeaders(br); err != nil {
		return broken(formatSigned, err)
	}
	text := &signedText{r: br}
	b, err := u.spool.add(u.limits.payloadOf(text))
	if err != nil {
		return broken(formatSigned, err)
	}
	signature, err := io.ReadAll(io.LimitReader(br, maxSignature+1))
	if err != nil {
		return err
	}
	if len(signature) > maxSignature {
		return fail(v1alpha1.ReasonSignatureInvalid, onSchedule, "pgp: there is more than a signature below the text")
	}
	signature = append([]byte(armorSignature+"\n"), signature...)
	// The end of the last line is not part of what is signed.
	signed := io.NewSectionReader(b.SectionReader, 0, max(b.Size()-1, 0))
	if err := u.keys.checkPGP(stoppable{u.alive, signed}, signature); err != nil {
		if !at.signed {
			return badSignature("pgp: %w", err)
		}
	}
	at.signed = true
	p.filename, p.contentType = withoutSuffix(p.filename, formatPGP), ""
	return u.inner(p, b.reader(), at)
}

const (
	maxSignature  = 1 << 20
	maxSignedLine = 1 << 20
)

// skipHeaders reads the first line of a signed text and its headers.
func skipHeaders(br *bufio.Reader) error {
	for range 64 {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(bytes.TrimLeft(line, "\ufeff"))
		if len(line) == 0 {
			return nil
		}
		if string(line) != armorSigned && !strings.HasPrefix(string(line), "Hash:") {
			return errors.New("there are headers that do not belong there")
		}
	}
	return errors.New("there are too many headers")
}

// signedText gives the lines of a signed text, each with a line feed, up to the
// signature.
type signedText struct {
	r    *bufio.Reader
	open []byte
	err  error
}

func (s *signedText) Read(p []byte) (int, error) {
	if len(s.open) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.open, s.err = s.line(); s.err != nil {
			return 0, s.err
		}
	}
	n := copy(p, s.open)
	s.open = s.open[n:]
	return n, nil
}

func (s *signedText) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxSignedLine)
		}
		return nil, io.ErrUnexpectedEOF // no signature
	}
	line = bytes.TrimRight(line, " \t\r\n")
	if string(line) == armorSignature {
		return nil, io.EOF
	}
	if rest, ok := bytes.CutPrefix(line, []byte("- ")); ok {
		line = rest
	} else if len(line) > 0 && line[0] == '-' {
		return nil, errors.New("a line starts with a dash that is not escaped")
	}
	// The slice is the reader's, and its line end is free to be written.
	return append(line, '\n'), nil
}
