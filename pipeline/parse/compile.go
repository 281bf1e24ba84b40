package parse

import (
	"embed"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/extend"
	"github.com/weir-project/weir/pipeline/parse/mapping"
)

// Parser is a compiled Parser resource. Safe for concurrent use.
type Parser struct {
	charset *charset
	max     int
	format  format
	program *mapping.Program
	inputs  []Input

	captures []capture
	grouping *grouping
	set      *Set // if there is a Parser for each kind of reports
}

// format finds the records of a payload and hands them to a run.
type format interface {
	// options tell the mapping what the records are.
	options() mapping.Options
	// bind is called once, with the compiled mapping.
	bind(p *mapping.Program) error
	read(r *run) error
}

// capturer is a format in which captures have paths. It checks them.
type capturer interface {
	capture(captures []capture) error
}

const defaultMaxRecord = 1 << 20

// Compile checks a spec and makes it ready to run. The error names the field and
// the mend: spec.mapping[3].field: "urll" is no field of an event; did you
// mean "url"? If several things are wrong, it joins an error for each.
func Compile(spec *v1alpha1.ParserSpec) (*Parser, error) {
	f, err := compileFormat(&spec.Input)
	if err != nil {
		_, charsetErr := compileCharset(spec.Input.Charset)
		return nil, errors.Join(charsetErr, err)
	}
	return compile(spec, f)
}

func compile(spec *v1alpha1.ParserSpec, f format) (*Parser, error) {
	set, charsetErr := compileCharset(spec.Input.Charset)
	if v, ok := f.(vocabulary); ok {
		base, err := v.base()
		if err != nil {
			return nil, err
		}
		spec = extend.Spec(spec, base)
	}
	captures, captureErr := compileCaptures(spec.Input.Capture)
	opts := f.options()
	opts.Meta = captureNames(captures)
	program, err := mapping.Compile(spec, opts)
	grouping, groupErr := compileGrouping(spec)
	if err = errors.Join(charsetErr, captureErr, err, groupErr); err != nil {
		return nil, err
	}
	if err := f.bind(program); err != nil {
		return nil, err
	}
	if c, ok := f.(capturer); ok {
		if err := c.capture(captures); err != nil {
			return nil, err
		}
	} else if i := slices.IndexFunc(captures, func(c capture) bool { return c.path != "" }); i >= 0 {
		return nil, fmt.Errorf("spec.input.capture[%d].path: is for json and xml; write a pattern", i)
	}
	p := &Parser{
		charset: set, max: defaultMaxRecord, format: f, program: program, captures: captures, grouping: grouping,
	}
	if spec.Input.MaxRecordBytes > 0 {
		p.max = int(spec.Input.MaxRecordBytes)
	}
	for _, in := range program.Inputs() {
		p.inputs = append(p.inputs, Input{Name: in.Name, Fields: in.Fields, Required: in.Required})
	}
	if s, ok := f.(*schemaSet); ok {
		p.inputs = s.inputs(p.inputs)
	}
	return p, nil
}

// vocabulary is a format whose fields are known: it brings a mapping, which fills
// what no rule of the Parser fills.
type vocabulary interface {
	format
	// base is that mapping.
	base() (*v1alpha1.ParserSpec, error)
}

// vocabularies are the mappings of formats, as Parsers without an input.
//
//go:embed vocabulary/*.yaml
var vocabularies embed.FS

// vocabularyOf reads the mapping of a format.
func vocabularyOf(name string) (*v1alpha1.ParserSpec, error) {
	data, err := vocabularies.ReadFile("vocabulary/" + name + ".yaml")
	if err != nil {
		return nil, err
	}
	spec := &v1alpha1.ParserSpec{}
	if err := yaml.UnmarshalStrict(data, spec); err != nil {
		return nil, fmt.Errorf("mapping of %s: %w", name, err)
	}
	return spec, nil
}

// Vocabulary is the mapping that the format of an input brings, which fills what no
// rule of the Parser fills; nil if it brings none.
func Vocabulary(in *v1alpha1.InputSpec) *v1alpha1.ParserSpec {
	f, err := compileFormat(in)
	if err != nil {
		return nil
	}
	v, ok := f.(vocabulary)
	if !ok {
		return nil
	}
	spec, err := v.base()
	if err != nil {
		return nil
	}
	return spec
}

func compileFormat(in *v1alpha1.InputSpec) (format, error) {
	var formats []format
	var errs []error
	for _, c := range []func(*v1alpha1.InputSpec) (format, error){
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.CSVSpec { return in.CSV }, compileCSV),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.JSONSpec { return in.JSON }, compileJSON),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.JSONLinesSpec { return in.JSONLines }, compileJSONLines),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.TextSpec { return in.Text }, compileText),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.XMLSpec { return in.XML }, compileXML),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.HTMLSpec { return in.HTML }, compileHTML),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.KeyValueSpec { return in.KeyValue }, compileKeyValue),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.INISpec { return in.INI }, compileINI),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.HostsSpec { return in.Hosts }, compileHosts),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.ZoneSpec { return in.Zone }, compileZone),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.XLSXSpec { return in.XLSX }, compileXLSX),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.STIXSpec { return in.STIX }, compileSTIX),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.MISPSpec { return in.MISP }, compileMISP),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.N6Spec { return in.N6 }, compileN6),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.IntelMQSpec { return in.IntelMQ }, compileIntelMQ),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.IODEFSpec { return in.IODEF }, compileIODEF),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.OpenIOCSpec { return in.OpenIOC }, compileOpenIOC),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.IDEASpec { return in.IDEA }, compileIDEA),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.MailSpec { return in.Mail }, compileMail),
		optional(func(in *v1alpha1.InputSpec) *v1alpha1.SchemaSetSpec { return in.SchemaSet }, compileSchemaSet),
	} {
		f, err := c(in)
		if f != nil || err != nil {
			formats, errs = append(formats, f), append(errs, err)
		}
	}
	if len(formats) != 1 {
		errs = append(errs, fmt.Errorf("spec.input: has %d formats; give exactly one, such as csv, json, jsonLines, text or xml", len(formats)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return formats[0], nil
}

// optional compiles a format if the input has it.
func optional[S any](of func(*v1alpha1.InputSpec) *S, compile func(*S) (format, error)) func(*v1alpha1.InputSpec) (format, error) {
	return func(in *v1alpha1.InputSpec) (format, error) {
		if spec := of(in); spec != nil {
			return compile(spec)
		}
		return nil, nil
	}
}

// Inputs are the columns or paths that the mapping refers to, in the order in
// which Record.Input counts them.
func (p *Parser) Inputs() []Input { return p.inputs }
