package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// compileIn never matches the absent value: its text is empty, and so no value
// of a list.
func compileIn(c Cond) (Cond, func(*event.Event) bool, error) {
	f, ok := inFields[c.Field]
	if !ok {
		return c, nil, fmt.Errorf("unknown field %q", c.Field)
	}
	values := make([]string, 0, len(c.Text))
	for _, t := range c.Text {
		v, err := f.norm(t)
		if err != nil {
			return c, nil, fmt.Errorf("field %q: %w", c.Field, err)
		}
		if v != "" {
			values = append(values, v)
		}
	}
	c.Text = values
	in := func(s string) bool { return s != "" && slices.Contains(values, s) }
	if len(values) > 8 {
		set := make(map[string]struct{}, len(values))
		for _, v := range values {
			set[v] = struct{}{}
		}
		in = func(s string) bool { _, ok := set[s]; return ok }
	}
	return c, func(e *event.Event) bool { return f.has(e, in) }, nil
}

func compileContains(c Cond) (Cond, func(*event.Event) bool, error) {
	var get func(*event.Event) string
	norm := asIs
	switch c.Field {
	case "fqdn":
		get, norm = func(e *event.Event) string { return e.FQDN }, lower
	case "url":
		get = func(e *event.Event) string { return e.URL }
	case "name":
		get, norm = func(e *event.Event) string { return Fold(e.Name) }, folded
	default:
		return c, nil, unfit(c)
	}
	values := make([]string, len(c.Text))
	for i, t := range c.Text {
		values[i], _ = norm(t)
	}
	c.Text = values
	return c, func(e *event.Event) bool {
		s := get(e)
		return s != "" && slices.ContainsFunc(values, func(v string) bool { return strings.Contains(s, v) })
	}, nil
}

func compileNet(c Cond) (Cond, func(*event.Event) bool, error) {
	if c.Field != "ip" {
		return c, nil, unfit(c)
	}
	nets := make([]netip.Prefix, len(c.Nets))
	for i, n := range c.Nets {
		if !n.IsValid() {
			return c, nil, fmt.Errorf("field %q: nets[%d] is no network", c.Field, i)
		}
		if n.Addr().Is4In6() && n.Bits() >= 96 {
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		nets[i] = n.Masked()
	}
	c.Nets = nets
	return c, func(e *event.Event) bool {
		for i := range e.Address {
			ip := e.Address[i].IP.Unmap()
			if slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(ip) }) {
				return true
			}
		}
		return false
	}, nil
}

func compileSubdomain(c Cond) (Cond, func(*event.Event) bool, error) {
	if c.Field != "fqdn" {
		return c, nil, unfit(c)
	}
	values := make([]string, 0, len(c.Text))
	for _, t := range c.Text {
		if v, _ := normHost(t); v != "" {
			values = append(values, v)
		}
	}
	c.Text = values
	return c, func(e *event.Event) bool {
		return slices.ContainsFunc(values, func(v string) bool {
			rest, ok := strings.CutSuffix(e.FQDN, v)
			return ok && (rest == "" || rest[len(rest)-1] == '.')
		})
	}, nil
}

func compileTime(c Cond) (Cond, func(*event.Event) bool, error) {
	test := boundary(c.Op, c.Time)
	switch c.Field {
	case "time":
		return c, func(e *event.Event) bool { return test(e.Time) }, nil
	case "modified":
		return c, func(e *event.Event) bool { return test(e.Modified) }, nil
	case "active":
		if c.Op == Min {
			return c, func(e *event.Event) bool { return test(e.Expires) || test(e.Time) }, nil
		}
		return c, func(e *event.Event) bool {
			if e.Expires.IsZero() {
				return test(e.Time)
			}
			return test(e.Expires)
		}, nil
	}
	return c, nil, unfit(c)
}

// boundary never holds for the zero time, which means absent.
func boundary(op Op, v time.Time) func(time.Time) bool {
	switch op {
	case Min:
		return func(t time.Time) bool { return !t.IsZero() && !t.Before(v) }
	case Max:
		return func(t time.Time) bool { return !t.IsZero() && !t.After(v) }
	default:
		return func(t time.Time) bool { return !t.IsZero() && t.Before(v) }
	}
}

func compileOrder(c Cond) (Cond, func(*event.Event) bool, error) {
	if len(c.Text) != 1 {
		return c, nil, fmt.Errorf("field %q: %q wants one value, got %d", c.Field, c.Op, len(c.Text))
	}
	text := c.Text[0]
	switch {
	case c.Field == "tlp" && c.Op == AtMost:
		v, ok := event.ParseTLP(text)
		return c, func(e *event.Event) bool { return or(e.TLP, event.TLPRed) <= v }, known(c, ok)
	case c.Field == "restriction" && c.Op == AtMost:
		v, ok := event.ParseRestriction(text)
		return c, func(e *event.Event) bool { return or(e.Restriction, event.RestrictionInternal) <= v }, known(c, ok)
	case c.Field == "confidence" && c.Op == AtLeast:
		v, ok := event.ParseConfidence(text)
		return c, func(e *event.Event) bool { return or(e.Confidence, event.ConfidenceLow) >= v }, known(c, ok)
	}
	return c, nil, unfit(c)
}

func or[T ~uint8](v, absent T) T {
	if v == 0 {
		return absent
	}
	return v
}

func known(c Cond, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("field %q: %q is none of its values", c.Field, c.Text[0])
}
