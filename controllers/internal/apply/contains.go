package apply

import (
	"reflect"
)

// contains reports whether have has everything that want has. Fields that are not
// in want belong to others: defaults, status, injected containers. An empty value
// that is wanted is as good as an absent one, since typed objects drop it.
func contains(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have == nil && len(w) == 0
		}
		for k, v := range w {
			if !contains(h[k], v) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok {
			return have == nil && len(w) == 0
		}
		return containsList(h, w)
	case nil:
		return true
	default:
		return sameScalar(have, want)
	}
}

// containsList compares lists. Elements with a name may stand among others; of any
// other list there must be as many as wanted, in order: one more rule of a network
// policy is a hole.
func containsList(have, want []any) bool {
	if !named(want) {
		if len(have) != len(want) {
			return false
		}
		for i := range want {
			if !contains(have[i], want[i]) {
				return false
			}
		}
		return true
	}
	for _, w := range want {
		found := false
		for _, h := range have {
			if m, ok := h.(map[string]any); ok && m["name"] == w.(map[string]any)["name"] {
				found = contains(h, w)
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func named(list []any) bool {
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if _, ok := m["name"].(string); !ok {
			return false
		}
	}
	return len(list) > 0
}

func sameScalar(have, want any) bool {
	if have == nil {
		return reflect.ValueOf(want).IsZero()
	}
	if h, ok := number(have); ok {
		if w, ok := number(want); ok {
			return h == w
		}
	}
	return have == want
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
