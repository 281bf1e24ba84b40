package hub

import (
	"context"
	"time"
)

// purgeEvery is more often than days end, so that a hub that was down when one
// ended soon catches up.
const purgeEvery = time.Hour

// purgeLoop drops events that are past the exchange's retention.
func (h *Hub) purgeLoop(ctx context.Context) error {
	if err := h.configs.wait(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		h.purge(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *Hub) purge(ctx context.Context) {
	retention := h.configs.current().retention
	if retention <= 0 {
		return
	}
	days, err := h.store.Purge(ctx, time.Now().UTC().Add(-retention))
	switch {
	case err != nil && ctx.Err() == nil:
		h.log.Error(err, "old events were not dropped, trying again later", "in", purgeEvery.String())
	case err == nil && days > 0:
		h.meter.purged.Add(float64(days))
		h.log.Info("old events were dropped", "days", days, "retention", retention.String())
	}
}
