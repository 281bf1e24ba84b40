// Package creds makes the credentials with which components use the bus: NATS
// JWTs, signed with a key per Exchange, that say what a component may publish and
// subscribe to. Package bus shows them (bus.DialCreds) and trusts them (bus.Trust).
//
// # What a role may do
//
// Everybody has an inbox of its own, _INBOX.<role>.>, and subscribes to nothing
// else (a hub also to the questions to its archive). Streams are read and written
// by requests that name in their subject what they touch, so that a permission
// binds it:
//
//	Collector  writes raw. and rawparts.<ns>.<feed>; reads the newest of them.
//	           Follows config collector. and collect.<ns>.<feed>; has the state
//	           and status collector.<ns>.<feed>.
//	Monitor    consumes raw. and reads rawparts.<ns>.<feed> of its feeds; writes
//	           event.*., rejected., dead., held. and heldparts.<ns>.<feed>, and
//	           reads the last two. Follows config monitor.<ns>.<parser>, decision.
//	           and replay.<ns>.>; writes decision. and replay. of its feeds, which
//	           is how it removes them. Has the state baseline. and
//	           bus.interrupted., and the status monitor. of its feeds and
//	           parser.<ns>.<parser>.
//	Hub        sets up the streams; consumes event.>; writes deliver., rejected.
//	           and dead.>. Follows config hub. and sources.<ns>.<exchange> and
//	           subscription.>; has state and status hub.<ns>.<exchange>[.<replica>].
//	           Takes query.<ns>.<exchange>.> and answers exporters.
//	Exporter   reads deliver.<ns>.<subscription>; follows config subscription. of
//	           the same and sources. of its exchange; has state and status
//	           exporter.<ns>.<subscription>; asks
//	           query.<ns>.<exchange>.<any>.<ns>.<subscription>[.>].
//	Operator   has config, state and status; lists and removes the consumers of
//	           events, and removes those of raw payloads. Reads no feed data.
//	Admin      reads held., rejected., dead., the bytes of large payloads, config
//	           and status; writes config decision., replay. and collect.>.
//
// A role of all objects of a namespace has what one of each would have.
//
// Nobody may delete, purge or list streams, read messages by their number, or
// reach the system account. Nobody but the hub may look at streams or change them.
//
// # What else protects
//
// Permissions of NATS do not bind everything, so:
//
//   - The server publishes its answers, and what a consumer pushes, wherever it is
//     asked to, with no regard to the permissions of who asks. The embedded server
//     has a guard in front, which refuses every place that the client may not
//     subscribe to.
//   - The name of a consumer is bound as a whole or not at all. On RAW every name
//     is bound. On HELD, DELIVER, REJECTED, DEAD and the buckets a role may use any
//     name with its own filter: there are only readers of one session there, with
//     names of 128 random bits, which nobody but their owner learns.
//   - The server drops a message whose id it knows, whoever sent it first: ids are
//     keyed with a secret of the role, which its JWT carries.
//   - Streams take no roll-ups, and messages are not removed by purges, but by
//     their replacement (see package bus).
//
// # What is left open
//
//   - On a NATS server of somebody else (Signer) there is no guard. A component
//     that is taken over can have the server publish its answers on any subject of
//     the account: forge messages of others, acknowledge for them, purge streams.
//     There, permissions protect against mistakes, not against malice; give each
//     Exchange an account of its own, and components that trust each other.
//   - Monitors without a list of feeds may make, read and delete every consumer of
//     RAW, also those of other namespaces.
//   - A monitor may decide about the changes of its own feeds, and what it writes
//     may claim any source: only the feed is bound. Whoever reads must compare the
//     two.
//   - A hub may read and change everything by changing streams.
//   - All monitors of a namespace see its decisions and requests for replays.
//   - Everybody sees how much the account stores, and from the numbers of its own
//     messages how many others are written to a stream. Whoever writes to a stream
//     can find out the number of the newest message on a subject of it that it can
//     name (a condition of the publish), but not read it.
//   - Everybody can fill what it may write: disk space, and the number of consumers
//     (20 000) of a stream that it may read.
//   - Credentials cannot be taken back before they expire, other than by new keys.
//   - The embedded server speaks no TLS. The seed never travels, but what is
//     published does as it is.
package creds
