package collect

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/plan"
)

// watches wakes file feeds when something changes in a folder of theirs. All of
// them share one watcher, of which a user has few. Watching is an addition to
// the schedule: where it does not work, only the schedule counts.
type watches struct {
	root string
	log  logr.Logger

	mu      sync.Mutex
	watcher *fsnotify.Watcher
	feeds   map[string]watched // by key
	stopped chan struct{}      // closed when the loop ended
}

type watched struct {
	pattern string
	dirs    []string
	failed  bool // and the log says so
	wake    chan<- struct{}
}

func newWatches(root string, log logr.Logger) *watches {
	return &watches{root: root, log: log, feeds: map[string]watched{}}
}

// set watches for a feed as its configuration says; nil ends it.
func (w *watches) set(key string, cfg *plan.Collector, wake chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.feeds[key]
	delete(w.feeds, key)
	defer w.drop(old.dirs)
	if cfg == nil || cfg.Spec.File == nil || w.root == "" || cfg.Spec.Suspend {
		return
	}
	if on := cfg.Spec.File.Watch; on != nil && !*on {
		return
	}
	if err := w.start(); err != nil {
		w.log.Error(err, "files cannot be watched; they are collected on schedule", "key", key)
		return
	}
	f := watched{pattern: cfg.Spec.File.Path, wake: wake, failed: old.failed}
	for _, dir := range folders(w.root, f.pattern) {
		if err := w.watcher.Add(dir); err != nil {
			if !f.failed {
				w.log.Error(err, "folder cannot be watched; its files are collected on schedule", "key", key)
			}
			f.failed = true
			continue
		}
		f.dirs = append(f.dirs, dir)
	}
	w.feeds[key] = f
}

// folders are those that files of the pattern may be in now, and those above,
// where new folders may appear.
func folders(rootPath, pattern string) []string {
	root, err := os.OpenRoot(rootPath)
	if err != nil {
		return nil
	}
	defer root.Close()
	var dirs []string
	for dir := path.Dir(pattern); ; dir = path.Dir(dir) {
		names := []string{dir}
		if isGlob(dir) {
			names, _ = fs.Glob(root.FS(), dir)
		}
		for _, name := range names {
			// Stat through the root: a link that leads out is not watched.
			if info, err := root.Stat(name); err == nil && info.IsDir() {
				dirs = append(dirs, filepath.Join(rootPath, filepath.FromSlash(name)))
			}
		}
		if !isGlob(dir) && len(dirs) > 0 || dir == "." {
			return dirs
		}
	}
}

func (w *watches) start() error {
	if w.watcher != nil {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	w.watcher, w.stopped = watcher, make(chan struct{})
	go w.loop(watcher, w.stopped)
	return nil
}

func (w *watches) loop(watcher *fsnotify.Watcher, stopped chan<- struct{}) {
	defer close(stopped)
	for {
		select {
		case e, ok := <-watcher.Events:
			if !ok {
				return
			}
			if !e.Has(fsnotify.Chmod) || e.Op != fsnotify.Chmod {
				w.tell(e.Name)
			}
		case _, ok := <-watcher.Errors:
			if !ok {
				return
			}
			w.tell("") // events were lost: anybody may be meant
		}
	}
}

// tell wakes the feeds that a name concerns.
func (w *watches) tell(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rel, err := filepath.Rel(w.root, name)
	rel = filepath.ToSlash(rel)
	for _, f := range w.feeds {
		if name != "" && err == nil && !concerns(f.pattern, rel) {
			continue
		}
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// concerns tells whether a change of name may matter to a pattern: the name
// matches it, or a folder on the way to it.
func concerns(pattern, name string) bool {
	depth := strings.Count(name, "/") + 1
	parts := strings.Split(pattern, "/")
	if depth > len(parts) {
		return false
	}
	ok, err := path.Match(strings.Join(parts[:depth], "/"), name)
	return err == nil && ok
}

// drop ends the watches of folders that no feed needs any more.
func (w *watches) drop(dirs []string) {
	for _, dir := range dirs {
		needed := false
		for _, f := range w.feeds {
			for _, d := range f.dirs {
				needed = needed || d == dir
			}
		}
		if !needed {
			_ = w.watcher.Remove(dir) // it may be gone itself
		}
	}
}

func (w *watches) close() {
	w.mu.Lock()
	watcher, stopped := w.watcher, w.stopped
	w.watcher, w.feeds = nil, map[string]watched{}
	w.mu.Unlock()
	if watcher != nil {
		_ = watcher.Close()
		<-stopped
	}
}
