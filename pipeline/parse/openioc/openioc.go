// Package openioc takes records out of indicators of compromise in OpenIOC 1.0 and
// 1.1. A record is an IndicatorItem, with what the document says around it.
package openioc

import (
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// Decoder finds the items of one document, or of several in one element.
type Decoder struct {
	// nr is the number of the document's element.
	nr   int
	meta map[string]string
	// links are of the metadata: rel and text or href.
	links []string
	json  []byte
	// Document: there was one.
	Document bool
	Root     string
}

// metadata are the names of members by element.
var metadata = map[string]string{
	"short_description": "short_description", "description": "description", "authored_by": "authored_by",
	"authored_date": "authored_date", "keywords": "keywords",
}

const maxLinks = 64

// Want is for markup.NewReader: it wants the metadata and items.
func (d *Decoder) Want(open []markup.Open) bool {
	last := &open[len(open)-1]
	if len(open) == 1 {
		d.Root = last.Name
	}
	switch last.Name {
	case "ioc", "OpenIOC":
		d.Document = true
		d.nr, d.links = last.Nr, nil
		d.meta = map[string]string{"id": last.Attr("id"), "last_modified": last.Attr("last-modified"), "published_date": last.Attr("published-date")}
		return false
	case "IndicatorItem":
		return d.Document
	case "link":
		return d.Document && len(open) > 1 && open[len(open)-2].Name == "links"
	}
	if len(open) < 2 || metadata[last.Name] == "" {
		return false
	}
	parent := open[len(open)-2].Name
	return parent == "ioc" || parent == "metadata" || parent == "OpenIOC"
}

// Negated is why an item is no record: it must not be there.
const Negated = "negated item"

// Take takes an element that Want has wanted: it is a record as JSON, valid until the
// next call, or the reason why it is none, or neither if it is metadata.
func (d *Decoder) Take(rec *markup.Record) (json []byte, pass string) {
	n := rec.Root
	switch {
	case n.Name == "link":
		if len(d.links) < maxLinks {
			var o markup.Object
			o.Text("rel", n.Attr("rel"))
			o.Text("href", n.Attr("href"))
			o.Text("text", n.Trimmed())
			d.links = append(d.links, o.String())
		}
		return nil, ""
	case n.Name != "IndicatorItem":
		if name := metadata[n.Name]; d.meta[name] == "" {
			d.meta[name] = strings.Clone(n.Trimmed())
		}
		return nil, ""
	}
	condition := strings.ToLower(n.Attr("condition"))
	if negative(n.Attr("negate")) || strings.HasSuffix(condition, "not") {
		return nil, Negated
	}
	var operators, ids []string
	for i := range rec.Around {
		if o := &rec.Around[i]; o.Name == "Indicator" {
			if negative(o.Attr("negate")) {
				return nil, Negated
			}
			operators = append(operators, strings.ToUpper(o.Attr("operator")))
			ids = append(ids, o.Attr("id"))
		}
	}
	var ioc, o markup.Object
	for _, name := range []string{"id", "short_description", "description", "keywords", "authored_by", "authored_date", "published_date", "last_modified"} {
		ioc.Text(name, d.meta[name])
	}
	if len(d.links) > 0 {
		ioc.Raw("links", "["+strings.Join(d.links, ",")+"]")
	}
	context, content := n.Child("Context"), n.Child("Content")
	o.Raw("ioc", ioc.String())
	o.Text("id", n.Attr("id"))
	o.Text("condition", condition)
	o.Text("document", context.Attr("document"))
	search := context.Attr("search")
	o.Text("search", search)
	o.Text("kind", kind(search))
	o.Text("type", content.Attr("type"))
	o.Text("content", content.Trimmed())
	o.Text("comment", n.Child("Comment").Trimmed())
	o.Texts("operators", operators)
	if alone(operators) {
		o.Raw("alone", "true")
	}
	if len(ids) > 0 {
		o.Text("indicator", ids[len(ids)-1])
	}
	d.json = o.Append(d.json[:0])
	return d.json, ""
}

func negative(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// alone reports whether an item by itself means compromise: only OR is around it.
func alone(operators []string) bool {
	for _, o := range operators {
		if o == "AND" {
			return false
		}
	}
	return true
}

// kinds are what the terms of searches are about, by the end of the term.
var kinds = map[string]string{
	"md5sum": "md5", "md5": "md5", "sha1sum": "sha1", "sha1": "sha1", "sha256sum": "sha256", "sha256": "sha256", "sha512sum": "sha512",
	"remoteip": "ip", "localip": "ip", "ipv4address": "ip", "ipv6address": "ip", "ip": "ip", "ipaddress": "ip", "sourceip": "ip",
	"destinationip": "ip", "dns": "fqdn", "host": "fqdn", "hostname": "fqdn", "recordname": "fqdn", "domain": "fqdn", "remotehost": "fqdn",
	"url": "url", "uri": "uri", "useragent": "user_agent", "from": "email", "to": "email", "sender": "email", "recipient": "email",
	"subject": "subject", "filename": "filename", "filepath": "filename", "fullpath": "filename", "name": "filename",
	"remoteport": "port", "localport": "port", "keypath": "registry_key", "path": "registry_key", "valuename": "registry_key",
	"serviceip": "ip", "receivedfromip": "ip",
}

// where says of terms whose end is not enough which documents they are of.
var where = map[string][]string{
	"filename": {"fileitem", "email", "driveritem", "prefetchitem", "fileattachment"}, "filepath": {"fileitem"}, "fullpath": {"fileitem"},
	"path": {"registryitem"}, "name": {"email/attachment"}, "from": {"email"}, "to": {"email"}, "subject": {"email"},
	"host": {"dnsentryitem", "network", "urlhistoryitem/hostname"}, "hostname": {"urlhistoryitem", "network", "dnsentryitem", "cookiehistoryitem"},
	"recordname": {"dnsentryitem"}, "domain": {"network", "dns"},
}

// kind is what the content of a term is: ip, fqdn, url, md5 and so on; "" if it is
// something else.
func kind(search string) string {
	term := strings.ToLower(search)
	i := strings.LastIndexByte(term, '/')
	if term == "network/string" || i < 0 {
		return ""
	}
	end := term[i+1:]
	documents, limited := where[end]
	if !limited {
		return kinds[end]
	}
	for _, d := range documents {
		if strings.HasPrefix(term, d) {
			return kinds[end]
		}
	}
	return ""
}
