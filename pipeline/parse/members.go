package parse

import "github.com/weir-project/weir/pipeline/parse/record"

// members collects keys and values of text, and writes them as a JSON object. A
// key that is there twice becomes an array.
type members struct {
	list []pair
	// index finds keys once there are many.
	index map[string]int
}

type pair struct {
	key, value string
	// next is the next pair with the key, last the last one; both are 0 if there
	// is no other. Pairs that are not the first of their key are not counted.
	next, last int
	again      bool
}

// fewPairs is up to how many keys are compared one after the other.
const fewPairs = 24

func (m *members) reset() {
	m.list = m.list[:0]
	clear(m.index)
}

func (m *members) empty() bool { return len(m.list) == 0 }

// find is the first pair with a key; -1 if there is none.
func (m *members) find(key string) int {
	if len(m.list) <= fewPairs {
		for i := range m.list {
			if m.list[i].key == key && !m.list[i].again {
				return i
			}
		}
		return -1
	}
	if len(m.index) == 0 {
		if m.index == nil {
			m.index = map[string]int{}
		}
		for i := range m.list {
			if !m.list[i].again {
				m.index[m.list[i].key] = i
			}
		}
	}
	if i, ok := m.index[key]; ok {
		return i
	}
	return -1
}

// add takes a pair. Its text must stay as it is until the object is written.
func (m *members) add(key, value string) {
	n := len(m.list)
	first := m.find(key)
	m.list = append(m.list, pair{key: key, value: value, again: first >= 0})
	if first < 0 {
		if len(m.index) > 0 {
			m.index[key] = n
		}
		return
	}
	head := &m.list[first]
	last := first
	if head.last > 0 {
		last = head.last
	}
	m.list[last].next, head.last = n, n
}

// appendJSON writes the object.
func (m *members) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	comma := false
	for i := range m.list {
		p := &m.list[i]
		if p.again {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(record.AppendString(dst, p.key), ':')
		if p.next == 0 {
			dst = record.AppendString(dst, p.value)
			continue
		}
		dst = record.AppendString(append(dst, '['), p.value)
		for n := p.next; n > 0; n = m.list[n].next {
			dst = record.AppendString(append(dst, ','), m.list[n].value)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
