package record

// Scanner finds the end of a JSON value in text that arrives in pieces. It only
// counts brackets and watches strings; whether the value is well formed is
// found out by a Walker. The zero Scanner is ready for a value.
type Scanner struct {
	depth  int
	str    bool
	scalar bool // a number or literal: it ends where something else begins
	begun  bool
}

// Scan goes on at data[i], where the last call left off or the value begins
// (white space is not skipped). It returns where the value ends; false if data
// ends first, with the place to go on from. A number or literal at the end of
// data is not known to end there.
func (s *Scanner) Scan(data []byte, i int) (end int, ok bool) {
	if !s.begun && i < len(data) {
		s.begun = true
		switch data[i] {
		case '{', '[':
		case '"':
			s.str = true
			i++
		default:
			s.scalar = true
		}
	}
	if s.scalar {
		return scalarEnd(data, i)
	}
	for i < len(data) {
		if s.str {
			end, _ := stringEnd(data, i)
			if end < 0 {
				return resume(data, i), false
			}
			i, s.str = end+1, false
			if s.depth == 0 {
				return i, true
			}
			continue
		}
		switch structure[data[i]] {
		case 1:
			s.depth++
		case 2:
			s.depth--
			if s.depth <= 0 {
				return i + 1, true
			}
		case 3:
			s.str = true
		}
		i++
	}
	return i, false
}

// resume is where to look for the end of a string again when more text is
// there: the last byte may be a backslash whose partner is missing.
func resume(data []byte, i int) int {
	n := 0
	for n < len(data)-i && data[len(data)-1-n] == '\\' {
		n++
	}
	return len(data) - n%2
}

func scalarEnd(data []byte, i int) (int, bool) {
	for ; i < len(data); i++ {
		if c := data[i]; isSpace(c) || c == ',' || c == ':' || structure[c] != 0 {
			return i, true
		}
	}
	return i, false
}

// structure says what a byte does to the nesting: 1 opens, 2 closes, 3 begins a
// string.
var structure = [256]uint8{'{': 1, '[': 1, '}': 2, ']': 2, '"': 3}

// Scalar reports whether the value is a number or literal: it may then end where
// the text does.
func (s *Scanner) Scalar() bool { return s.scalar }
