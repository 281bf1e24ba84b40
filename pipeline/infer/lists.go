package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

var (
	hostsLine    = regexp.MustCompile(`^\s*(?:0\.0\.0\.0|127\.\d+\.\d+\.\d+|::1?|fe80::\S*|ff0\S*|255\.255\.255\.255)\s+[^\s#]+`)
	sectionLine  = regexp.MustCompile(`^\s*\[[^\]\[]+\]\s*$`)
	settingLine  = regexp.MustCompile(`^\s*[\w .-]+?\s*[=:]`)
	zoneLine     = regexp.MustCompile(`(?i)^\$(?:TTL|ORIGIN|INCLUDE)\s|\s(?:IN\s+)?SOA\s+\S+\s+\S+\s|\s(?:\d+\s+)?IN\s+(?:A|AAAA|CNAME|NS|TXT|PTR)\s`)
	zoneRecord   = regexp.MustCompile(`(?i)(?:^|\s)(?:IN|A|AAAA|CNAME|NS|TXT|PTR|SOA)\s`)
	zoneComment  = regexp.MustCompile(`^\s*;`)
	rblLine      = regexp.MustCompile(`^:\d+\.\d+\.\d+\.\d+:`)
	rblDirective = regexp.MustCompile(`^\$(?:SOA|NS|TTL|DATASET)\s`)
	pairText     = regexp.MustCompile(`(?:^|[\s,;|&])([A-Za-z_][\w.-]*)=("[^"]*"|'[^']*'|[^\s,;|&]*)`)
)

// special recognizes formats of lines that have a reader of their own.
func (t *text) special() []format {
	var out []format
	n := float64(len(t.lines))
	count := func(re *regexp.Regexp, lines []string) float64 {
		k := 0
		for _, l := range lines {
			if re.MatchString(l) {
				k++
			}
		}
		return float64(k)
	}
	data := float64(max(len(t.data), 1))
	if hosts := count(hostsLine, t.data) / data; hosts >= 0.9 {
		out = append(out, format{name: "a hosts file", confidence: 0.95, score: 1.5, input: v1alpha1.InputSpec{Hosts: &v1alpha1.HostsSpec{}},
			reason: "its lines are a local address and a name"})
	}
	if count(rblLine, t.lines) >= 1 && count(rblDirective, t.lines) >= 1 {
		out = append(out, format{name: "a zone of rbldnsd", confidence: 0.9, score: 1.5, input: v1alpha1.InputSpec{Zone: &v1alpha1.ZoneSpec{Dialect: v1alpha1.ZoneRBL}},
			reason: "it has the directives and the values of rbldnsd"})
	}
	// Semicolons begin comments in zones.
	said := max(n-count(zoneComment, t.lines), 1)
	if zone := count(zoneLine, t.lines); zone >= 1 && count(zoneRecord, t.lines)/said >= 0.6 {
		out = append(out, format{name: "a DNS zone", confidence: 0.9, score: 1.5, input: v1alpha1.InputSpec{Zone: &v1alpha1.ZoneSpec{}},
			reason: "it has resource records in master file format"})
	}
	if sections := count(sectionLine, t.lines); sections >= 1 && (count(settingLine, t.lines)+sections)/n >= 0.7 {
		out = append(out, format{name: "INI", confidence: 0.9, score: 1.4, input: v1alpha1.InputSpec{INI: &v1alpha1.INISpec{}},
			reason: "it has sections in brackets, with keys and values"})
	}
	if f := t.keyValue(); f != nil {
		out = append(out, *f)
	}
	return out
}

// keyValue recognizes lines of pairs.
func (t *text) keyValue() *format {
	fitting := 0
	separators := map[string]int{}
	for _, l := range t.data {
		pairs := pairText.FindAllStringSubmatchIndex(l, -1)
		covered := 0
		for i, p := range pairs {
			covered += p[5] - p[2]
			if i > 0 {
				separators[strings.TrimSpace(l[pairs[i-1][5]:p[2]])]++
			}
		}
		if len(pairs) >= 2 && covered*4 >= len(l)*3 {
			fitting++
		}
	}
	if fitting == 0 || fitting*5 < len(t.data)*4 {
		return t.labelled()
	}
	spec := &v1alpha1.KeyValueSpec{Comment: t.comment}
	most := 0
	for s, n := range separators {
		if n > most || n == most && s < spec.PairSeparator {
			spec.PairSeparator, most = s, n
		}
	}
	return &format{name: "lines of key=value", confidence: 0.9, score: 1.4, input: v1alpha1.InputSpec{KeyValue: spec},
		reason: fmt.Sprintf("%d of %d lines are pairs", fitting, len(t.data))}
}

var labelledPart = regexp.MustCompile(`^\s*[A-Za-z][\w .-]{0,31}:\s+\S`)

// labelled recognizes lines of labels and values: IP: 192.0.2.1; Port: 80.
func (t *text) labelled() *format {
	for _, sep := range []string{";", "|", ","} {
		fitting := 0
		for _, l := range t.data {
			parts := strings.Split(strings.Trim(l, sep+" "), sep)
			if len(parts) > 1 && !slices.ContainsFunc(parts, func(p string) bool { return !labelledPart.MatchString(p) }) {
				fitting++
			}
		}
		if fitting > 0 && fitting*5 >= len(t.data)*4 {
			return &format{name: "lines of label: value", confidence: 0.85, score: 1.4,
				input:  v1alpha1.InputSpec{KeyValue: &v1alpha1.KeyValueSpec{Comment: t.comment, PairSeparator: sep, Separator: ":"}},
				reason: fmt.Sprintf("%d of %d lines are pairs", fitting, len(t.data))}
		}
	}
	return nil
}

// remark is what follows a value in its line.
var remark = regexp.MustCompile(`^(\S+)\s+(?:[#;]|//|--)\s*(.*)$`)

// value is the value of a line that has but one, without the remark behind it.
func value(line string) (v, rest string) {
	v = strings.Trim(strings.TrimSpace(line), `"',`)
	if m := remark.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
		return m[1], m[2]
	}
	return v, ""
}

// oneValue is the share of lines that are one telling value, and of those with a
// remark.
func (t *text) oneValue(lines []string) (share, remarked float64) {
	n, r := 0, 0
	for _, l := range lines {
		v, rest := value(l)
		if kindsOf(v).strong() == 0 && !bareHost.MatchString(v) {
			continue
		}
		n++
		if rest != "" {
			r++
		}
	}
	all := float64(max(len(lines), 1))
	return float64(n) / all, float64(r) / all
}

// bareHost are names with dots whose top-level domain may be none that is known.
var bareHost = regexp.MustCompile(`^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z][A-Za-z0-9-]+$`)

// lists are one value a line, and lines that are taken apart by a pattern, unless
// they are a regular table.
func (t *text) lists(regular bool) []format {
	lines := t.data[:min(len(t.data), maxDialectLines)]
	if len(lines) == 0 {
		return nil
	}
	var out []format
	if share, remarked := t.oneValue(lines); share >= 0.3 {
		out = append(out, t.valueList(lines, share, remarked))
	}
	if f := t.templates(lines); f != nil && !regular {
		out = append(out, *f)
	}
	return out
}

func (t *text) valueList(lines []string, share, remarked float64) format {
	f := t.wholeLines(min(0.95, 0.5+share/2), fmt.Sprintf("%.0f %% of the lines are one value", 100*share))
	f.score = share * share * (1 - 0.4*remarked)
	f.unnamed = true
	var values []string
	quoted := false
	for _, l := range lines {
		v, _ := value(l)
		if kindsOf(v).strong() != 0 || bareHost.MatchString(v) {
			values = append(values, v)
			quoted = quoted || strings.TrimSpace(l)[0] == '"' || strings.HasSuffix(strings.TrimSpace(l), ",")
		}
	}
	name := inventName(values)
	if name == "" {
		name = "value"
	}
	switch {
	case remarked > 0:
		f.input.Text.Pattern = `^\s*(?P<` + name + `>\S+)(?:\s+(?:[#;]|//|--)\s*(?P<remark>.*?))?\s*$`
	case quoted:
		f.input.Text.Pattern = `^\s*["']?(?P<` + name + `>[^"',\s]+)["']?,?\s*$`
	case share < 1:
		f.input.Text.Pattern = `^\s*(?P<` + name + `>\S+)\s*$`
	}
	if share < 1 {
		t.skipOthers(&f, name, values)
	}
	return f
}

// skipOthers passes over the lines that are no value of the list: headings, tags.
func (t *text) skipOthers(f *format, name string, values []string) {
	all := newColumn(name, values)
	var test string
	switch {
	case all.share(drift.URL) == 1:
		test = `^[A-Za-z][A-Za-z0-9+.*]*(?:\[:\]|:)//`
	case all.share(ipKinds|drift.CIDR4|drift.CIDR6) == 1:
		test = `^[0-9A-Fa-f.:/\[\]]+$`
	case all.share(drift.MD5|drift.SHA1|drift.SHA256) == 1:
		test = `^[0-9A-Fa-f]{32,64}$`
	default:
		test = `^[^\s<>]*[.:][^\s<>]*$`
	}
	f.input.Text.Pattern = `^(?:\s*(?P<` + name + `>\S+)(?:\s+[#;].*)?|.*)$`
	f.skip = append(f.skip, v1alpha1.SkipRule{Reason: "other-line", When: fmt.Sprintf("!record.%s.matches(%s)", name, celText(test))})
	re := regexp.MustCompile(test)
	f.other = func(row []string) bool { return !re.MatchString(row[0]) }
	f.choices = append(f.choices, Choice{About: "records", Chosen: "skip lines that are no value", Confidence: 0.75,
		Reason: "some lines are headings or tags"})
}

// celText writes a text of a CEL expression.
func celText(s string) string {
	if !strings.ContainsAny(s, "'\n\r") {
		return "r'" + s + "'"
	}
	return fmt.Sprintf("%q", s)
}
