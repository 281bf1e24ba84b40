// Package zipcrypt takes the encryption off the members of zip archives: that of
// WinZip with AES (https://www.winzip.com/en/support/aes-encryption/) and the
// legacy one of PKZIP (APPNOTE.TXT, section 6.1).
package zipcrypt

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Why a member cannot be decrypted.
var (
	// ErrPassword is returned for a password that does not fit.
	ErrPassword = errors.New("the password does not fit")
	// ErrMethod is returned for encryption that is neither of the two.
	ErrMethod = errors.New("the way of encryption is not understood")
	// ErrDamaged is returned when what was decrypted is not what was encrypted. With
	// the legacy encryption, the password may be wrong as well.
	ErrDamaged = errors.New("the encrypted member is damaged, or the password does not fit")
)

const (
	flagEncrypted = 1 << 0 // general purpose bits (APPNOTE.TXT, section 4.4.4)
	flagStreamed  = 1 << 3
	flagStrong    = 1 << 6

	methodAES = 99
	extraAES  = 0x9901
)

// Encrypted reports whether a member is encrypted.
func Encrypted(f *zip.File) bool { return f.Flags&flagEncrypted != 0 }

// Open decrypts and decompresses a member. decompressor gives the decompressor of
// a method, nil if there is none. The reader fails with ErrDamaged at the end, at
// the latest, if what it gave was not what the member holds.
func Open(f *zip.File, password string, decompressor func(method uint16) zip.Decompressor) (io.ReadCloser, error) {
	if f.Flags&flagStrong != 0 {
		return nil, ErrMethod
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	var (
		plain  io.Reader
		method = f.Method
		sum    = true
	)
	if f.Method == methodAES {
		var e aesExtra
		if e, err = readAESExtra(f.Extra); err != nil {
			return nil, err
		}
		method, sum = e.method, e.version == 1
		plain, err = newAES(raw, int64(f.CompressedSize64), e.strength, password)
	} else {
		plain, err = newLegacy(raw, check(f), password)
	}
	if err != nil {
		return nil, err
	}
	open := decompressor(method)
	if open == nil {
		return nil, fmt.Errorf("method %d: %w", method, zip.ErrAlgorithm)
	}
	m := &member{rc: open(plain), plain: plain, left: f.UncompressedSize64}
	if sum {
		m.want, m.sums = f.CRC32, true
	}
	return m, nil
}

// check is the byte that tells, with the legacy encryption, whether the password
// fits.
func check(f *zip.File) byte {
	if f.Flags&flagStreamed != 0 {
		return byte(f.ModifiedTime >> 8)
	}
	return byte(f.CRC32 >> 24)
}

// member checks length and sum of what comes out, and at the end that nothing is
// left of what goes in.
type member struct {
	rc    io.ReadCloser
	plain io.Reader
	left  uint64
	crc   uint32
	want  uint32
	sums  bool
}

func (m *member) Read(p []byte) (int, error) {
	n, err := m.rc.Read(p)
	m.crc = crc32.Update(m.crc, crc32.IEEETable, p[:n])
	if uint64(n) > m.left {
		return 0, ErrDamaged
	}
	m.left -= uint64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, m.finish()
	case errors.Is(err, ErrDamaged):
		return n, err
	}
	// A decompressor that fails was most likely given rubbish.
	return n, fmt.Errorf("%w (%w)", ErrDamaged, err)
}

func (m *member) finish() error {
	// The authentication code of AES is behind the last byte.
	if _, err := io.Copy(io.Discard, m.plain); err != nil {
		return err
	}
	if m.left != 0 || (m.sums && m.crc != m.want) {
		return ErrDamaged
	}
	return io.EOF
}

func (m *member) Close() error { return m.rc.Close() }

// aesExtra is the field 0x9901 of a member.
type aesExtra struct {
	version  uint16
	strength byte
	method   uint16
}

func readAESExtra(extra []byte) (aesExtra, error) {
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if size > len(extra) {
			break
		}
		if id == extraAES && size >= 7 {
			e := aesExtra{binary.LittleEndian.Uint16(extra), extra[4], binary.LittleEndian.Uint16(extra[5:])}
			if e.version < 1 || e.version > 2 || e.strength < 1 || e.strength > 3 {
				return aesExtra{}, ErrMethod
			}
			return e, nil
		}
		extra = extra[size:]
	}
	return aesExtra{}, ErrMethod
}
