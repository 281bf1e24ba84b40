package collect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	// spoolMemory is how much of a collection stays in memory.
	spoolMemory = 1 << 20
	// spoolBytes bounds what one collection may take in the temporary folder,
	// whatever its limits say.
	spoolBytes = 16 << 30
)

// spool keeps the bytes of one collection until all of it is known to be whole:
// nothing is published of a collection that breaks off. It is one sequence of
// bytes, the first MiB in memory, the rest in a file without a name, so a crash
// leaves nothing behind. Not safe for concurrent use.
type spool struct {
	dir  string
	max  int64
	head []byte
	file *os.File
	size int64
}

// blob is a part of a spool.
type blob struct {
	*io.SectionReader
	digest [sha256.Size]byte
}

// reader reads the blob from its start.
func (b blob) reader() io.Reader { return io.NewSectionReader(b.SectionReader, 0, b.Size()) }

// head is how the blob starts.
func (b blob) head() ([]byte, error) {
	head := make([]byte, sniffBytes)
	n, err := b.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}

// bytes is all of a small blob.
func (b blob) bytes() ([]byte, error) { return io.ReadAll(b.reader()) }

func newSpool(dir string) *spool { return &spool{dir: dir, max: spoolBytes} }

// Close removes what is there.
func (s *spool) Close() error {
	s.head = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	// Usually gone already; where an open file cannot be removed, it goes now.
	if rmErr := os.Remove(s.file.Name()); rmErr != nil && !errors.Is(rmErr, os.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return err
}

// add copies r to the end and returns it as a blob.
func (s *spool) add(r io.Reader) (blob, error) {
	start, h := s.size, sha256.New()
	// Not io.MultiWriter: the hash comes after the write, without its slices.
	n, err := io.Copy(writerFunc(func(p []byte) (int, error) {
		h.Write(p)
		return s.Write(p)
	}), r)
	if err != nil {
		return blob{}, err
	}
	b := blob{SectionReader: io.NewSectionReader(s, start, n)}
	h.Sum(b.digest[:0])
	return b, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Write appends.
func (s *spool) Write(p []byte) (int, error) {
	if s.size+int64(len(p)) > s.max {
		return 0, fail(v1alpha1.ReasonTooLarge, onSchedule, "the collection needs more than %d bytes of temporary space", s.max)
	}
	done := 0
	if room := spoolMemory - int64(len(s.head)); room > 0 && s.size < spoolMemory {
		done = int(min(room, int64(len(p))))
		s.head = append(s.head, p[:done]...)
		s.size += int64(done)
	}
	if done == len(p) {
		return done, nil
	}
	if err := s.open(); err != nil {
		return done, err
	}
	n, err := s.file.Write(p[done:])
	s.size += int64(n)
	return done + n, err
}

// truncate forgets all but the first size bytes.
func (s *spool) truncate(size int64) error {
	s.size = min(s.size, size)
	s.head = s.head[:min(int64(len(s.head)), size)]
	if s.file == nil {
		return nil
	}
	rest := max(size-spoolMemory, 0)
	if err := s.file.Truncate(rest); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	_, err := s.file.Seek(rest, io.SeekStart)
	return err
}

func (s *spool) open() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp(s.dir, "weir-collect-*") // mode 0600
	if err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	s.file = f
	_ = os.Remove(f.Name()) // fails where open files cannot be removed; Close does it then
	return nil
}

// ReadAt reads what was written.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
		if n == len(p) {
			return n, nil
		}
	}
	if s.file == nil {
		return n, io.EOF
	}
	m, err := s.file.ReadAt(p[n:], off+int64(n)-spoolMemory)
	return n + m, err
}
