package haserver

import (
	"sync"
	"time"
)

// flight is what was shipped over the connection in use and is not confirmed.
type flight struct {
	mu      sync.Mutex // those who send and those who receive
	through uint64     // confirmed
	list    []shipment
}

// shipment is a message with changes, the last of them numbered last.
type shipment struct {
	last uint64
	at   time.Time
}

const maxShipments = 4096 // whose times are remembered

func (f *flight) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.through, f.list = 0, f.list[:0]
}

// shipped notes a message and returns how many changes are not confirmed now.
func (f *flight) shipped(last uint64, at time.Time) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) < maxShipments {
		f.list = append(f.list, shipment{last, at})
	}
	return last - min(last, f.through)
}

// confirmed returns how long the oldest of the confirmed messages took; 0: none was waited for.
func (f *flight) confirmed(through uint64, at time.Time) (took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.through = max(f.through, through)
	n := 0
	for n < len(f.list) && f.list[n].last <= through {
		n++
	}
	if n > 0 {
		took = at.Sub(f.list[0].at)
		f.list = append(f.list[:0], f.list[n:]...)
	}
	return took
}
