//go:build !linux

package node

import "syscall"

// Open refuses every other system before anything starts.

func detached() *syscall.SysProcAttr { return nil }

func reap(int) {}
