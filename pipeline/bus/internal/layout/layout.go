// Package layout names the streams, subjects and consumers of the bus, for those
// who use them and for those who grant their use.
package layout

// Streams.
const (
	StreamRaw       = "RAW"       // raw.<ns>.<feed>
	StreamRawParts  = "RAWPARTS"  // rawparts.<ns>.<feed>.<payload>.<upload>.<n>: bytes of large payloads
	StreamHeld      = "HELD"      // held.<ns>.<feed>.<payload>
	StreamHeldParts = "HELDPARTS" // heldparts.<ns>.<feed>.<payload>.<upload>.<n>
	StreamRejected  = "REJECTED"  // rejected.<ns>.<feed>
	StreamEvent     = "EVENT"     // event.<partition>.<ns>.<feed>
	StreamDeliver   = "DELIVER"   // deliver.<ns>.<subscription>
	StreamDead      = "DEAD"      // dead.<ns>.<feed>
	StreamConfig    = "KV_config" // $KV.config.<key>
	StreamState     = "KV_state"  // $KV.state.<key>
	StreamStatus    = "KV_status" // $KV.status.<key>
)

// Streams are all of them.
func Streams() []string {
	return []string{
		StreamRaw, StreamRawParts, StreamHeld, StreamHeldParts, StreamRejected, StreamEvent, StreamDeliver, StreamDead,
		StreamConfig, StreamState, StreamStatus,
	}
}

// Subject prefixes.
const (
	Raw       = "raw"
	RawParts  = "rawparts"
	Held      = "held"
	HeldParts = "heldparts"
	Rejected  = "rejected"
	Event     = "event"
	Deliver   = "deliver"
	Dead      = "dead"
	Config    = "$KV.config"
	State     = "$KV.state"
	Status    = "$KV.status"
	// Query is not stored: query.<ns>.<exchange>.<replica>.<ns>.<subscription>, and
	// what is below, ask a hub's archive.
	Query = "query"
	// Inbox begins the subjects on which a component gets its answers.
	Inbox = "_INBOX"
)

// TagSalt begins the tag of a user's JWT that has the salt of its message ids. The
// server drops a message whose id it has seen on the stream, whoever published it:
// with ids that others can guess, they could make it drop messages that they may
// not publish themselves.
const TagSalt = "salt:"

// Interrupted is the key of the state bucket that counts the crashes at a payload.
func Interrupted(namespace, feed string) string { return "bus.interrupted." + namespace + "." + feed }

// Monitor is the durable consumer of a feed's payloads. It cannot be ambiguous:
// labels have no underscore.
func Monitor(namespace, feed string) string { return "monitor_" + namespace + "_" + feed }

// RawReaders are the consumers with which the payloads of a feed are read again.
// A stream with durable consumers, whose names can be guessed, has no others of
// any name, because a permission binds the whole name or nothing of it.
func RawReaders(namespace, feed string) []string {
	m := Monitor(namespace, feed)
	return []string{m + "_read0", m + "_read1", m + "_read2", m + "_read3"}
}

// MaxCredentials bounds a credentials file. Its JWT travels in one line of the
// protocol, and a role with many feeds has many permissions.
const MaxCredentials = 4 << 20
