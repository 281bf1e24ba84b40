package sqlite

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// A posting says that event n has something: 4 bits of what kind, 27 bits of
// which value, 32 bits of n. Values that are no numbers are hashed; postings
// narrow a search down, they do not decide it.
type posting = uint64

// Kinds. They are in files: do not renumber.
const (
	kindID = iota + 1
	kindSource
	kindCategory
	kindCC
	kindASN
	kindIP4 // first 27 bits of the address, in order
	kindIP6 // hash of the first 32, and of the first 48 bits
	kindFQDN
	kindName
	kindTarget
	kindURL
	kindHash
	kindClient
	kindExpires // hours since 1970, in order
)

const (
	valueBits = 27
	valueMask = 1<<valueBits - 1
	rowBits   = 32
)

func post(kind, value uint64) posting { return kind<<(valueBits+rowBits) | (value&valueMask)<<rowBits }

func postText(kind uint64, s string) posting { return post(kind, xxhash.Sum64String(s)) }

// appendPostings appends what a search can find e by.
func appendPostings(dst []posting, n uint64, e *event.Event) []posting {
	start := len(dst)
	dst = append(dst, postID(e.ID), postText(kindSource, e.Source), post(kindCategory, uint64(e.Category)))
	for i := range e.Address {
		dst = appendAddress(dst, &e.Address[i])
	}
	dst = appendHost(dst, e.FQDN)
	dst = appendText(dst, kindURL, e.URL)
	dst = appendText(dst, kindHash, e.MD5)
	dst = appendText(dst, kindHash, e.SHA1)
	dst = appendText(dst, kindHash, e.SHA256)
	if e.Name != "" {
		dst = append(dst, postText(kindName, store.Fold(e.Name)))
	}
	if e.Target != "" {
		dst = append(dst, postText(kindTarget, store.Fold(e.Target)))
	}
	for _, c := range e.Client {
		dst = append(dst, postText(kindClient, c))
	}
	if !e.Expires.IsZero() {
		dst = append(dst, post(kindExpires, hours(e.Expires)))
	}
	for i := start; i < len(dst); i++ {
		dst[i] |= n
	}
	return dst
}

func appendText(dst []posting, kind uint64, s string) []posting {
	if s == "" {
		return dst
	}
	return append(dst, postText(kind, s))
}

func appendAddress(dst []posting, a *event.Address) []posting {
	if a.ASN.Set {
		dst = append(dst, post(kindASN, uint64(a.ASN.V)))
	}
	dst = appendText(dst, kindCC, a.CC)
	ip := a.IP.Unmap()
	switch {
	case ip.Is4():
		dst = append(dst, post(kindIP4, top27(ip)))
	case ip.Is6():
		dst = append(dst, postNet6(ip, 32), postNet6(ip, 48))
	}
	return dst
}

func postID(id event.ID) posting { return post(kindID, binary.LittleEndian.Uint64(id[:8])) }

func top27(ip netip.Addr) uint64 {
	b := ip.As4()
	return uint64(binary.BigEndian.Uint32(b[:]) >> 5)
}

func postNet6(ip netip.Addr, bits int) posting {
	b := ip.As16()
	return post(kindIP6, xxhash.Sum64(b[:bits/8])+uint64(bits))
}

// hostLabels bounds how many suffixes of a host name have postings.
const hostLabels = 6

// appendHost posts the last label, the last two, ... so that a search for what is
// below a name is the search for one value.
func appendHost(dst []posting, host string) []posting {
	for i, labels := len(host), 0; i > 0 && labels < hostLabels; labels++ {
		i = strings.LastIndexByte(host[:i], '.')
		dst = append(dst, postText(kindFQDN, host[i+1:]))
	}
	return dst
}

// postHost is a posting of every name that is host or below it.
func postHost(host string) posting {
	i := len(host)
	for labels := 0; i > 0 && labels < hostLabels; labels++ {
		i = strings.LastIndexByte(host[:i], '.')
	}
	return postText(kindFQDN, host[i+1:])
}

func hours(t time.Time) uint64 {
	return uint64(min(max(t.Unix()/3600, 0), valueMask))
}

// A reach is an interval of postings, whatever their n.
type reach struct{ lo, hi posting }

func exactly(p posting) reach { return reach{p, p | (1<<rowBits - 1)} }

func through(lo, hi posting) reach { return reach{lo, hi | (1<<rowBits - 1)} }

// reaches lists where the events that meet c have postings; false if postings
// do not tell.
func reaches(c store.Cond) ([]reach, bool) {
	switch c.Op {
	case store.In:
		return reachesIn(c)
	case store.InNet:
		return reachesNet(c.Nets)
	case store.Subdomain:
		out := make([]reach, len(c.Text))
		for i, t := range c.Text {
			out[i] = exactly(postHost(t))
		}
		return out, true
	}
	return nil, false
}

var textKinds = map[string]uint64{
	"source": kindSource, "cc": kindCC, "name": kindName, "target": kindTarget, "url": kindURL,
	"md5": kindHash, "sha1": kindHash, "sha256": kindHash, "client": kindClient,
}

func reachesIn(c store.Cond) ([]reach, bool) {
	out := make([]reach, 0, len(c.Text))
	kind, isText := textKinds[c.Field]
	for _, t := range c.Text {
		switch {
		case isText:
			out = append(out, exactly(postText(kind, t)))
		case c.Field == "fqdn":
			out = append(out, exactly(postHost(t)))
		case c.Field == "id":
			id, _ := event.ParseID(t)
			out = append(out, exactly(postID(id)))
		case c.Field == "category":
			v, _ := event.ParseCategory(t)
			out = append(out, exactly(post(kindCategory, uint64(v))))
		case c.Field == "asn":
			out = append(out, exactly(post(kindASN, asNumber(t))))
		case c.Field == "ip":
			ip, _ := netip.ParseAddr(t)
			rs, _ := reachesNet([]netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())})
			out = append(out, rs...)
		default:
			return nil, false
		}
	}
	return out, true
}

func reachesNet(nets []netip.Prefix) ([]reach, bool) {
	out := make([]reach, 0, len(nets))
	for _, n := range nets {
		ip := n.Addr()
		switch {
		case ip.Is4():
			lo := top27(ip)
			hi := lo | (1<<max(0, valueBits-n.Bits()) - 1)
			out = append(out, through(post(kindIP4, lo), post(kindIP4, hi)))
		case n.Bits() >= 48:
			out = append(out, exactly(postNet6(ip, 48)))
		case n.Bits() >= 32:
			out = append(out, exactly(postNet6(ip, 32)))
		default:
			return nil, false
		}
	}
	return out, true
}

// asNumber reads a number that store.Compile has checked.
func asNumber(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}
