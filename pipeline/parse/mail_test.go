package parse

import (
	"strings"
	"testing"
)

// crlf writes a message as it is sent.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

const arf = `From: <abusedesk@example.com>
Date: Thu, 8 Mar 2026 17:40:36 -0500
Subject: =?utf-8?q?FW=3A_Earn_m=C3=B3ney?=
To: <abuse@example.net>
Message-ID: <20260308.1@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d"

--part1_13d
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for a message received from 192.0.2.1.
--part1_13d
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <somespammer@example.net>
Original-Rcpt-To: <user@example.com>
Arrival-Date: Thu, 8 Mar 2026 14:00:00 -0500
Reporting-MTA: dns; mail.example.com
Source-IP: 192.0.2.1
Authentication-Results: mail.example.com;
               spf=fail smtp.mail=somespammer@example.com
Reported-Domain: example.net
Reported-Uri: http://example.net/earn_money.html
Reported-Uri: mailto:user@example.com
Incidents: 3

--part1_13d
Content-Type: message/rfc822
Content-Disposition: inline

Received: from mailserver.example.net (mailserver.example.net [192.0.2.1])
	by example.com with ESMTP id M63d4137594e46; Thu, 08 Mar 2026 14:00:00 -0400
From: <somespammer@example.net>
To: <Undisclosed Recipients>
Subject: Earn money
Date: Thu, 02 Mar 2026 12:31:03 -0500

Spam Spam Spam
--part1_13d--
`

// abuse is a report with a human readable part, and one for machines.
func abuse(headers, contentType, report string) string {
	return "From: reporter@example.org\nTo: abuse@example.net\nDate: Fri, 20 Nov 2026 04:05:00 +0000\nSubject: abuse report about 192.0.2.9\nMessage-ID: <1@example.org>\n" +
		headers + "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b1\n\n--b1\nContent-Type: text/plain; charset=utf-8\n\nDear abuse team\n--b1\nContent-Type: " +
		contentType + "\n\n" + report + "\n--b1--\n"
}

const xarfYAML = `---
Reported-From: reporter@example.org
Category: abuse
Report-Type: login-attack
Service: ssh
Port: 22
User-Agent: Sensor 1.0
Report-ID: 7@example.org
Date: Fri, 20 Nov 2026 04:02:11 +0100
Source: 192.0.2.9
Source-Type: ipv4
Destination: 198.51.100.2
Occurrences: 5
Attachment: none
Schema-URL: http://www.x-arf.org/schema/abuse_login-attack_0.1.2.json
`

func TestMail(t *testing.T) {
	const fields = "time category ip dport extra.report_type extra.reporter"
	for _, c := range []parseCase{
		{
			name: "ARF", fields: "time category ip fqdn url email count extra.report_id", payload: crlf(arf),
			events: []string{
				"2026-03-08T19:00:00Z|spam|192.0.2.1|example.net|http://example.net/earn_money.html|somespammer@example.net|3|<20260308.1@example.com>",
				"2026-03-08T19:00:00Z|spam|192.0.2.1|example.net||somespammer@example.net|3|<20260308.1@example.com>",
			},
		},
		{name: "ARF of a virus", payload: strings.ReplaceAll(strings.Replace(arf, "Type: abuse", "Type: virus", 1), "Reported-Uri", "X-Uri"), events: []string{"2026-03-08T19:00:00Z|malware-action|192.0.2.1||virus|dns; mail.example.com"}},
		{name: "ARF that says that it is no spam", payload: strings.ReplaceAll(strings.Replace(arf, "Type: abuse", "Type: not-spam", 1), "Reported-Uri", "X-Uri")},
		{
			name: "X-ARF", payload: crlf(abuse("X-ARF: YES\nAuto-Submitted: auto-generated\n", "text/plain; charset=utf-8; name=report.txt", xarfYAML)),
			events: []string{"2026-11-20T03:02:11Z|server-exploit|192.0.2.9|22|login-attack|reporter@example.org"},
		},
		{
			name: "X-ARF in base64 whose mail does not say so", payload: strings.Replace(abuse("", "text/plain; charset=utf-8\nContent-Transfer-Encoding: base64", "UmVwb3J0ZWQtRnJvbTogYUBleGFtcGxlLm9yZwpDYXRlZ29yeTogZnJhdWQKU291cmNlOiBodHRwOi8vcGhpc2guZXhhbXBsZS8KUmVwb3J0LVR5cGU6IHBoaXNoaW5nCg=="), "x", "x", 1),
			fields: "time category url", events: []string{"2026-11-20T04:05:00Z|phish|http://phish.example/"},
		},
		{
			name: "XARF 3", fields: fields + " proto dip sport count", payload: abuse("", "application/json; name=\"xarf.json\"\nContent-Disposition: attachment; filename=\"xarf.json\"", `{
  "Version": "3", "ReporterInfo": {"ReporterOrg": "Example", "ReporterOrgEmail": "a@example.org"},
  "Report": {"ReportClass": "Activity", "ReportType": "Port-Scan", "Date": "2026-11-20T04:02:11+01:00", "SourceIp": "192.0.2.9", "SourcePort": 4711,
    "DestinationIp": "198.51.100.2", "DestinationPort": 23, "Protocol": "tcp", "AttackCount": 7}}`),
			events: []string{"2026-11-20T03:02:11Z|scanning|192.0.2.9|23|Port-Scan|Example|tcp|198.51.100.2|4711|7"},
		},
		{
			name: "XARF 4", fields: fields + " url target confidence", payload: abuse("", "application/json", `{
  "xarf_version": "4.0.0", "report_id": "550e8400-e29b-41d4-a716-446655440000", "timestamp": "2026-11-20T04:02:11Z", "category": "content", "type": "phishing",
  "reporter": {"org": "Example Bank", "contact": "a@example.org", "type": "automated"}, "source_identifier": "192.0.2.9",
  "url": "https://login.example.com/", "target_brand": "Bank", "evidence": [{"content_type": "image/png", "payload": "AAAA"}]}`),
			events: []string{"2026-11-20T04:02:11Z|phish|192.0.2.9||phishing|Example Bank|https://login.example.com/|Bank|medium"},
		},
		{
			name: "XARF 4 with content_type, in a report", fields: fields + " fqdn", payload: strings.Replace(abuse("", "message/feedback-report", "Feedback-Type: xarf\nUser-Agent: x\nVersion: 1\n\n--b1\nContent-Type: application/octet-stream; name=xarf.json\n\n"+
				`{"xarf_version":"4.0.0","timestamp":"2026-11-20T04:02:11Z","content_type":"infrastructure-c2","reporter":{"organization":"Lab"},"source_identifier":"c2.example.com"}`), "multipart/mixed", "multipart/report; report-type=feedback-report", 1),
			events: []string{"2026-11-20T04:02:11Z|cnc|||infrastructure-c2|Lab|c2.example.com"},
		},
		{
			name: "a mail with rules of its own", spec: "input: {mail: {}}\nexplode: [{from: text, pattern: '(\\d+[.]\\d+[.]\\d+[.]\\d+) port'}]\nmapping: [{field: ip, from: [text]}, {field: name, from: [subject]}, {field: email, from: [from_address]}, {field: extra.h, from: [headers.x_list]}, {field: extra.a, from: [\"attachments[0].name\"]}]\nconstants: {category: scanning}",
			fields:   "time ip name email extra.h extra.a",
			payload:  abuse("X-List: a\n", "text/csv\nContent-Disposition: attachment; filename=a.csv", "x") + "",
			rejected: nil, events: []string{"2026-11-20T04:05:00Z||abuse report about 192.0.2.9|reporter@example.org|a|a.csv"},
		},
		{
			name: "HTML alone, another character set", spec: "input: {mail: {}}\nmapping: [{field: name, from: [text], extract: 'Host: (\\S+)'}, {field: url, from: [html], extract: 'look .(https?://[^ )]+)'}, {field: target, from: [subject]}]\nconstants: {category: scanning}", fields: "name url target",
			payload: "From: a@example.org\nDate: Fri, 20 Nov 2026 04:05:00 +0000\nSubject: =?iso-8859-2?q?=BF=F3=B3=E6?=\nContent-Type: text/html; charset=iso-8859-2\nContent-Transfer-Encoding: quoted-printable\n\n<style>p { x: y }</style><p>Host: <b>=BF=F3=B3=E6</b></p><a href=3D\"http://bad.example/x\">look</a>\n",
			events:  []string{"żółć|http://bad.example/x|żółć"},
		},
		{
			name: "an mbox", spec: "input: {mail: {}}\nmapping: [{field: name, from: [subject]}, {field: target, from: [text], extract: '(?m)^>?From .*'}]\nconstants: {category: spam}", fields: "time name target",
			payload: "From a@example.org Fri Nov 20 04:05:00 2026\nSubject: one\nDate: Fri, 20 Nov 2026 04:05:00 +0000\n\nFrom here on\n>From the start\n\nFrom b@example.org Fri Nov 20 04:06:00 2026\nSubject: two\nDate: Fri, 20 Nov 2026 04:06:00 +0000\n\n>>From there\n\nFrom where?\n",
			events:  []string{"2026-11-20T04:05:00Z|one|From here on", "2026-11-20T04:06:00Z|two|>From there"},
		},
		{
			name: "a message that breaks off, in an mbox", payload: "From a@example.org Fri Nov 20 04:05:00 2026\n" + strings.TrimSuffix(arf, "--part1_13d--\n") + "\nFrom b@example.org Fri Nov 20 04:06:00 2026\n" + abuse("X-ARF: PLAIN\n", "text/plain", xarfYAML),
			rejected: []string{"the message breaks off"}, events: []string{"2026-11-20T03:02:11Z|server-exploit|192.0.2.9|22|login-attack|reporter@example.org"},
		},
		{
			name: "a message that is too long", spec: "input: {maxRecordBytes: 2048, mail: {}}", payload: "From a@example.org Fri Nov 20 04:05:00 2026\nSubject: x\n\n" + strings.Repeat("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", 99) + strings.Repeat("y", 4000) + "\n\nFrom b@example.org Fri Nov 20 04:06:00 2026\n" + abuse("X-ARF: PLAIN\n", "text/plain", xarfYAML),
			rejected: []string{"the message is longer than 2048 bytes"}, events: []string{"2026-11-20T03:02:11Z|server-exploit|192.0.2.9|22|login-attack|reporter@example.org"},
		},
		{name: "a mail without a report", payload: "Subject: hello\n\nworld\n", rejected: []string{"category: "}},
		{name: "too many parts", payload: "Subject: a\nContent-Type: multipart/mixed; boundary=x\n" + strings.Repeat("\n--x\n", 20_001), rejected: []string{"more than 20000 parts"}},
		{name: "too many boundaries", payload: "Subject: a\n\n" + strings.Repeat("boundary\n", 201), rejected: []string{"more than 200 boundaries"}},
		{name: "an empty payload"},
		{name: "blank lines", payload: "\r\n\n"},
		{name: "no mail", payload: "192.0.2.1\n", err: `it is no mail: it begins with "192.0.2.1"`},
		{name: "HTML", payload: "<html><title>Webmail</title>", err: `it looks like HTML ("Webmail"), not mail`},
	} {
		if c.spec == "" {
			c.spec = "input: {mail: {}}"
		}
		if c.fields == "" {
			c.fields = fields
		}
		if !strings.Contains(c.spec, "constants") {
			c.spec += "\nconstants: {}"
		}
		c.run(t)
	}
	p := parserOf(t, "input: {mail: {}}")
	for _, payload := range []string{crlf(arf), abuse("X-ARF: YES\n", "text/plain", xarfYAML), "From a@b 1:00\n" + abuse("", "application/json", `{"xarf_version":"4"}`)} {
		for i := range len(payload) + 1 {
			parseRubbish(t, p, strings.NewReader(payload[:i]))
		}
	}
}

func FuzzMail(f *testing.F) {
	fuzz(f, "input: {mail: {}}", crlf(arf), abuse("X-ARF: YES\n", "text/plain", xarfYAML), abuse("", "application/json", `{"xarf_version":"4","type":"spam"}`),
		"From a@b 1:00\nSubject: =?utf-8?q?a?=\nContent-Type: text/html\n\n<a href=x>\n\nFrom a@b 1:00\nX: y\n\n>From x\n")
}

func BenchmarkMail(b *testing.B) {
	const messages = 500
	report := "From a@example.org Fri Nov 20 04:05:00 2026\n" + strings.Replace(arf, "Reported-Uri: mailto:user@example.com\n", "", 1) + "\n"
	benchmarkPayload(b, parserOf(b, "input: {mail: {}}"), []byte(strings.Repeat(report, messages)), messages)
}
