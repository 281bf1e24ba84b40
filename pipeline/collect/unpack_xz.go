package collect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// xzGuard passes an xz stream on, but not a block that asks for a dictionary
// above maxWindow: the decoder would allocate what the header says, up to 4 GiB.
// It follows the framing of the container and of LZMA2
// (https://tukaani.org/xz/xz-file-format.txt, sections 2 to 5) without decoding.
type xzGuard struct {
	r      *bufio.Reader
	left   int64 // bytes of the present element that are to be passed on
	next   func() error
	blocks int
	check  int64 // size of the check after each block
	body   int64 // bytes of the present block so far, for its padding
	index  bool  // the blocks are through
}

const (
	xzHeader    = 12
	xzMaxBlocks = 1 << 20
	xzLZMA2     = 0x21
)

var errXz = errors.New("xz: not a valid stream")

func newXzGuard(r io.Reader) *xzGuard {
	g := &xzGuard{r: bufio.NewReader(r)}
	g.next = g.header
	return g
}

func (g *xzGuard) Read(p []byte) (int, error) {
	for g.left == 0 && !g.index {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if g.index {
		return g.r.Read(p)
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.left)])
	g.left -= int64(n)
	if err == io.EOF && g.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// header passes the stream header on, which says how long checks are.
func (g *xzGuard) header() error {
	head, err := g.peek(xzHeader)
	if err != nil {
		return err
	}
	sizes := [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	g.check = sizes[head[7]&0x0f]
	g.left, g.next = xzHeader, g.block
	return nil
}

// block checks a block header, or ends the guard at the index.
func (g *xzGuard) block() error {
	first, err := g.peek(1)
	if err != nil {
		return err
	}
	if first[0] == 0 {
		g.index = true
		return nil
	}
	if g.blocks++; g.blocks > xzMaxBlocks {
		return fmt.Errorf("xz: more than %d blocks", xzMaxBlocks)
	}
	size := (int(first[0]) + 1) * 4
	head, err := g.peek(size)
	if err != nil {
		return err
	}
	if err := checkDictionary(head); err != nil {
		return err
	}
	g.left, g.next, g.body = int64(size), g.chunk, 0
	return nil
}

// checkDictionary reads the filter flags of a block header. Only LZMA2 without
// filters before it is supported.
func checkDictionary(head []byte) error {
	flags, rest := head[1], head[2:]
	if flags&0x3f != 0 {
		return errors.New("xz: filters other than LZMA2 are not understood")
	}
	for _, present := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&present == 0 {
			continue
		}
		_, n := binary.Uvarint(rest)
		if n <= 0 {
			return errXz
		}
		rest = rest[n:]
	}
	if len(rest) < 3 || rest[0] != xzLZMA2 || rest[1] != 1 || rest[2] > 40 {
		return errXz
	}
	bits := rest[2]
	size := uint64(1<<32 - 1)
	if bits < 40 {
		size = (2 | uint64(bits&1)) << (bits/2 + 11)
	}
	if size > maxWindow {
		return fmt.Errorf("xz: needs a dictionary of %d bytes, at most %d are allowed", size, maxWindow)
	}
	return nil
}

// chunk passes one chunk of LZMA2 on, or at the end of the block the padding and
// the check.
func (g *xzGuard) chunk() error {
	control, err := g.peek(1)
	if err != nil {
		return err
	}
	header := 6
	switch {
	case control[0] == 0:
		g.body++
		g.left, g.next = 1+(4-g.body%4)%4+g.check, g.block
		return nil
	case control[0] <= 2:
		header = 3
	case control[0] < 0x80:
		return errXz
	case control[0] < 0xc0:
		header = 5
	}
	head, err := g.peek(header)
	if err != nil {
		return err
	}
	size := int64(header) + 1
	if header == 3 {
		size += int64(binary.BigEndian.Uint16(head[1:]))
	} else {
		size += int64(binary.BigEndian.Uint16(head[3:]))
	}
	g.body += size
	g.left = size
	return nil
}

func (g *xzGuard) peek(n int) ([]byte, error) {
	b, err := g.r.Peek(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
