// Command pause is what runs in a local cluster beside the workloads: it holds
// a pod's namespaces (no argument), or empties a volume that is to be used
// again (pause scrub FOLDER).
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "scrub" {
		if err := scrub(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "scrub:", err)
			os.Exit(1)
		}
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}

// scrub removes everything in dir but dir.
func scrub(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
