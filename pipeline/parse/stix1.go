package parse

import (
	"github.com/weir-project/weir/pipeline/parse/record"
	"github.com/weir-project/weir/pipeline/parse/stix"
	"github.com/weir-project/weir/pipeline/parse/stix1"
)

// stix1 reads a package of STIX 1 in XML.
func (r *run) stix1(w *record.Walker) error {
	in, err := r.xml("STIX", "STIX_Package")
	if err != nil {
		return err
	}
	var text []byte
	dec := stix1.Decoder{Pass: r.pass, Record: func(json, raw []byte) error {
		text = stix.Complete(text[:0], record.Text(json))
		return r.made(w, text, raw, "")
	}}
	err = r.elements(in, dec.Want, dec.Take)
	if finishErr := dec.Finish(); finishErr != nil {
		return finishErr
	}
	if err == nil && dec.Root != "" && !dec.Package {
		err = &UnreadableError{"the document is <" + dec.Root + ">; there is no <STIX_Package> in it"}
	}
	return err
}
