package bus

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

// A JetStream stream that could not write (disk full, I/O error) refuses every
// further write until the server is started again, even when there is space
// again; it does not even answer. The watchdog notices, waits until the folder
// can be written again, and starts the server anew on the same folder. Clients
// reconnect and repeat what was not acknowledged. Reading goes on meanwhile.
const (
	watchEvery = time.Second
	// probeBytes must fit before the server is started again, else it would fail
	// at once again.
	probeBytes = 4 << 20
)

func (s *Server) watch() {
	defer close(s.watched)
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	ill := false
	for {
		select {
		case <-s.quit:
			return
		case <-t.C:
		}
		if h := s.current().Healthz(nil); h.StatusCode == http.StatusOK {
			continue
		} else if !ill {
			ill = true
			s.opts.Log.Info("bus cannot write, waits for the disk", "dir", s.opts.Dir, "error", h.Error)
		}
		if probe(s.opts.Dir) != nil {
			continue
		}
		if err := s.heal(); err != nil {
			s.opts.Log.Info("bus does not start again", "dir", s.opts.Dir, "error", err.Error())
			continue
		}
		ill = false
		s.opts.Log.Info("bus writes again", "dir", s.opts.Dir)
	}
}

// heal starts the server anew unless it has become well meanwhile.
func (s *Server) heal() error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	if s.current().Healthz(nil).StatusCode == http.StatusOK {
		return nil
	}
	return s.startAnew()
}

func (s *Server) startAnew() error {
	ns := s.current()
	ns.Shutdown()
	ns.WaitForShutdown()
	return s.start()
}

// probe writes a file in dir and removes it.
func probe(dir string) (err error) {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if rerr := os.Remove(f.Name()); err == nil {
			err = rerr
		}
	}()
	if _, err := f.Write(make([]byte, probeBytes)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return f.Sync()
}
