// Package stix1 takes observables out of packages of STIX 1 in XML, with the objects
// of CybOX that they are made of.
package stix1

import (
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// observable is one value, in the terms of STIX 2.
type observable struct {
	typ, property, value, port, protocol, side string
}

func (o *observable) String() string {
	var out markup.Object
	out.Text("type", o.typ)
	out.Text("property", o.property)
	out.Text("value", o.value)
	out.Text("port", o.port)
	out.Text("protocol", o.protocol)
	out.Text("side", o.side)
	return out.String()
}

// Why there is no record.
const (
	Negated    = "negated"
	Referenced = "observable by reference"
	NoObject   = "object without a value"
)

// maxValues bounds the observables of one element.
const maxValues = 1 << 14

// objects finds the values of an element, and why others are none.
type objects struct {
	found  []observable
	passed []string
}

func (o *objects) pass(reason string) {
	if len(o.passed) < maxValues {
		o.passed = append(o.passed, reason)
	}
}

// add takes the values of an element of CybOX, which may be a list, and a condition.
func (o *objects) add(n *markup.Node, like observable) {
	text := n.Trimmed()
	if text == "" {
		return
	}
	if condition := strings.ToLower(n.Attr("condition")); strings.HasPrefix(condition, "doesnot") || strings.EqualFold(n.Attr("apply_condition"), "NONE") {
		o.pass(Negated)
		return
	}
	delimiter := n.Attr("delimiter")
	if delimiter == "" {
		delimiter = "##comma##"
	}
	for value := range strings.SplitSeq(text, delimiter) {
		if value = strings.TrimSpace(value); value != "" && len(o.found) < maxValues {
			like.value = value
			o.found = append(o.found, like)
		}
	}
}

// kindOf is the type of CybOX, such as AddressObjectType.
func kindOf(n *markup.Node) (kind string) {
	n.Attrs(func(name, value string) bool {
		if name == "type" && strings.HasSuffix(value, "ObjectType") {
			kind = value[strings.LastIndexByte(value, ':')+1:]
		}
		return kind == ""
	})
	return kind
}

// typeOf is the other attribute type: that of a URI or domain name.
func typeOf(n *markup.Node) (typ string) {
	n.Attrs(func(name, value string) bool {
		if name == "type" && !strings.HasSuffix(value, "ObjectType") {
			typ = strings.ToLower(value)
		}
		return typ == ""
	})
	return typ
}

func address(category, value string) observable {
	switch strings.ToLower(category) {
	case "e-mail":
		return observable{typ: "email-addr", property: "value"}
	case "mac":
		return observable{typ: "mac-addr", property: "value"}
	case "asn":
		return observable{typ: "autonomous-system", property: "number"}
	}
	if strings.Contains(value, ":") {
		return observable{typ: "ipv6-addr", property: "value"}
	}
	return observable{typ: "ipv4-addr", property: "value"}
}

// properties takes the properties of an object.
func (o *objects) properties(n *markup.Node) {
	before := len(o.found) + len(o.passed)
	switch kindOf(n) {
	case "SocketAddressObjectType":
		o.socket(n, "")
	case "NetworkConnectionObjectType":
		o.socket(n.Child("Source_Socket_Address"), "src")
		o.socket(n.Child("Destination_Socket_Address"), "")
	case "URIObjectType", "LinkObjectType":
		o.uri(n)
	case "DomainNameObjectType":
		o.add(n.Child("Value"), observable{typ: "domain-name", property: "value"})
	default:
		o.inside(n)
	}
	if len(o.found)+len(o.passed) == before {
		o.pass(NoObject)
	}
}

func (o *objects) uri(n *markup.Node) {
	like := observable{typ: "url", property: "value"}
	if typeOf(n) == "domain name" {
		like.typ = "domain-name"
	}
	o.add(n.Child("Value"), like)
}

// socket takes an address or name with its port.
func (o *objects) socket(n *markup.Node, side string) {
	port := n.Child("Port")
	like := observable{port: port.At("Port_Value").Trimmed(), protocol: strings.ToLower(port.At("Layer4_Protocol").Trimmed()), side: side}
	if ip := n.Child("IP_Address"); ip != nil {
		v := ip.Child("Address_Value")
		a := address(ip.Attr("category"), v.Trimmed())
		like.typ, like.property = a.typ, a.property
		o.add(v, like)
	}
	if v := n.At("Hostname", "Hostname_Value"); v != nil {
		like.typ, like.property = "domain-name", "value"
		o.add(v, like)
	}
}

// simple are elements whose text is a value.
var simple = map[string]observable{
	"Hostname_Value": {typ: "domain-name", property: "value"}, "File_Name": {typ: "file", property: "name"},
	"Subject": {typ: "email-message", property: "subject"}, "Key": {typ: "windows-registry-key", property: "key"},
	"User_Agent": {typ: "network-traffic", property: "extensions.'http-request-ext'.request_header.'User-Agent'"},
}

var hashes = map[string]string{"MD5": "MD5", "SHA1": "'SHA-1'", "SHA224": "'SHA-224'", "SHA256": "'SHA-256'", "SHA384": "'SHA-384'",
	"SHA512": "'SHA-512'", "SSDEEP": "SSDEEP"}

var byLength = map[int]string{32: "MD5", 40: "SHA1", 56: "SHA224", 64: "SHA256", 96: "SHA384", 128: "SHA512"}

// inside takes what is in any other object: a file, a mail, a record of DNS.
func (o *objects) inside(n *markup.Node) {
	for c := range n.Children() {
		kind := kindOf(c)
		switch like, ok := simple[c.Name]; {
		case c.Name == "Address_Value":
			o.add(c, address(n.Attr("category"), c.Trimmed()))
		case c.Name == "Hash":
			o.hash(c)
		case c.Name == "Domain_Name" || kind == "DomainNameObjectType":
			o.add(c.Child("Value"), observable{typ: "domain-name", property: "value"})
		case kind == "URIObjectType" || kind == "LinkObjectType":
			o.uri(c)
		case ok:
			o.add(c, like)
		case c.Name == "Name" && kindOf(n) == "MutexObjectType":
			o.add(c, observable{typ: "mutex", property: "name"})
		case c.Name == "Attachments" || c.Name == "Links":
			// They are references.
		default:
			o.inside(c)
		}
	}
}

func (o *objects) hash(n *markup.Node) {
	v := n.Child("Simple_Hash_Value")
	if v == nil {
		v = n.Child("Fuzzy_Hash_Value")
	}
	name := hashes[strings.ReplaceAll(strings.ToUpper(n.At("Type").Trimmed()), "-", "")]
	if name == "" {
		first, _, _ := strings.Cut(v.Trimmed(), "##comma##")
		name = hashes[byLength[len(strings.TrimSpace(first))]]
	}
	if name != "" {
		o.add(v, observable{typ: "file", property: "hashes." + name})
	}
}

// observable takes an Observable, with those that it is composed of and the objects
// that it is related to. resolve takes one that is elsewhere.
func (o *objects) observable(n *markup.Node, resolve func(id string) bool) {
	if id := n.Attr("idref"); id != "" {
		if !resolve(id) {
			o.pass(Referenced)
		}
		return
	}
	if strings.EqualFold(n.Attr("negate"), "true") {
		o.pass(Negated)
		return
	}
	for c := range n.Child("Observable_Composition").Children("Observable") {
		o.observable(c, resolve)
	}
	for _, object := range []*markup.Node{n.Child("Object"), n.At("Event", "Actions", "Action", "Associated_Objects", "Associated_Object")} {
		if p := object.Child("Properties"); p != nil {
			o.properties(p)
		}
		for related := range object.Child("Related_Objects").Children("Related_Object") {
			if p := related.Child("Properties"); p != nil {
				o.properties(p)
			}
		}
	}
}
