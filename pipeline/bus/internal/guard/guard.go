// Package guard stands between clients and a NATS server, because the permissions
// of the server do not bind where it sends its answers.
//
// A client may ask for an answer on any subject, and the server publishes it there
// as if it were somebody with all permissions: the answer to a harmless question
// can be stored as the payload of another feed, acknowledge another's message, or be
// itself a request to purge a stream. The same goes for where a consumer pushes to.
// The guard lets a client name only subjects that it may subscribe to itself.
//
// What the guard understood it writes anew, in one canonical form, and it passes on
// nothing that it did not: so guard and server cannot read a thing differently.
package guard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
)

const (
	// maxLine bounds the lines of the protocol, but for the first, which has the
	// credentials.
	maxLine = 8 << 10
	// maxRequest bounds the requests that are read as a whole.
	maxRequest = 1 << 20
	bufferSize = 64 << 10
)

// Limits bound what a client may send: its credentials with what is around them,
// and one message with its headers.
type Limits struct{ Connect, Message int }

// Relay passes on what a client sends until one of the two hangs up or the client
// does what it may not, which is the error.
func Relay(client io.Reader, to io.Writer, l Limits) error {
	r := &relay{
		in: bufio.NewReaderSize(client, bufferSize), out: bufio.NewWriterSize(to, bufferSize), limits: l,
	}
	for {
		err := r.command()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
			return nil
		case err != nil:
			return err
		}
	}
}

type relay struct {
	in     *bufio.Reader
	out    *bufio.Writer
	limits Limits

	connected bool
	inboxes   jwt.Permission // what the client may subscribe to
}

// command reads one command and writes it.
func (r *relay) command() error {
	if r.in.Buffered() == 0 {
		if err := r.out.Flush(); err != nil {
			return err
		}
	}
	line, err := r.line()
	if err != nil {
		return err
	}
	verb, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	verb = strings.ToUpper(verb)
	if verb == "CONNECT" {
		return r.connect(rest)
	}
	if !r.connected {
		return errors.New("first command must be CONNECT")
	}
	args := strings.Fields(rest)
	switch verb {
	case "PUB":
		return r.publish(verb, args, 1)
	case "HPUB":
		return r.publish(verb, args, 2)
	case "SUB", "UNSUB", "PING", "PONG":
		return r.write(verb, args)
	}
	return fmt.Errorf("command %.16q is not known", verb)
}

// line reads a line without its end. It has no control characters.
func (r *relay) line() (string, error) {
	limit := maxLine
	if !r.connected {
		limit = r.limits.Connect
	}
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return "", fmt.Errorf("line of more than %d bytes", limit)
		}
		line = append(line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
	for i, c := range line {
		switch {
		case c == '\t':
			line[i] = ' '
		case c < ' ' || c == 0x7f:
			return "", errors.New("control character in a line")
		}
	}
	return string(line), nil
}

func (r *relay) write(verb string, args []string) error {
	_, err := r.out.WriteString(verb)
	for _, s := range args {
		err = errors.Join(err, r.out.WriteByte(' '))
		_, err2 := r.out.WriteString(s)
		err = errors.Join(err, err2)
	}
	_, err2 := r.out.WriteString("\r\n")
	return errors.Join(err, err2)
}

// connect learns what the client may subscribe to. Whether its credentials are
// genuine is for the server to say, which lets nothing else pass before.
func (r *relay) connect(options string) error {
	if r.connected {
		return errors.New("second CONNECT")
	}
	o := server.ClientOpts{Verbose: true, Pedantic: true, Echo: true} // as the server does
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return fmt.Errorf("options of CONNECT: %w", err)
	}
	claims, err := jwt.DecodeUserClaims(o.JWT)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	r.connected = true
	r.inboxes = claims.Sub
	// Written anew, so that the server finds what was read here.
	canonical, err := json.Marshal(&o) //nolint:gosec // the server must see the credentials
	if err != nil {
		return fmt.Errorf("options of CONNECT: %w", err)
	}
	return r.write("CONNECT", []string{string(canonical)})
}

// publish passes a message on. sizes is how many numbers end the line.
func (r *relay) publish(verb string, args []string, sizes int) error {
	if len(args) < sizes+1 || len(args) > sizes+2 {
		return fmt.Errorf("%s with %d arguments", verb, len(args))
	}
	total, err := r.size(args[len(args)-1])
	if err != nil {
		return err
	}
	header := 0
	if sizes == 2 {
		if header, err = r.size(args[len(args)-2]); err != nil {
			return err
		}
	}
	if header > total {
		return errors.New("headers are larger than the message")
	}
	if len(args) == sizes+2 && !r.mayReceive(args[1]) {
		return fmt.Errorf("answer to %.128q on %.128q, which the client may not subscribe to", args[0], args[1])
	}
	if makesConsumer(args[0]) {
		return r.makeConsumer(verb, args, header, total)
	}
	if err := r.write(verb, args); err != nil {
		return err
	}
	if _, err := io.CopyN(r.out, r.in, int64(total)); err != nil {
		return err
	}
	return r.end()
}

// size reads a number of bytes.
func (r *relay) size(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || int(n) > r.limits.Message {
		return 0, fmt.Errorf("size %.16q: must be a number of bytes up to %d", s, r.limits.Message)
	}
	return int(n), nil
}

// end reads and writes the end of a message.
func (r *relay) end() error {
	var end [2]byte
	if _, err := io.ReadFull(r.in, end[:]); err != nil {
		return err
	}
	if string(end[:]) != "\r\n" {
		return errors.New("message does not end where it says")
	}
	_, err := r.out.Write(end[:])
	return err
}

// makesConsumer reports whether a subject is one of the requests for a consumer.
func makesConsumer(subject string) bool {
	return strings.HasPrefix(subject, "$JS.") && strings.Contains(subject, ".CONSUMER.") && strings.Contains(subject, ".CREATE.")
}

// makeConsumer passes on the request for a consumer, unless it pushes to where the
// client may not subscribe.
func (r *relay) makeConsumer(verb string, args []string, header, total int) error {
	if total > maxRequest {
		return fmt.Errorf("request for a consumer of %d bytes: at most %d", total, maxRequest)
	}
	body := make([]byte, total)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return err
	}
	var request server.CreateConsumerRequest
	if err := json.Unmarshal(body[header:], &request); err != nil {
		return fmt.Errorf("request for a consumer: %w", err)
	}
	if to := request.Config.DeliverSubject; to != "" && !r.mayReceive(to) {
		return fmt.Errorf("consumer pushes to %.128q, which the client may not subscribe to", to)
	}
	if err := r.write(verb, args); err != nil {
		return err
	}
	if _, err := r.out.Write(body); err != nil {
		return err
	}
	return r.end()
}

// mayReceive reports whether the client may subscribe to a subject.
func (r *relay) mayReceive(subject string) bool {
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || token == "*" || token == ">" {
			return false
		}
	}
	for _, denied := range r.inboxes.Deny {
		if matches(denied, subject) {
			return false
		}
	}
	for _, allowed := range r.inboxes.Allow {
		if matches(allowed, subject) {
			return true
		}
	}
	return len(r.inboxes.Allow) == 0
}

// matches reports whether a pattern with wildcards matches a subject. A pattern
// may name a queue after a space.
func matches(pattern, subject string) bool {
	pattern, _, _ = strings.Cut(pattern, " ")
	for {
		p, patternLeft, more := strings.Cut(pattern, ".")
		s, subjectLeft, left := strings.Cut(subject, ".")
		switch {
		case p == ">":
			return true
		case p != "*" && p != s:
			return false
		case !more || !left:
			return more == left
		}
		pattern, subject = patternLeft, subjectLeft
	}
}
