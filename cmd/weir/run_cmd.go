package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/run"
)

func newRun() *cobra.Command {
	o := run.Options{}
	var allow []string
	var logFormat string
	cmd := &cobra.Command{
		Use:   "run -f DIR",
		Short: "Run every component in this process, without a cluster",
		Long: `Run collectors, monitors, hub and exporters of the manifests in this process, on
an embedded bus and a SQLite store, until stopped. Changed manifests are applied
without restart. Stopping, also by kill -9, loses nothing: the next run on the
same data folder goes on where this one was.`,
		Example: "  weir run -f config/samples/quickstart --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, a := range allow {
				p, err := netip.ParsePrefix(a)
				if err != nil {
					return fmt.Errorf("--allow-net %s: is no network such as 10.1.0.0/16", a)
				}
				o.AllowNets = append(o.AllowNets, p)
			}
			if o.Files == "" {
				o.Files = folderOf(o.Watch)
			}
			log, err := newLog(logFormat)
			if err != nil {
				return err
			}
			o.Log = log
			o.Load = func(ctx context.Context) (*run.Manifests, error) {
				res, err := loadStrict(ctx, o.Watch, cmd.ErrOrStderr())
				if err != nil {
					return nil, err
				}
				return &run.Manifests{Plan: res.Plan, Secrets: res.Secrets.Read}, nil
			}
			return run.Run(cmd.Context(), o)
		},
	}
	fileFlag(cmd, &o.Watch, "file or folder of manifests")
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "data", "folder for bus, store and state")
	f.StringVar(&o.Files, "files", "", "folder that file sources may read (default: the folder of the manifests)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8480", "address of the exports")
	f.StringVar(&o.Admin, "admin-listen", "127.0.0.1:8481", "address of metrics and health")
	f.StringVar(&o.BusListen, "bus-listen", "127.0.0.1:0", "address of the bus, for weir held, replay and status")
	f.StringSliceVar(&allow, "allow-net", []string{"127.0.0.0/8", "::1/128"},
		"networks that sources may reach although they are not public")
	f.StringVar(&logFormat, "log", "text", "text or json")
	return cmd
}

func folderOf(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

func newLog(format string) (logr.Logger, error) {
	switch format {
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil)), nil
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log %s: must be text or json", format)
}
