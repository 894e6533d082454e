// Package beside is what two of our servers tell each other beside the failover protocol, so that people learn of trouble before clients
// do. It is pure; a [Machine] is one partnership, from one side. Leases do not depend on it, and an ISC partner never sees it.
//
//	Told       what a client was told, or would have been      both serve alike (decision D-j): [Machine.Findings]
//	Waiting    clients that ask and are not acknowledged       joined with what the other acknowledged (decision D-k): [Machine.Unserved]
//	Served     of those, whom the other has acknowledged
//	Outage     who waited, got a short lease, or nothing       after contact was lost (decision D-k): [Machine.Outage]
//	Relays     relays and how long ago they were heard         heard by one only: [Machine.Relays]
//	Digest     of the configuration                            differs (checklist D04): [Machine.Differs]
//	Want       the words of the configuration, please
//	Summary    the words, in pieces
//
// # Use
//
// [Machine.Step] takes an [Input] and returns the frames to send, in order, and when Tick is due. What was seen is asked for with the
// methods above. Step is quick; nothing in it waits.
//
// # Frames
//
// Each begins with ff ff, which no failover message does, then a version and a type. What does not parse, is of another version or of an
// unknown type, is counted and passed over. A frame has at most [MaxFrame] octets; longer lists go in several, the first of which is
// marked. Lists are bounded on both sides, and Told is a sample.
//
// Moments are told as seconds ago, so that the clocks of the two do not matter.
package beside
