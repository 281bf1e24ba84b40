package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
)

// scope is what a command looks at: a FeedSource, a namespace if name is empty, or
// everything if both are.
type scope struct {
	namespace, name string
}

// feed is the filter to ask a bus with; has sorts out what it lets through besides.
func (s scope) feed() bus.Feed {
	if s.name == "" {
		return bus.Feed{}
	}
	return bus.Feed{Namespace: s.namespace, Name: s.name}
}

func (s scope) has(f bus.Feed) bool {
	return (s.namespace == "" || s.namespace == f.Namespace) && (s.name == "" || s.name == f.Name)
}

// feed reads NAME or NAMESPACE/NAME.
func (w *world) feed(cmd *cobra.Command, arg string) (bus.Feed, error) {
	ns, name, ok := strings.Cut(arg, "/")
	if !ok {
		name = arg
		var err error
		if ns, err = w.currentNamespace(cmd); err != nil {
			return bus.Feed{}, err
		}
	}
	if ns == "" || name == "" || strings.Contains(name, "/") {
		return bus.Feed{}, fmt.Errorf("%q is no FeedSource: write NAME or NAMESPACE/NAME", arg)
	}
	return bus.Feed{Namespace: ns, Name: name}, nil
}

// scope is the FeedSource that the argument names. Without one it is everything of
// a data folder, and in a cluster the namespace unless all were asked for.
func (w *world) scope(cmd *cobra.Command, args []string) (scope, error) {
	if len(args) > 0 {
		f, err := w.feed(cmd, args[0])
		return scope{f.Namespace, f.Name}, err
	}
	in, err := w.inCluster()
	if err != nil || !in || w.all {
		return scope{}, err
	}
	ns, err := w.currentNamespace(cmd)
	return scope{namespace: ns}, err
}
