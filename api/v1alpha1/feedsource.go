package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FeedSourceSpec declares where a feed comes from.
//
// +kubebuilder:validation:ExactlyOneOf=http;file
// +kubebuilder:validation:XValidation:rule="!has(self.verify) || !has(self.http) || !has(self.http.paging)",message="verify cannot check a feed that comes in pages: remove verify or http.paging"
// +kubebuilder:validation:XValidation:rule="!has(self.announced) || self.announced.all(a, a.parserRef.name != self.parserRef.name && self.announced.exists_one(b, b.parserRef.name == a.parserRef.name))",message="announced names Parsers that take over from that of parserRef: each another one, and each once"
// +kubebuilder:validation:XValidation:rule="!has(self.verify) || !has(self.verify.signatureURL) || has(self.http)",message="verify.signatureURL belongs to http; of a file, the signature is the file beside it"
type FeedSourceSpec struct {
	// Provider is who publishes the feed, a DNS label such as abuse-ch. It may
	// not change: it is part of every event's source.
	// +kubebuilder:validation:MaxLength=31
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="provider is part of the source of every recorded event and cannot change: make a new FeedSource"
	// +required
	Provider string `json:"provider"`

	// Channel is the feed's short name, a DNS label such as feodotracker.
	// Together they are the event's source: abuse-ch.feodotracker.
	// +kubebuilder:validation:MaxLength=31
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="channel is part of the source of every recorded event and cannot change: make a new FeedSource"
	// +required
	Channel string `json:"channel"`

	// ExchangeRef is the hub that gets the events.
	// +required
	ExchangeRef ExchangeReference `json:"exchangeRef"`

	// ParserRef is the Parser that understands the format.
	// +required
	ParserRef LocalReference `json:"parserRef"`

	// HTTP fetches the feed from a URL.
	// +optional
	HTTP *HTTPSpec `json:"http,omitempty"`

	// File reads the feed from files that something else puts there.
	// +optional
	File *FileSpec `json:"file,omitempty"`

	// Schedule says when to collect; every hour if absent.
	// +kubebuilder:default={interval: "1h"}
	// +optional
	Schedule ScheduleSpec `json:"schedule,omitempty"`

	// Unpack opens archives and compressed payloads.
	// +kubebuilder:default={}
	// +optional
	Unpack UnpackSpec `json:"unpack,omitempty"`

	// Verify checks who made the payloads. What fails the check is not collected.
	// +optional
	Verify *VerifySpec `json:"verify,omitempty"`

	// Limits bound what one collection may cost.
	// +kubebuilder:default={}
	// +optional
	Limits LimitsSpec `json:"limits,omitempty"`

	// FormatPolicy says what happens when the publisher changes the format.
	// +kubebuilder:default={}
	// +optional
	FormatPolicy FormatPolicySpec `json:"formatPolicy,omitempty"`

	// Announced are changes of the format that the publisher has told of, each with
	// the Parser that takes over. The first payload that fits it switches the feed.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	// +optional
	Announced []AnnouncedChange `json:"announced,omitempty"`

	// Policy says who may have the events.
	// +kubebuilder:default={}
	// +optional
	Policy PolicySpec `json:"policy,omitempty"`

	// Suspend stops collecting; what was collected is still processed.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Pod adjusts the collector's pod. It has no effect where collectors share pods.
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`
}

// HTTPSpec is the http transport. Redirects are followed at most five times
// and never to an address that is not allowed; https never falls back to http.
//
// +kubebuilder:validation:XValidation:rule="self.url.startsWith('https://') || self.url.startsWith('http://')",message="url must start with https:// or http://"
// +kubebuilder:validation:XValidation:rule="!self.url.matches('^https?://[^/?#]*@')",message="url must not carry a user or password: use spec.http.auth.basic"
// +kubebuilder:validation:XValidation:rule="!has(self.body) || self.method == 'POST'",message="body needs method: POST"
type HTTPSpec struct {
	// URL of the feed.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +required
	URL string `json:"url"`

	// Method is GET or POST.
	// +kubebuilder:validation:Enum=GET;POST
	// +kubebuilder:default=GET
	// +optional
	Method string `json:"method,omitempty"`

	// Body is what a POST sends.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Body string `json:"body,omitempty"`

	// Headers are sent with each request. Secrets belong in auth.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Headers []HTTPHeader `json:"headers,omitempty"`

	// Auth says who we are.
	// +optional
	Auth *HTTPAuth `json:"auth,omitempty"`

	// TLS configures certificates.
	// +optional
	TLS *TLSSpec `json:"tls,omitempty"`

	// Paging collects a feed that comes in pages; each page is one payload.
	// +optional
	Paging *PagingSpec `json:"paging,omitempty"`
}

// HTTPHeader is one request header.
type HTTPHeader struct {
	// Name of the header, for example Accept.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern="^[-!#$%&'*+.^_`|~0-9A-Za-z]+$"
	// +required
	Name string `json:"name"`

	// Value of the header, without line breaks.
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^[^\r\n]*$`
	// +required
	Value string `json:"value"`
}

// HTTPAuth is one way to authenticate.
// +kubebuilder:validation:ExactlyOneOf=basic;bearer;apiKey
type HTTPAuth struct {
	// Basic is user and password (RFC 7617).
	// +optional
	Basic *BasicAuth `json:"basic,omitempty"`

	// Bearer is a token in the Authorization header (RFC 6750).
	// +optional
	Bearer *SecretKeyReference `json:"bearer,omitempty"`

	// APIKey is a key in a header or query parameter of the provider's choice.
	// +optional
	APIKey *APIKeyAuth `json:"apiKey,omitempty"`
}

// BasicAuth is user and password.
type BasicAuth struct {
	// Username is not secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +required
	Username string `json:"username"`

	// Password is a key of a Secret.
	// +required
	Password SecretKeyReference `json:"password"`
}

// APIKeyAuth is a key sent in a header or a query parameter.
// +kubebuilder:validation:ExactlyOneOf=header;query
type APIKeyAuth struct {
	// Header that carries the key, for example Auth-Key.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern="^[-!#$%&'*+.^_`|~0-9A-Za-z]+$"
	// +optional
	Header string `json:"header,omitempty"`

	// Query parameter that carries the key.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Query string `json:"query,omitempty"`

	// SecretRef is where the key is.
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`
}

// TLSSpec configures certificates of a connection. There is no way to skip
// verification.
// +kubebuilder:validation:XValidation:rule="has(self.clientCert) == has(self.clientKey)",message="clientCert and clientKey go together"
type TLSSpec struct {
	// CA is a PEM bundle that replaces the system's.
	// +optional
	CA *SecretKeyReference `json:"ca,omitempty"`

	// ClientCert is the PEM certificate that we show.
	// +optional
	ClientCert *SecretKeyReference `json:"clientCert,omitempty"`

	// ClientKey is the PEM key of the certificate.
	// +optional
	ClientKey *SecretKeyReference `json:"clientKey,omitempty"`
}

// PagingSpec follows pages until one is empty, repeats, or none is named.
// +kubebuilder:validation:ExactlyOneOf=link;cursor;offset
type PagingSpec struct {
	// Link follows the Link header with rel="next" (RFC 8288).
	// +optional
	Link *LinkPaging `json:"link,omitempty"`

	// Cursor takes a value out of the JSON answer and sends it with the next
	// request.
	// +optional
	Cursor *CursorPaging `json:"cursor,omitempty"`

	// Offset counts records.
	// +optional
	Offset *OffsetPaging `json:"offset,omitempty"`

	// MaxPages bounds one collection.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +kubebuilder:default=1000
	// +optional
	MaxPages int32 `json:"maxPages,omitempty"`
}

// LinkPaging has no settings: the publisher's Link header says it all.
type LinkPaging struct{}

// CursorPaging reads a cursor from the answer.
type CursorPaging struct {
	// From is the path of the cursor in the JSON answer, for example meta.next.
	// An absent, null or empty value ends the paging.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +required
	From string `json:"from"`

	// Parameter is the query parameter that carries the cursor.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Parameter string `json:"parameter"`
}

// OffsetPaging sends an offset and a limit.
type OffsetPaging struct {
	// Parameter is the query parameter that carries the offset.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Parameter string `json:"parameter"`

	// LimitParameter is the query parameter that carries the page size.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	LimitParameter string `json:"limitParameter,omitempty"`

	// Size of a page in records. The last page is the first with fewer.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +required
	Size int32 `json:"size"`

	// Records is the path of the record array in the JSON answer; the whole
	// answer if absent.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Records string `json:"records,omitempty"`

	// Start is the first offset.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Start int32 `json:"start,omitempty"`
}

// FileSpec is the file transport.
type FileSpec struct {
	// Path of a file, or a glob such as reports/*.csv, below the folder that the
	// collector is given (weir run: the folder of the manifests, or --files).
	// Links that lead out of that folder are refused.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",message="path must be relative and must not contain '..'"
	// +required
	Path string `json:"path"`

	// ClaimName is the PersistentVolumeClaim of the FeedSource's namespace that holds
	// the files; Path is below its root. A cluster needs it, weir run does not.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ClaimName string `json:"claimName,omitempty"`

	// Watch collects as soon as a file changes, besides the schedule.
	// +kubebuilder:default=true
	// +optional
	Watch *bool `json:"watch,omitempty"`
}

// ScheduleSpec says when to collect. A deterministic jitter spreads feeds, so
// that a thousand hourly feeds do not start in the same second.
//
// +kubebuilder:validation:ExactlyOneOf=interval;cron
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || has(self.cron)",message="timeZone belongs to cron"
type ScheduleSpec struct {
	// Interval between the starts of two collections.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="must be between 1s and 8760h"
	// +optional
	Interval Duration `json:"interval,omitempty"`

	// Cron has five fields: minute hour day month weekday.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^(@(hourly|daily|weekly|monthly|yearly)|\S+\s+\S+\s+\S+\s+\S+\s+\S+)$`
	// +optional
	Cron string `json:"cron,omitempty"`

	// TimeZone of the cron fields, a name of the IANA database; UTC if absent.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
}

// UnpackMode says what to do with compressed payloads.
// +kubebuilder:validation:Enum=Auto;None
type UnpackMode string

// The modes of unpacking.
const (
	// UnpackAuto recognizes gzip, bzip2, xz, zstd, zip, 7z and tar by their first
	// bytes, nested at most twice (a .tar.gz), besides encryption and mail.
	UnpackAuto UnpackMode = "Auto"
	// UnpackNone passes the bytes on.
	UnpackNone UnpackMode = "None"
)

// MailMode says what to do with a payload that is a mail.
// +kubebuilder:validation:Enum=Attachments;None
type MailMode string

// The ways to take a mail.
const (
	// MailAttachments takes the attachments of a message (RFC 5322), or of each
	// message of an mbox.
	MailAttachments MailMode = "Attachments"
	// MailNone takes a mail as it is.
	MailNone MailMode = "None"
)

// UnpackSpec opens archives; each member is a payload of its own.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'None' || (!has(self.password) && !has(self.pgp) && (!has(self.mail) || self.mail == 'None'))",message="password, pgp and mail need mode: Auto"
type UnpackSpec struct {
	// Mode is Auto or None.
	// +kubebuilder:default=Auto
	// +optional
	Mode UnpackMode `json:"mode,omitempty"`

	// Include picks members of an archive by glob, for example *.csv; all
	// regular files if absent. Of a mail, it picks attachments, or what is packed
	// in them.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +optional
	Include []string `json:"include,omitempty"`

	// Password opens encrypted zip (AES and ZipCrypto) and 7z archives.
	// +optional
	Password *SecretKeyReference `json:"password,omitempty"`

	// PGP decrypts payloads, and files in them, that are OpenPGP messages.
	// +optional
	PGP *PGPUnpackSpec `json:"pgp,omitempty"`

	// Mail is Attachments or None; None if absent.
	// +optional
	Mail MailMode `json:"mail,omitempty"`
}

// PGPUnpackSpec is the key that the publisher encrypts to.
type PGPUnpackSpec struct {
	// PrivateKey is an OpenPGP private key, or several, armored or binary.
	// +required
	PrivateKey SecretKeyReference `json:"privateKey"`

	// Passphrase of the private key, if it has one.
	// +optional
	Passphrase *SecretKeyReference `json:"passphrase,omitempty"`
}

// VerifySpec checks the signature or checksum of each payload before anything of
// it is collected.
//
// +kubebuilder:validation:ExactlyOneOf=pgp;minisign;sha256
type VerifySpec struct {
	// PGP checks OpenPGP signatures: of a signed message the one inside, of
	// everything else the one at signatureURL.
	// +optional
	PGP *PGPVerifySpec `json:"pgp,omitempty"`

	// Minisign checks the signature at signatureURL.
	// +optional
	Minisign *MinisignVerifySpec `json:"minisign,omitempty"`

	// SHA256 checks against a file of checksums at signatureURL. It tells whether
	// the payload is whole; who made it is told only if that file is from elsewhere.
	// +optional
	SHA256 *SHA256VerifySpec `json:"sha256,omitempty"`

	// SignatureURL is where the signature or the checksums are, absolute or
	// relative to spec.http.url. {url} stands for spec.http.url without its query,
	// {name} for the last part of its path. If absent: the URL of the feed with
	// .asc or .sig (pgp), .minisig (minisign), .sha256 (sha256) after its path.
	// Credentials are sent only to the host of the feed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	SignatureURL string `json:"signatureURL,omitempty"`
}

// PGPVerifySpec names the keys that may sign.
type PGPVerifySpec struct {
	// PublicKeys are OpenPGP keys, armored or, from a Secret, also binary. A
	// signature of any of them counts.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	PublicKeys []PublicKeySource `json:"publicKeys"`
}

// MinisignVerifySpec names the keys that may sign.
type MinisignVerifySpec struct {
	// PublicKeys are minisign keys: the line that starts with RW, or the file with
	// its comment. A signature of any of them counts.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	PublicKeys []PublicKeySource `json:"publicKeys"`
}

// SHA256VerifySpec has no settings: the line of the payload is found by its file
// name.
type SHA256VerifySpec struct{}

// PublicKeySource is a public key, written out or in a Secret.
// +kubebuilder:validation:ExactlyOneOf=value;secretRef
type PublicKeySource struct {
	// Value is the key itself.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Value string `json:"value,omitempty"`

	// SecretRef is where the key is.
	// +optional
	SecretRef *SecretKeyReference `json:"secretRef,omitempty"`
}

// LimitsSpec bounds one collection. A payload over a limit is refused as a
// whole, never cut.
type LimitsSpec struct {
	// Timeout of one collection, from dial to last byte.
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="must be between 1s and 24h"
	// +optional
	Timeout Duration `json:"timeout,omitempty"`

	// DownloadBytes bounds what comes over the wire.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=2147483648
	// +optional
	DownloadBytes int64 `json:"downloadBytes,omitempty"`

	// PayloadBytes bounds one payload after unpacking.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=4294967296
	// +optional
	PayloadBytes int64 `json:"payloadBytes,omitempty"`

	// Ratio bounds unpacked to packed bytes. It is checked beyond the first MiB.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +kubebuilder:default=200
	// +optional
	Ratio int32 `json:"ratio,omitempty"`

	// Entries bounds the members of an archive.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +kubebuilder:default=10000
	// +optional
	Entries int32 `json:"entries,omitempty"`
}

// PolicySpec is attached to every event of the feed.
type PolicySpec struct {
	// TLP of the events. A record may narrow it, never widen it.
	// +kubebuilder:default=AMBER
	// +optional
	TLP TLP `json:"tlp,omitempty"`

	// Restriction of the events; need-to-know if absent. A record may narrow it.
	// +kubebuilder:default=need-to-know
	// +optional
	Restriction Restriction `json:"restriction,omitempty"`

	// ShowSource lets subscribers without full access see the source's name;
	// they see hidden.<id> otherwise.
	// +optional
	ShowSource bool `json:"showSource,omitempty"`
}

// FeedSourceStatus is what is known about a feed.
type FeedSourceStatus struct {
	ObjectStatus `json:",inline"`

	// LastCollected is when bytes were last fetched.
	// +optional
	LastCollected *metav1.Time `json:"lastCollected,omitempty"`

	// Held is how many payloads wait for a decision.
	// +optional
	Held int64 `json:"held"`

	// Format is what is known of the feed's format.
	// +optional
	Format *FormatStatus `json:"format,omitempty"`

	// Bindings are the Exchange and the Parser that the feed works with.
	// +listType=atomic
	// +optional
	Bindings []Binding `json:"bindings,omitempty"`
}

// FeedSource declares where a feed comes from and how often.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fs,categories=weir
// +kubebuilder:selectablefield:JSONPath=`.spec.parserRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.exchangeRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Last collection",type=date,JSONPath=`.status.lastCollected`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
// +kubebuilder:printcolumn:name="Parser",type=string,JSONPath=`.spec.parserRef.name`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type FeedSource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec FeedSourceSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status FeedSourceStatus `json:"status,omitempty"`
}

// FeedSourceList is a list of FeedSources.
// +kubebuilder:object:root=true
type FeedSourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FeedSource `json:"items"`
}
