package parse

import (
	"bytes"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/record"
	"github.com/weir-project/weir/pipeline/parse/stix"
)

// stixFormat reads objects of STIX 2 in bundles, envelopes of TAXII, arrays, or one
// after the other, or a package of STIX 1. A record is an observable.
type stixFormat struct {
	*jsonObjects
}

func compileSTIX(*v1alpha1.STIXSpec) (format, error) {
	return stixFormat{&jsonObjects{name: "stix", what: "STIX 2 in JSON", around: []string{"objects"}}}, nil
}

func (f stixFormat) read(r *run) error {
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n\x00"), []byte("<")) {
		return r.stix1(record.NewWalker(f.tree))
	}
	if err := r.start(f.what); err != nil {
		return err
	}
	text, err := r.src.peek(firstPass)
	if err != nil {
		return err
	}
	s := &stixReader{run: r, reader: stix.NewReader(stix.ReadContext(record.Text(text))), walker: record.NewWalker(f.tree)}
	return f.each(r, s.object)
}

// stixReader is the stix.Sink of a run.
type stixReader struct {
	*run
	reader *stix.Reader
	walker *record.Walker
	raw    []byte // of the object
}

func (s *stixReader) Record(text []byte) error { return s.made(s.walker, text, s.raw, "") }

func (s *stixReader) Pass(reason string) { s.passAs(reason) }

// object takes one object.
func (s *stixReader) object(raw []byte) error {
	s.raw = raw
	reject, err := s.reader.Object(record.Text(raw), s)
	if err != nil || reject == "" {
		return err
	}
	if failed := stix.Failed(record.Text(raw)); failed != "" && s.stats.Records == 0 {
		return &UnreadableError{failed}
	}
	if isEmptyEnvelope(record.Text(raw)) {
		return nil
	}
	return s.reject(reject, raw)
}

// isEmptyEnvelope reports whether a server of TAXII has nothing (more) to tell.
func isEmptyEnvelope(text string) bool {
	empty := true
	record.Members(text, func(name string, _ record.Value) bool {
		empty = name == "more" || name == "next"
		return empty
	})
	return empty
}
