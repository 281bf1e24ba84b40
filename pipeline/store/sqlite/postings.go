package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

const (
	// chunkLen postings fill a page of a table.
	chunkLen = 500
	// fan is how many runs of one size are merged into one.
	fan = 8
	// maxRun bounds how long a merge can take, and so a Record.
	maxRun = 4 << 20
)

// A run is a sorted list of postings in chunks.
type run struct {
	r       int64
	entries int
	first   int64
}

func (r run) chunks() int { return (r.entries + chunkLen - 1) / chunkLen }

// size puts runs into classes, each about fan times larger than the one before.
func (r run) size() int { return bits.Len(uint(r.entries)) / 3 }

// addRun writes sorted postings as a run and merges runs where there are enough.
func (w *writer) addRun(ps []posting) error {
	out := w.newRun()
	for _, p := range ps {
		if err := out.add(p); err != nil {
			return err
		}
	}
	if err := out.finish(); err != nil {
		return err
	}
	return w.mergeRuns()
}

// mergeRuns merges the smallest class that has fan members, until none has.
func (w *writer) mergeRuns() error {
	for {
		classes := map[int][]run{}
		for _, r := range w.runs {
			classes[r.size()] = append(classes[r.size()], r)
		}
		merged := false
		for size := range 32 {
			rs := classes[size]
			total := 0
			for _, r := range rs {
				total += r.entries
			}
			if len(rs) < fan || total > maxRun {
				continue
			}
			if err := w.merge(rs); err != nil {
				return err
			}
			merged = true
			break
		}
		if !merged {
			return nil
		}
	}
}

func (w *writer) merge(rs []run) error {
	in := make([]*runReader, 0, len(rs))
	for _, r := range rs {
		rd := &runReader{w: w, next: r.first, end: r.first + int64(r.chunks())}
		if err := rd.advance(); err != nil {
			return err
		}
		in = append(in, rd)
	}
	out := w.newRun()
	for len(in) > 0 {
		least := 0
		for i := 1; i < len(in); i++ {
			if in[i].head < in[least].head {
				least = i
			}
		}
		if err := out.add(in[least].head); err != nil {
			return err
		}
		if err := in[least].advance(); err != nil {
			return err
		}
		if in[least].done {
			in = slices.Delete(in, least, least+1)
		}
	}
	if err := out.finish(); err != nil {
		return err
	}
	for _, r := range rs {
		if err := w.dropRun(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) dropRun(r run) error {
	if err := w.exec("DELETE FROM chunk WHERE c >= ? AND c < ?", r.first, r.first+int64(r.chunks())); err != nil {
		return err
	}
	if err := w.exec("DELETE FROM run WHERE r = ?", r.r); err != nil {
		return err
	}
	w.runs = slices.DeleteFunc(w.runs, func(o run) bool { return o.r == r.r })
	return nil
}

// runReader reads a run of the file that is written, chunk by chunk.
type runReader struct {
	w         *writer
	next, end int64
	data      []byte
	head      posting
	done      bool
}

func (r *runReader) advance() error {
	if len(r.data) == 0 {
		if r.next == r.end {
			r.done = true
			return nil
		}
		if err := r.w.getChunk.QueryRowContext(context.Background(), r.next).Scan(&r.data); err != nil {
			return fmt.Errorf("chunk %d: %w", r.next, err)
		}
		if len(r.data) == 0 || len(r.data)%8 != 0 {
			return fmt.Errorf("chunk %d has %d bytes, which is no list of postings", r.next, len(r.data))
		}
		r.next++
	}
	r.head = binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return nil
}

// runWriter writes a run, chunk by chunk.
type runWriter struct {
	w   *writer
	run run
	buf []byte
	dir []byte
}

func (w *writer) newRun() *runWriter {
	var r int64 = 1
	if len(w.runs) > 0 {
		r = w.runs[len(w.runs)-1].r + 1
	}
	return &runWriter{w: w, run: run{r: r, first: w.nextChunk}, buf: make([]byte, 0, 8*chunkLen)}
}

func (o *runWriter) add(p posting) error {
	if len(o.buf) == 0 {
		o.dir = binary.LittleEndian.AppendUint64(o.dir, p)
	}
	o.buf = binary.LittleEndian.AppendUint64(o.buf, p)
	o.run.entries++
	if len(o.buf) == 8*chunkLen {
		return o.flush()
	}
	return nil
}

func (o *runWriter) flush() error {
	_, err := o.w.putChunk.ExecContext(context.Background(), o.w.nextChunk, o.buf)
	o.w.nextChunk++
	o.buf = o.buf[:0]
	return err
}

func (o *runWriter) finish() error {
	if len(o.buf) > 0 {
		if err := o.flush(); err != nil {
			return err
		}
	}
	if o.run.entries == 0 {
		return nil
	}
	o.w.runs = append(o.w.runs, o.run)
	return o.w.exec("INSERT INTO run(r, entries, first, dir) VALUES (?, ?, ?, ?)", o.run.r, o.run.entries, o.run.first, o.dir)
}

// index is a reader's view of the runs, in one transaction.
type index struct {
	tx   *sql.Tx
	runs []indexed
}

type indexed struct {
	run
	dir []posting
}

// openIndex lists the runs. Directories of runs stay in memory: a run never changes.
func (f *file) openIndex(ctx context.Context, tx *sql.Tx) (*index, error) {
	x := &index{tx: tx}
	rows, err := tx.QueryContext(ctx, "SELECT r, entries, first FROM run ORDER BY r")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r run
		if err := rows.Scan(&r.r, &r.entries, &r.first); err != nil {
			return nil, err
		}
		x.runs = append(x.runs, indexed{run: r})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	f.dirMu.Lock()
	defer f.dirMu.Unlock()
	known := make(map[int64][]posting, len(x.runs))
	for i := range x.runs {
		r := &x.runs[i]
		if r.dir = f.dirs[r.r]; r.dir == nil {
			var b []byte
			if err := tx.QueryRowContext(ctx, "SELECT dir FROM run WHERE r = ?", r.r).Scan(&b); err != nil {
				return nil, err
			}
			r.dir = decodePostings(b)
		}
		known[r.r] = r.dir
	}
	f.dirs = known
	return x, nil
}

func decodePostings(b []byte) []posting {
	out := make([]posting, len(b)/8)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}

// span tells which chunks of a run a reach may touch: [from, to).
func (r *indexed) span(q reach) (from, to int) {
	from, found := slices.BinarySearch(r.dir, q.lo)
	if !found {
		from = max(from-1, 0)
	}
	to, found = slices.BinarySearch(r.dir, q.hi)
	if found {
		to++
	}
	return from, to
}

// estimate is an upper bound of the postings in the reaches, off by two chunks
// a run.
func (x *index) estimate(qs []reach) int {
	total := 0
	for i := range x.runs {
		for _, q := range qs {
			from, to := x.runs[i].span(q)
			total += max(0, to-from) * chunkLen
		}
	}
	return total
}

// load adds the rows of the postings in the reaches to set.
func (x *index) load(ctx context.Context, qs []reach, set *rowSet) error {
	for i := range x.runs {
		r := &x.runs[i]
		for _, q := range qs {
			from, to := r.span(q)
			if from >= to {
				continue
			}
			if err := x.loadChunks(ctx, r.first+int64(from), r.first+int64(to), q, set); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *index) loadChunks(ctx context.Context, from, to int64, q reach, set *rowSet) error {
	rows, err := x.tx.QueryContext(ctx, "SELECT data FROM chunk WHERE c >= ? AND c < ? ORDER BY c", from, to)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var b sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&b); err != nil {
			return err
		}
		for ; len(b) >= 8; b = b[8:] {
			p := binary.LittleEndian.Uint64(b)
			if p > q.hi {
				break
			}
			if p >= q.lo {
				set.add(p & (1<<rowBits - 1))
			}
		}
	}
	return rows.Err()
}

// rowSet is a set of rows up to a highest one.
type rowSet struct {
	bits []uint64
}

func newRowSet(highest int64) *rowSet {
	return &rowSet{bits: make([]uint64, highest/64+1)}
}

func (s *rowSet) add(n uint64) {
	if i := n / 64; i < uint64(len(s.bits)) {
		s.bits[i] |= 1 << (n % 64)
	}
}

func (s *rowSet) has(n int64) bool {
	return uint64(n/64) < uint64(len(s.bits)) && s.bits[n/64]&(1<<(n%64)) != 0
}

func (s *rowSet) and(o *rowSet) {
	for i := range s.bits {
		s.bits[i] &= o.bits[i]
	}
}

func (s *rowSet) len() int {
	total := 0
	for _, w := range s.bits {
		total += bits.OnesCount64(w)
	}
	return total
}

// list the rows in [lo, hi].
func (s *rowSet) list(lo, hi int64) []int64 {
	var out []int64
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			n := int64(i)*64 + int64(bits.TrailingZeros64(w))
			if n >= lo && n <= hi {
				out = append(out, n)
			}
		}
	}
	return out
}
