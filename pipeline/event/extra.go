package event

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxExtraBytes bounds the keys and values of Extra together.
const MaxExtraBytes = 64 << 10

// isExtraKey reports whether s matches [A-Za-z0-9_.-]{1,64}.
func isExtraKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlpha(c) && !isDigit(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// validateExtra checks, compacts and sorts the extras.
func validateExtra(e *Event) *FieldError {
	total, sorted := 0, true
	for i := range e.Extra {
		x := &e.Extra[i]
		if !isExtraKey(x.Key) {
			return fieldError("extra", "has a key that is not 1 to 64 letters, digits, dots, hyphens and underscores", x.Key)
		}
		compact, reason := compactJSON(x.Value)
		if reason != "" {
			return fieldError(extraPrefix+x.Key, reason, string(x.Value[:min(len(x.Value), maxErrorValue)]))
		}
		x.Value = compact
		total += len(x.Key) + len(x.Value)
		sorted = sorted && (i == 0 || e.Extra[i-1].Key < x.Key)
	}
	if total > MaxExtraBytes {
		return fieldError("extra", tooBig(total), "")
	}
	if sorted {
		return nil
	}
	return sortExtra(e.Extra)
}

func tooBig(n int) string {
	return fmt.Sprintf("has %d bytes, more than the %d that all extras may have; map fewer or shorter ones", n, MaxExtraBytes)
}

// sortExtra sorts by key and refuses a key that occurs twice.
func sortExtra(list []Extra) *FieldError {
	slices.SortStableFunc(list, func(a, b Extra) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(list); i++ {
		if list[i].Key == list[i-1].Key {
			return fieldError(extraPrefix+list[i].Key, "occurs twice", "")
		}
	}
	return nil
}

// extraField is extra.<key>. As text it is the content of a JSON string, or the
// JSON of another value.
type extraField struct{ key string }

func (extraField) kind() Kind { return KindJSON }

func (f extraField) index(e *Event) int {
	for i := range e.Extra {
		if e.Extra[i].Key == f.key {
			return i
		}
	}
	return -1
}

func (f extraField) has(e *Event) bool { return f.index(e) >= 0 }

func (f extraField) clear(e *Event) {
	if i := f.index(e); i >= 0 {
		e.Extra = slices.Delete(e.Extra, i, i+1)
	}
}

func (f extraField) put(e *Event, value json.RawMessage) {
	if i := f.index(e); i >= 0 {
		e.Extra[i].Value = value
		return
	}
	e.Extra = append(e.Extra, Extra{Key: f.key, Value: value})
}

func (f extraField) set(e *Event, s string) string {
	if len(s) > MaxExtraBytes {
		return tooBig(len(s))
	}
	if !isPlain(s) {
		if reason := refuseExtraText(s); reason != "" {
			return reason
		}
	}
	f.put(e, appendQuoted(make([]byte, 0, len(s)+2), s))
	return ""
}

func (f extraField) setJSON(e *Event, value []byte) string {
	if len(value) > MaxExtraBytes {
		return tooBig(len(value))
	}
	compact, reason := compactJSON(value)
	if reason == "" {
		f.put(e, compact)
	}
	return reason
}

func (f extraField) get(e *Event) (string, bool) {
	i := f.index(e)
	if i < 0 {
		return "", false
	}
	value := e.Extra[i].Value
	if len(value) > 0 && value[0] == '"' {
		s := scanner{in: value}
		if text := s.text(string(value)); s.end() {
			return text, true
		}
	}
	return string(value), true
}

// refuseExtraText is more lenient than refuseText: a banner or a comment has line
// breaks, and JSON escapes them.
func refuseExtraText(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8; is the charset of the input right?"
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "has U+0000, which databases cannot hold"
	}
	return ""
}
