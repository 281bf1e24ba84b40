package stixpattern

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	end     kind = iota
	word         // a keyword, or a name in a path
	text         // '...'
	number       // 1, -1, 1.5
	stamp        // t'...'
	hexed        // h'...'
	based        // b'...'
	special      // brackets, operators, separators
)

type token struct {
	kind kind
	// text is the word, the special, the digits, or the decoded content of quotes.
	text string
	at   int
}

// SyntaxError is what is wrong with a pattern, and where.
type SyntaxError struct {
	Offset int // bytes from the start of the pattern
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

type lexer struct {
	in  string
	pos int
}

func (l *lexer) fail(at int, format string, args ...any) error {
	return &SyntaxError{Offset: at, Reason: fmt.Sprintf(format, args...)}
}

// next reads one token.
func (l *lexer) next() (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	at := l.pos
	if at == len(l.in) {
		return token{kind: end, at: at}, nil
	}
	c := l.in[at]
	switch {
	case c == '\'':
		return l.quoted(text, at)
	case isLetter(c):
		return l.wordOrTyped(at)
	case isDigit(c), (c == '-' || c == '+') && at+1 < len(l.in) && isDigit(l.in[at+1]):
		return l.number(at), nil
	}
	for _, s := range []string{"!=", "<>", "<=", ">=", "==", "=", "<", ">", "[", "]", "(", ")", ":", ".", ",", "*"} {
		if strings.HasPrefix(l.in[at:], s) {
			l.pos += len(s)
			return token{kind: special, text: s, at: at}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.in[at:])
	return token{}, l.fail(at, "unexpected %q", r)
}

// space passes over white space and comments.
func (l *lexer) space() error {
	for l.pos < len(l.in) {
		rest := l.in[l.pos:]
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(r):
			l.pos += n
		case strings.HasPrefix(rest, "//"):
			i := strings.IndexByte(rest, '\n')
			if i < 0 {
				i = len(rest)
			}
			l.pos += i
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return l.fail(l.pos, "the comment has no end")
			}
			l.pos += i + 4
		default:
			return nil
		}
	}
	return nil
}

func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 || c == '_' }
func isDigit(c byte) bool  { return c-'0' < 10 }

// wordOrTyped reads a name, which may have hyphens, or a literal such as t'...'.
func (l *lexer) wordOrTyped(at int) (token, error) {
	if at+1 < len(l.in) && l.in[at+1] == '\'' {
		switch l.in[at] {
		case 't':
			l.pos++
			return l.quoted(stamp, at)
		case 'h':
			l.pos++
			return l.quoted(hexed, at)
		case 'b':
			l.pos++
			return l.quoted(based, at)
		}
	}
	i := at
	for i < len(l.in) && (isLetter(l.in[i]) || isDigit(l.in[i]) || l.in[i] == '-') {
		i++
	}
	l.pos = i
	return token{kind: word, text: l.in[at:i], at: at}, nil
}

// quoted reads '...' from the quote on; \' and \\ are the only escapes.
func (l *lexer) quoted(k kind, at int) (token, error) {
	start := l.pos + 1
	var plain []byte
	for i := start; i < len(l.in); i++ {
		switch l.in[i] {
		case '\'':
			l.pos = i + 1
			if plain != nil {
				return token{kind: k, text: string(append(plain, l.in[start:i]...)), at: at}, nil
			}
			return token{kind: k, text: l.in[start:i], at: at}, nil
		case '\\':
			if i+1 == len(l.in) {
				continue
			}
			// Producers forget to escape backslashes: \d stays what it is.
			plain = append(plain, l.in[start:i]...)
			if c := l.in[i+1]; c != '\'' && c != '\\' {
				plain = append(plain, '\\')
			}
			plain = append(plain, l.in[i+1])
			start, i = i+2, i+1
		}
	}
	return token{}, l.fail(at, "the quote has no end")
}

func (l *lexer) number(at int) token {
	i := at + 1
	for i < len(l.in) && isDigit(l.in[i]) {
		i++
	}
	if i+1 < len(l.in) && l.in[i] == '.' && isDigit(l.in[i+1]) {
		i++
		for i < len(l.in) && isDigit(l.in[i]) {
			i++
		}
	}
	l.pos = i
	return token{kind: number, text: l.in[at:i], at: at}
}
