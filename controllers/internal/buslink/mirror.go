package buslink

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// digest stands for a value: the mirror of ten thousand configurations is small.
type digest [16]byte

func digestOf(value []byte) digest {
	sum := sha256.Sum256(value)
	return digest(sum[:16])
}

// written is one key of the config bucket.
type written struct {
	value digest
	gone  bool // deleted by this link; the bucket has not told it yet
	// own is when this link wrote it, zero once the bucket has told it. Until then
	// what the bucket tells may be what was there before.
	own time.Time
}

func (w written) same(o written) bool { return w.gone == o.gone && (w.gone || w.value == o.value) }

// configMirror knows what the config bucket has.
type configMirror struct {
	mu   sync.Mutex
	keys map[string]written
	// sorted are the keys that are present.
	sorted []string
	// writing is what is on its way: the bucket may tell it before it confirms it.
	writing map[string]written
}

func newConfigMirror() *configMirror {
	return &configMirror{keys: make(map[string]written), writing: make(map[string]written)}
}

// has reports whether the bucket has this value; a gone one, that it has none.
func (m *configMirror) has(key string, w written) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now(key).same(w)
}

// now is what the bucket has. m.mu is held.
func (m *configMirror) now(key string) written {
	if w, ok := m.keys[key]; ok {
		return w
	}
	return written{gone: true}
}

// set notes what the bucket has. m.mu is held.
func (m *configMirror) set(key string, w written) {
	if w.gone && w.own.IsZero() {
		delete(m.keys, key)
	} else {
		m.keys[key] = w
	}
	i, found := slices.BinarySearch(m.sorted, key)
	switch {
	case w.gone && found:
		m.sorted = slices.Delete(m.sorted, i, i+1)
	case !w.gone && !found:
		m.sorted = slices.Insert(m.sorted, i, key)
	}
}

// write notes a write, or a deletion, around the call that makes it: something that
// the bucket does not have.
func (m *configMirror) write(key string, w written, publish func() error) error {
	m.mu.Lock()
	m.writing[key] = w
	m.mu.Unlock()
	err := publish()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.writing, key)
	if err == nil && !m.now(key).same(w) { // else the bucket told it already
		w.own = time.Now()
		m.set(key, w)
	}
	return err
}

// told notes what the bucket tells, and reports whether that is news: somebody
// else wrote.
func (m *configMirror) told(e bus.Entry) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := written{gone: e.Value == nil}
	if !w.gone {
		w.value = digestOf(e.Value)
	}
	old := m.now(e.Key)
	same := old.same(w)
	if !old.own.IsZero() && !same {
		return false // from before the own write, whose turn comes
	}
	m.set(e.Key, w)
	if own, ok := m.writing[e.Key]; ok && own.same(w) {
		return false
	}
	return !same
}

// doubt forgets own writes from before since that the bucket never told: the bus
// lost them, or somebody wrote over them at once. The next comparison then writes
// again. It reports whether there were any.
func (m *configMirror) doubt(since time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := false
	for key, w := range m.keys {
		if !w.own.IsZero() && w.own.Before(since) {
			m.set(key, written{gone: true})
			found = true
		}
	}
	return found
}

// under lists keys as bus.Bucket.Keys does.
func (m *configMirror) under(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if prefix == "" {
		return slices.Clone(m.sorted)
	}
	key, below := strings.CutSuffix(prefix, ".")
	from, _ := slices.BinarySearch(m.sorted, key+".")
	to, _ := slices.BinarySearch(m.sorted, key+"/") // the character after the dot
	keys := slices.Clone(m.sorted[from:to])
	if !below && !m.now(key).gone {
		keys = slices.Insert(keys, 0, key)
	}
	return keys
}

// wanted reports whether a key of the config bucket is one that only the operator
// writes. Others (decisions, replays) come and go without it.
func wanted(key string) bool {
	prefix, _, _ := strings.Cut(key, ".")
	switch prefix {
	case plan.PrefixCollector, plan.PrefixMonitor, plan.PrefixHub, plan.PrefixSubscription, plan.PrefixSources:
		return true
	}
	return false
}

// statusMirror knows what the status bucket has.
type statusMirror struct {
	mu   sync.RWMutex
	keys map[string][]byte
}

func newStatusMirror() *statusMirror { return &statusMirror{keys: make(map[string][]byte)} }

func (m *statusMirror) get(key string) ([]byte, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, ok := m.keys[key]
	return value, ok
}

func (m *statusMirror) told(e bus.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Value == nil {
		delete(m.keys, e.Key)
		return
	}
	m.keys[e.Key] = e.Value
}
