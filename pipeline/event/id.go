package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"
)

// ID identifies an event: the first 16 bytes of a SHA-256 over its content.
type ID [16]byte

// IsZero reports whether there is no id.
func (id ID) IsZero() bool { return id == ID{} }

// String is the id in hex, 32 digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads 32 hex digits of either case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fieldError("id", "is not 32 hex digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fieldError("id", "is not 32 hex digits", s)
	}
	return id, nil
}

// Tags of the fields in the hashed form. They never change and are never used
// again: ids in archives and at subscribers depend on them.
const (
	tagSource = iota + 1
	tagTime
	tagCategory
	tagConfidence
	tagName
	tagTarget
	tagIP
	tagASN
	tagCC
	tagDir
	tagRDNS
	tagFQDN
	tagURL
	tagProto
	tagSPort
	tagDPort
	tagDIP
	tagADIP
	tagMD5
	tagSHA1
	tagSHA256
	tagX509FPSHA1
	tagOrigin
	tagStatus
	tagAction
	tagEmail
	tagIBAN
	tagPhone
	tagUsername
	tagRegistrar
	tagURLPattern
	tagUntil
	tagCount
	tagExpires
	tagFirstSeen
	tagLastSeen
	tagReplaces
	tagTaxonomy
	tagType
	tagCVE
	tagExtraKey
	tagExtraValue
)

// idVersion is the first byte of the hashed form.
const idVersion = 1

// hashBuffers keep the hashed form off the heap.
var hashBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// maxPooled is the largest buffer that goes back to hashBuffers.
const maxPooled = 64 << 10

// ComputeID hashes the content of a validated event: source and every field that
// the publisher's record determines, without ID, Modified, Client, Ignored, and
// without Time if Undated. Restriction and TLP stay out too: they say who may see
// the event, not which one it is, so that a replay under another policy meets the
// events it is about. The order of addresses, CVEs and extras has no influence,
// because Validate sorts them.
//
// The hashed form is the byte 1, then for every present field, in the order of the
// tags above: its tag (one byte), the length of its value (unsigned varint), its
// value. Text is UTF-8, enums are their names, numbers are big endian (ports 2
// bytes, AS numbers and counts 4), times are microseconds since 1970 in 8 bytes,
// IP addresses 4 or 16 bytes. Every address begins with its tagIP, every extra with
// its tagExtraKey; so no two events have the same form.
func ComputeID(e *Event) ID {
	buf, _ := hashBuffers.Get().(*[]byte)
	b := append((*buf)[:0], idVersion)
	b = hashWhat(b, e)
	b = hashWhere(b, e)
	b = hashDetails(b, e)
	b = hashRest(b, e)
	sum := sha256.Sum256(b)
	if cap(b) <= maxPooled {
		*buf = b
		hashBuffers.Put(buf)
	}
	return ID(sum[:16])
}

func hashWhat(b []byte, e *Event) []byte {
	b = hashText(b, tagSource, e.Source)
	if !e.Undated {
		b = hashTime(b, tagTime, e.Time)
	}
	b = hashText(b, tagCategory, e.Category.String())
	b = hashText(b, tagConfidence, e.Confidence.String())
	b = hashText(b, tagName, e.Name)
	return hashText(b, tagTarget, e.Target)
}

func hashWhere(b []byte, e *Event) []byte {
	for i := range e.Address {
		a := &e.Address[i]
		b = hashIP(b, tagIP, a.IP)
		b = hashUint32(b, tagASN, a.ASN)
		b = hashText(b, tagCC, a.CC)
		b = hashText(b, tagDir, a.Dir.String())
		b = hashText(b, tagRDNS, a.RDNS)
	}
	b = hashText(b, tagFQDN, e.FQDN)
	b = hashText(b, tagURL, e.URL)
	b = hashText(b, tagProto, e.Proto.String())
	b = hashPort(b, tagSPort, e.SPort)
	b = hashPort(b, tagDPort, e.DPort)
	if e.DIP.IsValid() {
		b = hashIP(b, tagDIP, e.DIP)
	}
	return hashText(b, tagADIP, e.ADIP)
}

func hashDetails(b []byte, e *Event) []byte {
	b = hashText(b, tagMD5, e.MD5)
	b = hashText(b, tagSHA1, e.SHA1)
	b = hashText(b, tagSHA256, e.SHA256)
	b = hashText(b, tagX509FPSHA1, e.X509FPSHA1)
	b = hashText(b, tagOrigin, e.Origin.String())
	b = hashText(b, tagStatus, e.Status.String())
	b = hashText(b, tagAction, e.Action)
	b = hashText(b, tagEmail, e.Email)
	b = hashText(b, tagIBAN, e.IBAN)
	b = hashText(b, tagPhone, e.Phone)
	b = hashText(b, tagUsername, e.Username)
	b = hashText(b, tagRegistrar, e.Registrar)
	return hashText(b, tagURLPattern, e.URLPattern)
}

func hashRest(b []byte, e *Event) []byte {
	b = hashTime(b, tagUntil, e.Until)
	b = hashUint32(b, tagCount, e.Count)
	b = hashTime(b, tagExpires, e.Expires)
	b = hashTime(b, tagFirstSeen, e.FirstSeen)
	b = hashTime(b, tagLastSeen, e.LastSeen)
	if !e.Replaces.IsZero() {
		b = append(append(b, tagReplaces, byte(len(e.Replaces))), e.Replaces[:]...)
	}
	b = hashText(b, tagTaxonomy, e.Taxonomy)
	b = hashText(b, tagType, e.Type)
	for _, cve := range e.CVEs {
		b = hashText(b, tagCVE, cve)
	}
	for i := range e.Extra {
		x := &e.Extra[i]
		b = hashText(b, tagExtraKey, x.Key)
		b = binary.AppendUvarint(append(b, tagExtraValue), uint64(len(x.Value)))
		b = append(b, x.Value...)
	}
	return b
}

func hashText(b []byte, tag byte, s string) []byte {
	if s == "" {
		return b
	}
	b = binary.AppendUvarint(append(b, tag), uint64(len(s)))
	return append(b, s...)
}

func hashTime(b []byte, tag byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return binary.BigEndian.AppendUint64(append(b, tag, 8), uint64(t.UnixMicro()))
}

func hashUint32(b []byte, tag byte, n Opt[uint32]) []byte {
	if !n.Set {
		return b
	}
	return binary.BigEndian.AppendUint32(append(b, tag, 4), n.V)
}

func hashPort(b []byte, tag byte, n Opt[uint16]) []byte {
	if !n.Set {
		return b
	}
	return binary.BigEndian.AppendUint16(append(b, tag, 2), n.V)
}

// hashIP also takes the absent address, so that every Address has a beginning.
func hashIP(b []byte, tag byte, ip netip.Addr) []byte {
	if ip.Is4() {
		a := ip.As4()
		return append(append(b, tag, 4), a[:]...)
	}
	if !ip.IsValid() {
		return append(b, tag, 0)
	}
	a := ip.As16()
	return append(append(b, tag, 16), a[:]...)
}
