package v1alpha1

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

	// Pattern is a regular expression (RE2): each of its matches in the text (or
	// the first group of each) is a part.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Pattern string `json:"pattern,omitempty"`

	// Addresses takes a network (192.0.2.0/28) or a range (192.0.2.1-192.0.2.9)
	// apart into its addresses, of which it may have so many; larger ones are
	// rejected.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	Addresses int32 `json:"addresses,omitempty"`
}

// DeriveAs says what is packed in a cell.
// +kubebuilder:validation:Enum=JSON;KeyValue;URL
type DeriveAs string

// What may be packed in a cell.
const (
	// DeriveJSON is JSON text. What is inside has paths: <name>.a[0].
	DeriveJSON DeriveAs = "JSON"
	// DeriveKeyValue is pairs such as a=1; b=2, separated by semicolons, commas,
	// ampersands or white space.
	DeriveKeyValue DeriveAs = "KeyValue"
	// DeriveURL is a URL: scheme, host, port, path, file (the last part of the
	// path), query.
	DeriveURL DeriveAs = "URL"
)

// DeriveRule adds columns or members to a record. Where the source has no value,
// or does not match, what it derives is absent.
//
// +kubebuilder:validation:ExactlyOneOf=pattern;as
// +kubebuilder:validation:XValidation:rule="has(self.as) == has(self.name)",message="as and name go together: what is inside has paths below name"
type DeriveRule struct {
	// From lists columns or paths; the first that has a value is taken.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +required
	From []string `json:"from"`

	// Transform is done with the value first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Transform []Transform `json:"transform,omitempty"`

	// Pattern is a regular expression (RE2) with named groups; each group is a new
	// column.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Pattern string `json:"pattern,omitempty"`

	// As says what is packed in the value.
	// +optional
	As DeriveAs `json:"as,omitempty"`

	// Name of what As unpacks: its parts are <name>.<part>.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-zA-Z_][a-zA-Z0-9_]*$`
	// +optional
	Name string `json:"name,omitempty"`
}

// Transform is one thing to do with a text.
// +kubebuilder:validation:Enum=Lower;Upper;Unquote;Refang;UnpadOctets;Network;FirstAddress;LastAddress;IPFromInteger;URLHost;URLDecode;HTMLDecode;Base64;Hex
type Transform string

// The transforms.
const (
	TransformLower Transform = "Lower"
	TransformUpper Transform = "Upper"
	// TransformUnquote takes quotes around the text off.
	TransformUnquote Transform = "Unquote"
	// TransformRefang undoes hxxp, [.], (dot), [at] and their like.
	TransformRefang Transform = "Refang"
	// TransformUnpadOctets makes 192.0.2.7 of 192.000.002.007.
	TransformUnpadOctets Transform = "UnpadOctets"
	// TransformNetwork makes a prefix of a/24, a/255.255.255.0, a 255.255.255.0 and
	// of ranges a-b that are one prefix; of an address its own.
	TransformNetwork Transform = "Network"
	// TransformFirstAddress and TransformLastAddress take the bounds of a network
	// or range.
	TransformFirstAddress Transform = "FirstAddress"
	TransformLastAddress  Transform = "LastAddress"
	// TransformIPFromInteger makes 192.0.2.7 of 3221225991.
	TransformIPFromInteger Transform = "IPFromInteger"
	// TransformURLHost takes the host out of a URL.
	TransformURLHost Transform = "URLHost"
	// TransformURLDecode undoes %41.
	TransformURLDecode Transform = "URLDecode"
	// TransformHTMLDecode undoes &amp;.
	TransformHTMLDecode Transform = "HTMLDecode"
	TransformBase64     Transform = "Base64"
	TransformHex        Transform = "Hex"
)

// EmitRule makes one event of a record.
type EmitRule struct {
	// When is a CEL condition; without it the rule always holds.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	When string `json:"when,omitempty"`

	// Mapping comes before spec.mapping.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Mapping []MappingRule `json:"mapping,omitempty"`

	// Constants replace those of spec.constants, and what lookups would set.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Constants map[string]string `json:"constants,omitempty"`
}

// LookupRule fills fields by a key.
type LookupRule struct {
	// From lists columns or paths, or what is known of the payload
	// ($meta.basename, the last part of the URL's path); the first that has a value
	// is the key.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +required
	From []string `json:"from"`

	// IgnoreCase compares without regard to case.
	// +optional
	IgnoreCase bool `json:"ignoreCase,omitempty"`

	// Entries are fields and their values, by key.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=1024
	// +required
	Entries map[string]map[string]string `json:"entries"`

	// Default is for keys without an entry, and records without a key; without it
	// they set nothing.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Default map[string]string `json:"default,omitempty"`
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
// values, transform changes them, values translates, time reads a time, type says
// what an extra is.
//
// +kubebuilder:validation:ExactlyOneOf=from;value;expr
type MappingRule struct {
	// Field of the event: time, ip, url, fqdn, name, extra.<key>, ... observable
	// stands for the field that fits the value: an address, address and port,
	// network (extra.network), URL, domain name, hash, e-mail address or CVE.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*([.][A-Za-z0-9_-]+)*$`
	// +required
	Field string `json:"field"`

	// From lists columns (by name, or position: [0] is the first) or paths (JSON:
	// a.b[0]), or what is known of the payload: $meta.url, $meta.filename,
	// $meta.basename, $meta.collected and what spec.input.capture names. The first
	// that has a value is taken.
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

	// Transform changes the value, step by step. A value that a step cannot work
	// with is invalid.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Transform []Transform `json:"transform,omitempty"`

	// Values translates.
	// +optional
	Values *ValueMap `json:"values,omitempty"`

	// Time reads the value as a time; fields that are times accept ISO 8601
	// without it.
	// +optional
	Time *TimeSpec `json:"time,omitempty"`

	// Type of an extra that is read from text: Text (the default), Integer, Number,
	// Boolean or JSON.
	// +optional
	Type ExtraType `json:"type,omitempty"`

	// OnInvalid says what a value that does not fit the field does: Reject the
	// record (the default) or Drop the value.
	// +kubebuilder:default=Reject
	// +optional
	OnInvalid InvalidAction `json:"onInvalid,omitempty"`
}

// ExtraType is the JSON type of an extra.
// +kubebuilder:validation:Enum=Text;Integer;Number;Boolean;JSON
type ExtraType string

// The types of extras.
const (
	ExtraText    ExtraType = "Text"
	ExtraInteger ExtraType = "Integer"
	ExtraNumber  ExtraType = "Number"
	// ExtraBoolean reads true, yes, y, t, 1, on and their opposites, in any case.
	ExtraBoolean ExtraType = "Boolean"
	ExtraJSON    ExtraType = "JSON"
)

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
	// Layouts are tried in order: iso8601, rfc1123, unix, unix_ms, unix_us,
	// unix_auto (the unit by the number of digits), windows (100 ns since 1601), a
	// strftime pattern such as %d/%m/%Y %H:%M, or, as a last resort, fuzzy, which
	// finds a time in text unless it could mean two days.
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
