package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/run"
)

// busFlags say which bus a command talks to.
type busFlags struct {
	data, namespace string
}

func (b *busFlags) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&b.data, "data", "data", "data folder of weir run")
	f.StringVarP(&b.namespace, "namespace", "n", "default", "namespace of the FeedSource")
}

// with connects to the run on the data folder; if none runs, it opens the bus of
// the folder for the time of the call.
func (b *busFlags) with(ctx context.Context, do func(*bus.Conn) error) error {
	conn, done, err := run.Attach(ctx, b.data, logr.Discard())
	if err != nil {
		return err
	}
	return errors.Join(do(conn), done())
}

// feed reads NAME or NAMESPACE/NAME.
func (b *busFlags) feed(arg string) (bus.Feed, error) {
	ns, name, ok := strings.Cut(arg, "/")
	if !ok {
		ns, name = b.namespace, arg
	}
	if ns == "" || name == "" {
		return bus.Feed{}, fmt.Errorf("%q is no FeedSource: write NAME or NAMESPACE/NAME", arg)
	}
	return bus.Feed{Namespace: ns, Name: name}, nil
}

// withFeed is with, for commands about the one FeedSource that arg names.
func (b *busFlags) withFeed(ctx context.Context, arg string, do func(*bus.Conn, bus.Feed) error) error {
	feed, err := b.feed(arg)
	if err != nil {
		return err
	}
	return b.with(ctx, func(c *bus.Conn) error { return do(c, feed) })
}

func (b *busFlags) optionalFeed(args []string) (bus.Feed, error) {
	if len(args) == 0 {
		return bus.Feed{}, nil
	}
	return b.feed(args[0])
}
