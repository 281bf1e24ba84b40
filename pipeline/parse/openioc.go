package parse

import (
	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/markup"
	"github.com/weir-project/weir/pipeline/parse/openioc"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// openIOCDocument is indicators of compromise.
type openIOCDocument struct{ tree *record.Tree }

func compileOpenIOC(*v1alpha1.OpenIOCSpec) (format, error) { return &openIOCDocument{}, nil }

func (*openIOCDocument) options() mapping.Options { return mapping.Options{JSON: true} }

func (*openIOCDocument) base() (*v1alpha1.ParserSpec, error) { return vocabularyOf("openioc") }

func (o *openIOCDocument) bind(p *mapping.Program) error {
	o.tree = treeOf(p)
	return nil
}

func (o *openIOCDocument) read(r *run) error {
	in, err := r.xml("OpenIOC", "ioc")
	if err != nil {
		return err
	}
	walker := record.NewWalker(o.tree)
	var dec openioc.Decoder
	err = r.elements(in, dec.Want, func(rec *markup.Record) error {
		json, pass := dec.Take(rec)
		switch {
		case pass != "":
			r.pass(pass)
		case json != nil:
			return r.made(walker, json, rec.Raw, "")
		}
		return nil
	})
	if err == nil && dec.Root != "" && !dec.Document {
		err = &UnreadableError{"the document is <" + dec.Root + ">; there is no <ioc> or <OpenIOC> in it"}
	}
	return err
}
