// Package mail reads the attachments of mails (RFC 5322, RFC 2045) as streams, and
// the mails of an mbox. It takes what mailers really send, but not a mail that
// breaks off.
package mail

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"path"
	"regexp"
	"strings"
)

// Attachment is a part of a mail that is a file.
type Attachment struct {
	// Name is without folders; "attachment" if the mail tells none.
	Name string
	// ContentType is as the mail tells it.
	ContentType string
	// Content is decoded.
	Content io.Reader
}

// Bounds of a mail.
const (
	maxHeader = 1 << 20
	maxDepth  = 10
	// MaxParts of one mail.
	MaxParts = 10_000
)

// Why a mail cannot be read.
var (
	ErrHeader   = errors.New("the header of the mail cannot be read, or is over 1 MiB")
	ErrDeep     = errors.New("the parts of the mail are nested too deeply")
	ErrParts    = fmt.Errorf("the mail has more than %d parts", MaxParts)
	ErrEncoding = errors.New("the transfer encoding of an attachment is not understood")
)

// Walk calls fn for each attachment of a message: each part with a file name, or
// that is said to be an attachment, or that is no text. Forwarded mails are looked
// into. Signatures are left out.
func Walk(message io.Reader, fn func(Attachment) error) error {
	w := &walker{fn: fn}
	return w.message(message, 0)
}

type walker struct {
	fn    func(Attachment) error
	parts int
}

func (w *walker) message(r io.Reader, depth int) error {
	br := bufio.NewReaderSize(r, 64<<10)
	header, err := readHeader(br)
	if err != nil {
		return err
	}
	return w.entity(header, br, depth)
}

// readHeader reads up to the empty line. Lines that are no header are left out.
func readHeader(br *bufio.Reader) (textproto.MIMEHeader, error) {
	h := textproto.MIMEHeader{}
	var last string
	for size := 0; ; {
		line, err := br.ReadSlice('\n')
		size += len(line)
		if size > maxHeader || errors.Is(err, bufio.ErrBufferFull) {
			return nil, ErrHeader
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			if err != nil && len(h) == 0 {
				return nil, ErrHeader
			}
			return h, nil
		}
		name, value, ok := strings.Cut(text, ":")
		switch {
		case text[0] == ' ' || text[0] == '\t':
			if v := h[last]; len(v) > 0 {
				v[len(v)-1] += " " + strings.TrimSpace(text)
			}
		case ok:
			last = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
			h[last] = append(h[last], strings.TrimSpace(value))
		default:
			last = ""
		}
		if errors.Is(err, io.EOF) { // a header without a body
			return h, nil
		}
	}
}

func (w *walker) entity(h textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > maxDepth {
		return ErrDeep
	}
	if w.parts++; w.parts > MaxParts {
		return ErrParts
	}
	kind, params := parseType(h.Get("Content-Type"))
	disposition, dparams := parseType(h.Get("Content-Disposition"))
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return w.multipart(params["boundary"], body, depth)
	}
	content, err := decode(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		return err
	}
	if kind == "message/rfc822" || kind == "message/global" {
		return w.message(content, depth+1)
	}
	name := decodeName(dparams["filename"])
	if name == "" {
		name = decodeName(params["name"])
	}
	isText := kind == "" || strings.HasPrefix(kind, "text/")
	switch {
	case kind == "application/pgp-signature", kind == "application/pgp-encrypted",
		strings.HasSuffix(kind, "pkcs7-signature"),
		name == "" && disposition != "attachment" && isText:
		_, err := io.Copy(io.Discard, body)
		return err
	case name == "":
		name = "attachment"
	}
	if err := w.fn(Attachment{Name: name, ContentType: h.Get("Content-Type"), Content: content}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, content)
	return err
}

func (w *walker) multipart(boundary string, body io.Reader, depth int) error {
	end := &finder{r: body, what: []byte("--" + boundary + "--")}
	mr := multipart.NewReader(end, boundary)
	for {
		p, err := mr.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && !end.found:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := w.entity(p.Header, p, depth+1); err != nil {
			return err
		}
	}
}

// finder notes whether something was in what was read: multipart.Reader ends in
// the same way at the last boundary and where a mail breaks off.
type finder struct {
	r     io.Reader
	what  []byte
	tail  []byte
	found bool
}

func (f *finder) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.found || n == 0 {
		return n, err
	}
	keep := len(f.what) - 1
	edge := append(f.tail, p[:min(n, keep)]...)
	f.found = bytes.Contains(edge, f.what) || bytes.Contains(p[:n], f.what)
	if n >= keep {
		f.tail = append(f.tail[:0], p[n-keep:n]...)
	} else {
		f.tail = append(f.tail[:0], edge[max(0, len(edge)-keep):]...)
	}
	return n, err
}

// decode takes the transfer encoding off.
func decode(encoding string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary":
		return r, nil
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, alphabet{r}), nil
	case "quoted-printable":
		return quotedprintable.NewReader(r), nil
	}
	return nil, ErrEncoding
}

// alphabet leaves out what is not base64 (RFC 2045, section 6.8).
type alphabet struct{ r io.Reader }

func (a alphabet) Read(p []byte) (int, error) {
	for {
		n, err := a.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || n == 0 {
			return kept, err
		}
	}
}

var parameter = regexp.MustCompile(`(?i)[;\s](boundary|name|filename)\s*=\s*(?:"([^"]*)"|([^;"]+))`)

// parseType reads a Content-Type or Content-Disposition. Of one that is not as it
// should be, it takes what can be found.
func parseType(v string) (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(v)
	if err == nil {
		return kind, params
	}
	kind, _, _ = strings.Cut(v, ";")
	params = map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(v, -1) {
		params[strings.ToLower(m[1])] = strings.TrimSpace(m[2] + m[3])
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// decodeName decodes words of RFC 2047, which mailers put into names though they
// should not, and takes folders off.
func decodeName(name string) string {
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	name = path.Base(strings.ReplaceAll(strings.TrimSpace(name), `\`, "/"))
	if name == "." || name == "/" || name == ".." {
		return ""
	}
	return name
}

// known are headers of which a mail has at least one.
var known = []string{"from", "to", "subject", "date", "received", "return-path", "delivered-to", "message-id", "mime-version", "content-type"}

// Sniff tells whether something starts with the header of a mail, or of what a
// mail consists of.
func Sniff(head []byte) bool {
	found := false
	for line := range bytes.Lines(head) {
		if text := bytes.TrimRight(line, "\r\n"); len(text) == 0 {
			return found
		}
		if line[0] == ' ' || line[0] == '\t' {
			if !found {
				return false
			}
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			// The head may end in the middle of a name.
			return found && !bytes.HasSuffix(line, []byte("\n"))
		}
		if len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return false
		}
		for _, k := range known {
			found = found || strings.EqualFold(string(name), k)
		}
	}
	return found
}
