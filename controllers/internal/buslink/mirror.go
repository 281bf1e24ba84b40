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

// configMirror knows what the config bucket has.
type configMirror struct {
	mu   sync.Mutex
	keys map[string]written
}

func newConfigMirror() *configMirror { return &configMirror{keys: make(map[string]written)} }

// has reports whether the bucket has this value.
func (m *configMirror) has(key string, value digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.keys[key]
	return ok && !w.gone && w.value == value
}

// present reports whether the bucket has the key.
func (m *configMirror) present(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.keys[key]
	return ok && !w.gone
}

// wrote notes a write or a deletion that the bus confirmed.
func (m *configMirror) wrote(key string, w written) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[key] = w
}

// told notes what the bucket tells, and reports whether that is news: somebody
// else wrote.
func (m *configMirror) told(e bus.Entry) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := written{value: digestOf(e.Value), gone: e.Value == nil}
	old, known := m.keys[e.Key]
	same := known && old.gone == now.gone && (now.gone || old.value == now.value)
	if !old.own.IsZero() && !same {
		return false // from before the own write, whose turn comes
	}
	if now.gone {
		delete(m.keys, e.Key)
		return known && !same
	}
	m.keys[e.Key] = now
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
			delete(m.keys, key)
			found = true
		}
	}
	return found
}

// under lists keys as bus.Bucket.Keys does.
func (m *configMirror) under(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key, w := range m.keys {
		if !w.gone && below(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// below reports whether a key is one of a prefix: "a.b." is what is below a.b,
// "a.b" that and a.b itself, "" everything.
func below(key, prefix string) bool {
	if prefix == "" || key == prefix {
		return true
	}
	return strings.HasPrefix(key, strings.TrimSuffix(prefix, ".")+".")
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
