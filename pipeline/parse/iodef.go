package parse

import (
	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/iodef"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/markup"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// iodefDocument is incidents in XML or JSON.
type iodefDocument struct{ tree *record.Tree }

func compileIODEF(*v1alpha1.IODEFSpec) (format, error) { return &iodefDocument{}, nil }

func (*iodefDocument) options() mapping.Options { return mapping.Options{JSON: true} }

func (*iodefDocument) base() (*v1alpha1.ParserSpec, error) { return vocabularyOf("iodef") }

func (i *iodefDocument) bind(p *mapping.Program) error {
	i.tree = treeOf(p)
	return nil
}

func (i *iodefDocument) read(r *run) error {
	reader := &iodefReader{run: r, walker: record.NewWalker(i.tree)}
	reader.dec = iodef.Decoder{Pass: r.pass, Emit: func(json []byte) error { return r.made(reader.walker, json, reader.raw, "") }}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if looksLikeJSON(start) {
		return reader.json()
	}
	in, err := r.xml("IODEF", "IODEF-Document")
	if err != nil {
		return err
	}
	if err := r.elements(in, reader.want, reader.take); err != nil {
		return err
	}
	reader.finish()
	if reader.root != "" && !reader.document {
		return &UnreadableError{"the document is <" + reader.root + ">, not an <IODEF-Document>"}
	}
	return nil
}

// iodefReader makes records of incidents.
type iodefReader struct {
	*run
	walker *record.Walker
	dec    iodef.Decoder
	raw    []byte

	root     string
	document bool
	// nr is the number of the incident that is read; 0 before the first.
	nr int
}

// want finds the children of incidents, wherever the document of IODEF is.
func (i *iodefReader) want(open []markup.Open) bool {
	n := len(open)
	if n == 1 {
		i.root = open[0].Name
	}
	switch {
	case open[n-1].Name == "IODEF-Document":
		i.document = true
	case n > 1 && open[n-1].Name == "Incident" && open[n-2].Name == "IODEF-Document":
		i.finish()
		i.nr = open[n-1].Nr
		i.dec.Begin(open[n-1].Attr)
	}
	return n > 2 && open[n-2].Name == "Incident" && open[n-3].Name == "IODEF-Document"
}

func (i *iodefReader) take(rec *markup.Record) error {
	i.raw = rec.Raw
	return i.dec.Child(rec.Root)
}

func (i *iodefReader) finish() {
	if i.nr > 0 {
		i.dec.End()
	}
}

// json reads incidents in the JSON of RFC 8727.
func (i *iodefReader) json() error {
	check := record.NewWalker(record.NewTree())
	var tree markup.Tree
	path := record.Path{{Kind: record.Key, Key: "Incident"}}
	d := &documentReader{run: i.run, format: &jsonDocument{path: path}, walker: check}
	d.take = func(raw []byte, _ string) error {
		if err := check.Extract(raw, nil); err != nil {
			return i.reject("malformed JSON: "+err.Error(), raw)
		}
		if err := iodef.Tree(&tree, record.Text(raw)); err != nil {
			return i.reject(err.Error(), raw)
		}
		root := tree.Root()
		i.raw = raw
		i.dec.Begin(root.Attr)
		for c := range iodef.InOrder(root) {
			if err := i.dec.Child(c); err != nil {
				return err
			}
		}
		i.dec.End()
		return nil
	}
	return d.document()
}
