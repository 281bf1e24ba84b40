package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/cluster"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/run"
)

// world is what a command works on: the data folder of a weir run, or a cluster.
type world struct {
	// plugin tells that kubectl called, for which the cluster is the default.
	plugin bool

	data, namespace               string
	cluster, all                  bool
	kubeconfig, context, exchange string

	client *cluster.Client // once it was needed
}

const defaultData = "data"

// add gives a command the flags that choose.
func (w *world) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	if w.plugin {
		f.StringVar(&w.data, "data", "", "work on this data folder of weir run instead of a cluster")
		f.StringVarP(&w.namespace, "namespace", "n", "", "namespace (default: that of the context)")
	} else {
		f.StringVar(&w.data, "data", "", `data folder of weir run (default "`+defaultData+`")`)
		f.StringVarP(&w.namespace, "namespace", "n", "", `namespace of the FeedSource (default "default"; in a cluster that of the context)`)
		f.BoolVar(&w.cluster, "cluster", false, "work on a Kubernetes cluster; so do the three flags below")
	}
	f.StringVar(&w.kubeconfig, "kubeconfig", "", "kubeconfig file (default: KUBECONFIG, then ~/.kube/config)")
	f.StringVar(&w.context, "context", "", "context of the kubeconfig (default: the current one)")
	f.StringVar(&w.exchange, "exchange", "", "Exchange, NAME or NAMESPACE/NAME (default: the one that the namespace works with)")
	// Else they are not known yet when they stand between a command and its child.
	cmd.Flags().AddFlagSet(f)
}

// addAll gives a command that lists the flag for all namespaces.
func (w *world) addAll(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVarP(&w.all, "all-namespaces", "A", false, "look at every namespace; a data folder always shows all")
	return cmd
}

// inCluster decides between the two worlds.
func (w *world) inCluster() (bool, error) {
	asked := w.cluster || w.kubeconfig != "" || w.context != "" || w.exchange != ""
	if asked && w.data != "" {
		return false, errors.New("--data is about a weir run, --cluster, --kubeconfig, --context and --exchange are about a cluster: give one or the other")
	}
	return asked || w.plugin && w.data == "", nil
}

// connect makes the client of the cluster; it is nil where a data folder is used.
func (w *world) connect(cmd *cobra.Command) (*cluster.Client, error) {
	in, err := w.inCluster()
	if err != nil || !in || w.client != nil {
		return w.client, err
	}
	w.client, err = cluster.New(cluster.Options{
		Kubeconfig: w.kubeconfig, Context: w.context, Namespace: w.namespace, Warnings: cmd.ErrOrStderr(),
	})
	return w.client, err
}

// currentNamespace is the one that names without a namespace are in.
func (w *world) currentNamespace(cmd *cobra.Command) (string, error) {
	c, err := w.connect(cmd)
	switch {
	case err != nil:
		return "", err
	case w.namespace != "":
		return w.namespace, nil
	case c != nil:
		return c.Namespace(), nil
	}
	return "default", nil
}

// with calls do with the buses that have what is in scope: one, unless all
// namespaces of a cluster are.
func (w *world) with(cmd *cobra.Command, s scope, do func(context.Context, []*bus.Conn) error) error {
	c, err := w.connect(cmd)
	if err != nil {
		return err
	}
	if c == nil {
		return w.withFolder(cmd.Context(), do)
	}
	exchanges, err := w.exchanges(cmd.Context(), c, s)
	if err != nil {
		return err
	}
	return w.withExchanges(cmd, c, exchanges, do, nil)
}

// withFolder connects to the run on the data folder; if none runs, it opens the bus
// of the folder for the time of the call.
func (w *world) withFolder(ctx context.Context, do func(context.Context, []*bus.Conn) error) error {
	data := w.data
	if data == "" {
		data = defaultData
	}
	conn, done, err := run.Attach(ctx, data, logr.Discard())
	if err != nil && w.data == "" {
		return fmt.Errorf("%w; for a cluster give --cluster", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, []*bus.Conn{conn}), done())
}

// exchanges are those that have what is in scope.
func (w *world) exchanges(ctx context.Context, c *cluster.Client, s scope) ([]v1alpha1.Exchange, error) {
	if s.namespace == "" && w.exchange == "" {
		return c.Exchanges(ctx)
	}
	namespace := s.namespace
	if namespace == "" {
		namespace = c.Namespace()
	}
	e, err := c.Exchange(ctx, namespace, w.exchange)
	if err != nil {
		return nil, err
	}
	return []v1alpha1.Exchange{*e}, nil
}

// withExchanges calls do with the buses of Exchanges. One that cannot be opened is
// told to failed, and left out; without failed it is an error.
func (w *world) withExchanges(cmd *cobra.Command, c *cluster.Client, exchanges []v1alpha1.Exchange,
	do func(context.Context, []*bus.Conn) error, failed func(error)) (err error) {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	var conns []*bus.Conn
	for i := range exchanges {
		e := &exchanges[i]
		fmt.Fprintf(cmd.ErrOrStderr(), "Exchange %s/%s in the cluster of %s\n", e.Namespace, e.Name, c)
		b, oerr := c.Open(ctx, e, cancel)
		switch {
		case oerr == nil:
			defer func() { err = errors.Join(err, b.Close()) }()
			conns = append(conns, b.Conn)
		case failed == nil || ctx.Err() != nil:
			return oerr
		default:
			failed(oerr)
		}
	}
	err = do(ctx, conns)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// withFeed is with, for commands about the one FeedSource that arg names.
func (w *world) withFeed(cmd *cobra.Command, arg string, do func(context.Context, *bus.Conn, bus.Feed) error) error {
	feed, err := w.feed(cmd, arg)
	if err != nil {
		return err
	}
	return w.with(cmd, scope{feed.Namespace, feed.Name}, func(ctx context.Context, conns []*bus.Conn) error {
		return do(ctx, conns[0], feed)
	})
}
