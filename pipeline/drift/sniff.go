package drift

import (
	"bytes"
	"html"
	"strings"
)

// Containers besides the formats that a Parser can declare.
const (
	containerHTML   = "html"
	containerXML    = "xml"
	containerJSON   = "json"
	containerBinary = "binary"
	containerEmpty  = "empty"
)

// sniffBytes is how much of a payload is looked at to tell its container.
const sniffBytes = 4096

var magics = []struct{ magic, name string }{
	{"PK\x03\x04", "zip"},
	{"\x1f\x8b", "gzip"},
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"%PDF-", "pdf"},
	{"7z\xbc\xaf\x27\x1c", "7z"},
}

// sniff tells the container by the first bytes of a payload, and shows some of a
// foreign one.
func sniff(head []byte, declared, charset string) (container, excerpt string) {
	container = containerOf(head, declared, charset)
	if looksLike(declared, container) {
		return declared, ""
	}
	switch container {
	case containerHTML:
		return container, headline(textOf(head))
	case containerXML, containerJSON:
		return container, excerptOf(textOf(head))
	}
	return container, ""
}

// textOf is what follows a byte-order mark and space.
func textOf(head []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
}

func containerOf(head []byte, declared, charset string) string {
	wide := strings.HasPrefix(strings.ToLower(charset), "utf-16") ||
		bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
	if wide {
		return declared
	}
	for _, m := range magics {
		if strings.HasPrefix(string(head[:min(len(head), 8)]), m.magic) {
			return m.name
		}
	}
	if isBinary(head) {
		return containerBinary
	}
	head = textOf(head)
	switch {
	case len(head) == 0:
		return containerEmpty
	case isHTML(head):
		return containerHTML
	case bytes.HasPrefix(head, []byte("<?xml")):
		return containerXML
	case isJSON(head):
		return containerJSON
	}
	return declared
}

// isBinary tells whether bytes are no text. A publisher's text may have some NUL bytes
// in it.
func isBinary(head []byte) bool {
	nul, control := 0, 0
	for _, b := range head {
		switch {
		case b == 0:
			nul++
		case b < ' ' && (b < '\t' || b > '\r') || b == 0x7f:
			control++
		}
	}
	const some = 20 // of so many bytes one
	return nul > 0 && (nul+control)*some >= len(head)
}

var htmlStarts = [][]byte{[]byte("<!doctype html"), []byte("<html"), []byte("<head"), []byte("<body"), []byte("<title"),
	[]byte("<script"), []byte("<center>"), []byte("<h1")}

func isHTML(head []byte) bool {
	if head[0] != '<' {
		return false
	}
	start := bytes.ToLower(head[:min(len(head), 1024)])
	for bytes.HasPrefix(start, []byte("<!--")) {
		_, after, ok := bytes.Cut(start, []byte("-->"))
		if !ok {
			return false
		}
		start = bytes.TrimLeft(after, " \t\r\n")
	}
	for _, tag := range htmlStarts {
		if bytes.HasPrefix(start, tag) {
			return true
		}
	}
	return bytes.HasPrefix(start, []byte("<?xml")) && bytes.Contains(start, []byte("<html"))
}

// headline is what a page says first: its title, or else its first words.
func headline(head []byte) string {
	if t := title(head); t != "" {
		return t
	}
	for _, text := range shown(string(head)) {
		return cut(text, maxExcerpt)
	}
	return ""
}

func title(head []byte) string {
	lower := bytes.ToLower(head)
	if len(lower) != len(head) { // some letters have another length in lower case
		return ""
	}
	open := bytes.Index(lower, []byte("<title"))
	if open < 0 {
		return ""
	}
	start := bytes.IndexByte(lower[open:], '>')
	if start < 0 {
		return ""
	}
	start += open + 1
	end := bytes.Index(lower[start:], []byte("</title"))
	if end < 0 {
		return ""
	}
	return cut(strings.Join(strings.Fields(html.UnescapeString(string(head[start:start+end]))), " "), maxExcerpt)
}

// isJSON accepts the beginning of an object or of an array of objects, arrays or
// strings: enough to tell it from a line of text in brackets.
func isJSON(head []byte) bool {
	rest := bytes.TrimLeft(head[1:], " \t\r\n")
	if len(rest) == 0 {
		return false
	}
	switch head[0] {
	case '{':
		return rest[0] == '"' || rest[0] == '}'
	case '[':
		return rest[0] == '{' || rest[0] == '"' || rest[0] == '[' || rest[0] == ']'
	}
	return false
}

func excerptOf(head []byte) string {
	return cut(strings.Join(strings.Fields(string(head[:min(len(head), maxExcerpt)])), " "), maxExcerpt)
}
