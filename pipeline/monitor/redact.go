package monitor

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

const redacted = "[redacted]"

// redact takes values of the feed out of findings. What is quoted stays if it is
// the name of a column or path: one that is known, or one of the payload as long as
// its structure can be trusted.
func redact(findings []status.Finding, base, now *drift.Profile) []status.Finding {
	names := knownNames(base, now)
	out := slices.Clone(findings)
	for i := range out {
		f := &out[i]
		switch f.Code {
		case drift.CodeUnfit: // the reason of a rejection may hold anything
			f.Sentence, _, _ = strings.Cut(f.Sentence, "; ")
			f.Sentence, f.After = strings.TrimSuffix(f.Sentence, ".")+".", ""
		case drift.CodeUnreadable:
			f.Sentence, _, _ = strings.Cut(f.Sentence, ": ")
			f.Sentence, f.After = strings.TrimSuffix(f.Sentence, ".")+".", ""
		}
		if f.Path != "" && !names[f.Path] && !slices.Contains(f.Fields, f.Path) && !strings.HasPrefix(f.Path, "column ") {
			f.Path = redacted
		}
		f.Sentence = hide(f.Sentence, names)
		f.Before, f.After = hide(unsampled(f.Before), names), hide(unsampled(f.After), names)
	}
	return out
}

// knownNames are those of the baseline and of the Parser, and those of the payload
// if most of what is known is among them. Else what stands where names should be
// may be values.
func knownNames(base, now *drift.Profile) map[string]bool {
	names, is := namesOf(base), structureOf(now)
	was := structureOf(base)
	for i := range now.Inputs { // these the Parser names
		names[now.Inputs[i].Name] = true
		if base == nil {
			was[now.Inputs[i].Name] = true
		}
	}
	still := 0
	for name := range was {
		if is[name] {
			still++
		}
	}
	if 2*still >= len(was) && still > 0 {
		maps.Copy(names, is)
	}
	return names
}

// structureOf are the names that a payload brought itself.
func structureOf(p *drift.Profile) map[string]bool {
	names := make(map[string]bool)
	if p == nil {
		return names
	}
	for _, c := range p.Columns {
		names[c] = true
	}
	for path := range p.Paths {
		names[path] = true
	}
	return names
}

// namesOf are the names of columns and paths in a profile, which may be nil.
func namesOf(p *drift.Profile) map[string]bool {
	names := structureOf(p)
	if p == nil {
		return names
	}
	for _, columns := range [][]drift.Column{p.Inputs, p.Others} {
		for i := range columns {
			names[columns[i].Name] = true
		}
	}
	return names
}

// unsampled takes the samples off what describes a column.
func unsampled(s string) string {
	s, _, _ = strings.Cut(s, `: "`)
	return s
}

// hide replaces what is quoted and is no name.
func hide(s string, names map[string]bool) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '"')
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:at])
		quoted, err := strconv.QuotedPrefix(s[at:])
		if err != nil { // a quote that does not end
			b.WriteString(redacted)
			return b.String()
		}
		if name, err := strconv.Unquote(quoted); err == nil && names[name] {
			b.WriteString(quoted)
		} else {
			b.WriteString(redacted)
		}
		s = s[at+len(quoted):]
	}
}
