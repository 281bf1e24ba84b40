package hub

import (
	"context"
	"fmt"

	"github.com/weir-project/weir/pipeline/bus"
)

// setUpLoop makes the streams of the bus, if that is the hub's to do, and changes
// them when the configuration gives other times. The configuration itself comes
// over the bus: until it is there, only the buckets are made, so that a restart
// never cuts what a stream keeps to some default.
func (h *Hub) setUpLoop(ctx context.Context) error {
	if h.streams == nil {
		return nil
	}
	if err := h.conn.SetupBuckets(ctx, *h.streams); err != nil {
		return fmt.Errorf("make the buckets of the bus: %w", err)
	}
	if err := h.configs.wait(ctx); err != nil {
		return err
	}
	var done bus.Retention
	for first := true; ; first = false {
		want := *h.streams
		keep := h.configs.current().keep
		want.Raw, want.Deliver = keep.Raw, keep.Deliver
		if first || want != done {
			if err := h.conn.Setup(ctx, want); err != nil {
				return fmt.Errorf("make the streams of the bus: %w", err)
			}
			done = want
			h.log.Info("streams of the bus are there", "raw", want.Raw.String(), "deliver", want.Deliver.String())
		}
		select {
		case <-h.keepChanged:
		case <-ctx.Done():
			return nil
		}
	}
}
