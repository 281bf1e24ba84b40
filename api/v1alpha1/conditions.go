package v1alpha1

// Condition types. Each is written by one component only.
const (
	// ConditionReady sums the others up.
	ConditionReady = "Ready"
	// ConditionReconciling and ConditionStalled follow kstatus.
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"

	// ConditionAccepted: every reference is there, fits and is allowed.
	ConditionAccepted = "Accepted"
	// ConditionConfigured: the components have the configuration on the bus.
	ConditionConfigured = "Configured"
	// ConditionAvailable: the pods of the object run and are ready.
	ConditionAvailable = "Available"
	// ConditionFresh: a FeedSource was collected when it was due.
	ConditionFresh = "Fresh"
	// ConditionBusReady: the bus of an Exchange answers.
	ConditionBusReady = "BusReady"
	// ConditionRecording: a hub records and delivers what comes.
	ConditionRecording = "Recording"
	// ConditionResolved: nothing of a FormatChange is held any more.
	ConditionResolved = "Resolved"

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
	ReasonSignatureInvalid = "SignatureInvalid"
	ReasonSecretNotFound   = "SecretNotFound"
	ReasonNoFile           = "NoFile"
	ReasonInvalidSpec      = "InvalidSpec"
	ReasonBusUnavailable   = "BusUnavailable"
	ReasonFormatChanged    = "FormatChanged"
	ReasonFormatReported   = "FormatReported"
	ReasonRetired          = "Retired"
	ReasonExampleMismatch  = "ExampleMismatch"
	ReasonReferenceMissing = "ReferenceMissing"

	ReasonProgressing        = "Progressing"
	ReasonNamespaceForbidden = "NamespaceForbidden"
	ReasonConflict           = "Conflict"
	ReasonNotOwned           = "NotOwned"
	ReasonPodsNotReady       = "PodsNotReady"
	ReasonScaledToZero       = "ScaledToZero"
	ReasonWaiting            = "Waiting"
	ReasonStale              = "Stale"
	ReasonFresh              = "Fresh"
	ReasonUnused             = "Unused"
	ReasonAwaitingDecision   = "AwaitingDecision"
	ReasonDecided            = "Decided"
	ReasonRepaired           = "Repaired"
	ReasonNotRepaired        = "NotRepaired"
	ReasonResolved           = "Resolved"
	ReasonDeleting           = "Deleting"
	ReasonMissingAPI         = "MissingAPI"
)
