package parse

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

var (
	marked = regexp.MustCompile(`(?i)^(<!--.*?-->\s*)?<(!doctype|html|head|body|title|script|meta|\?xml|rss|feed)\b`)
	title  = regexp.MustCompile(`(?is)<title[^>]*>\s*(.*?)\s*</title>`)
	object = regexp.MustCompile(`^(\{\s*["}]|\[\s*[{\]"\[])`)
)

// magics are the first bytes of files that are no text.
var magics = []struct{ prefix, name string }{
	{"\x1f\x8b", "gzip"}, {"PK\x03\x04", "a zip archive"}, {"%PDF-", "PDF"}, {"BZh", "bzip2"},
	{"\xFD7zXZ\x00", "xz"}, {"\x28\xB5\x2F\xFD", "zstd"}, {"7z\xBC\xAF\x27\x1C", "7-Zip"},
	{"SQLite format 3\x00", "an SQLite database"}, {"\xD0\xCF\x11\xE0", "an old Office document"},
}

// foreign says why the beginning of a payload in the character set cannot be of
// the format; nil if it may be.
func foreign(start []byte, set charset, format string) error {
	if err := otherFile(start, format); err != nil {
		return err
	}
	text := bytes.TrimLeft(start, " \t\r\n")
	if m := marked.FindSubmatch(text); m != nil {
		return &UnreadableError{likeMarkup(text, string(m[2])) + ", not " + format}
	}
	return notText(start, set)
}

// otherFile says that the beginning is that of a file that is no text.
func otherFile(start []byte, format string) error {
	for _, m := range magics {
		if bytes.HasPrefix(start, []byte(m.prefix)) {
			return &UnreadableError{"it looks like " + m.name + ", not " + format}
		}
	}
	return nil
}

// notText says that the beginning has bytes that no text has.
func notText(start []byte, set charset) error {
	i := bytes.IndexByte(start, 0)
	if i < 0 {
		return nil
	}
	if utf16 := likeUTF16(start); utf16 != "" && set.encoding == nil {
		return &UnreadableError{"it looks like UTF-16; set spec.input.charset to " + utf16}
	}
	return &UnreadableError{fmt.Sprintf("it is not text (byte %d is zero)", i+1)}
}

func likeMarkup(text []byte, tag string) string {
	switch strings.ToLower(tag) {
	case "?xml", "rss", "feed":
		return "it looks like XML"
	}
	if m := title.FindSubmatch(text); m != nil && len(m[1]) > 0 {
		return fmt.Sprintf("it looks like HTML (%.100q)", m[1])
	}
	return "it looks like HTML"
}

// likeUTF16 is the name of the character set if many bytes at even offsets are
// zero and hardly any at odd ones, or the other way round; "" otherwise.
func likeUTF16(start []byte) string {
	var zeros [2]int // at even and odd offsets
	for i, b := range start {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch many := len(start) / 4; {
	case zeros[1] > many && zeros[0] < zeros[1]/8+1:
		return "utf-16le"
	case zeros[0] > many && zeros[1] < zeros[0]/8+1:
		return "utf-16be"
	}
	return ""
}

// looksLikeJSON reports whether what should be a table begins as JSON.
func looksLikeJSON(start []byte) bool {
	return object.Match(bytes.TrimLeft(start, " \t\r\n"))
}
