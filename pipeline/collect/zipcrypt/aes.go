package zipcrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the format has no other
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

const (
	aesIterations = 1000
	aesVerifier   = 2  // bytes that tell whether the password fits
	aesCode       = 10 // bytes of the authentication code
)

// aesReader is AES in counter mode, with a counter that is little-endian and
// starts at 1, and an HMAC-SHA1 of 80 bits over the encrypted bytes.
type aesReader struct {
	r       io.Reader // the member to its end
	left    int64     // encrypted bytes before the code
	block   cipher.Block
	counter uint64
	pad     [aes.BlockSize]byte
	used    int // bytes of pad
	mac     hash.Hash
	err     error
}

// newAES reads the salt and checks the password. strength is 1, 2 or 3.
func newAES(r io.Reader, size int64, strength byte, password string) (io.Reader, error) {
	keyBytes := 8 + 8*int(strength)
	head := make([]byte, keyBytes/2+aesVerifier)
	left := size - int64(len(head)) - aesCode
	if left < 0 {
		return nil, ErrDamaged
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	salt, verifier := head[:keyBytes/2], head[keyBytes/2:]
	keys, err := pbkdf2.Key(sha1.New, password, salt, aesIterations, 2*keyBytes+aesVerifier)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(verifier, keys[2*keyBytes:]) != 1 {
		return nil, ErrPassword
	}
	block, err := aes.NewCipher(keys[:keyBytes])
	if err != nil {
		return nil, err
	}
	return &aesReader{r: r, left: left, block: block, used: aes.BlockSize, mac: hmac.New(sha1.New, keys[keyBytes:2*keyBytes])}, nil
}

func (a *aesReader) Read(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	if a.left == 0 {
		a.err = a.finish()
		return 0, a.err
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	a.mac.Write(p[:n])
	a.decrypt(p[:n])
	if err != nil && a.left > 0 {
		a.err = fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return n, a.err
}

func (a *aesReader) decrypt(p []byte) {
	for i := 0; i < len(p); {
		if a.used == aes.BlockSize {
			a.counter++
			var count [aes.BlockSize]byte
			binary.LittleEndian.PutUint64(count[:], a.counter)
			a.block.Encrypt(a.pad[:], count[:])
			a.used = 0
		}
		n := subtle.XORBytes(p[i:], p[i:], a.pad[a.used:])
		i += n
		a.used += n
	}
}

func (a *aesReader) finish() error {
	code := make([]byte, aesCode)
	if _, err := io.ReadFull(a.r, code); err != nil {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if !hmac.Equal(code, a.mac.Sum(nil)[:aesCode]) {
		return ErrDamaged
	}
	return io.EOF
}
