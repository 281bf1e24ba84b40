package parse

import (
	"errors"
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
)

// Parser is a compiled Parser resource. Safe for concurrent use.
type Parser struct {
	charset *charset
	max     int
	format  format
	program *mapping.Program
	inputs  []Input
}

// format finds the records of a payload and hands them to a run.
type format interface {
	// options tell the mapping what the records are.
	options() mapping.Options
	// bind is called once, with the compiled mapping.
	bind(p *mapping.Program) error
	read(r *run) error
}

const defaultMaxRecord = 1 << 20

// Compile checks a spec and makes it ready to run. The error names the field and
// the mend: spec.mapping[3].field: "urll" is no field of an event; did you
// mean "url"? If several things are wrong, it joins an error for each.
func Compile(spec *v1alpha1.ParserSpec) (*Parser, error) {
	set, charsetErr := compileCharset(spec.Input.Charset)
	f, formatErr := compileFormat(&spec.Input)
	if formatErr != nil {
		return nil, errors.Join(charsetErr, formatErr)
	}
	program, err := mapping.Compile(spec, f.options())
	if err = errors.Join(charsetErr, err); err != nil {
		return nil, err
	}
	if err := f.bind(program); err != nil {
		return nil, err
	}
	p := &Parser{charset: set, max: defaultMaxRecord, format: f, program: program}
	if spec.Input.MaxRecordBytes > 0 {
		p.max = int(spec.Input.MaxRecordBytes)
	}
	for _, in := range program.Inputs() {
		p.inputs = append(p.inputs, Input{Name: in.Name, Fields: in.Fields, Required: in.Required})
	}
	return p, nil
}

func compileFormat(in *v1alpha1.InputSpec) (format, error) {
	var formats []format
	var errs []error
	add := func(f format, err error) {
		formats = append(formats, f)
		errs = append(errs, err)
	}
	if in.CSV != nil {
		add(compileCSV(in.CSV))
	}
	if in.JSON != nil {
		add(compileJSON(in.JSON))
	}
	if in.JSONLines != nil {
		add(&jsonLines{}, nil)
	}
	if in.Text != nil {
		add(compileText(in.Text))
	}
	if len(formats) != 1 {
		errs = append(errs, fmt.Errorf("spec.input: has %d formats; give exactly one of csv, json, jsonLines and text", len(formats)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return formats[0], nil
}

// Inputs are the columns or paths that the mapping refers to, in the order in
// which Record.Input counts them.
func (p *Parser) Inputs() []Input { return p.inputs }
