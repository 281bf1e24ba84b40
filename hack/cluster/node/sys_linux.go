package node

import "syscall"

// detached is how a daemon starts: in a session of its own, so that no
// terminal's signal reaches it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// reap waits for a child that has ended. Others' children are none of ours.
func reap(pid int) { _, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) }
