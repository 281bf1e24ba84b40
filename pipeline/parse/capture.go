package parse

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// capture takes a value out of what is around the records.
type capture struct {
	name    string
	pattern *regexp.Regexp
	group   int
	path    string
	// steps of the path in JSON.
	steps  record.Path
	footer bool
}

func compileCaptures(specs []v1alpha1.CaptureRule) ([]capture, error) {
	var errs []error
	out := make([]capture, 0, len(specs))
	for i := range specs {
		spec, at := &specs[i], fmt.Sprintf("spec.input.capture[%d]", i)
		c := capture{name: spec.Name, path: spec.Path, footer: spec.Footer}
		if slices.ContainsFunc(out, func(o capture) bool { return o.name == spec.Name }) {
			errs = append(errs, fmt.Errorf("%s.name: %q is there twice", at, spec.Name))
		}
		if (spec.Pattern == "") == (spec.Path == "") {
			errs = append(errs, fmt.Errorf("%s: needs one of pattern and path", at))
		}
		if spec.Pattern != "" {
			re, err := regexp.Compile(spec.Pattern)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.pattern: %w", at, err))
				continue
			}
			c.pattern, c.group = re, min(re.NumSubexp(), 1)
		}
		out = append(out, c)
	}
	return out, errors.Join(errs...)
}

// footer reports whether a value may come after the records that need it.
func (p *Parser) footer() bool {
	return slices.ContainsFunc(p.captures, func(c capture) bool { return c.footer })
}

// names of captures.
func captureNames(captures []capture) []string {
	var out []string
	for _, c := range captures {
		out = append(out, c.name)
	}
	return out
}

// know notes the value of a capture. One that may come late is that of the
// rehearsal.
func (r *run) know(c *capture, value string) {
	if r.rehearsal || !c.footer {
		r.captured[c.name] = value
		r.runner.Know(c.name, value)
	}
}

// captures takes values out of a line, and reports whether it is for them.
func (r *run) captures(line []byte) bool {
	for i := range r.p.captures {
		c := &r.p.captures[i]
		if c.pattern == nil {
			continue
		}
		if m := c.pattern.FindSubmatchIndex(line); m != nil && m[2*c.group] >= 0 {
			r.know(c, string(trim(line[m[2*c.group]:m[2*c.group+1]])))
			return true
		}
	}
	return false
}
