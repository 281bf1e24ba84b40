// Package buslink keeps the operator's connections to the buses, one for each
// Exchange, and remembers what is on them: which configuration was written, and
// what the components tell about themselves.
//
// That memory (a mirror) follows the buckets, so reconcilers ask and compare
// without the network, and write only what differs. A bus that is away is a state
// that Ready tells, never a reason to wait: no call takes longer than 5 s.
package buslink
