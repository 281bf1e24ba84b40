package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

// racy is how old a file must be before its size and time tell that it did not
// change: within the resolution of a clock, a file can change without them.
const racy = 2 * time.Second

// fileTransport reads files below a root that nothing leads out of.
type fileTransport struct {
	root   string
	settle time.Duration
}

// fetch adds every file that matches and changed. A file that is still being
// written is left for the next look.
func (t *fileTransport) fetch(ctx context.Context, c *collection) error {
	if t.root == "" {
		return fail(v1alpha1.ReasonInvalidSpec, stall, "spec.file: the collector was given no folder to read from (--files)")
	}
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return fail(v1alpha1.ReasonNoFile, backOff, "the folder of the collector cannot be opened: %w", bareFile(err))
	}
	defer root.Close()
	names, err := match(root.FS(), c.cfg.Spec.File.Path, c.limits.entries, c.cfg.Spec.Verify)
	if err != nil {
		return err
	}
	looks, err := t.look(ctx, root, names, isGlob(c.cfg.Spec.File.Path))
	if err != nil {
		return err
	}
	left := c.limits.download
	c.next.Files = map[string]string{}
	for _, l := range looks {
		if err := t.file(ctx, c, root, l, &left); err != nil {
			return err
		}
	}
	return nil
}

// match finds the files of a pattern, sorted. Names that start with a dot are
// only found by a pattern that does: many programs write there first. Signatures are no payloads.
func match(fsys fs.FS, pattern string, most int, verify *v1alpha1.VerifySpec) ([]string, error) {
	if !fs.ValidPath(pattern) {
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.file.path: %q must be relative, without '.' and '..' in it", pattern)
	}
	if !isGlob(pattern) {
		return []string{pattern}, nil
	}
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.file.path: %q is no pattern: %w", pattern, err)
	}
	if verify != nil {
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(suffixes(verify), path.Ext(n)) })
	}
	if !strings.HasPrefix(path.Base(pattern), ".") {
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(path.Base(n), ".") })
	}
	switch {
	case len(names) == 0:
		return nil, fail(v1alpha1.ReasonNoFile, onSchedule, "no file matches %s", pattern)
	case len(names) > most:
		return nil, fail(v1alpha1.ReasonTooLarge, onSchedule, "%d files match %s: narrow spec.file.path, or raise spec.limits.entries", len(names), pattern)
	}
	slices.Sort(names)
	return names, nil
}

func isGlob(p string) bool { return strings.ContainsAny(p, `*?[\`) }

// look is what is known of one file before it is read.
type look struct {
	name   string
	info   fs.FileInfo
	moving bool // it is still being written
}

// look stats the files; those that changed a moment ago are looked at twice, so
// that a file that is being written is not read half. Of a pattern, files that
// vanished in the meantime and folders are left out.
func (t *fileTransport) look(ctx context.Context, root *os.Root, names []string, glob bool) ([]look, error) {
	var looks []look
	fresh := false
	for _, name := range names {
		info, err := root.Stat(name)
		switch {
		case glob && (errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir()):
			continue
		case err != nil:
			return nil, refuseFile(name, err)
		case !info.Mode().IsRegular():
			return nil, fail(v1alpha1.ReasonNoFile, onSchedule, "%s is no regular file", name)
		}
		l := look{name: name, info: info, moving: time.Since(info.ModTime()) < racy}
		fresh = fresh || l.moving
		looks = append(looks, l)
	}
	if !fresh {
		return looks, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(t.settle):
	}
	for i, l := range looks {
		if l.moving {
			info, err := root.Stat(l.name)
			looks[i].moving = err != nil || stamp(info) != stamp(l.info)
		}
	}
	return looks, nil
}

// file adds one file.
func (t *fileTransport) file(ctx context.Context, c *collection, root *os.Root, l look, left *int64) error {
	if l.moving {
		c.pending = true
		c.keep(l.name)
		return nil
	}
	known := stamp(l.info)
	if c.prev.Target == c.next.Target && c.prev.Files[l.name] == known {
		c.next.Files[l.name] = known
		c.keep(l.name)
		return nil
	}
	b, after, err := t.read(ctx, c, root, l.name, left)
	if err != nil {
		return err
	}
	if after != known {
		c.pending = true
		c.keep(l.name)
		return nil
	}
	if c.started.Sub(l.info.ModTime()) > racy {
		c.next.Files[l.name] = known
	}
	p := part{key: l.name, filename: l.name, content: b}
	signed, err := c.detached(p)
	if err == nil && signed {
		err = t.verify(ctx, c, root, p, left)
	}
	if err != nil {
		return err
	}
	return c.add(ctx, p, signed)
}

// read copies a file into the spool. after is its stamp then.
func (t *fileTransport) read(ctx context.Context, c *collection, root *os.Root, name string, left *int64) (b blob, after string, err error) {
	// Without O_NONBLOCK, a pipe in place of the file would hold us forever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return blob{}, "", refuseFile(name, err)
	}
	defer f.Close()
	if b, err = c.spool.add(c.limits.wire(stoppable{alive(ctx), f}, left)); err != nil {
		return blob{}, "", fmt.Errorf("%s: %w", name, bareFile(err))
	}
	info, err := f.Stat()
	if err != nil {
		return blob{}, "", refuseFile(name, err)
	}
	return b, stamp(info), nil
}

// stamp is what changes when a file does.
func stamp(info fs.FileInfo) string {
	return fmt.Sprintf("%d@%d", info.Size(), info.ModTime().UnixNano())
}

// refuseFile explains why a file cannot be read. The path is the user's own; the
// folder it is in is not told.
func refuseFile(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(v1alpha1.ReasonNoFile, onSchedule, "%s is not there", name)
	case errors.Is(err, fs.ErrPermission):
		return fail(v1alpha1.ReasonNoFile, onSchedule, "%s may not be read", name)
	}
	return fail(v1alpha1.ReasonNoFile, onSchedule, "%s is refused: %w", name, bareFile(err))
}

// bareFile takes the path out of an error of the os package.
func bareFile(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
