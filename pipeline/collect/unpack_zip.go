package collect

import (
	"archive/zip"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	zipEncrypted = 0x1 // bit 0 of the flags (APPNOTE.TXT, section 4.4.4)
	zipBzip2     = 12  // compression method
)

// zip reads the directory at the archive's end, so content must be readable at
// random: what comes out of a stream is spooled first.
func (u *unpacker) zip(p part, content io.Reader, layer int) error {
	at, ok := content.(*io.SectionReader)
	if !ok {
		b, err := u.spool.add(stoppable{u.alive, content})
		if err != nil {
			return err
		}
		at = b.SectionReader
	}
	dir := &directory{at: at, left: 1<<20 + int64(u.limits.entries)<<9}
	zr, err := zip.NewReader(dir, at.Size())
	if dir.left < 0 || (err == nil && len(zr.File) > u.limits.entries) {
		return u.tooManyEntries()
	}
	if err != nil {
		return broken(formatZip, err)
	}
	dir.open = true
	zr.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow)))
	zr.RegisterDecompressor(zipBzip2, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	for _, f := range zr.File {
		if err := u.zipMember(p, f, layer); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) zipMember(p part, f *zip.File, layer int) error {
	if err := u.count(); err != nil {
		return err
	}
	if !f.Mode().IsRegular() || !u.wanted(f.Name) {
		return nil
	}
	if f.Flags&zipEncrypted != 0 {
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is encrypted, and Weir opens no encrypted archives: ask the publisher for a plain one", f.Name)
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is compressed by method %d, which is not understood", f.Name, f.Method)
	}
	if err != nil {
		return broken(formatZip, err)
	}
	defer r.Close()
	return u.inner(member(p, f.Name), stoppable{u.alive, explained{formatZip, r}}, layer)
}

// directory bounds what is read while the archive is opened: all members of the
// directory are in memory then, however many the archive says there are.
type directory struct {
	at   io.ReaderAt
	left int64
	open bool // the directory was read
}

func (d *directory) ReadAt(p []byte, off int64) (int, error) {
	if d.open {
		return d.at.ReadAt(p, off)
	}
	n, err := d.at.ReadAt(p, off)
	if d.left -= int64(n); d.left < 0 {
		return 0, errDirectory
	}
	return n, err
}

var errDirectory = errors.New("the directory of the archive is too large")
