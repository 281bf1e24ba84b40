package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// replay parses raw payloads again with the Parser as it is now. Payloads that
// are held, or whose format does not fit the baseline, are left out: nothing
// wrong gets out this way. The baseline and the counts stay as they are. A
// replay that a crash cuts short begins again, with the same ids.
func (f *feed) replay(ctx context.Context, src *source, r *plan.Replay) error {
	key := plan.Key(plan.PrefixReplay, f.id.Namespace, f.id.Name)
	if f.replayed() == r.ID {
		return f.conn.Config().Delete(ctx, key)
	}
	since, err := time.Parse(time.RFC3339, r.Since)
	if err != nil {
		f.log.Error(err, "replay is refused: since is no RFC 3339 time", "replay", r.ID)
		return f.replayDone(ctx, r.ID, key)
	}
	var parsed, left int
	err = f.conn.ReadRaw(ctx, f.id, since, func(p *bus.Payload) error {
		passed, err := f.replayOne(ctx, src, r, p)
		if passed {
			parsed++
		} else if err == nil {
			left++
		}
		return err
	})
	if err != nil {
		return err
	}
	f.log.Info("replay is done", "replay", r.ID, "payloads", parsed, "leftOut", left)
	return f.replayDone(ctx, r.ID, key)
}

func (f *feed) replayOne(ctx context.Context, src *source, r *plan.Replay, p *bus.Payload) (passed bool, err error) {
	done, err := f.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if _, held := f.held[p.ID]; held {
		return false, nil
	}
	if src.isSchema() {
		return f.reviewSchema(ctx, src, p)
	}
	reading, err := f.reading(ctx, f.inForce(src), p)
	if err != nil {
		return false, err
	}
	reading.gated = true
	reading.run += "." + digest(r.ID)
	out, err := reading.execute(ctx)
	if err != nil {
		return false, fmt.Errorf("read again: %w", err)
	}
	return !out.held, nil
}

func (f *feed) replayed() string {
	f.work.Lock()
	defer f.work.Unlock()
	return f.memory.Replayed
}

func (f *feed) replayDone(ctx context.Context, id, key string) error {
	f.work.Lock()
	defer f.work.Unlock()
	f.memory.Replayed = id
	if err := f.save(ctx); err != nil {
		return err
	}
	f.tellNow()
	return f.conn.Config().Delete(ctx, key)
}
