package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"strings"
)

func otherFormat(c *mutation) (*plan, string) {
	forms := map[string][]string{"csv": {"ndjson", "json", "xml"}, "lines": {"ndjson", "json"}, "cidr": {"ndjson", "json"}, "hosts": {"json", "csv"},
		"ndjson": {"csv", "json"}, "json": {"csv", "xml", "ndjson"}, "xml": {"json", "csv"}, "html": {"json", "csv"}, "stix": {"csv", "ndjson"}}[c.f.style.form]
	form := forms[c.r.IntN(len(forms))]
	p := &plan{truth: truth{breaking: yes, classes: []string{hard}, what: form + " instead of " + c.f.style.form},
		change: func(d *doc) {
			old := d.style
			d.style = style{form: form, delim: ",", header: "first", envelope: "data", root: "data", record: "row", report: old.report}
			for i := range d.cols {
				if form == "xml" || form == "csv" {
					d.cols[i].name = strings.TrimPrefix(d.cols[i].name, "@")
				}
			}
		}}
	if c.form("csv", "html", "json", "ndjson") && len(c.f.fields) > 1 {
		p.repair, p.target = true, asIs
	}
	return p, ""
}

func wrapped(c *mutation) (*plan, string) {
	p := &plan{packed: true, target: asIs, truth: truth{breaking: yes, classes: []string{hard}, repair: true, what: "a gzip file"}}
	pack := gzipped
	if c.r.IntN(2) == 0 {
		p.what, pack = "a zip file", zipped
	}
	p.change = func(d *doc) { d.bytes = pack }
	return p, ""
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if w, err := z.Create("feed.txt"); err == nil {
		_, _ = w.Write(b) // to memory
	}
	_ = z.Close()
	return out.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // to memory
	_ = z.Close()
	return out.Bytes()
}

func rawBody(c *mutation, what string, bodies ...string) (*plan, string) {
	body := bodies[c.r.IntN(len(bodies))]
	return &plan{truth: truth{breaking: yes, classes: []string{hard}, what: what},
		change: func(d *doc) { d.raw, d.rows = []byte(body), nil }}, ""
}

func htmlPage(c *mutation) (*plan, string) {
	return rawBody(c, "a page instead of the feed",
		"<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Just a moment...</title></head><body><noscript>Enable JavaScript and cookies to continue</noscript><script>(function(){})()</script></body></html>\n",
		"<html><head><title>Sign in</title></head><body><form action=\"/login\" method=\"post\"><input name=\"user\"><input name=\"password\" type=\"password\"></form></body></html>\n",
		"<!doctype html><html><body><h1>Site under maintenance</h1><p>We will be back at 14:00. Contact <a href=\"mailto:noc@example.org\">noc@example.org</a> (192.0.2.1).</p></body></html>\n")
}

func errorBody(c *mutation) (*plan, string) {
	return rawBody(c, "an error in JSON",
		`{"error":"Unauthorized","message":"An Auth-Key is required since 2025-06-30, see https://example.org/auth"}`,
		`{"query_status":"unknown_auth_key"}`+"\n",
		`{"success":false,"code":429,"detail":"Rate limit exceeded. Try again in 3600 seconds."}`,
		`{"data":null,"errors":[{"status":402,"title":"Payment required"}]}`)
}

func notFound(c *mutation) (*plan, string) {
	return rawBody(c, "the answer of a server that does not have it",
		"404: Not Found",
		"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
		"<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>301 Moved Permanently</title>\n</head><body>\n<h1>Moved Permanently</h1>\n<p>The document has moved <a href=\"https://new.example.org/\">here</a>.</p>\n</body></html>\n",
		"Not found\n")
}

func tombstone(c *mutation) (*plan, string) {
	text := []string{"This feed has been deprecated as of 2025-01-03 and is no longer updated.",
		"This list was merged into https://example.org/drop.txt and is empty from now on.",
		"The service has been discontinued. Thank you for your support.",
		"NOTICE: this blocklist is retired, use https://new.example.net/list instead."}[c.r.IntN(4)]
	p := &plan{truth: truth{breaking: either, classes: []string{retired}, what: text}}
	st := &c.f.style
	switch {
	case c.form("json") && st.envelope != "":
		p.change = func(d *doc) { d.rows, d.style.around = nil, `"message":`+quoteJSON(text)+`,` }
	case c.form("xml"):
		p.change = func(d *doc) { d.rows, d.style.preamble = nil, []string{"<!-- " + text + " -->"} }
	case c.form("html"):
		p.change = func(d *doc) { d.rows, d.style.preamble = nil, []string{"<p><b>" + text + "</b></p>"} }
	case c.form("ndjson"):
		p.change = func(d *doc) { d.raw, d.rows = []byte(`{"message":`+quoteJSON(text)+"}\n"), nil }
	case st.comment != "":
		p.change = func(d *doc) { d.rows, d.style.preamble = nil, append(d.style.preamble, d.style.comment+" "+text) }
	case c.form("csv", "lines"):
		p.change = func(d *doc) { d.raw, d.rows = []byte(text+"\n"), nil }
	default:
		return skip("there is no place for a notice")
	}
	return p, ""
}

func emptyOrFrozen(c *mutation) (*plan, string) {
	if c.r.IntN(2) == 0 {
		return &plan{truth: truth{breaking: either, classes: []string{retired, anomaly, degraded}, what: "the last payload again and again"},
			frozen: true, change: asIs}, ""
	}
	return &plan{truth: truth{breaking: either, classes: []string{retired, anomaly, degraded, hard}, what: "no records"},
		change: func(d *doc) { d.rows = nil }}, ""
}

func reshape(c *mutation) (*plan, string) {
	if !c.form("json", "ndjson", "xml") {
		return skip("values have no shape")
	}
	f := c.any(func(f *field) bool { return f.name[0] != '@' && (f.typ != "list" || c.f.style.form != "xml") })
	shape := []string{"object", "array"}[c.r.IntN(2)]
	p := &plan{truth: truth{classes: []string{widening, additive, cosmetic}, what: f.name + " is in an " + shape}, target: asIs,
		change: func(d *doc) { d.objects = map[string]string{f.name: shape} }}
	if c.form("xml") { // elements are named by their last part
		p.change = func(d *doc) { d.objects = map[string]string{lastPart(f.name): shape} }
	}
	if f.typ == "list" {
		p.what = f.name + " is no list any more"
		p.change = func(d *doc) { d.cols[d.col(f.name)].typ = "string" }
	}
	if f.target != "" {
		p.paths = c.names(f)
		p.settle = func(t *truth, same bool) {
			if !same {
				t.breaking, t.classes = yes, []string{silent}
				t.repair = f.typ != "list"
			}
		}
	}
	return p, ""
}

func envelope(c *mutation) (*plan, string) {
	p := &plan{truth: truth{breaking: yes, classes: []string{hard}, repair: true}, target: asIs}
	switch {
	case c.form("json"):
		paths := []string{"result.data", "items", "data.entries"}
		path := paths[c.r.IntN(3)]
		p.what = "the records are at " + path
		p.change = func(d *doc) { d.style.envelope, d.style.around = path, `"status":"ok",` }
		if c.f.style.envelope == "" {
			p.classes = []string{hard, silent}
		}
	case c.form("ndjson"):
		p.what, p.classes = "each record is inside of event", []string{hard, silent}
		p.change = func(d *doc) { d.style.wrap = "event" }
	case c.form("xml"):
		p.what = "the records are called item"
		p.change = func(d *doc) { d.style.record = "item" }
	case c.form("stix"):
		p.what, p.repair = "the bundle is inside of data", false
		p.change = func(d *doc) { d.style.envelope = "data" }
		p.settle = func(t *truth, same bool) {
			if same {
				t.breaking, t.classes = no, []string{cosmetic}
			}
		}
	default:
		return skip("there is no envelope")
	}
	return p, ""
}

func fileName(c *mutation) (*plan, string) {
	if c.f.style.report == "" {
		return skip("the Parser does not read the name of the file")
	}
	return &plan{truth: truth{breaking: yes, classes: []string{silent, hard}, paths: []string{"$meta.basename", "$meta.filename"}, what: "another file name"},
		change: func(d *doc) { d.file = "example_" + d.now.Format("20060102") + "_report.csv" }}, ""
}

func truncated(c *mutation) (*plan, string) {
	p := &plan{truth: truth{breaking: either, classes: []string{degraded, anomaly}}}
	if c.form("json", "ndjson", "xml", "stix") {
		p.classes = append(p.classes, hard)
	}
	if c.r.IntN(2) == 0 {
		p.what = "the body is cut off"
		p.change = func(d *doc) {
			d.bytes = func(b []byte) []byte { return b[:int(float64(len(b))*(0.2+0.4*d.rng.Float64()))] }
		}
		return p, ""
	}
	p.what = "the body is there twice"
	p.change = func(d *doc) { d.bytes = func(b []byte) []byte { return bytes.Repeat(b, 2) } }
	return p, ""
}
