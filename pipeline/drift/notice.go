package drift

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/pipeline/status"
)

// What publishers write where data was, in English as they nearly all do. It is
// only looked for where there are no records any more, so that words in data do
// not count.
var (
	retiredWords = regexp.MustCompile(`(?i)\b(deprecated|discontinued|decommissioned|retired|suspended|terminated|no longer (being )?(available|maintained|updated|provided|published|supported|active|exists?)|` +
		`merged (in)?to|merged with|has (been )?moved|moved to|replaced by|superseded by|shut(ting)? ?down|end[- ]of[- ]life|ceased|sunset(ted)?|` +
		`(is|are|was|now) empty|is obsolete)\b`)
	errorWords = regexp.MustCompile(`(?i)\b(unauthori[sz]ed|forbidden|access denied|permission denied|auth[-_ ]?key|api[-_ ]?key|token (is )?(invalid|expired|missing|required)|invalid token|` +
		`log[- ]?in (is )?required|please log ?in|sign in|authenticat\w+|rate[- ]?limit\w*|too many requests|quota|payment required|subscription (has )?expired|just a moment|captcha|` +
		`(invalid|missing|no valid|expired) (licen[cs]e|subscription|account|user)|(licen[cs]e|subscription|registration|account)( key)? (is |has )?(required|needed|invalid|expired|missing)|` +
		`requires? (a |an )?((valid|paid|commercial|active|free) )?(licen[cs]e|subscription|registration|account)|(have|has) exceeded|` +
		`not found|bad request|bad gateway|gateway time-?out|service unavailable|internal server error|under maintenance|temporarily unavailable|an? error occurred)\b`)
	// serverWords are of pages that a server made, whose words may be those of others.
	serverWords = regexp.MustCompile(`(?i)document has moved|moved permanently|object moved|temporarily moved`)
	// noneWords are all that a publisher writes where there is nothing today.
	noneWords   = regexp.MustCompile(`(?i)^no[-_ ]?(new[-_ ])?(results?|records?|entries|hits|matches|indicators|iocs?|events|samples|urls)([-_ ](were[-_ ])?(found|available))?[.!]?$`)
	errorMember = regexp.MustCompile(`(?i)^\s*\{[^{\[]{0,80}"(error|errors|error_?message|error_?code|fault|exception|message|detail|status_?code)"\s*:`)
)

// checkNotice explains a payload without records by what the publisher says
// instead: that the feed is over, or why it is refused.
func checkNotice(c *comparison) {
	if c.now.Head == "" || !c.saysNothing() || c.now.Bytes > longestNotice(c.now.Head) {
		return
	}
	for _, text := range saidIn(c.now.Head) {
		words := noticeIn(text)
		switch {
		case words == "":
		case serverWords.MatchString(words):
			c.refuse(words)
			return
		case c.base != nil && noneWords.MatchString(words):
			c.add(status.Finding{Code: CodeEmpty, Before: c.had(), After: words,
				Sentence: fmt.Sprintf("There are no records; the publisher says %s.", quote(words))})
			c.done = true
			return
		case retiredWords.MatchString(words):
			c.add(status.Finding{Code: CodeRetired, Before: c.had(), After: words,
				Sentence: fmt.Sprintf("The feed has no records any more; the publisher says %s.", quote(words))})
			c.done = true
			return
		case c.isHeader(text), c.saidBefore(text): // terms of use, for example
		case isErrorText(words):
			c.refuse(words)
			return
		}
	}
	if c.isError() {
		c.refuse(excerptOf([]byte(c.now.Head)))
	}
}

// longestNotice is how long a payload may be of which a notice is all. What is longer
// is data that is not found, and has words of its own.
func longestNotice(head string) int64 {
	start := []byte(strings.TrimLeft(head, "\ufeff \t\r\n") + " ")
	switch {
	case isHTML(start):
		return math.MaxInt64
	case isJSON(start), start[0] == '<':
		return 4 << 10
	}
	return 64 << 10
}

// saidIn are the texts of the beginning of a payload: what a page shows, the strings
// of a document in JSON, and then lines.
func saidIn(head string) []string {
	start, lines := []byte(strings.TrimLeft(head, "\ufeff \t\r\n")+" "), strings.Split(head, "\n")
	switch {
	case isHTML(start):
		return append(shown(head), lines...)
	case isJSON(start):
		return append(stringsIn(head), lines...)
	}
	return lines
}

// saysNothing tells whether a payload has nothing of what there was: no event, or
// one without a value of the mapping.
func (c *comparison) saysNothing() bool {
	if c.base != nil && c.base.Events == 0 && c.base.Payloads > 0 {
		return false
	}
	return c.now.Events == 0 || c.hardlyAny() || !c.now.anyValue()
}

// isHeader tells whether a line names columns. A sentence where they were is none.
func (c *comparison) isHeader(line string) bool {
	columns := c.now.Columns
	if c.base != nil && c.base.Named {
		columns = c.base.Columns
	}
	return c.now.Named && slices.ContainsFunc(columns, func(name string) bool { return name != "" && strings.Contains(line, name) }) &&
		slices.ContainsFunc(c.now.Columns, func(name string) bool { return slices.Contains(columns, name) })
}

// refused tells whether a payload of a foreign format is what a server answers
// instead of data: short, and with words of an error in it.
func (c *comparison) refused() bool {
	now := c.now
	return (now.Container == containerJSON || now.Container == containerXML) && now.Events == 0 && now.Bytes < maxHead &&
		(errorMember.MatchString(now.Head) || isErrorText(now.Head) || isErrorText(apart(now.Head)))
}

// apart takes words apart that are joined as in AccessDenied.
func apart(s string) string { return joined.ReplaceAllString(s, "$1 $2") }

var joined = regexp.MustCompile(`([a-z])([A-Z])`)

// maxLead is how many lines of comments at the beginning a baseline remembers.
const maxLead = 16

// lead is what the lines of comments at the beginning of a payload are known by.
func lead(head []byte) (lines []uint32) {
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			continue
		case !isComment(line) || len(lines) == maxLead:
			return lines
		}
		lines = append(lines, lineSum(line))
	}
	return lines
}

func isComment(line []byte) bool { return len(line) > 0 && strings.IndexByte("#;/!-*", line[0]) >= 0 }

func lineSum(line []byte) uint32 { return uint32(xxhash.Sum64(line) >> 32) }

// saidBefore tells whether a line of comments was there when there were records.
func (c *comparison) saidBefore(line string) bool {
	said := []byte(strings.TrimSpace(line))
	return c.base != nil && isComment(said) && slices.Contains(c.base.Lead, lineSum(said))
}

// isError tells whether the payload is a small object with an error in it.
func (c *comparison) isError() bool {
	now := c.now
	if now.Bytes >= maxHead || !errorMember.MatchString(now.Head) {
		return false
	}
	return now.Unreadable != "" || now.Rejected > 0 || !now.anyValue() && !strings.Contains(now.Head, "[")
}

// anyValue tells whether a mapped column or path has a value.
func (p *Profile) anyValue() bool {
	return slices.ContainsFunc(p.Inputs, func(in Column) bool { return in.Values > 0 })
}

// hardly any records may be a notice that passes for some.
const hardly = 2

// hardlyAny tells whether a payload has a record or two where there were many.
func (c *comparison) hardlyAny() bool {
	return c.base != nil && c.now.Records <= hardly && c.now.Records*10 <= c.base.Records/max(c.base.Payloads, 1)
}

func (c *comparison) refuse(words string) {
	is := "an error message"
	if isHTML([]byte(strings.TrimLeft(c.now.Head, "\ufeff \t\r\n"))) {
		is = "a web page"
	}
	c.add(status.Finding{Code: CodeErrorBody, Breaking: true, Before: c.had(), After: words,
		Sentence: fmt.Sprintf("There is %s instead of data: %s.", is, quote(words))})
	c.done = true
}

// had tells how many events there were before.
func (c *comparison) had() string {
	if c.base == nil {
		return ""
	}
	return count(c.base.Events, "event") + " in " + count(c.base.Payloads, "payload")
}

// noticeIn is what a line says to people.
func noticeIn(line string) string {
	words := strings.Trim(line, "#;/*!-<> \t\r")
	if !strings.Contains(words, " ") && !isErrorText(words) && !retiredWords.MatchString(words) && !noneWords.MatchString(words) {
		return ""
	}
	return cut(words, 2*maxExcerpt)
}

// isErrorText looks for words that may be joined as in unknown_auth_key.
func isErrorText(words string) bool {
	return errorWords.MatchString(strings.ReplaceAll(words, "_", " "))
}

// checkWhole notices a payload whose end is missing, or whose records are there
// twice, or elsewhere.
func checkWhole(c *comparison) {
	now := c.now
	switch {
	case unfinished(now.Unreadable) && (now.Events > 0 || c.base != nil && now.Records > 0):
		c.add(status.Finding{Code: CodeTruncated, After: now.Unreadable,
			Sentence: fmt.Sprintf("The end of the payload is missing after %s: %s.", count(now.Records, "record"), now.Unreadable)})
		c.done = true
	case c.base == nil:
	case c.cutOff():
		c.rejectionsExplained = true
		c.add(status.Finding{Code: CodeTruncated, After: "no end of the last line",
			Sentence: fmt.Sprintf("The payload ends in the middle of a line, after %s.", count(now.Records, "record"))})
	case now.Repeated && !c.base.Repeated:
		c.add(status.Finding{Code: CodeRepeated, Before: "no record twice", After: "the first records twice",
			Sentence: "Each of the first records comes exactly once more: the payload seems to be there twice in one."})
	case c.elsewhere():
		c.add(status.Finding{Code: CodeUnreadable, Breaking: true, Before: count(c.base.Bytes, "byte"), After: count(now.Bytes, "byte") + ", no record",
			Sentence: fmt.Sprintf("The payload has %s and no record where they were: they are elsewhere, or called otherwise.", count(now.Bytes, "byte"))})
		c.done = true
	}
}

// cutOff tells whether the last line, which always had an end, has none, and is
// the only one that cannot be read.
func (c *comparison) cutOff() bool {
	return c.now.Cut && !c.base.Cut && c.now.Rejected == 1 && c.now.Events > 0 && c.base.Rejected == 0 && c.base.Lines > 0
}

// elsewhere tells whether a document without records is too long for an empty one.
func (c *comparison) elsewhere() bool {
	if c.now.Records > 0 || c.now.Unreadable != "" || c.now.Declared == formatCSV || c.now.Declared == formatText {
		return false
	}
	return c.base.Events > 0 && c.base.Bytes >= minLong && c.now.Bytes >= c.base.Bytes/4
}

const minLong = 1024 // bytes of a payload that are not only its frame

// unfinished tells whether a reader met the end of the payload where there should
// be more.
func unfinished(reason string) bool { return strings.Contains(reason, "ends in the middle") }
