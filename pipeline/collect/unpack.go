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
)

const (
	// maxLayers is how deep things may be packed in each other: a .tar.gz is two.
	maxLayers = 2
	// sniffBytes reach to the magic of tar.
	sniffBytes = 262
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
	}
	return formatNone
}

// unpacker opens what one fetch brought. Nothing is written by a name out of an
// archive: members go to the spool, and their names are metadata.
type unpacker struct {
	alive   func() error
	limits  limits
	include []string
	spool   *spool
	emit    func(part) error

	layers  [maxLayers]*expansion // what came out, per layer of packing
	entries int                   // members seen, in all archives of this fetch
	taken   int                   // payloads emitted
}

// unpack emits p, or what is packed in it.
func (u *unpacker) unpack(p part) error {
	packed := p.content.Size()
	for i := range u.layers {
		u.layers[i] = &expansion{limit: u.limits, packed: func() int64 { return packed }}
	}
	head := make([]byte, sniffBytes)
	n, err := p.content.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f := sniff(head[:n])
	if f == formatNone {
		return u.emit(p)
	}
	if err := u.open(f, p, p.content.SectionReader, 0); err != nil {
		return err
	}
	if u.taken == 0 {
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "the archive has no file that spec.unpack.include picks (%d members)", u.entries)
	}
	return nil
}

// open unpacks one layer. content is at its start.
func (u *unpacker) open(f format, p part, content io.Reader, layer int) error {
	switch f {
	case formatZip:
		return u.zip(p, content, layer)
	case formatTar:
		return u.tar(p, stoppable{u.alive, content}, layer)
	}
	s, err := openStream(f, stoppable{u.alive, content})
	if err != nil {
		return broken(f, err)
	}
	defer s.Close()
	p.filename, p.contentType = withoutSuffix(p.filename, f), ""
	return u.inner(p, explained{f, s}, layer)
}

// inner emits what came out of a layer, or what is packed in it, and reads r to
// its end, where the checksums are.
func (u *unpacker) inner(p part, r io.Reader, layer int) error {
	r = u.layers[layer].reader(r)
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	f := sniff(head[:n])
	if f == formatNone || layer+1 == maxLayers {
		p.content, err = u.spool.add(u.limits.payloadOf(whole))
		if err != nil {
			return err
		}
		u.taken++
		return u.emit(p)
	}
	if err := u.open(f, p, whole, layer+1); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, whole)
	return err
}

func (u *unpacker) tar(p part, content io.Reader, layer int) error {
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
		if h.Typeflag != tar.TypeReg || !u.wanted(h.Name) {
			continue
		}
		if err := u.inner(member(p, h.Name), explained{formatTar, tr}, layer); err != nil {
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

// wanted tells whether spec.unpack.include picks a member, by its name or its
// path.
func (u *unpacker) wanted(name string) bool {
	if len(u.include) == 0 {
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
