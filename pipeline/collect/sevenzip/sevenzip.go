// Package sevenzip reads 7z archives from sources that are not trusted
// (https://py7zr.readthedocs.io/en/latest/archive_format.html): what the headers
// ask for is bounded before it is allocated, and every sum is checked.
//
// Understood are Copy, LZMA, LZMA2, Deflate, BZip2, Zstandard and Delta, with or
// without AES-256. PPMd, the filters for executables, and archives in several
// volumes are not.
package sevenzip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Magic is how an archive starts.
const Magic = "7z\xbc\xaf\x27\x1c"

// Why an archive cannot be read.
var (
	// ErrDamaged is returned for what is not an archive as it was made.
	ErrDamaged = errors.New("the archive is damaged")
	// ErrTooMany is returned for more files than Options.Files, or a directory that
	// could only be of so many.
	ErrTooMany = errors.New("the archive has too many files")
	// ErrNoPassword is returned for an encrypted archive without Options.Password.
	ErrNoPassword = errors.New("the archive is encrypted")
	// ErrPassword is returned when what a password decrypts makes no sense.
	ErrPassword = errors.New("the archive is damaged, or the password does not fit")
	// ErrMethod is returned for a way of compression that is not understood.
	ErrMethod = errors.New("is not understood")
	// ErrMemory is returned for a dictionary over Options.Window.
	ErrMemory = errors.New("the archive needs too much memory")
)

// Options bound an archive.
type Options struct {
	Password string
	Files    int   // how many files at most
	Window   int64 // bytes that a decompressor may keep
}

// Archive is the directory of an archive.
type Archive struct {
	// Folders are what is compressed as one.
	Folders []*Folder
	// Empty are the files without content.
	Empty []*File

	r       io.ReaderAt
	options Options
	keys    map[string][]byte // that were derived already
}

// Folder is a stream of files, one behind the other.
type Folder struct {
	Files []*File

	archive *Archive
	coders  []coder // in the order of decoding
	packed  *io.SectionReader
	size    uint64
	sum     sum
}

// File is a file of an archive. One that is no regular file, such as a link, is
// only listed with a Folder.
type File struct {
	Name    string
	Regular bool
	Size    uint64
	sum     sum
}

// sum is a CRC-32, if there is one.
type sum struct {
	known bool
	crc   uint32
}

const (
	startBytes = 32
	// perFile is how many bytes of the directory a file may take, on average.
	perFile = 512
	// maxNested is how often a directory may be packed.
	maxNested = 4
)

// Open reads the directory.
func Open(r io.ReaderAt, size int64, o Options) (*Archive, error) {
	a := &Archive{r: r, options: o, keys: map[string][]byte{}}
	var start [startBytes]byte
	if _, err := r.ReadAt(start[:], 0); err != nil {
		return nil, cutOff(err)
	}
	le := binary.LittleEndian
	if string(start[:6]) != Magic || crc32.ChecksumIEEE(start[12:]) != le.Uint32(start[8:]) {
		return nil, ErrDamaged
	}
	offset, length := le.Uint64(start[12:]), le.Uint64(start[20:])
	if length == 0 {
		return a, nil
	}
	if length > uint64(a.mostHeader()) {
		return nil, ErrTooMany
	}
	room := uint64(size - startBytes)
	if offset > room || length > room-offset {
		return nil, fmt.Errorf("the archive breaks off: %w", io.ErrUnexpectedEOF)
	}
	raw := make([]byte, length)
	if _, err := r.ReadAt(raw, startBytes+int64(offset)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if crc32.ChecksumIEEE(raw) != le.Uint32(start[28:]) {
		return nil, ErrDamaged
	}
	return a, a.directory(raw, offset)
}

func (a *Archive) mostHeader() int64 { return 1<<20 + int64(a.options.Files)*perFile }

// directory reads the header, which may be packed itself. What is packed lies in
// the first room bytes behind the start.
func (a *Archive) directory(raw []byte, room uint64) error {
	for range maxNested {
		c := &cursor{b: raw}
		switch c.byte() {
		case idHeader:
			return a.header(c, room)
		case idEncodedHeader:
		default:
			return ErrDamaged
		}
		s := c.streams(a.options.Files)
		if c.err != nil {
			return c.err
		}
		folders, err := a.folders(s, room)
		if err != nil {
			return err
		}
		if len(folders) != 1 {
			return ErrDamaged
		}
		if raw, err = a.unpackHeader(folders[0]); err != nil {
			return err
		}
	}
	return ErrDamaged
}

func (a *Archive) unpackHeader(f *Folder) ([]byte, error) {
	if f.size > uint64(a.mostHeader()) {
		return nil, ErrTooMany
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(f.check(r, f.size, f.sum))
	if err != nil {
		return nil, err
	}
	return raw, nil
}

// Open starts the decoder of the folder, which gives the files one behind the
// other. Use File to read one.
func (f *Folder) Open() (io.ReadCloser, error) {
	r := io.NopCloser(f.packed)
	var closers []io.Closer
	for _, c := range f.coders {
		next, err := f.archive.decoder(c, r)
		if err != nil {
			for _, c := range closers {
				_ = c.Close()
			}
			return nil, f.explain(err)
		}
		closers = append(closers, next)
		r = next
	}
	return stack{r, closers}, nil
}

// stack closes all decoders of a folder.
type stack struct {
	io.Reader
	closers []io.Closer
}

func (s stack) Close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i].Close())
	}
	return err
}

// File reads the next file of an opened folder. It must be read to its end before
// the file behind it.
func (f *Folder) File(r io.Reader, file *File) io.Reader { return f.check(r, file.Size, file.sum) }

// check reads size bytes and compares their sum.
func (f *Folder) check(r io.Reader, size uint64, s sum) io.Reader {
	return &checked{folder: f, r: r, left: size, sum: s}
}

type checked struct {
	folder *Folder
	r      io.Reader
	left   uint64
	crc    uint32
	sum    sum
}

func (c *checked) Read(p []byte) (int, error) {
	if c.left == 0 {
		if c.sum.known && c.crc != c.sum.crc {
			return 0, c.folder.explain(ErrDamaged)
		}
		return 0, io.EOF
	}
	if uint64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.left -= uint64(n)
	if err != nil && c.left > 0 {
		return n, c.folder.explain(cutOff(err))
	}
	return n, nil
}

// explain says that of what is encrypted, the password may be wrong: the format
// has nothing to check it by.
func (f *Folder) explain(err error) error {
	for _, known := range []error{ErrNoPassword, ErrMethod, ErrMemory} {
		if errors.Is(err, known) {
			return err
		}
	}
	for _, c := range f.coders {
		if c.id == codeAES {
			return fmt.Errorf("%w (%w)", ErrPassword, err)
		}
	}
	return err
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
