package dhcp

import (
	"sync"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/socket"
)

// class is how much a client would miss the answer.
type class uint8

const (
	renewals  class = iota // it has a lease, or gives it back
	requests               // it was offered an address, or asks about one
	discovers              // it begins, and will begin again
	classes   int   = iota
)

// room is how many messages of a class wait. What is more is dropped.
var room = [classes]int{8192, 4096, 2048}

// inbox is what the sockets have heard and the loop has not taken yet.
type inbox struct {
	wake chan struct{} // has one when there is something

	mu      sync.Mutex // receivers put, the loop takes
	waiting [classes][]engine.Heard
	most    [classes]int // that waited at a time
	count   *counters
}

func newInbox(c *counters) *inbox { return &inbox{wake: make(chan struct{}, 1), count: c} }

// put queues a batch of a receiver.
func (b *inbox) put(batch []socket.Received) {
	var dropped [classes]int
	b.mu.Lock()
	for i := range batch {
		c := classOf(batch[i].Packet)
		if len(b.waiting[c]) >= room[c] {
			dropped[c]++
			continue
		}
		b.waiting[c] = append(b.waiting[c], engine.Heard{Packet: batch[i].Packet, From: batch[i].From})
	}
	b.mu.Unlock()
	for c, n := range dropped {
		b.count.overflow[c].Add(uint64(n))
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take moves all that waits into empty lists, the most urgent class first.
func (b *inbox) take(into *[classes][]engine.Heard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range into {
		b.most[c] = max(b.most[c], len(b.waiting[c]))
		into[c], b.waiting[c] = b.waiting[c], into[c][:0]
	}
}

// lengths are how many wait now.
func (b *inbox) lengths() (n [classes]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range n {
		n[c] = len(b.waiting[c])
	}
	return n
}

func classOf(p *packet.Packet) class {
	switch p.Type {
	case packet.Discover:
		return discovers
	case packet.Release, packet.Decline:
		return renewals
	case packet.Request:
		if p.CIAddr != 0 && !p.Options.Has(option.ServerIdentifier) {
			return renewals
		}
	}
	return requests
}
