package drift

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

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
		`not found|bad request|bad gateway|gateway time-?out|service unavailable|internal server error|under maintenance|temporarily unavailable|an? error occurred)\b`)
	errorMember = regexp.MustCompile(`(?i)^\s*\{[^{\[]{0,80}"(error|errors|error_?message|error_?code|fault|exception|message|detail|status_?code)"\s*:`)
)

// checkNotice explains a payload without records by what the publisher says
// instead: that the feed is over, or why it is refused.
func checkNotice(c *comparison) {
	now := c.now
	if now.Events > 0 && !c.hardlyAny() && now.anyValue() || now.Head == "" || c.base != nil && c.base.Events == 0 && c.base.Payloads > 0 {
		return
	}
	for line := range strings.SplitSeq(now.Head, "\n") {
		words := noticeIn(line)
		if words == "" {
			continue
		}
		if retiredWords.MatchString(words) {
			c.add(status.Finding{Code: CodeRetired, Breaking: false, Before: c.had(), After: words,
				Sentence: fmt.Sprintf("The feed has no records any more; the publisher says %q.", words)})
			c.done = true
			return
		}
		if now.Rejected == 0 && now.Unreadable == "" && len(now.Columns) > 0 {
			continue // a header without rows under a comment
		}
		if errorWords.MatchString(words) {
			c.refuse(words)
			return
		}
	}
	if errorMember.MatchString(now.Head) && now.Bytes < maxHead &&
		(now.Unreadable != "" || now.Rejected > 0 || !now.anyValue() && !strings.Contains(now.Head, "[")) {
		c.refuse(excerptOf([]byte(now.Head)))
	}
}

// anyValue tells whether a mapped column or path has a value.
func (p *Profile) anyValue() bool {
	return slices.ContainsFunc(p.Inputs, func(in Column) bool { return in.Values > 0 })
}

// hardlyAny tells whether a payload has a record or two where there were many: a
// notice may pass for one.
func (c *comparison) hardlyAny() bool {
	return c.base != nil && c.now.Records <= 2 && c.now.Records*10 <= c.base.Records/max(c.base.Payloads, 1)
}

func (c *comparison) refuse(words string) {
	c.add(status.Finding{Code: CodeErrorBody, Breaking: true, Before: c.had(), After: words,
		Sentence: fmt.Sprintf("There is an error message instead of data: %q.", words)})
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
	if !strings.Contains(words, " ") && !errorWords.MatchString(words) && !retiredWords.MatchString(words) {
		return ""
	}
	return cut(words, 2*maxExcerpt)
}

// checkWhole notices a payload whose end is missing, or whose records are there
// twice. Neither is a change of the format: what can be read is right.
func checkWhole(c *comparison) {
	now := c.now
	if unfinished(now.Unreadable) && (now.Events > 0 || c.base != nil && now.Records > 0) {
		c.add(status.Finding{Code: CodeTruncated, After: now.Unreadable,
			Sentence: fmt.Sprintf("The end of the payload is missing after %s: %s.", count(now.Records, "record"), now.Unreadable)})
		c.done = true
		return
	}
	if c.base == nil {
		return
	}
	if now.Cut && !c.base.Cut && now.Rejected == 1 && now.Events > 0 && c.base.Rejected == 0 && c.base.Lines > 0 {
		c.rejectionsExplained = true
		c.add(status.Finding{Code: CodeTruncated, After: "no end of the last line",
			Sentence: fmt.Sprintf("The payload ends in the middle of a line, after %s.", count(now.Records, "record"))})
		return
	}
	if now.Repeated && !c.base.Repeated {
		c.add(status.Finding{Code: CodeRepeated, Before: "no record twice", After: "the first records twice",
			Sentence: "Each of the first records comes exactly once more: the payload seems to be there twice in one."})
	}
	// An empty list is short; one that is as long as ever has its records elsewhere.
	if now.Records == 0 && now.Unreadable == "" && now.Declared != formatCSV && now.Declared != formatText && c.base.Bytes >= minLong &&
		now.Bytes >= c.base.Bytes/4 && c.base.Events > 0 {
		c.add(status.Finding{Code: CodeUnreadable, Breaking: true, Before: count(c.base.Bytes, "byte"), After: count(now.Bytes, "byte") + ", no record",
			Sentence: fmt.Sprintf("The payload has %s and no record where they were: they are elsewhere, or called otherwise.", count(now.Bytes, "byte"))})
		c.done = true
	}
}

const minLong = 1024 // bytes of a payload that are not only its frame

// unfinished tells whether a reader met the end of the payload where there should
// be more.
func unfinished(reason string) bool { return strings.Contains(reason, "ends in the middle") }
