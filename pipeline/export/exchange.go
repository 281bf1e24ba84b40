package export

import (
	"encoding/json"
	"strings"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// learn takes what is known of an exchange. It changes nothing for those who are
// being served: sources come and go with other people's feeds.
func (s *Stage) learn(e bus.Entry) {
	x := new(plan.Sources)
	if e.Value != nil {
		if err := json.Unmarshal(e.Value, x); err != nil {
			s.log.Error(err, "what was known of an exchange stays", "key", e.Key)
			return
		}
	}
	_, rest, _ := strings.Cut(e.Key, ".")
	namespace, name, _ := strings.Cut(rest, ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchanges[plan.Ref{Namespace: namespace, Name: name}] = x
}

// exchange is what is known of an exchange; nothing if it is not there (yet).
func (s *Stage) exchange(r plan.Ref) *plan.Sources {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if x := s.exchanges[r]; x != nil {
		return x
	}
	return &plan.Sources{}
}
