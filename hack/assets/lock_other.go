//go:build !unix

package assets

import "context"

// Lock does nothing: two processes may build the same tool, the last rename wins.
func Lock(context.Context, string, func()) (unlock func(), err error) {
	return func() {}, nil
}
