package sevenzip

import (
	"fmt"
	"io"
	"unicode/utf16"
)

// Ids of the properties of a header.
const (
	idEnd = iota
	idHeader
	idArchiveProperties
	idAdditionalStreams
	idMainStreams
	idFiles
	idPackInfo
	idUnpackInfo
	idSubStreams
	idSize
	idCRC
	idFolder
	idUnpackSizes
	idNumUnpackStreams
	idEmptyStream
	idEmptyFile
	idAnti
	idNames
	idAttributes    = 0x15
	idEncodedHeader = 0x17
)

const (
	maxCoders     = 4 // in a folder
	maxProperties = 64
)

// streams is what a header tells about what is packed.
type streams struct {
	position uint64
	packed   []uint64 // sizes
	folders  []folderInfo
}

type folderInfo struct {
	coders []coder
	order  []int // of decoding
	size   uint64
	sum    sum
	sizes  []uint64 // of the files
	sums   []sum
}

// coder is one step of decoding.
type coder struct {
	id         string
	properties []byte
	size       uint64 // of what it gives
}

// cursor reads a header. After an error it gives zeros.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail() {
	if c.err == nil {
		c.err = ErrDamaged
	}
	c.b = nil
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a number: the leading ones of the first byte tell how many bytes
// follow, the rest of it are the highest bits.
func (c *cursor) number() uint64 {
	first := c.byte()
	var n uint64
	for i := range 8 {
		mask := byte(0x80) >> i
		if first&mask == 0 {
			return n | uint64(first&(mask-1))<<(8*i)
		}
		n |= uint64(c.byte()) << (8 * i)
	}
	return n
}

// count reads how many things follow, of which each takes at least one bit.
func (c *cursor) count(most int) int {
	n := c.number()
	if n > uint64(most) || n > 8*uint64(len(c.b))+8 {
		if c.err == nil && n > uint64(most) {
			c.err = ErrTooMany
		}
		c.fail()
		return 0
	}
	return int(n)
}

// bits reads n bits, the highest of each byte first.
func (c *cursor) bits(n int) []bool {
	raw := c.take(uint64(n+7) / 8)
	if raw == nil {
		return make([]bool, n)
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = raw[i/8]&(0x80>>(i%8)) != 0
	}
	return out
}

// defined reads which of n things there are.
func (c *cursor) defined(n int) []bool {
	if c.byte() == 0 {
		return c.bits(n)
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

func (c *cursor) uint32() uint32 {
	b := c.take(4)
	if b == nil {
		return 0
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func (c *cursor) sums(n int) []sum {
	out := make([]sum, n)
	for i, known := range c.defined(n) {
		if known && c.err == nil {
			out[i] = sum{true, c.uint32()}
		}
	}
	return out
}

// expect reads an id that must come now.
func (c *cursor) expect(id byte) {
	if c.byte() != id {
		c.fail()
	}
}

// streams reads what is packed, in which at most so many files are.
func (c *cursor) streams(files int) *streams {
	s := &streams{}
	id := c.byte()
	if id == idPackInfo {
		s.position = c.number()
		c.packInfo(s, files)
		id = c.byte()
	}
	if id == idUnpackInfo {
		c.unpackInfo(s, files)
		id = c.byte()
	}
	for i := range s.folders {
		f := &s.folders[i]
		f.sizes, f.sums = []uint64{f.size}, []sum{f.sum}
	}
	if id == idSubStreams {
		c.subStreams(s, files)
		id = c.byte()
	}
	if id != idEnd {
		c.fail()
	}
	return s
}

func (c *cursor) packInfo(s *streams, files int) {
	n := c.count(4*files + 4)
	id := c.byte()
	if id == idSize {
		s.packed = make([]uint64, n)
		for i := range s.packed {
			s.packed[i] = c.number()
		}
		id = c.byte()
	}
	if id == idCRC {
		c.sums(n)
		id = c.byte()
	}
	if id != idEnd {
		c.fail()
	}
}

func (c *cursor) unpackInfo(s *streams, files int) {
	c.expect(idFolder)
	n := c.count(files + 1)
	c.expect(0) // nothing external
	for range n {
		if c.err != nil {
			return
		}
		s.folders = append(s.folders, c.folder())
	}
	c.expect(idUnpackSizes)
	for i := range s.folders {
		f := &s.folders[i]
		for j := range f.coders {
			f.coders[j].size = c.number()
		}
	}
	id := c.byte()
	if id == idCRC {
		for i, sum := range c.sums(n) {
			s.folders[i].sum = sum
		}
		id = c.byte()
	}
	if id != idEnd {
		c.fail()
	}
	for i := range s.folders {
		s.folders[i].chain(c)
	}
}

// folder reads the coders of a folder and how they are joined.
func (c *cursor) folder() folderInfo {
	n := c.count(maxCoders)
	f := folderInfo{coders: make([]coder, 0, n)}
	for range n {
		flags := c.byte()
		k := coder{id: string(c.take(uint64(flags & 0x0f)))}
		if flags&0x10 != 0 {
			if in, out := c.number(), c.number(); (in != 1 || out != 1) && c.err == nil {
				c.err = fmt.Errorf("a compression of several streams, as for executables, %w", ErrMethod)
			}
		}
		if flags&0x20 != 0 {
			k.properties = c.take(uint64(c.count(maxProperties)))
		}
		if flags&0x80 != 0 || len(k.id) == 0 {
			c.fail()
		}
		f.coders = append(f.coders, k)
	}
	f.order = c.bind(n)
	return f
}

// bind reads which of n coders takes what which other gives, and returns them in
// the order of decoding. They must be one chain.
func (c *cursor) bind(n int) []int {
	after := map[int]int{} // a coder to the one that takes what it gives
	takes := map[int]bool{}
	for range n - 1 {
		in, out := c.count(maxCoders), c.count(maxCoders)
		after[out] = in
		takes[in] = true
	}
	var order []int
	for first := range n {
		if takes[first] {
			continue
		}
		for at, ok := first, true; ok && len(order) < n; at, ok = after[at] {
			order = append(order, at)
		}
		break
	}
	seen := map[int]bool{}
	for _, i := range order {
		if i >= n || seen[i] {
			c.fail()
			return nil
		}
		seen[i] = true
	}
	if len(order) != n || n == 0 {
		c.fail()
	}
	return order
}

// chain puts the coders into the order of decoding.
func (f *folderInfo) chain(c *cursor) {
	if c.err != nil {
		return
	}
	sorted := make([]coder, len(f.coders))
	for i, at := range f.order {
		sorted[i] = f.coders[at]
	}
	f.coders, f.size = sorted, sorted[len(sorted)-1].size
}

func (c *cursor) subStreams(s *streams, files int) {
	id := c.byte()
	counts := make([]int, len(s.folders))
	left := files
	for i := range counts {
		counts[i] = 1
		if id == idNumUnpackStreams {
			counts[i] = c.countFiles(left)
		}
		left -= counts[i]
	}
	if id == idNumUnpackStreams {
		id = c.byte()
	}
	for i := range s.folders {
		if c.err != nil {
			return
		}
		f := &s.folders[i]
		f.split(c, counts[i], id == idSize)
	}
	if id == idSize {
		id = c.byte()
	}
	if id == idCRC {
		c.fileSums(s)
		id = c.byte()
	}
	if id != idEnd {
		c.fail()
	}
}

// countFiles is count for things that may take no room of their own.
func (c *cursor) countFiles(most int) int {
	n := c.number()
	if most < 0 || n > uint64(most) {
		if c.err == nil {
			c.err = ErrTooMany
		}
		return 0
	}
	return int(n)
}

// split divides the folder among n files, of which the last takes what is left.
func (f *folderInfo) split(c *cursor, n int, told bool) {
	if n == 1 {
		return
	}
	f.sizes, f.sums = make([]uint64, n), make([]sum, n)
	left := f.size
	for i := range f.sizes {
		size := left
		if i < n-1 {
			if size = 0; told {
				size = c.number()
			}
		}
		if size > left {
			c.fail()
			return
		}
		f.sizes[i] = size
		left -= size
	}
}

// fileSums reads the sums of the files whose folder does not tell it.
func (c *cursor) fileSums(s *streams) {
	var open []*sum
	for i := range s.folders {
		f := &s.folders[i]
		if len(f.sums) == 1 && f.sum.known {
			continue
		}
		for j := range f.sums {
			open = append(open, &f.sums[j])
		}
	}
	for i, sum := range c.sums(len(open)) {
		*open[i] = sum
	}
}

// header reads the directory itself.
func (a *Archive) header(c *cursor, room uint64) error {
	id := c.byte()
	if id == idArchiveProperties {
		for c.byte() != idEnd {
			c.take(c.number())
		}
		id = c.byte()
	}
	s := &streams{}
	if id == idMainStreams {
		s = c.streams(a.options.Files)
		id = c.byte()
	}
	if c.err != nil {
		return c.err
	}
	var err error
	if a.Folders, err = a.folders(s, room); err != nil {
		return err
	}
	if id == idFiles {
		a.files(c)
		id = c.byte()
	}
	if c.err == nil && id != idEnd {
		return ErrDamaged
	}
	return c.err
}

// folders joins what is packed with how.
func (a *Archive) folders(s *streams, room uint64) ([]*Folder, error) {
	if len(s.packed) != len(s.folders) {
		return nil, ErrDamaged
	}
	at := s.position
	folders := make([]*Folder, 0, len(s.folders))
	for i, info := range s.folders {
		size := s.packed[i]
		if at > room || size > room-at {
			return nil, ErrDamaged
		}
		f := &Folder{
			archive: a, coders: info.coders, size: info.size, sum: info.sum,
			packed: io.NewSectionReader(a.r, startBytes+int64(at), int64(size)),
		}
		for j := range info.sizes {
			f.Files = append(f.Files, &File{Size: info.sizes[j], sum: info.sums[j]})
		}
		folders = append(folders, f)
		at += size
	}
	return folders, nil
}

// entry is what is known of a file before it is told where its content is.
type entry struct {
	name       string
	empty      bool
	folder     bool
	attributes uint32
}

// files reads names and attributes and hands them to the files of the folders.
func (a *Archive) files(c *cursor) {
	l := listing{entries: make([]entry, c.count(a.options.Files))}
	for c.err == nil {
		id := c.byte()
		if id == idEnd {
			break
		}
		p := &cursor{b: c.take(c.number())}
		l.property(id, p)
		if c.err == nil {
			c.err = p.err
		}
	}
	if c.err == nil {
		c.err = a.assign(l.entries)
	}
}

// listing collects what the properties tell of the files.
type listing struct {
	entries []entry
	empty   []*entry
}

func (l *listing) property(id byte, p *cursor) {
	switch id {
	case idEmptyStream:
		l.empty = nil
		for i, is := range p.bits(len(l.entries)) {
			// It is a folder unless it is told to be an empty file.
			if l.entries[i].empty, l.entries[i].folder = is, is; is {
				l.empty = append(l.empty, &l.entries[i])
			}
		}
	case idEmptyFile:
		for i, is := range p.bits(len(l.empty)) {
			l.empty[i].folder = !is
		}
	case idAnti:
		for i, is := range p.bits(len(l.empty)) {
			l.empty[i].folder = l.empty[i].folder || is
		}
	case idNames:
		p.names(l.entries)
	case idAttributes:
		p.attributes(l.entries)
	}
}

// names reads names in UTF-16, each with a zero at its end.
func (c *cursor) names(entries []entry) {
	c.expect(0)
	for i := range entries {
		var units []uint16
		for {
			b := c.take(2)
			if b == nil {
				return
			}
			u := uint16(b[0]) | uint16(b[1])<<8
			if u == 0 {
				break
			}
			units = append(units, u)
		}
		entries[i].name = string(utf16.Decode(units))
	}
}

func (c *cursor) attributes(entries []entry) {
	known := c.defined(len(entries))
	c.expect(0)
	for i := range entries {
		if known[i] {
			entries[i].attributes = c.uint32()
		}
	}
}

func (e *entry) regular() bool {
	const (
		hasUnix   = 0x8000
		folder    = 0x10
		unixKind  = 0xf000
		unixPlain = 0x8000
	)
	if e.folder || e.attributes&folder != 0 {
		return false
	}
	return e.attributes&hasUnix == 0 || e.attributes>>16&unixKind == unixPlain
}

func (a *Archive) assign(entries []entry) error {
	var full []*File
	for _, f := range a.Folders {
		full = append(full, f.Files...)
	}
	for i := range entries {
		e := &entries[i]
		if e.empty {
			if e.regular() {
				a.Empty = append(a.Empty, &File{Name: e.name, Regular: true})
			}
			continue
		}
		if len(full) == 0 {
			return ErrDamaged
		}
		full[0].Name, full[0].Regular = e.name, e.regular()
		full = full[1:]
	}
	if len(full) > 0 {
		return ErrDamaged
	}
	return nil
}
