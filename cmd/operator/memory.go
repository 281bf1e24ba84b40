package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// What an operator has in memory is mostly its cache, which stays. Collecting when
// half of that again was allocated, rather than as much again, keeps it small for
// little processor.
const collectAt = 50

// boundMemory has the garbage collector work harder near the limit of the container
// instead of being killed there. The variables GOGC and GOMEMLIMIT have the last
// word.
func boundMemory(limitFile string) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	data, err := os.ReadFile(limitFile)
	if err != nil {
		return // no limit is known
	}
	if limit, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil { // "max" is none
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// cgroupLimit is where a container finds its memory limit.
const cgroupLimit = "/sys/fs/cgroup/memory.max"
