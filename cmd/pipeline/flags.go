package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/plan"
)

// common are the flags that every component has.
type common struct {
	bus      []string
	creds    string
	ca       string
	admin    string
	logLevel string
}

func (c *common) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&c.bus, "bus", nil, "addresses of the bus, nats://host:4222 or tls://host:4222")
	f.StringVar(&c.creds, "creds", "", "file with the credentials for the bus; it may be replaced at any time")
	f.StringVar(&c.ca, "bus-ca", "", "file with the certificates (PEM) that those of the bus must be signed by (default: the system's)")
	f.StringVar(&c.admin, "admin", ":8081", "address of /metrics, /healthz and /readyz")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
}

func (c *common) log() (logr.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level %s: must be debug, info, warn or error", c.logLevel)
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}

// objects are the flags of components that work for some objects.
type objects struct {
	keys  []string
	shard string
	share plan.Share
}

func (o *objects) add(cmd *cobra.Command, prefix string) {
	f := cmd.Flags()
	f.StringArrayVar(&o.keys, "key", nil, "what to work for: "+prefix+".<namespace>.<name>, or a prefix of that which ends in a dot; repeatable")
	f.StringVar(&o.shard, "shard", "", "work for share i of n of them only: i/n")
}

// check reads the flags; prefix is that of the keys.
func (o *objects) check(prefix string) error {
	if len(o.keys) == 0 {
		return fmt.Errorf("--key is missing; name what to work for, such as --key %s.default.name", prefix)
	}
	for _, key := range o.keys {
		if !validKey(prefix, key) {
			return fmt.Errorf("--key %[1]s: must be %[2]s.<namespace>.<name>, or a prefix of that with the dot behind it", key, prefix)
		}
	}
	if o.shard == "" {
		return nil
	}
	var err error
	if o.share, err = plan.ParseShare(o.shard); err != nil {
		return fmt.Errorf("--shard: %w", err)
	}
	return nil
}

func validKey(prefix, key string) bool {
	parts := strings.Split(key, ".")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != prefix {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		if p == "" {
			return false
		}
	}
	// The last part is empty in a prefix, which need not have a namespace.
	return len(parts) == 3 || parts[1] == ""
}

// single is the only object there is to work for, if the keys say so.
func (o *objects) single() (plan.Ref, bool) {
	if len(o.keys) != 1 || strings.HasSuffix(o.keys[0], ".") {
		return plan.Ref{}, false
	}
	parts := strings.Split(o.keys[0], ".")
	return plan.Ref{Namespace: parts[1], Name: parts[2]}, true
}

func parseNets(list []string) ([]netip.Prefix, error) {
	var nets []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--allow-net %s: is no network such as 10.1.0.0/16", text)
		}
		nets = append(nets, p)
	}
	return nets, nil
}

func parseRef(text string) (plan.Ref, error) {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" {
		return plan.Ref{}, errors.New("--exchange: write NAMESPACE/NAME")
	}
	return plan.Ref{Namespace: namespace, Name: name}, nil
}
