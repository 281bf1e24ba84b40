package run

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/weir-project/weir/pipeline/secret"
)

// ErrLocked says that another process runs on the data folder.
var ErrLocked = errors.New("another weir runs on this data folder")

// lockData makes the folder and locks it for this process. From then on whatever
// the process makes is for its user only: payloads and archive are not for
// everybody on the machine, and SQLite makes its files as wide as the umask lets
// it.
func lockData(dir string) (*os.File, error) {
	syscall.Umask(0o077)
	for _, d := range []string{dir, filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
	}
	return f, nil
}

// Endpoint tells other processes of the same user how to reach a run.
type Endpoint struct {
	Bus     string `json:"bus"` // empty if the bus does not listen
	Token   string `json:"token"`
	Exports string `json:"exports"`
	Admin   string `json:"admin"`
}

func endpointFile(dir string) string { return filepath.Join(dir, "endpoint.json") }

func writeEndpoint(dir string, e Endpoint) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	// Whole or not at all: others read it while it is written.
	tmp := endpointFile(dir) + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return os.Rename(tmp, endpointFile(dir))
}

func removeEndpoint(dir string) { os.Remove(endpointFile(dir)) }

// ReadEndpoint returns the endpoint of the run on a data folder.
func ReadEndpoint(dir string) (Endpoint, error) {
	var e Endpoint
	data, err := os.ReadFile(endpointFile(dir))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(data, &e)
}

func newToken() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}

// swappable is a secret.Reader whose values change with the manifests.
type swappable struct{ current atomic.Pointer[secret.Reader] }

func (s *swappable) set(r secret.Reader) { s.current.Store(&r) }

func (s *swappable) read(namespace, name, key string) ([]byte, error) {
	return (*s.current.Load())(namespace, name, key)
}
