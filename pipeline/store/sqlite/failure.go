package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/weir-project/weir/pipeline/store"
)

// failure names the file in err and tells a full disk and a damaged file from
// other errors.
func failure(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%s: %w: %w", path, store.ErrFull, err)
	}
	var se *driver.Error
	if !errors.As(err, &se) {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch se.Code() & 0xff {
	case lib.SQLITE_FULL:
		return fmt.Errorf("%s: %w: %w", path, store.ErrFull, err)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN:
		// A new file, its WAL or its index in shared memory that finds no space
		// is reported as one of these.
		if diskFull(path) {
			return fmt.Errorf("%s: %w: %w", path, store.ErrFull, err)
		}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%s is damaged (restore it from a backup, or move it away to lose its days): %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
