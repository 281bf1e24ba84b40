package v1alpha1

// Condition types. Each is written by one component only.
const (
	// ConditionReady sums the others up.
	ConditionReady = "Ready"
	// ConditionReconciling and ConditionStalled follow kstatus.
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"

	// ConditionFetched: the last collection of a FeedSource worked.
	ConditionFetched = "Fetched"
	// ConditionFormatStable: nothing of a FeedSource is held.
	ConditionFormatStable = "FormatStable"
	// ConditionExamplesPassed: every example of a Parser gives what it promises.
	ConditionExamplesPassed = "ExamplesPassed"
	// ConditionDelivering: the exports of a Subscription are being served.
	ConditionDelivering = "Delivering"
)

// Reasons of conditions.
const (
	ReasonSucceeded        = "Succeeded"
	ReasonNotModified      = "NotModified"
	ReasonSuspended        = "Suspended"
	ReasonHTTPStatus       = "HTTPStatus"
	ReasonRateLimited      = "RateLimited"
	ReasonUnauthorized     = "Unauthorized"
	ReasonAddressForbidden = "AddressForbidden"
	ReasonUnreachable      = "Unreachable"
	ReasonTimeout          = "Timeout"
	ReasonTooLarge         = "TooLarge"
	ReasonUnpackFailed     = "UnpackFailed"
	ReasonSecretNotFound   = "SecretNotFound"
	ReasonNoFile           = "NoFile"
	ReasonInvalidSpec      = "InvalidSpec"
	ReasonBusUnavailable   = "BusUnavailable"
	ReasonFormatChanged    = "FormatChanged"
	ReasonExampleMismatch  = "ExampleMismatch"
	ReasonReferenceMissing = "ReferenceMissing"
)
