package dhcp

import (
	"sync"
	"sync/atomic"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/socket"
)

// class is how much a client would miss the answer.
type class uint8

const (
	renewals  class = iota // a client that is known has the address, and keeps it or gives it back
	requests               // somebody was offered an address, or a client that is known begins again
	discovers              // it begins, and will begin again
	classes   int   = iota
)

// room is how many messages of a class wait. What is more is dropped before it is parsed.
var room = [classes]int{8192, 4096, 2048}

// inbox is what the sockets have heard and the loop has not taken yet.
type inbox struct {
	wake  chan struct{} // has one when there is something
	known *known

	floods *floods

	mu      sync.Mutex // receivers put, the loop takes
	waiting [classes][]engine.Heard
	most    [classes]int // that waited at a time
	count   *counters

	length [classes]atomic.Int64 // of waiting, for those who drop
}

func newInbox(c *counters, k *known, f *floods) *inbox {
	return &inbox{wake: make(chan struct{}, 1), known: k, floods: f, count: c}
}

// admit says whether there is room for a message, before it is parsed: during a flood nothing else may be done for most of them.
func (b *inbox) admit(octets []byte, from packet.Arrival) bool {
	h, ok := packet.Peek(octets)
	if !ok {
		return true // Parse says what is wrong with it, and counts it
	}
	c := b.classOf(&h)
	if b.length[c].Load() < int64(room[c]) {
		return true
	}
	b.count.overflow[c].Add(1)
	b.floods.shed(&h, from, time.Now())
	return false
}

// put queues a batch of a receiver; signal is to follow.
func (b *inbox) put(batch []socket.Received) {
	var dropped [classes]int
	b.mu.Lock()
	for i := range batch {
		p := batch[i].Packet
		h := p.Head()
		c := b.classOf(&h)
		if len(b.waiting[c]) >= room[c] {
			dropped[c]++
			continue
		}
		b.waiting[c] = append(b.waiting[c], engine.Heard{Packet: p, From: batch[i].From})
	}
	for c := range b.waiting {
		b.length[c].Store(int64(len(b.waiting[c])))
	}
	b.mu.Unlock()
	for c, n := range dropped {
		if n > 0 {
			b.count.overflow[c].Add(uint64(n))
		}
	}
}

// signal has the loop look.
func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take moves all of a class that waits into an empty list.
func (b *inbox) take(c class, into []engine.Heard) []engine.Heard {
	if b.length[c].Load() == 0 {
		return into
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most[c] = max(b.most[c], len(b.waiting[c]))
	into, b.waiting[c] = b.waiting[c], into[:0]
	b.length[c].Store(0)
	return into
}

// lengths are how many wait now.
func (b *inbox) lengths() (n [classes]int) {
	for c := range n {
		n[c] = int(b.length[c].Load())
	}
	return n
}

// classOf is the class of a message.
func (b *inbox) classOf(h *packet.Head) class {
	switch h.Type {
	case packet.Discover:
		if b.known.has(0, h.ID, h.HType, h.CHAddr) {
			return requests
		}
		return discovers
	case packet.Request, packet.Release, packet.Decline:
		ip := h.CIAddr
		if ip == 0 {
			ip = h.Requested
		}
		if ip != 0 && b.known.has(ip, h.ID, h.HType, h.CHAddr) {
			return renewals
		}
	}
	return requests
}
