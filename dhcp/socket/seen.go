package socket

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	seenFor  = time.Second
	seenSize = 1 << 13 // messages remembered; a newer one takes the place of an older one
)

// seen knows which messages were heard a moment ago, and where.
type seen struct {
	seed  maphash.Seed
	start time.Time

	mu   sync.Mutex // the readers of all sockets share it
	list [seenSize]heard
}

type heard struct {
	hash uint64
	on   *conn
	at   time.Duration // since start
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), start: time.Now()} }

// elsewhere says that the same octets were heard on another socket a moment ago, and notes them.
func (s *seen) elsewhere(on *conn, octets []byte, now time.Time) bool {
	hash := maphash.Bytes(s.seed, octets)
	at := now.Sub(s.start)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.list[hash%seenSize]
	if h.hash == hash && h.on != nil && h.on != on && at-h.at < seenFor {
		return true
	}
	*h = heard{hash, on, at}
	return false
}
