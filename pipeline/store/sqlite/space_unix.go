//go:build linux || darwin

package sqlite

import (
	"path/filepath"
	"syscall"
)

// diskFull reports whether the file system of path has less than 256 KiB left.
func diskFull(path string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return false
	}
	return st.Bavail*uint64(st.Bsize) < 256<<10
}
