package v1alpha1

// InputSpec is one format, and the character set of the bytes.
//
// Tables (csv, text, hosts, xlsx) give records with columns; all other formats
// give JSON records with paths. Vocabularies (stix, misp, n6, intelmq, iodef,
// openioc, idea, mail) bring a mapping of their own: it fills what no rule of the
// Parser fills.
//
// +kubebuilder:validation:ExactlyOneOf=csv;json;jsonLines;text;xml;html;keyValue;ini;hosts;zone;xlsx;stix;misp;n6;intelmq;iodef;openioc;idea;mail;schemaSet
type InputSpec struct {
	// Charset is a name of the WHATWG Encoding Standard such as windows-1250.
	// auto (the default) believes a byte-order mark, then the transport's
	// charset, then takes UTF-8. Bytes that the charset does not have reject
	// the record.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-_:.a-zA-Z0-9]+$`
	// +kubebuilder:default=auto
	// +optional
	Charset string `json:"charset,omitempty"`

	// MaxRecordBytes bounds one record; longer ones are rejected, and the next
	// record is read as usual.
	// +kubebuilder:validation:Minimum=64
	// +kubebuilder:validation:Maximum=16777216
	// +kubebuilder:default=1048576
	// +optional
	MaxRecordBytes int32 `json:"maxRecordBytes,omitempty"`

	// Capture takes values out of what is around the records: the time of a list
	// in a comment, the heading of a group, a member beside the array of records.
	// A rule reads them as $meta.<name>, an expression as meta.<name>.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Capture []CaptureRule `json:"capture,omitempty"`

	// CSV is a table with delimited cells.
	// +optional
	CSV *CSVSpec `json:"csv,omitempty"`

	// JSON is one document with an array (or object) of records.
	// +optional
	JSON *JSONSpec `json:"json,omitempty"`

	// JSONLines has one JSON document a line.
	// +optional
	JSONLines *JSONLinesSpec `json:"jsonLines,omitempty"`

	// Text has one record a line, taken apart by a regular expression.
	// +optional
	Text *TextSpec `json:"text,omitempty"`

	// XML is one document with a record an element.
	// +optional
	XML *XMLSpec `json:"xml,omitempty"`

	// HTML is a page with a record a table row, or another element.
	// +optional
	HTML *HTMLSpec `json:"html,omitempty"`

	// KeyValue has lines of pairs: src=192.0.2.1 port=22.
	// +optional
	KeyValue *KeyValueSpec `json:"keyValue,omitempty"`

	// INI has sections of keys and values; a section is a record.
	// +optional
	INI *INISpec `json:"ini,omitempty"`

	// Hosts is a hosts file: an address, then names; a name is a record.
	// +optional
	Hosts *HostsSpec `json:"hosts,omitempty"`

	// Zone is a DNS zone file (RFC 1035), such as a response policy zone, or a data
	// set of rbldnsd.
	// +optional
	Zone *ZoneSpec `json:"zone,omitempty"`

	// XLSX is a sheet of a workbook.
	// +optional
	XLSX *XLSXSpec `json:"xlsx,omitempty"`

	// STIX is a bundle or envelope of STIX 2, or a STIX 1 package in XML; an
	// observable is a record.
	// +optional
	STIX *STIXSpec `json:"stix,omitempty"`

	// MISP is an event, a list of events or attributes, or a manifest.
	// +optional
	MISP *MISPSpec `json:"misp,omitempty"`

	// N6 is events of n6 in JSON, as an array or one a line.
	// +optional
	N6 *N6Spec `json:"n6,omitempty"`

	// IntelMQ is events of IntelMQ in JSON, as an array or one a line.
	// +optional
	IntelMQ *IntelMQSpec `json:"intelmq,omitempty"`

	// IODEF is a document of IODEF 1 (RFC 5070) or 2 (RFC 7970) in XML, or in JSON
	// (RFC 8727).
	// +optional
	IODEF *IODEFSpec `json:"iodef,omitempty"`

	// OpenIOC is a document of OpenIOC 1.0 or 1.1.
	// +optional
	OpenIOC *OpenIOCSpec `json:"openioc,omitempty"`

	// IDEA is messages of Warden in JSON, as an array or one a line.
	// +optional
	IDEA *IDEASpec `json:"idea,omitempty"`

	// Mail is a message, or an mbox of them: abuse reports in ARF (RFC 5965) and
	// X-ARF, or any other mail.
	// +optional
	Mail *MailSpec `json:"mail,omitempty"`

	// SchemaSet is reports of many kinds in CSV, whose columns a schema document
	// explains that a FeedSource collects.
	// +optional
	SchemaSet *SchemaSetSpec `json:"schemaSet,omitempty"`
}

// CaptureRule takes one value out of what is around the records.
//
// +kubebuilder:validation:ExactlyOneOf=pattern;path
type CaptureRule struct {
	// Name of the value; $meta.<name> in rules.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
	// +required
	Name string `json:"name"`

	// Pattern is a regular expression (RE2) that is tried on every line, comments
	// too; its first group, or the whole match, is the value, until another line
	// matches. Lines that match are no records.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Pattern string `json:"pattern,omitempty"`

	// Path of a value outside of the records: a path in JSON (meta.updated), that of
	// an element or attribute in XML (/rss/channel/pubDate, /feed/@updated).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Path string `json:"path,omitempty"`

	// Footer says that the value may come after the records that need it. The
	// payload is then read twice, and may have 16 MiB at most.
	// +optional
	Footer bool `json:"footer,omitempty"`
}

// HeaderMode says where the names of the columns are.
// +kubebuilder:validation:Enum=First;Commented;None
type HeaderMode string

// The modes of a CSV header.
const (
	// HeaderFirst takes the first record.
	HeaderFirst HeaderMode = "First"
	// HeaderCommented takes the last comment line before the first record.
	HeaderCommented HeaderMode = "Commented"
	// HeaderNone has no header: spec.input.csv.columns names the columns.
	HeaderNone HeaderMode = "None"
)

// ShortRows is what a row with fewer cells than columns is.
// +kubebuilder:validation:Enum=Reject;Fill
type ShortRows string

// What short rows are.
const (
	// ShortRowsReject rejects them.
	ShortRowsReject ShortRows = "Reject"
	// ShortRowsFill takes the missing cells as empty.
	ShortRowsFill ShortRows = "Fill"
)

// CSVSpec is a table with delimited cells.
//
// +kubebuilder:validation:XValidation:rule="(has(self.header) && self.header == 'None') == has(self.columns)",message="columns and header: None go together: without a header the columns need names, with one they have them"
// +kubebuilder:validation:XValidation:rule="!(has(self.header) && self.header == 'Commented') || has(self.comment)",message="header: Commented needs comment, the prefix of comment lines"
type CSVSpec struct {
	// Delimiter between cells, one character or several (at most 8); a comma if
	// absent. Whitespace stands for any run of spaces and tabs, " " for one space.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:default=","
	// +optional
	Delimiter string `json:"delimiter,omitempty"`

	// Quote character around cells; None means that quotes are plain text.
	// +kubebuilder:validation:Enum="\"";"'";None
	// +kubebuilder:default="\""
	// +optional
	Quote string `json:"quote,omitempty"`

	// Comment is the prefix of lines to ignore.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Comment string `json:"comment,omitempty"`

	// Header says where the names of the columns are.
	// +kubebuilder:default=First
	// +optional
	Header HeaderMode `json:"header,omitempty"`

	// Escape is a character that takes the meaning from the one after it, in quoted
	// cells, for publishers that write \" instead of "".
	// +kubebuilder:validation:Enum="\\"
	// +optional
	Escape string `json:"escape,omitempty"`

	// SkipLines is how many lines at the beginning are neither header nor record.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	SkipLines int32 `json:"skipLines,omitempty"`

	// ShortRows says what a row with fewer cells than there are columns is: it is
	// rejected, or the missing cells are empty.
	// +kubebuilder:default=Reject
	// +optional
	ShortRows ShortRows `json:"shortRows,omitempty"`

	// Columns are the names, from left to right, when there is no header. A row
	// may have more cells (a publisher appends columns); for fewer see shortRows.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +optional
	Columns []string `json:"columns,omitempty"`
}

// JSONSpec is one document with records inside.
type JSONSpec struct {
	// Records is the path to the records: data.items is an array, data.* takes
	// the values of an object. Without it the document itself is the array, or
	// the only record.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Records string `json:"records,omitempty"`

	// Concatenated says that several documents follow one another, with or
	// without white space or record separators (RFC 7464) between.
	// +optional
	Concatenated bool `json:"concatenated,omitempty"`
}

// JSONLinesSpec has no settings of its own. Empty lines are ignored.
type JSONLinesSpec struct{}

// TextSpec takes lines apart.
type TextSpec struct {
	// Pattern is a regular expression (RE2) with named groups; each group is a
	// column. Lines that do not match are rejected. Without it the whole line is
	// the column "line".
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Pattern string `json:"pattern,omitempty"`

	// Comment is the prefix of lines to ignore. Empty lines are always ignored.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Comment string `json:"comment,omitempty"`
}

// XMLSpec is one document with records inside. Names are compared without their
// namespace prefixes.
//
// Without fields a record is the element as JSON: attributes are @name, child
// elements are members (arrays where they repeat), the text beside attributes or
// children is #text; an element with text alone is that text.
type XMLSpec struct {
	// Records is the path of the elements: /rss/channel/item from the root, or
	// //entry at any depth; * stands for any name.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^//?[^/\[\]]+(/[^/\[\]]+)*$`
	// +required
	Records string `json:"records"`

	// Fields are XPath 1.0 expressions by name, evaluated at the element:
	// host/@ip, link[@rel='x']/@href, count(tag). The record has these members
	// instead of those of the element; an expression that finds several nodes
	// gives an array.
	// +kubebuilder:validation:MaxProperties=128
	// +optional
	Fields map[string]string `json:"fields,omitempty"`
}

// HTMLSpec is a page with records inside.
//
// Without fields a record is a row of cells, named by the header of the table or
// by columns.
type HTMLSpec struct {
	// Records is a CSS selector of the elements: table#list tr. It may name tags,
	// ids, classes, attributes, descendants and children.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:default="table tr"
	// +optional
	Records string `json:"records,omitempty"`

	// Header says where the names of the cells are: in the First row, or None:
	// columns gives them.
	// +kubebuilder:validation:Enum=First;None
	// +kubebuilder:default=First
	// +optional
	Header HeaderMode `json:"header,omitempty"`

	// Columns are the names of the cells, from left to right, with header: None.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +optional
	Columns []string `json:"columns,omitempty"`

	// Fields are CSS selectors by name, evaluated inside of the element, with an
	// attribute after a space and @ if it is not the text that is wanted:
	// td:nth-child(2), a @href. The record has these members instead of cells;
	// a selector that finds several elements gives an array.
	// +kubebuilder:validation:MaxProperties=128
	// +optional
	Fields map[string]string `json:"fields,omitempty"`
}

// KeyValueSpec takes lines of pairs apart. A key that is there twice gives an
// array. Empty lines are ignored.
type KeyValueSpec struct {
	// PairSeparator is between pairs; white space if absent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +optional
	PairSeparator string `json:"pairSeparator,omitempty"`

	// Separator is between key and value; = if absent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:default="="
	// +optional
	Separator string `json:"separator,omitempty"`

	// Quote character around values; None means that quotes are plain text.
	// +kubebuilder:validation:Enum="\"";"'";None
	// +kubebuilder:default="\""
	// +optional
	Quote string `json:"quote,omitempty"`

	// Comment is the prefix of lines to ignore.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Comment string `json:"comment,omitempty"`
}

// INISpec reads sections: [name], then lines of keys and values. The name of the
// section is $key. Keys before the first section are a record without a name.
type INISpec struct {
	// Separator is between key and value; = if absent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:default="="
	// +optional
	Separator string `json:"separator,omitempty"`

	// Comments are the prefixes of lines to ignore; # and ; if absent.
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=8
	// +optional
	Comments []string `json:"comments,omitempty"`
}

// HostsSpec reads a hosts file: the columns are ip and host. Comments begin with
// #, also at the end of a line. The names of the machine itself (localhost and
// its like) are skipped.
type HostsSpec struct{}

// ZoneDialect is how a zone is written.
// +kubebuilder:validation:Enum=Master;RBL
type ZoneDialect string

// The dialects of zones.
const (
	// ZoneMaster is the master file format of RFC 1035, 5.
	ZoneMaster ZoneDialect = "Master"
	// ZoneRBL is a data set of rbldnsd: names or networks, and the value of each.
	ZoneRBL ZoneDialect = "RBL"
)

// ZoneSpec reads the resource records of a DNS zone.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.dialect) && self.dialect == 'RBL' && has(self.origin))",message="origin is for dialect: Master; names of an RBL data set have no zone"
type ZoneSpec struct {
	// Dialect is how the zone is written.
	// +kubebuilder:default=Master
	// +optional
	Dialect ZoneDialect `json:"dialect,omitempty"`

	// Origin of relative names, if the file does not say; the root if absent.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Origin string `json:"origin,omitempty"`
}

// XLSXSpec is a sheet of a workbook. Cells have the text that a person sees,
// dates are ISO 8601.
//
// +kubebuilder:validation:XValidation:rule="(has(self.header) && self.header == 'None') == has(self.columns)",message="columns and header: None go together: without a header the columns need names, with one they have them"
type XLSXSpec struct {
	// Sheet is the name of the sheet; the first if absent.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Sheet string `json:"sheet,omitempty"`

	// SkipRows is how many rows at the beginning are neither header nor record.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	SkipRows int32 `json:"skipRows,omitempty"`

	// Header says where the names of the columns are: in the First row, or None.
	// +kubebuilder:validation:Enum=First;None
	// +kubebuilder:default=First
	// +optional
	Header HeaderMode `json:"header,omitempty"`

	// Columns are the names, from left to right, with header: None.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +optional
	Columns []string `json:"columns,omitempty"`
}

// STIXSpec has no settings of its own.
type STIXSpec struct{}

// MISPSpec has no settings of its own.
type MISPSpec struct{}

// N6Spec has no settings of its own.
type N6Spec struct{}

// IntelMQSpec has no settings of its own.
type IntelMQSpec struct{}

// IODEFSpec has no settings of its own.
type IODEFSpec struct{}

// OpenIOCSpec has no settings of its own.
type OpenIOCSpec struct{}

// IDEASpec has no settings of its own.
type IDEASpec struct{}

// MailSpec has no settings of its own.
type MailSpec struct{}

// SchemaSetSpec reads reports of many kinds. What the columns of each become is
// told by a schema document, such as that of Shadowserver; rules of the Parser come
// before it. A new document is checked, tried, and put in force by itself.
type SchemaSetSpec struct {
	// SchemaFrom is the FeedSource whose payloads are the schema document. It has
	// the same parserRef as the FeedSources of the reports.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	SchemaFrom string `json:"schemaFrom"`

	// SHA256 of the only document that may be used, in hex; without it, it is the
	// newest that passes the checks.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	// +kubebuilder:validation:MaxLength=64
	// +optional
	SHA256 string `json:"sha256,omitempty"`

	// Report says which report a payload is; without it, the name of the file
	// does, as 2026-01-31-scan_dns-example.csv.
	// +optional
	Report *ReportName `json:"report,omitempty"`

	// CSV is the dialect of the reports; their header names the columns.
	// +optional
	CSV *CSVSpec `json:"csv,omitempty"`
}

// ReportName says which report a payload is.
//
// +kubebuilder:validation:ExactlyOneOf=fromFilename;name
type ReportName struct {
	// FromFilename is a regular expression (RE2) for the name of the file, or, if
	// the payload has none, the last part of its URL; its group "report" is the name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	FromFilename string `json:"fromFilename,omitempty"`

	// Name is that of all payloads.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]+$`
	// +optional
	Name string `json:"name,omitempty"`
}
