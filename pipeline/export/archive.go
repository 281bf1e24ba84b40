package export

import (
	"context"
	"iter"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
)

// Archive answers queries. A hub implements it: it adds what the subscription
// may see to the conditions and takes out of each event what it may not, so an
// exporter can ask anything for a subscription and shows what comes back.
type Archive interface {
	// Search yields events, latest time first. An event is valid until the next is
	// asked for. An error comes last.
	Search(ctx context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error]
}
