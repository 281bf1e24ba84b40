package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ParserSpec declares how the bytes of a payload become events: how to find
// the records, which of them to skip, and which column or path becomes which
// field of the event.
//
// The steps run in this order for every record: explode, skip, mapping,
// constants, validation. A record that fails is rejected with its reason.
type ParserSpec struct {
	// Input is the format of the payload.
	// +required
	Input InputSpec `json:"input"`

	// Explode makes several records out of one, by the parts of a cell or the
	// elements of an array. Several rules multiply.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	// +optional
	Explode []ExplodeRule `json:"explode,omitempty"`

	// Skip drops records that are not meant to become events. They are counted
	// by reason.
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Skip []SkipRule `json:"skip,omitempty"`

	// Mapping fills the fields of the event. Rules run in order; the first that
	// yields a value for a field sets it.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +required
	Mapping []MappingRule `json:"mapping"`

	// Constants are fields that no rule has set: category: cnc.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Constants map[string]string `json:"constants,omitempty"`

	// Examples are payloads with the events they must give. They are the
	// Parser's tests: weir test runs them.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Examples []Example `json:"examples,omitempty"`
}

// InputSpec is one format, and the character set of the bytes.
// +kubebuilder:validation:ExactlyOneOf=csv;json;jsonLines;text
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

// CSVSpec is a table with delimited cells.
//
// +kubebuilder:validation:XValidation:rule="(has(self.header) && self.header == 'None') == has(self.columns)",message="columns and header: None go together: without a header the columns need names, with one they have them"
// +kubebuilder:validation:XValidation:rule="!(has(self.header) && self.header == 'Commented') || has(self.comment)",message="header: Commented needs comment, the prefix of comment lines"
type CSVSpec struct {
	// Delimiter between cells, one character or several; a comma if absent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
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

	// Columns are the names, from left to right, when there is no header. A row
	// may have more cells (a publisher appends columns), never fewer.
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

// ExplodeRule makes several records out of one.
type ExplodeRule struct {
	// From is the column or path. In each of the new records it holds one part.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +required
	From string `json:"from"`

	// Separator between the parts of a cell; without it, From is a JSON array.
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Separator string `json:"separator,omitempty"`
}

// SkipRule drops records.
type SkipRule struct {
	// When is a CEL expression over record (its columns or paths) and meta (url,
	// filename, collected): record.status == "offline".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +required
	When string `json:"when"`

	// Reason under which the records are counted.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +required
	Reason string `json:"reason"`
}

// InvalidAction is what a value that does not fit its field does to the record.
// +kubebuilder:validation:Enum=Reject;Drop
type InvalidAction string

// The actions on an invalid value.
const (
	// InvalidReject rejects the record.
	InvalidReject InvalidAction = "Reject"
	// InvalidDrop leaves the field empty.
	InvalidDrop InvalidAction = "Drop"
)

// MappingRule fills one field of the event.
//
// The value is taken from a column, a constant or an expression; then, in this
// order: null markers are removed, extract cuts a part out, split makes several
// values, values translates, time reads a time.
//
// +kubebuilder:validation:ExactlyOneOf=from;value;expr
type MappingRule struct {
	// Field of the event: time, ip, url, fqdn, name, extra.<key>, ...
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*([.][A-Za-z0-9_-]+)*$`
	// +required
	Field string `json:"field"`

	// From lists columns (CSV, text) or paths (JSON: a.b[0]). The first that has
	// a value is taken.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +optional
	From []string `json:"from,omitempty"`

	// Value is a constant.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Value *string `json:"value,omitempty"`

	// Expr is a CEL expression over record and meta:
	// record.scheme + "://" + record.host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Expr string `json:"expr,omitempty"`

	// When is a CEL condition; the rule is passed over where it is false.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	When string `json:"when,omitempty"`

	// Required rejects records in which no rule yields this field.
	// +optional
	Required bool `json:"required,omitempty"`

	// Nulls lists values that mean nothing, besides the empty one.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +optional
	Nulls []string `json:"nulls,omitempty"`

	// Extract is a regular expression (RE2); its first group, or the whole
	// match, becomes the value. No match means no value.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Extract string `json:"extract,omitempty"`

	// Split separates several values of a list field (ip, cves, ...).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Split string `json:"split,omitempty"`

	// Values translates.
	// +optional
	Values *ValueMap `json:"values,omitempty"`

	// Time reads the value as a time; fields that are times accept ISO 8601
	// without it.
	// +optional
	Time *TimeSpec `json:"time,omitempty"`

	// OnInvalid says what a value that does not fit the field does: Reject the
	// record (the default) or Drop the value.
	// +kubebuilder:default=Reject
	// +optional
	OnInvalid InvalidAction `json:"onInvalid,omitempty"`
}

// ValueMap translates values.
type ValueMap struct {
	// Entries from the feed's value to ours.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=1024
	// +required
	Entries map[string]string `json:"entries"`

	// IgnoreCase compares without regard to case.
	// +optional
	IgnoreCase bool `json:"ignoreCase,omitempty"`

	// Default is for values without an entry; without it they are invalid.
	// +optional
	Default *string `json:"default,omitempty"`
}

// TimeSpec reads times.
type TimeSpec struct {
	// Layouts are tried in order: iso8601, rfc1123, unix, unix_ms, unix_us, or a
	// strftime pattern such as %d/%m/%Y %H:%M.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +required
	Layouts []string `json:"layouts"`

	// Zone of times without one, a name of the IANA database; UTC if absent.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Zone string `json:"zone,omitempty"`
}

// Example is a payload and what it must become.
type Example struct {
	// Name of the example.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Name string `json:"name"`

	// Input is the payload.
	// +kubebuilder:validation:MaxLength=65536
	// +required
	Input string `json:"input"`

	// Meta is what a collector would know: url, filename, collected.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Meta map[string]string `json:"meta,omitempty"`

	// Events in order. The fields that are written must be equal; null means
	// that the field must be absent.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:XPreserveUnknownFields
	// +optional
	Events []runtime.RawExtension `json:"events,omitempty"`

	// Skipped is how many records a skip rule drops.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Skipped int32 `json:"skipped,omitempty"`

	// Rejected lists, in order, parts of the reasons of rejected records.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=1024
	// +optional
	Rejected []string `json:"rejected,omitempty"`
}

// ParserStatus is what is known about a Parser.
type ParserStatus struct {
	ObjectStatus `json:",inline"`

	// Sources is how many FeedSources use the Parser.
	// +optional
	Sources int32 `json:"sources,omitempty"`

	// Bindings are the first 100 FeedSources that use the Parser, by name.
	// +listType=atomic
	// +optional
	Bindings []Binding `json:"bindings,omitempty"`
}

// Parser declares how the bytes of a feed become events.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wp,categories=weir
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Sources",type=integer,JSONPath=`.status.sources`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type Parser struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ParserSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ParserStatus `json:"status,omitempty"`
}

// ParserList is a list of Parsers.
// +kubebuilder:object:root=true
type ParserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Parser `json:"items"`
}
