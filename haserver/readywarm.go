package haserver

import (
	"math/bits"
	"sync/atomic"

	"loadshare/haserver/message"
)

// warm reads what find will read for the messages of a batch, for all of them before the first is answered: the processor then waits
// for memory once for several of them, and not at every question.
func (l *udpLoop) warm() {
	r := l.w.ready
	if l.received < 2 || r == nil || len(r.tags) == 0 {
		return
	}
	var at [udpBatch]struct {
		bucket int
		tag    uint64
	}
	var sum uint64
	for i := range l.received {
		if question := message.Asked(l.message(i)); question != nil {
			at[i].bucket, at[i].tag = r.bucket(question)
			sum ^= r.tags[at[i].bucket]
		}
	}
	var turns [udpBatch]*uint32
	for i, a := range at[:l.received] {
		if ways := maybe(r.tags[a.bucket], a.tag); ways != 0 {
			slot := a.bucket*readyWays + bits.TrailingZeros64(ways)/8
			sum ^= r.slots[slot].rate
			turns[i] = r.turns[slot]
		}
	}
	for _, turn := range turns[:l.received] {
		if turn != nil {
			sum ^= uint64(atomic.LoadUint32(turn))
		}
	}
	l.warmed = sum
}
