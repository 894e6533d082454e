package haserver

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
	"loadshare/internal/metrics"
)

const (
	markKind      = 'R'  // of journal values: when a set was refreshed; the id is the set, the value seconds since 1970
	maxScavenged  = 2000 // sets that go by one update; the rest by the next
	maxNamed      = 20   // of them in the log
	maxMarksBatch = 10_000
	maxMarksTold  = 4096        // in a message to the partner
	marksQueued   = 4 << 20     // octets waiting for the partner above which it is told no more
	clockJump     = time.Minute // more than this between the two clocks of the host is one
)

// scavenger keeps the marks of all zones in which stale records are looked for (checklist H13 to H15: by the main in normal, by the
// survivor in partner-down, by a single server; never while the partner may have heard a refresh that this server has not).
type scavenger struct {
	s       *Server
	now     func() time.Time // time.Now but in tests
	removed metrics.CounterOne

	mu    sync.Mutex // the loop's goroutine touches, the keeper and reloads do the rest
	zones map[string]*markedZone

	// Of the keeper.
	wall, mono time.Time // of the last pass
	place      place
}

// markedZone is the marks of a zone with a policy.
type markedZone struct {
	name   zone.Name
	policy scavenge.Policy
	book   scavenge.Book
	dirty  map[scavenge.Set]struct{} // marks that the disk does not have as they are
	untold map[scavenge.Set]struct{} // those that the partner is to hear of
	since  time.Time                 // listening for refreshes; zero: not yet. Of the keeper, with mu held
}

// place is what decides whether it is this server's turn; in another one refreshes may have gone to the partner.
type place struct {
	role  pairmsg.Role
	state pairmsg.State
	since int64
}

func (p place) turn() bool {
	return p.role == pairmsg.Single || p.state == pairmsg.PartnerDown || p.state == pairmsg.Normal && p.role == pairmsg.Main
}

func newScavenger(s *Server) *scavenger {
	return &scavenger{s: s, now: time.Now, zones: map[string]*markedZone{},
		removed: s.count.reg.Counter("dns_scavenged_total", "Records removed because no client had refreshed them.").With()}
}

// configure takes over the zones of a view. Marks of a zone that is new here are read from the disk; without them nothing of it is
// removed.
func (c *scavenger) configure(v *view) {
	fresh := map[string]*markedZone{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, z := range v.zones {
		p := z.conf.Scavenge
		if !p.On() {
			continue
		}
		m := c.zones[key]
		if m == nil || m.policy != p { // marks did not move while it was off
			m = &markedZone{name: z.name, policy: p, dirty: map[scavenge.Set]struct{}{}, untold: map[scavenge.Set]struct{}{}}
			if old := c.zones[key]; old != nil {
				m.book, m.dirty, m.untold = old.book, old.dirty, old.untold
			} else if err := c.read(m); err != nil {
				c.s.log.Error("marks_unreadable", "zone", plain(z.name), "error", err.Error(), "hint", "records that were there before are not scavenged until they are made anew")
			}
		}
		fresh[key] = m
	}
	c.zones = fresh
}

func (c *scavenger) read(m *markedZone) error {
	values, err := c.s.journal.Values(markKind, m.name)
	if err != nil {
		return err
	}
	for _, v := range values {
		n := len(v.ID) - 2
		if n < 1 || !zone.Name(v.ID[:n]).Valid() || len(v.Data) != 8 {
			return fmt.Errorf("the mark %q is damaged", v.ID)
		}
		set := scavenge.Set{Name: v.ID[:n], Type: zone.Type(binary.BigEndian.Uint16([]byte(v.ID[n:])))}
		m.book.Set(set, int64(binary.BigEndian.Uint64(v.Data)))
	}
	if at := m.book.Voided(); at > 0 {
		m.void(at) // it was not written whole
	}
	return nil
}

func markID(s scavenge.Set) string {
	return string(binary.BigEndian.AppendUint16([]byte(s.Name), uint16(s.Type)))
}

// touch takes note of an update of a client that made next of tip. It is called by the loop's goroutine.
func (c *scavenger) touch(z *served, tip, next *zone.Zone, updates []zone.Record) {
	if !z.conf.Scavenge.On() {
		return
	}
	touches := scavenge.Touched(tip, next, updates)
	if len(touches) == 0 {
		return
	}
	now := c.now().Unix()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.zones[z.key]
	if m == nil {
		return
	}
	for _, t := range touches {
		if m.book.Touch(t, now, m.policy) {
			m.dirty[t.Set] = struct{}{}
			m.untold[t.Set] = struct{}{}
		}
	}
}

// void is told of every loading of the zone from a file.
func (m *markedZone) void(at int64) {
	for _, s := range append(m.book.Void(m.name, at), m.soa()) {
		m.dirty[s] = struct{}{}
	}
}

func (m *markedZone) soa() scavenge.Set { return scavenge.Set{Name: m.name.Key(), Type: zone.TypeSOA} }

// forget drops all marks of a zone: it was loaded from a file, which nothing is scavenged of.
func (c *scavenger) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.zones[key]; m != nil {
		m.void(c.now().Unix())
		m.untold[m.soa()] = struct{}{}
	}
}

// flush writes down the marks that moved.
func (c *scavenger) flush() {
	for c.flushSome() {
	}
}

func (c *scavenger) flushSome() (more bool) {
	var b durable.Batch
	c.mu.Lock()
	for _, m := range c.zones {
		for s := range m.dirty {
			if b.Len() == maxMarksBatch {
				more = true
				break
			}
			delete(m.dirty, s)
			if at, marked := m.book.At(s); marked {
				c.s.journal.PutValue(&b, markKind, m.name, markID(s), binary.BigEndian.AppendUint64(nil, uint64(at)))
			} else {
				c.s.journal.DropValue(&b, markKind, m.name, markID(s))
			}
		}
	}
	c.mu.Unlock()
	if b.Len() == 0 || c.s.unfitWhy() != "" {
		return false
	}
	if err := c.s.store.Commit(&b); err != nil {
		c.s.unfit("marks of refreshed records cannot be written: " + err.Error())
		return false
	}
	return more
}

// turn is the time between two passes: a tenth of the shortest policy, a minute at most.
func (c *scavenger) turn() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := scavengeTurn
	for _, m := range c.zones {
		d = min(d, max(keeperTick, m.policy.After/10))
	}
	return d
}

// pass removes what is stale, if it is this server's turn and it has listened long enough.
func (c *scavenger) pass(now time.Time) {
	c.mu.Lock()
	zones := make([]*markedZone, 0, len(c.zones))
	for _, m := range c.zones {
		zones = append(zones, m)
	}
	c.mu.Unlock()
	if len(zones) == 0 {
		return
	}
	st := c.s.pairStatus()
	again := c.moved(st, now)
	if again {
		c.tellAll(zones)
	}
	synced := map[string]bool{}
	for _, z := range st.Zones {
		synced[z.Zone] = z.Sync == pair.SyncComplete
	}
	for _, m := range zones {
		if !c.listened(m, again, now) || !c.place.turn() {
			continue
		}
		key := m.name.Key()
		if c.place.state == pairmsg.Normal && !synced[key] {
			continue // "not while a zone synchronises"
		}
		if z := c.s.view.Load().zones[key]; z != nil {
			c.clean(z, m, now.Unix())
		}
	}
}

// listened says whether every living client has had time to refresh; with again that begins anew.
func (c *scavenger) listened(m *markedZone, again bool, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if again || m.since.IsZero() {
		m.since = now
	}
	return now.Sub(m.since) >= m.policy.Refresh()
}

// moved says whether listening begins anew: refreshes may have gone elsewhere, or the marks are of another clock.
func (c *scavenger) moved(st pair.Status, now time.Time) bool {
	p := place{st.Role, st.State, st.Since}
	jump := time.Duration(0)
	if !c.mono.IsZero() {
		jump = now.Round(0).Sub(c.wall) - now.Sub(c.mono)
	}
	again := p != c.place || jump.Abs() > clockJump
	if jump.Abs() > clockJump {
		c.s.log.Warn("clock_jumped", "seconds", jump.Seconds(), "hint", "nothing is scavenged before every client has had time to refresh its records")
	}
	c.place, c.wall, c.mono = p, now.Round(0), now
	return again
}

// clean removes what is stale in one zone, by one update.
func (c *scavenger) clean(z *served, m *markedZone, now int64) {
	visible := z.visible.Load()
	if visible == nil || len(c.stale(m, visible, now)) == 0 {
		return
	}
	var sets []scavenge.Set
	var d zone.Delta
	r := c.s.change(z.liveZone, true, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
		sets = c.stale(m, tip, now) // a refresh may have come since
		next, delta, rcode, why := tip.Apply(zone.Update{Updates: scavenge.Removal(sets), Serial: serial})
		d = delta
		return next, delta, result{rcode: rcode, reason: Applied, why: why}
	})
	if r.rcode != zone.NoError {
		c.s.quiet.Info(c.s.log, "scavenging_waits", "zone", plain(z.name), "reason", r.reason.String(), "why", r.why)
		return
	}
	if d.IsZero() {
		return
	}
	var names []string
	for _, s := range sets[:min(len(sets), maxNamed)] {
		names = append(names, plain(zone.Name(s.Name))+" "+s.Type.String())
	}
	c.removed.Add(float64(len(d.Deleted) - 1))
	c.s.log.Info("scavenged", "zone", plain(z.name), "sets", len(sets), "records", len(d.Deleted)-1, "serial", r.serial, "first", names)
}

// stale are the sets to remove; marks without a set are forgotten.
func (c *scavenger) stale(m *markedZone, z *zone.Zone, now int64) []scavenge.Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	sets, gone := m.book.Stale(z, now, m.policy, maxScavenged)
	for _, s := range gone {
		m.book.Forget(s)
		m.dirty[s] = struct{}{}
	}
	return sets
}
