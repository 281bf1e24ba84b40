// Command cluster runs a local Kubernetes cluster of one node; docs/cluster.md
// tells what it is good for.
//
//	go run ./hack/cluster up
//	go run ./hack/cluster load weir-operator.tar weir-pipeline.tar
//	go run ./hack/cluster status | kubeconfig | restart | down
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir-project/weir/hack/cluster/node"
)

const usage = `usage: cluster [-dir FOLDER] [-memory MIB] COMMAND

  up             start the cluster, or what is missing of it
  down           stop it and remove everything but the built tools
  status         show what runs
  load FILE...   import image archives
  kubeconfig     print the path of the kubeconfig
  restart        kill and restart the node and all containers
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o node.Options
	var mib int64
	flag.StringVar(&o.Dir, "dir", node.DefaultDir, "folder for all state")
	flag.Int64Var(&mib, "memory", 0, "bound of all pods together in MiB; 0: half of the machine's, at most 8192")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	o.Memory = mib << 20
	c, err := node.Open(o)
	if err != nil {
		return err
	}
	cmd, args := flag.Arg(0), flag.Args()
	if cmd == "load" && len(args) > 1 {
		var errs []error
		for _, archive := range args[1:] {
			errs = append(errs, c.Load(ctx, archive))
		}
		return errors.Join(errs...)
	}
	if do, ok := commands(c, o)[cmd]; ok && len(args) == 1 {
		return do(ctx)
	}
	flag.Usage()
	return fmt.Errorf("what to do with %q?", flag.Args())
}

// commands are those without arguments.
func commands(c *node.Cluster, o node.Options) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"up": func(ctx context.Context) error {
			if _, err := node.Up(ctx, o); err != nil {
				return err
			}
			_, err := fmt.Println(c.Kubeconfig())
			return err
		},
		"down":    c.Down,
		"status":  func(ctx context.Context) error { return c.Status(ctx, os.Stdout) },
		"restart": c.RestartNode,
		"kubeconfig": func(context.Context) error {
			_, err := fmt.Println(c.Kubeconfig())
			return err
		},
	}
}
