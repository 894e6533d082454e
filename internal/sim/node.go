package sim

import (
	"maps"
	"slices"
	"time"
)

// Disk holds keys and values. What was written is durable after Sync.
type Disk struct {
	w       *World
	durable map[string][]byte
	pending []write // in order
}

type write struct {
	key   string
	value []byte // nil deletes
}

// Disk makes an empty disk.
func (w *World) Disk() *Disk { return &Disk{w: w, durable: make(map[string][]byte)} }

// Put writes one value; nil deletes the key. It is not durable yet.
func (d *Disk) Put(key string, value []byte) {
	d.pending = append(d.pending, write{key, slices.Clone(value)})
}

// Sync makes everything written so far durable.
func (d *Disk) Sync() { d.apply(len(d.pending)) }

// Crash keeps a random prefix of what was not synced, and forgets the rest.
func (d *Disk) Crash() {
	d.apply(d.w.rng.IntN(len(d.pending) + 1))
	d.pending = nil
}

// Wipe is a disk that was lost and replaced.
func (d *Disk) Wipe() {
	d.pending = nil
	clear(d.durable)
}

func (d *Disk) apply(n int) {
	for _, p := range d.pending[:n] {
		if p.value == nil {
			delete(d.durable, p.key)
		} else {
			d.durable[p.key] = p.value
		}
	}
	d.pending = d.pending[n:]
}

// Read is a copy of what is durable.
func (d *Disk) Read() map[string][]byte { return maps.Clone(d.durable) }

// Keys are the durable keys, sorted.
func (d *Disk) Keys() []string { return slices.Sorted(maps.Keys(d.durable)) }

// Clock is a clock of one host.
type Clock struct {
	w      *World
	offset time.Duration
	drift  float64 // seconds gained a second
	since  time.Time
}

// Clock makes a clock that is off by offset and gains drift seconds a second.
func (w *World) Clock(offset time.Duration, drift float64) *Clock {
	return &Clock{w: w, offset: offset, drift: drift, since: w.now}
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	return c.w.now.Add(c.offset + time.Duration(float64(c.w.now.Sub(c.since))*c.drift))
}

// Jump sets the clock forward or back.
func (c *Clock) Jump(by time.Duration) { c.offset += by }

// True is the world's time at which the clock shows t.
func (c *Clock) True(t time.Time) time.Time {
	return c.since.Add(time.Duration(float64(t.Sub(c.since)-c.offset) / (1 + c.drift)))
}

// Life is which run of a process is alive. The zero Life is not.
type Life struct {
	run   uint64
	alive bool
}

// Start begins a new run.
func (l *Life) Start() { l.run, l.alive = l.run+1, true }

// Stop ends the run: nothing that was bound to it happens any more.
func (l *Life) Stop() { l.alive = false }

// Alive reports whether a run goes on.
func (l *Life) Alive() bool { return l.alive }

// Run is the number of the present or last run.
func (l *Life) Run() uint64 { return l.run }

// Bind returns do, to happen only while the present run goes on.
func (l *Life) Bind(do func()) func() {
	run := l.run
	return func() {
		if l.alive && l.run == run {
			do()
		}
	}
}
