package parse

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
	"github.com/weir-project/weir/pipeline/parse/zone"
)

// maxZoneLines is how many lines a record in parentheses may have.
const maxZoneLines = 256

// zoneFile has a record a resource record, or a line of a data set.
type zoneFile struct {
	origin string
	rbl    bool
	tree   *record.Tree
}

func compileZone(spec *v1alpha1.ZoneSpec) (format, error) {
	z := &zoneFile{origin: spec.Origin}
	switch spec.Dialect {
	case "", v1alpha1.ZoneMaster:
	case v1alpha1.ZoneRBL:
		z.rbl = true
	default:
		return nil, fmt.Errorf("spec.input.zone.dialect: %q is neither Master nor RBL", spec.Dialect)
	}
	if z.rbl && z.origin != "" {
		return nil, errors.New("spec.input.zone.origin: is for dialect: Master; names of an RBL data set have no zone")
	}
	if _, err := zone.NewMaster(z.origin); err != nil {
		return nil, fmt.Errorf("spec.input.zone.origin: %w", err)
	}
	return z, nil
}

func (*zoneFile) options() mapping.Options { return mapping.Options{JSON: true} }

func (z *zoneFile) bind(p *mapping.Program) error {
	z.tree = treeOf(p)
	return nil
}

func (z *zoneFile) read(r *run) error {
	if err := r.start("a zone file"); err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if looksLikeJSON(start) {
		return &UnreadableError{"it looks like JSON, not a zone file"}
	}
	c := &zoneReader{run: r, walker: record.NewWalker(z.tree), set: zone.NewRBL()}
	if c.master, err = zone.NewMaster(z.origin); err != nil {
		return err
	}
	for {
		line, err := r.nextLine(nil)
		if err != nil || line == nil {
			return err
		}
		if z.rbl {
			err = c.listing(line)
		} else {
			err = c.resources(line)
		}
		if err != nil {
			return err
		}
	}
}

// zoneReader is the way of one payload through its records.
type zoneReader struct {
	*run
	walker *record.Walker
	master *zone.Master
	set    *zone.RBL
	json   []byte
}

// resources takes the resource record that begins with line.
func (c *zoneReader) resources(line []byte) error {
	first := c.src.mark()
	raw, reason, err := c.whole(line)
	if err != nil {
		return err
	}
	if reason != "" {
		return c.bad(reason, raw, first)
	}
	err = c.master.Record(raw, func(e *zone.Entry) error {
		if e.Pass != "" {
			c.pass(e.Pass)
			return nil
		}
		c.json = appendEntry(c.json[:0], e)
		return c.made(c.walker, c.json, raw, "")
	})
	var syntax *zone.SyntaxError
	if errors.As(err, &syntax) {
		return c.bad(syntax.Reason, raw, first)
	}
	return err
}

// bad rejects a record. Of one with lines that are not indented only the first line
// is rejected: it has taken others for its own, up to the next parenthesis.
func (c *zoneReader) bad(reason string, raw []byte, first mark) error {
	for i := first.length; i < len(raw); i++ {
		if raw[i] == '\n' && i+1 < len(raw) && bytes.IndexByte([]byte(" \t\r\n);"), raw[i+1]) < 0 {
			return c.reject("a parenthesis does not close before the next record", c.src.rewind(first))
		}
	}
	return c.reject(reason, raw)
}

// whole is all of the record that begins with line. A parenthesis that never
// closes costs its own line only.
func (c *zoneReader) whole(line []byte) (raw []byte, reason string, err error) {
	if bytes.IndexByte(line, '(') < 0 && bytes.IndexByte(line, '"') < 0 {
		return line, "", nil
	}
	var lines zone.Lines
	first := c.src.mark()
	more, bad := lines.Add(line)
	raw = line
	for n := 1; more && bad == nil; n++ {
		before := len(raw)
		longer, ok := []byte(nil), false
		if n < maxZoneLines {
			if longer, ok, err = c.src.longer(); err != nil {
				return nil, "", err
			}
		}
		if !ok {
			bad = errors.New("a parenthesis never closes")
			break
		}
		raw = longer
		more, bad = lines.Add(raw[before:])
	}
	if bad != nil {
		return c.src.rewind(first), bad.Error(), nil //nolint:nilerr // it is why the record is rejected
	}
	return raw, c.run.set.invalid(raw), nil
}

func appendEntry(dst []byte, e *zone.Entry) []byte {
	dst = append(dst, '{')
	for _, m := range [...]struct{ name, value string }{
		{"owner", e.Owner}, {"name", e.Name}, {"zone", e.Zone}, {"type", e.Type}, {"class", e.Class}, {"data", e.Data},
		{"trigger", e.Trigger}, {"action", e.Action}, {"network", e.Network}, {"ip", e.Address},
	} {
		dst = appendText(dst, m.name, m.value)
	}
	for _, m := range [...]struct {
		name  string
		value *uint32
	}{{"ttl", e.TTL}, {"serial", e.Serial}} {
		if m.value != nil {
			dst = append(append(append(dst, '"'), m.name...), `":`...)
			dst = append(strconv.AppendUint(dst, uint64(*m.value), 10), ',')
		}
	}
	return append(strconv.AppendBool(append(dst, `"wildcard":`...), e.Wildcard), '}')
}

// appendText adds a member and a comma if it has a value.
func appendText(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, '"'), name...), `":`...)
	return append(record.AppendString(dst, value), ',')
}

// listing takes a line of a data set.
func (c *zoneReader) listing(line []byte) error {
	l, ok, err := c.set.Line(string(line))
	switch {
	case err != nil:
		return c.reject(err.Error(), line)
	case !ok:
		return nil
	case l.Excluded:
		c.pass("exclusion")
		return nil
	}
	dst := append(c.json[:0], '{')
	dst = appendText(dst, "name", l.Name)
	dst = appendText(dst, "network", l.Network)
	dst = appendText(dst, "ip", l.Address)
	dst = appendText(dst, "value", l.Value)
	dst = appendText(dst, "text", l.Text)
	c.json = append(strconv.AppendBool(append(dst, `"wildcard":`...), l.Wildcard), '}')
	return c.made(c.walker, c.json, line, "")
}
