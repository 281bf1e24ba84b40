package sevenzip

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// Ids of ways to compress and encrypt.
const (
	codeCopy    = "\x00"
	codeDelta   = "\x03"
	codeLZMA    = "\x03\x01\x01"
	codeLZMA2   = "\x21"
	codeDeflate = "\x04\x01\x08"
	codeBZip2   = "\x04\x02\x02"
	codeZstd    = "\x04\xf7\x11\x01"
	codeAES     = "\x06\xf1\x07\x01"
)

// names are for messages.
var names = map[string]string{
	"\x03\x04\x01":     "PPMd",
	"\x03\x03\x01\x03": "BCJ (a filter for executables)",
	"\x03\x03\x01\x1b": "BCJ2 (a filter for executables)",
	"\x04":             "BCJ (a filter for executables)",
	"\x0a":             "ARM64 (a filter for executables)",
	"\x04\x01\x09":     "Deflate64",
	"\x04\xf7\x11\x02": "Brotli",
	"\x04\xf7\x11\x04": "LZ4",
}

// decoder starts one step of decoding.
func (a *Archive) decoder(c coder, r io.Reader) (io.ReadCloser, error) {
	switch c.id {
	case codeCopy:
		return io.NopCloser(r), nil
	case codeAES:
		return a.aes(c, r)
	case codeLZMA:
		return a.lzma(c, r)
	case codeLZMA2:
		return a.lzma2(c, r)
	case codeDeflate:
		return flate.NewReader(r), nil
	case codeBZip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	case codeZstd:
		window := uint64(a.options.Window)
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(window))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case codeDelta:
		if len(c.properties) != 1 {
			return nil, ErrDamaged
		}
		return io.NopCloser(&delta{r: r, past: make([]byte, int(c.properties[0])+1)}), nil
	}
	name, ok := names[c.id]
	if !ok {
		name = fmt.Sprintf("the method %x", c.id)
	}
	return nil, fmt.Errorf("the compression %s %w", name, ErrMethod)
}

func (a *Archive) lzma(c coder, r io.Reader) (io.ReadCloser, error) {
	if len(c.properties) != 5 {
		return nil, ErrDamaged
	}
	if int64(binary.LittleEndian.Uint32(c.properties[1:])) > a.options.Window {
		return nil, ErrMemory
	}
	// The header of a file of this kind is the properties and the size.
	head := binary.LittleEndian.AppendUint64(bytes.Clone(c.properties), c.size)
	l, err := lzma.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(head), r)))
	if err != nil {
		return nil, err
	}
	return io.NopCloser(l), nil
}

func (a *Archive) lzma2(c coder, r io.Reader) (io.ReadCloser, error) {
	if len(c.properties) != 1 || c.properties[0] > 40 {
		return nil, ErrDamaged
	}
	bits := c.properties[0]
	size := int64(1<<32 - 1)
	if bits < 40 {
		size = (2 | int64(bits&1)) << (bits/2 + 11)
	}
	if size > a.options.Window {
		return nil, ErrMemory
	}
	if c.size < uint64(size) {
		size = max(int64(c.size), lzma.MinDictCap)
	}
	l, err := lzma.Reader2Config{DictCap: int(size)}.NewReader2(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	return io.NopCloser(l), nil
}

// delta adds to each byte the one a fixed distance before it.
type delta struct {
	r    io.Reader
	past []byte
	at   int
}

func (d *delta) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	for i := range p[:n] {
		p[i] += d.past[d.at]
		d.past[d.at] = p[i]
		d.at = (d.at + 1) % len(d.past)
	}
	return n, err
}

// maxCycles bounds what deriving a key costs: 2 to the power of it rounds of
// SHA-256. Archives have 19.
const maxCycles = 24

// aes starts AES-256 in CBC mode.
func (a *Archive) aes(c coder, r io.Reader) (io.ReadCloser, error) {
	if a.options.Password == "" {
		return nil, ErrNoPassword
	}
	p := &cursor{b: c.properties}
	flags := p.byte()
	var saltBytes, ivBytes byte
	if flags&0xc0 != 0 {
		sizes := p.byte()
		saltBytes, ivBytes = flags>>7+sizes>>4, flags>>6&1+sizes&0x0f
	}
	salt := p.take(uint64(saltBytes))
	iv := make([]byte, aes.BlockSize)
	if ivBytes > aes.BlockSize {
		p.fail()
	}
	copy(iv, p.take(uint64(ivBytes)))
	if p.err != nil {
		return nil, p.err
	}
	key, err := a.key(flags&0x3f, salt)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&cbc{r: bufio.NewReader(r), mode: cipher.NewCBCDecrypter(block, iv), left: c.size}), nil
}

// key derives the key; all folders of an archive usually share it.
func (a *Archive) key(cycles byte, salt []byte) ([]byte, error) {
	id := string(append([]byte{cycles}, salt...))
	if key, ok := a.keys[id]; ok {
		return key, nil
	}
	seed := bytes.Clone(salt)
	for _, u := range utf16.Encode([]rune(a.options.Password)) {
		seed = binary.LittleEndian.AppendUint16(seed, u)
	}
	key := make([]byte, sha256.Size)
	switch {
	case cycles == 0x3f:
		copy(key, seed)
	case cycles > maxCycles:
		return nil, fmt.Errorf("a key derived by 2^%d rounds %w", cycles, ErrMethod)
	default:
		h := sha256.New()
		round := append(seed, make([]byte, 8)...)
		for i := range uint64(1) << cycles {
			binary.LittleEndian.PutUint64(round[len(seed):], i)
			h.Write(round)
		}
		h.Sum(key[:0])
	}
	a.keys[id] = key
	return key, nil
}

// cbc decrypts whole blocks and gives left bytes of them: the rest is padding.
type cbc struct {
	r    io.Reader
	mode cipher.BlockMode
	left uint64
	buf  [64 * aes.BlockSize]byte
	open []byte // decrypted, not yet read
}

func (c *cbc) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if len(c.open) == 0 {
		n, err := io.ReadFull(c.r, c.buf[:])
		whole := n - n%aes.BlockSize
		if whole == 0 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		c.open = c.buf[:whole]
		c.mode.CryptBlocks(c.open, c.open)
	}
	if uint64(len(p)) > c.left {
		p = p[:c.left]
	}
	n := copy(p, c.open)
	c.open = c.open[n:]
	c.left -= uint64(n)
	return n, nil
}
