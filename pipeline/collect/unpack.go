package collect

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/ulikunitz/xz"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect/sevenzip"
)

// format is a way to pack bytes.
type format string

const (
	formatNone  format = ""
	formatGzip  format = "gzip"
	formatBzip2 format = "bzip2"
	formatXz    format = "xz"
	formatZstd  format = "zstd"
	formatZip   format = "zip"
	formatTar   format = "tar"
	format7z    format = "7z"

	formatPGP    format = "pgp"
	formatArmor  format = "pgp armor"
	formatSigned format = "pgp signed text"

	formatMail format = "mail"
	formatMbox format = "mbox"
)

// wraps tells formats that are put around a feed for the transport.
func (f format) wraps() bool {
	switch f {
	case formatPGP, formatArmor, formatSigned, formatMail, formatMbox:
		return true
	}
	return false
}

const (
	// maxPacked is how deep things may be packed in each other: a .tar.gz is two.
	maxPacked = 2
	// maxWrapped is how much may be around that: an encrypted mail is three, the
	// mail, what is encrypted, and the mail in it.
	maxWrapped = 3
	maxLayers  = maxPacked + maxWrapped
	// sniffBytes reach to the magic of tar and over the first headers of a mail.
	sniffBytes = 4 << 10
	// memberMark is between an archive's key and its member's name.
	memberMark = "!"
)

// sniff recognizes a format by its first bytes.
func sniff(head []byte) format {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\x1f\x8b\x08"):
		return formatGzip
	case has(0, "BZh") && (has(4, "1AY&SY") || has(4, "\x17rE8P\x90")):
		return formatBzip2
	case has(0, "\xfd7zXZ\x00"):
		return formatXz
	case has(0, "\x28\xb5\x2f\xfd"):
		return formatZstd
	case has(0, "PK\x03\x04"), has(0, "PK\x05\x06"):
		return formatZip
	case has(257, "ustar"):
		return formatTar
	case has(0, sevenzip.Magic):
		return format7z
	}
	return formatNone
}

// depth is where in a payload something is.
type depth struct {
	packed, wrapped int
	// signed: it is inside of something with a valid signature; of a message, one
	// that is checked at its end.
	signed bool
	// all: spec.unpack.include picked it already. open: it is not picked unless
	// what is in it is.
	all, open bool
}

func (d depth) layer() int { return d.packed + d.wrapped }

// into is the depth of what is in something at d, if that may be opened.
func (d depth) into(f format) (depth, bool) {
	if f.wraps() {
		d.wrapped++
	} else {
		d.packed++
	}
	return d, d.wrapped <= maxWrapped && d.packed <= maxPacked
}

// unpacker opens what one fetch brought. Nothing is written by a name out of an
// archive: members go to the spool, and their names are metadata.
type unpacker struct {
	alive   func() error
	limits  limits
	include []string
	keys    *keys
	mail    bool // open mails
	bare    bool // take signatures off, and open nothing else
	signed  bool // the payload's own signature is checked already
	spool   *spool
	emit    func(part) error

	layers  [maxLayers]*expansion // what came out, per layer of packing
	entries int                   // members seen, in all archives of this fetch
	taken   int                   // payloads emitted
}

// sniff recognizes what is to be opened.
func (u *unpacker) sniff(head []byte) format {
	f := formatNone
	if !u.bare {
		f = sniff(head)
	}
	if f != formatNone {
		return f
	}
	switch f = sniffArmor(head); {
	case f == formatSigned && u.keys.signers != nil, f == formatArmor && !u.bare, f == formatArmor && u.keys.signers != nil:
		return f
	}
	if u.keys.private != nil || u.keys.signers != nil {
		if f = sniffPGP(head); f != formatNone {
			return f
		}
	}
	if u.mail {
		return sniffMail(head)
	}
	return formatNone
}

// unpack emits p, or what is packed in it.
func (u *unpacker) unpack(p part) error {
	if u.keys == nil {
		u.keys = &keys{}
	}
	packed := p.content.Size()
	for i := range u.layers {
		u.layers[i] = &expansion{limit: u.limits, packed: func() int64 { return packed }}
	}
	head, err := p.content.head()
	if err != nil {
		return err
	}
	at := depth{signed: u.signed}
	f := u.sniff(head)
	if f == formatNone {
		return u.send(p, at)
	}
	at, _ = at.into(f)
	if err := u.open(f, p, p.content.SectionReader, at); err != nil {
		return err
	}
	if u.taken == 0 {
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "%s has no file that spec.unpack.include picks (%d members)", f.thing(), u.entries)
	}
	return nil
}

// thing is what a person calls a payload of the format.
func (f format) thing() string {
	switch f {
	case formatMail, formatMbox:
		return "the mail"
	case formatPGP, formatArmor, formatSigned:
		return "the message"
	}
	return "the archive"
}

// send emits a part, unless a signature is missing.
func (u *unpacker) send(p part, at depth) error {
	if u.keys.signers != nil && !at.signed {
		return badSignature("pgp: the payload is not signed")
	}
	u.taken++
	return u.emit(p)
}

// open unpacks one layer. content is at its start; at is where what comes out of
// it is.
func (u *unpacker) open(f format, p part, content io.Reader, at depth) error {
	switch f {
	case formatZip:
		return u.zip(p, content, at)
	case format7z:
		return u.sevenZip(p, content, at)
	case formatTar:
		return u.tar(p, stoppable{u.alive, content}, at)
	case formatPGP, formatArmor:
		return u.pgp(f, p, content, at)
	case formatSigned:
		return u.clearSigned(p, content, at)
	case formatMail, formatMbox:
		return u.attachments(f, p, stoppable{u.alive, content}, at)
	}
	s, err := openStream(f, stoppable{u.alive, content})
	if err != nil {
		return broken(f, err)
	}
	defer s.Close()
	p.filename, p.contentType = withoutSuffix(p.filename, f), ""
	return u.inner(p, explained{f, s}, at)
}

// inner emits what came out of a layer, or what is packed in it, and reads r to
// its end, where the checksums are.
func (u *unpacker) inner(p part, r io.Reader, at depth) error {
	r = u.layers[at.layer()-1].reader(r)
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	f := u.sniff(head[:n])
	if in, ok := at.into(f); f != formatNone && ok {
		if err := u.open(f, p, whole, in); err != nil {
			return err
		}
	} else if !at.open || u.wanted(p.filename, at) {
		if p.content, err = u.spool.add(u.limits.payloadOf(whole)); err != nil {
			return err
		}
		return u.send(p, at)
	}
	_, err = io.Copy(io.Discard, whole)
	return err
}

func (u *unpacker) tar(p part, content io.Reader, at depth) error {
	tr := tar.NewReader(content)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return broken(formatTar, err)
		}
		if err := u.count(); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !u.wanted(h.Name, at) {
			continue
		}
		if err := u.inner(member(p, h.Name), explained{formatTar, tr}, at.picked()); err != nil {
			return err
		}
	}
}

// count notes one more member.
func (u *unpacker) count() error {
	if err := u.alive(); err != nil {
		return err
	}
	if u.entries++; u.entries > u.limits.entries {
		return u.tooManyEntries()
	}
	return nil
}

func (u *unpacker) tooManyEntries() error {
	return fail(v1alpha1.ReasonTooLarge, onSchedule, "the archive has more than %d members: raise spec.limits.entries, if that is right", u.limits.entries)
}

// picked is the depth of something that spec.unpack.include picked.
func (d depth) picked() depth {
	d.open = false
	return d
}

// wanted tells whether spec.unpack.include picks a member, by its name or its
// path.
func (u *unpacker) wanted(name string, at depth) bool {
	if len(u.include) == 0 || at.all {
		return true
	}
	name = strings.TrimPrefix(name, "./")
	for _, glob := range u.include {
		if ok, _ := path.Match(glob, name); ok {
			return true
		}
		if ok, _ := path.Match(glob, path.Base(name)); ok {
			return true
		}
	}
	return false
}

// member is the part that a member of p becomes.
func member(p part, name string) part {
	name = strings.TrimPrefix(name, "./")
	return part{key: p.key + memberMark + name, filename: name, url: p.url}
}

// withoutSuffix takes the suffix of a compressed file off.
func withoutSuffix(name string, f format) string {
	suffixes := map[format][]string{
		formatGzip:  {".gz", ".gzip"},
		formatBzip2: {".bz2"},
		formatXz:    {".xz"},
		formatZstd:  {".zst", ".zstd"},
		formatPGP:   {".gpg", ".pgp", ".asc"},
	}
	for _, s := range suffixes[f] {
		if len(name) > len(s) && strings.EqualFold(name[len(name)-len(s):], s) {
			return name[:len(name)-len(s)]
		}
	}
	return name
}

// openRare starts the decompressors that are only met as files.
func openRare(f format, r io.Reader) (io.ReadCloser, error) {
	switch f {
	case formatBzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	case formatXz:
		x, err := xz.ReaderConfig{SingleStream: true}.NewReader(newXzGuard(r))
		return io.NopCloser(x), err
	default:
		return nil, fmt.Errorf("format %q: %w", f, fs.ErrInvalid)
	}
}

// explained names the format in the errors of a decoder.
type explained struct {
	f format
	r io.Reader
}

func (e explained) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(e.f, err)
	}
	return n, err
}

// broken says that packed bytes cannot be unpacked. What is cut off may be whole
// the next time.
func broken(f format, err error) error {
	var known *failure
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fail(v1alpha1.ReasonUnpackFailed, backOff, "%s: the payload breaks off: %w", f, io.ErrUnexpectedEOF)
	}
	return fail(v1alpha1.ReasonUnpackFailed, backOff, "%s: %w", f, err)
}
