package drift

import (
	"github.com/weir-project/weir/pipeline/parse/record"
)

// batch holds values that are to be looked at. They are looked at column by column
// when there are some: parsing and looking in turns would push each other's code and
// data out of the nearest cache, which takes longer than all else here.
type batch struct {
	text  []byte
	spans []span // of all inputs of one record after the other
	docs  []doc
	path  []byte // scratch memory
}

// span is a part of the text; an end of -1 is a value that is not there.
type span struct{ from, to int }

// doc is the JSON of the record with a number.
type doc struct {
	span
	nr int64
}

const (
	batchBytes  = 16 << 10
	batchValues = 2048
	maxKept     = 64 << 10 // bytes that are kept for the next payload
	maxLooked   = 4096     // of a longer value only the beginning is looked at
)

func (b *batch) reset() { b.text, b.spans, b.docs = b.text[:0], b.spans[:0], b.docs[:0] }

// take remembers the values of a record.
func (b *batch) take(r row, inputs int) {
	for i := range inputs {
		v, ok := r.Input(i)
		if !ok {
			b.spans = append(b.spans, span{0, -1})
			continue
		}
		b.spans = append(b.spans, b.copy(v[:min(len(v), maxLooked)]))
	}
}

// takeDoc remembers the JSON of a record.
func (b *batch) takeDoc(json string, nr int64) {
	b.docs = append(b.docs, doc{b.copy(json), nr})
}

func (b *batch) copy(s string) span {
	from := len(b.text)
	b.text = append(b.text, s...)
	return span{from, len(b.text)}
}

func (b *batch) full() bool { return len(b.text) >= batchBytes || len(b.spans) >= batchValues }

// value is the text of a span; it is valid until reset.
func (b *batch) value(s span) string { return record.Text(b.text[s.from:s.to]) }

// settle looks at what was taken.
func (p *Profiler) settle() {
	b := &p.batch
	inputs := len(p.profile.Inputs)
	for i := range inputs {
		c, l := &p.profile.Inputs[i], &p.looks[i]
		for at := i; at < len(b.spans); at += inputs {
			if s := b.spans[at]; s.to >= 0 {
				c.observe(b.value(s), l, p.scratch)
			} else {
				l.absent++
			}
		}
		l.learn(p.scratch)
	}
	for _, d := range b.docs {
		p.walk(b.value(d.span), d.nr)
	}
	b.reset()
}

// walk counts the paths of the record with a number.
func (p *Profiler) walk(json string, nr int64) {
	p.keys.at, p.keys.nr = 0, nr
	p.batch.path = record.Leaves(json, p.batch.path, p.onKey)
}
