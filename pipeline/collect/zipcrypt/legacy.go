package zipcrypt

import (
	"fmt"
	"hash/crc32"
	"io"
)

const legacyHeader = 12

// legacyReader is the stream cipher of PKZIP: three keys that each byte moves on.
type legacyReader struct {
	r    io.Reader
	keys [3]uint32
}

// newLegacy reads the header and checks the password by its last byte: one wrong
// password in 256 passes.
func newLegacy(r io.Reader, check byte, password string) (io.Reader, error) {
	l := &legacyReader{r: r, keys: [3]uint32{0x12345678, 0x23456789, 0x34567890}}
	for _, b := range []byte(password) {
		l.update(b)
	}
	var head [legacyHeader]byte
	if _, err := io.ReadFull(l, head[:]); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if head[legacyHeader-1] != check {
		return nil, ErrPassword
	}
	return l, nil
}

func (l *legacyReader) update(b byte) {
	step := func(crc uint32, b byte) uint32 { return crc32.IEEETable[byte(crc)^b] ^ crc>>8 }
	l.keys[0] = step(l.keys[0], b)
	l.keys[1] = (l.keys[1]+l.keys[0]&0xff)*134775813 + 1
	l.keys[2] = step(l.keys[2], byte(l.keys[1]>>24))
}

func (l *legacyReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, c := range p[:n] {
		t := uint16(l.keys[2]) | 2
		p[i] = c ^ byte(t*(t^1)>>8)
		l.update(p[i])
	}
	return n, err
}
