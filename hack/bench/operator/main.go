// Command operator measures the operator: a process of its own, against a real API
// server, with a stand-in that marks workloads as running and reports as they do.
//
// It prints figures and judges none of them: they are those of this machine, whose
// load stands beside them. API server, etcd, stand-in and operator share its cores.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/weir-project/weir/hack/assets"
)

func main() {
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("operator", flag.ContinueOnError)
	numbers := fs.String("n", "1000,10000", "how many FeedSources, separated by commas")
	names := fs.String("shape", "one", "one (namespace), ten (namespaces with an Exchange each), shared (pods of ten collectors); separated by commas")
	asJSON := fs.Bool("json", false, "print JSON")
	profiles := fs.String("profiles", "", "folder for profiles of the operator, which costs some of its speed")
	brief := fs.Bool("brief", false, "measure only until all are Ready")
	more := fs.String("args", "", "more arguments of the operator, separated by spaces")
	if err := fs.Parse(args); err != nil {
		return err
	}
	root, err := assets.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weir-bench-operator-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := build(ctx, root, dir, *profiles != "")
	if err != nil {
		return err
	}
	var results []*result
	for name := range strings.SplitSeq(*names, ",") {
		i := slices.IndexFunc(shapes, func(s shape) bool { return s.Name == name })
		if i < 0 {
			return fmt.Errorf("-shape %s: there is no such shape", name)
		}
		for number := range strings.SplitSeq(*numbers, ",") {
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 {
				return fmt.Errorf("-n %s: not a number of FeedSources", number)
			}
			own, err := os.MkdirTemp(dir, "run-")
			if err != nil {
				return err
			}
			b := &bench{shape: shapes[i], feeds: n, dir: own, operator: binary, profiles: *profiles, brief: *brief, args: strings.Fields(*more)}
			r, err := b.run(ctx)
			if err != nil {
				return fmt.Errorf("%s %d: %w", name, n, err)
			}
			results = append(results, r)
		}
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	return table(os.Stdout, results)
}

// load of the machine, of the last minute.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := bytes.Cut(data, []byte(" "))
	return string(one)
}
