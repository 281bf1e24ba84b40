package process

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// floor is the memory that the Go runtime may always use. Below it, collecting
// garbage more often costs more than it saves.
const floor = 64 << 20

// GovernMemory keeps the garbage small while large payloads stream through: the
// runtime collects before it takes a quarter more than what is in use, but never
// thrashes to stay under a fixed limit. GOMEMLIMIT and GOGC, where set, are left
// alone. It returns when ctx ends.
func GovernMemory(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(floor))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			metrics.Read(live)
			debug.SetMemoryLimit(max(floor, int64(live[0].Value.Uint64())*5/4))
		}
	}
}
