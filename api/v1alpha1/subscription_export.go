package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ExportSpec is one output.
// +kubebuilder:validation:ExactlyOneOf=api;stream
type ExportSpec struct {
	// Name of the export.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// API serves n6's REST API.
	// +optional
	API *APIExport `json:"api,omitempty"`

	// Stream serves events as they come (server-sent events).
	// +optional
	Stream *StreamExport `json:"stream,omitempty"`
}

// APIExport is n6's REST API: /search/events, /report/inside, /report/threats.
type APIExport struct {
	// MaxEvents bounds one answer; none if absent.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxEvents int64 `json:"maxEvents,omitempty"`

	// Contact is whom subscribers ask about the export: an e-mail address or a
	// URL. It stands in the manifest.
	// +kubebuilder:validation:MaxLength=254
	// +optional
	Contact string `json:"contact,omitempty"`

	// Versions of the answers, served side by side: each under /v<version>/, the
	// current one without. If absent, there is one version with n6's columns.
	// +listType=map
	// +listMapKey=version
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.exists(v, !has(v.sunset) && !(has(v.preview) && v.preview))",message="one version must stay: at least one needs neither sunset nor preview, so that the address without a version goes on working"
	// +kubebuilder:validation:XValidation:rule="self.all(v, self.exists_one(w, w.version == v.version || w.version == v.version + '.0' || w.version == v.version + '.0.0' || w.version + '.0' == v.version || w.version + '.0.0' == v.version))",message="versions must differ: 1, 1.0 and 1.0.0 are the same version"
	// +kubebuilder:validation:XValidation:rule="self.all(v, !has(v.successor) || v.successor != v.version && self.exists(w, w.version == v.successor && !(has(w.preview) && w.preview)))",message="successor must be another version of this list that is no preview"
	// +kubebuilder:validation:XValidation:rule="self.all(v, !has(v.sunset) || has(v.emergency) || !has(v.successor) || self.all(w, w.version != v.successor || has(w.from) && timestamp(v.sunset) - timestamp(w.from) >= duration('720h')))",message="the old and the new version must be served side by side for 30 days: give the successor a from at least 720h before the sunset, or write emergency: <reason> beside the sunset"
	// +kubebuilder:validation:XValidation:rule="self.all(v, !has(v.sunset) || !has(v.successor) || self.all(w, w.version != v.successor || !has(w.sunset) || timestamp(w.sunset) >= timestamp(v.sunset)))",message="a successor must not end before the version that it follows: move its sunset to a later time"
	// +kubebuilder:validation:XValidation:rule="oldSelf.all(o, has(o.sunset) || has(o.preview) && o.preview || self.exists(v, v.version == o.version))",message="a version cannot vanish: give it deprecated, sunset and successor first, and take it out after its sunset"
	// +optional
	Versions []ExportVersion `json:"versions,omitempty"`
}

// ExportVersion is one version of what an export answers with. Once published (no
// preview), its shape stays as it is: a change is another version.
//
// +kubebuilder:validation:XValidation:rule="!has(self.sunset) || has(self.deprecated) && has(self.successor)",message="sunset needs deprecated, when subscribers were told, and successor, the version to move to"
// +kubebuilder:validation:XValidation:rule="!has(self.sunset) || !has(self.deprecated) || has(self.emergency) || !has(self.successor) || self.successor.split('.')[0] == self.version.split('.')[0] || timestamp(self.sunset) - timestamp(self.deprecated) >= duration('2160h')",message="a breaking change (the successor has another major number) needs 90 days of notice: move sunset to at least 2160h after deprecated, or write emergency: <reason> for a security exception"
// +kubebuilder:validation:XValidation:rule="!has(self.sunset) || !has(self.deprecated) || has(self.emergency) || timestamp(self.sunset) - timestamp(self.deprecated) >= duration('336h')",message="a compatible change needs 14 days of notice: move sunset to at least 336h after deprecated, or write emergency: <reason> for a security exception"
// +kubebuilder:validation:XValidation:rule="!has(self.emergency) || has(self.sunset) && timestamp(self.sunset) >= timestamp(self.deprecated)",message="emergency is the reason for a short notice: it goes with a sunset, which is not before deprecated"
// +kubebuilder:validation:XValidation:rule="!(has(self.preview) && self.preview) || !has(self.deprecated) && !has(self.from)",message="a preview has no dates: remove deprecated and from, or publish the version (preview: false)"
// +kubebuilder:validation:XValidation:rule="!has(self.header) || self.header != 'None' || has(self.columns)",message="header: None needs columns: without names, their order is the contract"
// +kubebuilder:validation:XValidation:rule="has(oldSelf.preview) && oldSelf.preview || has(self.columns) == has(oldSelf.columns) && (!has(self.columns) || self.columns == oldSelf.columns) && has(self.formats) == has(oldSelf.formats) && (!has(self.formats) || self.formats.all(f, f in oldSelf.formats) && oldSelf.formats.all(f, f in self.formats)) && (has(self.header) ? self.header : 'First') == (has(oldSelf.header) ? oldSelf.header : 'First')",message="formats, columns and header of a published version cannot change: add a version beside it"
// +kubebuilder:validation:XValidation:rule="has(oldSelf.preview) && oldSelf.preview || !(has(self.preview) && self.preview)",message="a published version cannot become a preview again: subscribers may use it; add a version beside it"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.sunset) || !has(self.sunset) || has(self.emergency) || timestamp(self.sunset) >= timestamp(oldSelf.sunset)",message="an announced sunset can be postponed, but not moved up: keep it, or write emergency: <reason> for a security exception"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.deprecated) || !has(self.deprecated) || has(self.emergency) || timestamp(self.deprecated) >= timestamp(oldSelf.deprecated)",message="deprecated cannot be dated back: the notice began when it was announced"
type ExportVersion struct {
	// Version is MAJOR, MAJOR.MINOR or MAJOR.MINOR.PATCH. MAJOR counts changes
	// that a reader of the version before would not survive, MINOR what is new
	// beside the old, PATCH the rest. weir check tells when it is too small.
	// +kubebuilder:validation:MaxLength=14
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,3}(\.(0|[1-9][0-9]{0,3})){0,2}$`
	// +required
	Version string `json:"version"`

	// Formats that it has; all if absent.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +optional
	Formats []ExportFormat `json:"formats,omitempty"`

	// Columns of csv, and keys of json and sjson, in this order; if absent, they are
	// as n6 has them.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Columns []ExportColumn `json:"columns,omitempty"`

	// Header of csv: First (the names in the first line), or None.
	// +optional
	Header ExportHeader `json:"header,omitempty"`

	// Preview lets subscribers try the version under its own address while it may
	// still change.
	// +optional
	Preview bool `json:"preview,omitempty"`

	// From is when the version takes over the address without a version; at once
	// if absent. Before, it is served under its own address.
	// +optional
	From *metav1.Time `json:"from,omitempty"`

	// Deprecated is since when subscribers are told to move on (RFC 9745); it may
	// lie in the future.
	// +optional
	Deprecated *metav1.Time `json:"deprecated,omitempty"`

	// Sunset is when the version ends (RFC 8594). From then on it is answered
	// with 410 Gone.
	// +optional
	Sunset *metav1.Time `json:"sunset,omitempty"`

	// Successor is the version to move to.
	// +kubebuilder:validation:MaxLength=14
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,3}(\.(0|[1-9][0-9]{0,3})){0,2}$`
	// +optional
	Successor string `json:"successor,omitempty"`

	// Emergency is the reason for a notice that is shorter than subscribers can
	// expect: a security exception. It stands in the manifest.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Emergency string `json:"emergency,omitempty"`
}

// ExportFormat is a format of answers.
// +kubebuilder:validation:Enum=json;sjson;csv
type ExportFormat string

// The formats of answers.
const (
	ExportJSON  ExportFormat = "json"
	ExportSJSON ExportFormat = "sjson"
	ExportCSV   ExportFormat = "csv"
)

// ExportHeader says where the names of columns are.
// +kubebuilder:validation:Enum=First;None
type ExportHeader string

// Where the names of columns are.
const (
	ExportHeaderFirst ExportHeader = "First"
	ExportHeaderNone  ExportHeader = "None"
)

// ExportColumn is a column of csv and a key of json.
type ExportColumn struct {
	// Name of the column.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_-]*$`
	// +required
	Name string `json:"name"`

	// Field of the event that it shows. Of ip, asn, cc, dir, rdns, cves and client it
	// shows all values; details is n6's summary of ports and target.
	// +required
	Field ExportField `json:"field"`
}

// ExportField is a field of events that a column can show.
// +kubebuilder:validation:Enum=id;source;time;modified;category;confidence;restriction;tlp;name;target;ip;asn;cc;dir;rdns;fqdn;url;proto;sport;dport;dip;adip;md5;sha1;sha256;x509fp_sha1;origin;status;action;email;iban;phone;username;registrar;url_pattern;until;count;expires;first_seen;last_seen;replaces;client;classification.taxonomy;classification.type;cves;details
type ExportField string

// StreamExport has no settings: the zones of the subscription say what flows.
type StreamExport struct{}
