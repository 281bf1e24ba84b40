package collect

import (
	"archive/zip"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect/zipcrypt"
)

const (
	zipBzip2 = 12 // compression method
)

// zip reads the directory at the archive's end, so content must be readable at
// random: what comes out of a stream is spooled first.
func (u *unpacker) zip(p part, content io.Reader, at depth) error {
	raw, err := u.random(content)
	if err != nil {
		return err
	}
	dir := &directory{at: raw, left: 1<<20 + int64(u.limits.entries)<<9}
	zr, err := zip.NewReader(dir, raw.Size())
	if dir.left < 0 || (err == nil && len(zr.File) > u.limits.entries) {
		return u.tooManyEntries()
	}
	if err != nil {
		return broken(formatZip, err)
	}
	dir.open = true
	for _, method := range []uint16{zipBzip2, zstd.ZipMethodWinZip} {
		zr.RegisterDecompressor(method, zipDecompressor(method))
	}
	for _, f := range zr.File {
		if err := u.zipMember(p, f, at); err != nil {
			return err
		}
	}
	return nil
}

// random makes content readable at random.
func (u *unpacker) random(content io.Reader) (*io.SectionReader, error) {
	if at, ok := content.(*io.SectionReader); ok {
		return at, nil
	}
	b, err := u.spool.add(stoppable{u.alive, content})
	return b.SectionReader, err
}

// zipDecompressor is nil for a method that is not understood.
func zipDecompressor(method uint16) zip.Decompressor {
	switch method {
	case zip.Store:
		return io.NopCloser
	case zip.Deflate:
		return func(r io.Reader) io.ReadCloser { return flate.NewReader(r) }
	case zipBzip2:
		return func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) }
	case zstd.ZipMethodWinZip:
		return zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	}
	return nil
}

func (u *unpacker) zipMember(p part, f *zip.File, at depth) error {
	if err := u.count(); err != nil {
		return err
	}
	if !f.Mode().IsRegular() || !u.wanted(f.Name, at) {
		return nil
	}
	r, err := u.openMember(f)
	if err != nil {
		return err
	}
	defer r.Close()
	return u.inner(member(p, f.Name), stoppable{u.alive, zipBody{f.Name, r}}, at.picked())
}

func (u *unpacker) openMember(f *zip.File) (r io.ReadCloser, err error) {
	if zipcrypt.Encrypted(f) {
		if u.keys.password == "" {
			return nil, fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is encrypted: name the password in spec.unpack.password", f.Name)
		}
		r, err = zipcrypt.Open(f, u.keys.password, zipDecompressor)
	} else {
		r, err = f.Open()
	}
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		return nil, fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is compressed by method %d, which is not understood", f.Name, f.Method)
	case err != nil:
		return nil, explainMember(f.Name, err)
	}
	return r, nil
}

// zipBody explains the errors of a member.
type zipBody struct {
	name string
	r    io.Reader
}

func (z zipBody) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = explainMember(z.name, err)
	}
	return n, err
}

// explainMember says what is wrong with a member, which is waited for if it is the
// password.
func explainMember(name string, err error) error {
	var known *failure
	switch {
	case errors.As(err, &known):
	case errors.Is(err, zipcrypt.ErrPassword):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: spec.unpack.password is not the password of the member %q", name)
	case errors.Is(err, zipcrypt.ErrMethod):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is encrypted in a way that is not understood: AES and ZipCrypto are", name)
	case errors.Is(err, zipcrypt.ErrDamaged):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "zip: the member %q is damaged, or spec.unpack.password is not its password", name)
	}
	return broken(formatZip, err)
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
