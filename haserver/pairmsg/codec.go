package pairmsg

import (
	"fmt"

	"loadshare/haserver/zone"
)

// The first octet of a frame: which message it is. Numbers are never used again for another one.
const (
	kindHello = iota + 1
	kindReject
	kindNegotiate
	kindNegotiateReply
	kindHeartbeat
	kindHeartbeatReply
	kindUnfit
	kindUpdate
	kindUpdateReply
	kindInconsistent
	kindForward
	kindForwarded
	kindShutdown
	kindSwapAsk
	kindSwapReply
	kindSettings
	kindSettingsAsk
	kindSettingsDone
	kindSyncAsk
	kindSyncPoints
	kindSyncFetch
	kindSyncEntries
	kindSyncCompare
	kindSyncSets
	kindSyncCopy
	kindSyncCommit
	kindSyncDone
	kindSyncEnd
	kindSyncZones
	kindMarks
	kindDropped
	kindHeard
	kindConflictsKept
	kindConflicts
)

// kinds is how many types of messages there are: they are numbered from 1, in the first octet of a frame.
const kinds = kindConflicts

// Encode is the frame of a message. It panics at values that no message can have: names that are not valid, records that
// can be in no zone, over 4 GiB.
func Encode(m Message) []byte {
	c := &coder{out: make([]byte, 1, roughly(m))}
	c.out[0] = kindOf(m)
	c.layout(&m)
	if c.bad {
		panic(fmt.Sprintf("pairmsg: %T cannot be encoded", m))
	}
	return c.out
}

// Decode reads a frame. Anything but what Encode makes is an error; what is allocated is bounded by a small multiple of
// the frame, and nothing of the frame is kept.
//
// A Hello that has no version in common with ours is read as far as the versions, and one of a later version may be longer than
// ours: so that it can be refused with the right reason, or spoken to.
func Decode(frame []byte) (Message, error) {
	if len(frame) == 0 {
		return nil, fmt.Errorf("empty message of the partner")
	}
	m := blank(frame[0])
	if m == nil {
		return nil, fmt.Errorf("message of the partner of the unknown type %d", frame[0])
	}
	c := &coder{in: frame[1:], reading: true}
	c.layout(&m)
	if c.bad || len(c.in) > 0 {
		return nil, fmt.Errorf("message of the partner of type %d (%d octets) is damaged, or of another version", frame[0], len(frame))
	}
	return m, nil
}

// Size is how many octets an entry takes in a message.
func Size(e Entry) int {
	n := entryLeast
	for _, list := range [][]zone.Record{e.Delta.Deleted, e.Delta.Added} {
		for _, r := range list {
			n += len(r.Name) + 8 + len(r.Data)
		}
	}
	return n
}

// roughly is how much room to make.
func roughly(m Message) int {
	n := 256
	switch m := m.(type) {
	case Update:
		for _, e := range m.Entries {
			n += Size(e)
		}
	case SyncEntries:
		for _, e := range m.Entries {
			n += Size(e)
		}
	case SyncCommit:
		n += Size(m.Entry)
	case SyncCompare:
		n += 16 * len(m.Digests)
	case SyncSets:
		n += 2*len(m.Differ) + MaxBatch
	case Marks:
		n += 64 * len(m.List)
	case ConflictsKept:
		n += 64 * len(m.List)
	case Conflicts:
		for i := range m.List {
			n += 64 + len(m.List[i].Value)
		}
	}
	return n
}
