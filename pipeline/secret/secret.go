// Package secret reads the values that secret references name.
package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Reader returns the value of one key of a Secret. The error names the Secret
// and key, never a value.
type Reader func(namespace, name, key string) ([]byte, error)

// ErrNotFound is wrapped by a Reader for a Secret or key that is not there.
var ErrNotFound = errors.New("secret not found")

const maxBytes = 1 << 20 // the limit that Kubernetes has for a Secret

// Dir reads root/<name>/<key>: Secrets as a pod mounts them. The namespace is
// the pod's own.
func Dir(root string) Reader {
	return func(_, name, key string) ([]byte, error) {
		r, err := os.OpenRoot(root)
		if err != nil {
			return nil, fmt.Errorf("secret %s, key %s: %w", name, key, ErrNotFound)
		}
		defer r.Close()
		f, err := r.Open(filepath.Join(name, key))
		if err != nil {
			return nil, fmt.Errorf("secret %s, key %s: %w", name, key, ErrNotFound)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
		if err != nil || len(b) > maxBytes {
			return nil, fmt.Errorf("secret %s, key %s: cannot be read, or is over 1 MiB", name, key)
		}
		return b, nil
	}
}
