package buslink

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/pipeline/bus"
)

// dial connects with credentials.
func dial(ctx context.Context, _ types.NamespacedName, c Config) (*bus.Conn, error) {
	return bus.DialCreds(ctx, bus.DialOptions{
		URLs: strings.Split(c.URLs, ","), Creds: c.Creds, CA: c.CA, Name: "weir-operator",
	})
}
