package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/process"
	"github.com/weir-project/weir/pipeline/query"
	"github.com/weir-project/weir/pipeline/store/sqlite"
)

// hubFlags are those of a hub besides the common ones.
type hubFlags struct {
	exchange       plan.Ref
	replica        int
	replicas       int
	data           string
	listen, trust  string
	busMaxBytes    int64
	streamReplicas int
}

func newHub() *cobra.Command {
	var c common
	var o hubFlags
	cmd := &cobra.Command{
		Use:   "hub --namespace NAMESPACE --exchange NAME --data DIR",
		Short: "Record events, deliver them to those whom they concern, answer queries",
		Long: `Record events, deliver them to those whom they concern, answer queries. Replica
i of n works for the sources in partitions p with p mod n = i. With --bus-listen,
replica 0 runs the bus; the others, and replica 0 without it, use that at --bus.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return c.run(cmd.Context(), "weir-hub-"+strconv.Itoa(o.replica), o.run)
		},
	}
	c.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.exchange.Namespace, "namespace", "", "namespace of the Exchange")
	f.StringVar(&o.exchange.Name, "exchange", "", "name of the Exchange")
	f.IntVar(&o.replicas, "replicas", 1, "how many hubs the Exchange has")
	f.IntVar(&o.replica, "replica", -1, "which of them this is (default: the number at the end of $POD_NAME or of the host's name)")
	f.StringVar(&o.data, "data", "/data", "folder for archive and bus")
	f.StringVar(&o.listen, "bus-listen", "", "address of the bus that replica 0 runs")
	f.StringVar(&o.trust, "trust", "", "folder with operator.jwt, account.jwt and system.jwt: whose credentials that bus takes")
	f.Int64Var(&o.busMaxBytes, "bus-max-bytes", 0, "bound on what that bus keeps (default: the disk)")
	f.IntVar(&o.streamReplicas, "stream-replicas", 1, "copies of each stream, on a bus of several servers")
	return cmd
}

func (o *hubFlags) check() error {
	if o.exchange.Namespace == "" || o.exchange.Name == "" {
		return errors.New("--namespace and --exchange are missing; say whose hub it is")
	}
	if o.replica < 0 {
		name := os.Getenv("POD_NAME")
		if name == "" {
			name, _ = os.Hostname()
		}
		i, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
		switch {
		case err == nil:
			o.replica = i
		case o.replicas <= 1:
			o.replica = 0
		default:
			return fmt.Errorf("which replica is %q? say it with --replica", name)
		}
	}
	if o.replica >= max(o.replicas, 1) {
		return fmt.Errorf("--replica %d: there are replicas 0 to %d", o.replica, max(o.replicas, 1)-1)
	}
	return nil
}

// run opens bus, connection and archive, in this order, and closes them in reverse.
func (o *hubFlags) run(ctx context.Context, p *component) error {
	server, err := o.serveBus(ctx, p)
	if err != nil {
		return err
	}
	if server != nil {
		defer server.Shutdown()
	}
	conn, err := p.dial(ctx, server)
	if err != nil {
		return err
	}
	defer p.hangUp(conn)
	log := p.log.WithName("hub").WithValues("exchange", o.exchange.String(), "replica", o.replica)
	st, err := o.openArchive(ctx, p, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := st.Close(); err != nil {
			log.Error(err, "archive was not closed cleanly")
		}
	}()
	h, err := hub.New(hub.Options{
		Conn: conn, Store: st, Log: log, Metrics: p.registry, Namespace: o.exchange.Namespace, Exchange: o.exchange.Name,
		Replica: o.replica, Replicas: o.replicas, Streams: o.streams(),
	})
	if err != nil {
		return err
	}
	answers, err := query.NewServer(query.ServerOptions{
		Conn: conn, Archive: h, Exchange: o.exchange, Replica: o.replica, Log: p.log.WithName("query"), Metrics: p.registry,
	})
	if err != nil {
		return err
	}
	return p.runStages(ctx, conn, map[string]process.Stage{"hub": h, "query": answers})
}

// serveBus starts the bus if this hub is to run it. While the disk is full or the
// trust is not there, it waits.
func (o *hubFlags) serveBus(ctx context.Context, p *component) (*bus.Server, error) {
	if o.listen == "" || o.replica != 0 {
		return nil, nil
	}
	server, err := await(ctx, p, "bus of this process", func(context.Context) (*bus.Server, error) {
		options := bus.ServerOptions{
			Dir: filepath.Join(o.data, "bus"), Listen: o.listen, MaxBytes: o.busMaxBytes, Log: p.log.WithName("bus"),
		}
		if o.trust != "" {
			var err error
			if options.Trust, err = readTrust(o.trust); err != nil {
				return nil, err
			}
		}
		return bus.StartServer(options)
	})
	if err == nil {
		p.log.Info("serving", "what", "bus", "address", server.URL())
	}
	return server, err
}

// openArchive waits while the disk is full.
func (o *hubFlags) openArchive(ctx context.Context, p *component, log logr.Logger) (*sqlite.Store, error) {
	var metrics *prometheus.Registry
	st, err := await(ctx, p, "archive in "+o.data, func(context.Context) (*sqlite.Store, error) {
		metrics = prometheus.NewRegistry() // what a failed attempt registered is in the way of the next
		return sqlite.Open(sqlite.Options{Dir: filepath.Join(o.data, "store"), Log: log, Metrics: metrics})
	})
	if err != nil {
		return nil, err
	}
	return st, p.registry.Register(metrics)
}

// streams are what the first replica makes on the bus. An embedded bus keeps a
// quarter of its space for events that wait, and one for rejected records: what
// would be kept longest must not take it all.
func (o *hubFlags) streams() *bus.Retention {
	if o.replica != 0 {
		return nil
	}
	r := &bus.Retention{Replicas: o.streamReplicas}
	if o.listen != "" && o.busMaxBytes > 0 {
		share := min(o.busMaxBytes/4, 1<<30)
		r.EventBytes, r.RejectedBytes = share, share
	}
	return r
}

// maxToken bounds a file of the trust.
const maxToken = 64 << 10

func readTrust(dir string) (*bus.Trust, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("--trust: %w", err)
	}
	defer root.Close()
	t := &bus.Trust{}
	for name, into := range map[string]*string{"operator.jwt": &t.Operator, "account.jwt": &t.Account, "system.jwt": &t.System} {
		f, err := root.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxToken))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		*into = strings.TrimSpace(string(b))
	}
	return t, nil
}
