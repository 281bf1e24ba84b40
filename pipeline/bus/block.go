package bus

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Block is up to 256 events (or rejected records) of one source, in lines of JSON.
type Block struct {
	Feed    Feed
	Source  string
	Payload string // id of the payload that the events came from
	Zone    string // on deliver subjects: inside or threats
	Count   int
	Lines   []byte // NDJSON, decompressed; valid until the handler returns
	Seq     uint64 // position in the stream
	ID      string // message id
}

// Headers of a block.
const (
	headerSource = "Weir-Source"
	headerOf     = "Weir-Payload-Id"
	headerCount  = "Weir-Count"
	headerZone   = "Weir-Zone"
)

const (
	// blockLines and blockBytes are where a block is closed.
	blockLines = 256
	blockBytes = 64 << 10
	// maxLine bounds one line: it may make a block of its own.
	maxLine = 1 << 20
	// maxBlock bounds what a block may decompress to.
	maxBlock = 8 << 20
)

var errBlockTooLarge = fmt.Errorf("block decompresses to more than %d bytes", maxBlock)

// encodeBlock makes the message of a block of complete lines.
func encodeBlock(subject, id string, b *Block) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Header.Set(nats.MsgIdHdr, id)
	m.Header.Set(headerSource, b.Source)
	m.Header.Set(headerCount, strconv.Itoa(b.Count))
	if b.Payload != "" {
		m.Header.Set(headerOf, b.Payload)
	}
	if b.Zone != "" {
		m.Header.Set(headerZone, b.Zone)
	}
	m.Data = compress(make([]byte, 0, len(b.Lines)/4+64), b.Lines)
	return m
}

// decodeBlock reads the message of a block into b, whose Lines are reused.
func decodeBlock(b *Block, h nats.Header, data []byte) error {
	lines, err := decompress(b.Lines[:0], data)
	if err != nil {
		return fmt.Errorf("decode block: %w", err)
	}
	n, err := strconv.Atoi(h.Get(headerCount))
	if err != nil {
		return fmt.Errorf("decode block: header %s: %w", headerCount, err)
	}
	switch {
	case len(lines) == 0 || lines[len(lines)-1] != '\n':
		return errors.New("decode block: last line is not complete")
	case bytes.Count(lines, newline) != n:
		return fmt.Errorf("decode block: %d lines where header %s says %d", bytes.Count(lines, newline), headerCount, n)
	}
	b.Lines, b.Count = lines, n
	b.Source, b.Payload, b.Zone = h.Get(headerSource), h.Get(headerOf), h.Get(headerZone)
	b.ID = h.Get(nats.MsgIdHdr)
	return nil
}

var newline = []byte{'\n'}
