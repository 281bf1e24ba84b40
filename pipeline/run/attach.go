package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/bus"
)

// Attach connects to the bus of a data folder: that of the process that runs on
// it, or, if none does, the folder's own, opened until done is called.
func Attach(ctx context.Context, data string, log logr.Logger) (conn *bus.Conn, done func() error, err error) {
	if _, err := os.Stat(filepath.Join(data, "bus")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s is no data folder of weir run (it has no bus); name it with --data", data)
	}
	lock, err := lockData(data)
	if errors.Is(err, ErrLocked) {
		return dial(ctx, data)
	}
	if err != nil {
		return nil, nil, err
	}
	server, err := bus.StartServer(bus.ServerOptions{Dir: filepath.Join(data, "bus"), Log: log})
	if err != nil {
		lock.Close()
		return nil, nil, fmt.Errorf("bus of %s: %w", data, err)
	}
	conn, err = server.Connect("weir")
	if err != nil {
		server.Shutdown()
		lock.Close()
		return nil, nil, fmt.Errorf("bus of %s: %w", data, err)
	}
	return conn, func() error {
		err := conn.Close()
		server.Shutdown()
		return errors.Join(err, lock.Close())
	}, nil
}

func dial(ctx context.Context, data string) (*bus.Conn, func() error, error) {
	e, err := ReadEndpoint(data)
	if err != nil {
		return nil, nil, fmt.Errorf("a weir runs on %s but its endpoint cannot be read: %w", data, err)
	}
	if e.Bus == "" {
		return nil, nil, fmt.Errorf("the weir on %s does not listen; start it with --bus-listen", data)
	}
	conn, err := bus.Dial(ctx, e.Bus, e.Token, "weir")
	if err != nil {
		return nil, nil, fmt.Errorf("bus of the weir on %s: %w", data, err)
	}
	return conn, conn.Close, nil
}
