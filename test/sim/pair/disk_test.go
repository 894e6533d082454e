package pairsim

import (
	"slices"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// step is a state of a zone in a journal and the entry that led to it; the first of a journal has none.
type step struct {
	point pairmsg.Point
	tip   *zone.Zone
	entry pairmsg.Entry
}

// zoneStore is what a disk has of one zone: a snapshot and the steps after it, never none.
type zoneStore struct {
	steps []step
	saved pair.ZoneSaved
}

func (z *zoneStore) last() step { return z.steps[len(z.steps)-1] }

// history is the points from which steps lead to the last one, oldest first.
func (z *zoneStore) history() (out []pairmsg.Point) {
	for _, s := range z.steps[:len(z.steps)-1] {
		out = append(out, s.point)
	}
	return out
}

// find is the index of the step with a serial, -1: there is none.
func (z *zoneStore) find(serial uint32) int {
	for i := len(z.steps) - 1; i >= 0; i-- {
		if z.steps[i].point.Serial == serial {
			return i
		}
	}
	return -1
}

// have is the index of the step with a point, -1: there is none.
func (z *zoneStore) have(p pairmsg.Point) int {
	for i := len(z.steps) - 1; i >= 0; i-- {
		if z.steps[i].point == p {
			return i
		}
	}
	return -1
}

// entries are the entries from one serial to another; ok is false when the journal does not have them.
func (z *zoneStore) entries(after, through uint32) (out []pairmsg.Entry, ok bool) {
	from, to := z.find(after), z.find(through)
	if from < 0 || to < from {
		return nil, false
	}
	for _, s := range z.steps[from+1 : to+1] {
		out = append(out, s.entry)
	}
	return out, true
}

// store is what a disk durably has.
type store struct {
	saved pair.Saved
	zones map[string]*zoneStore
}

type conflict struct {
	zone string
	merge.Conflict
}

// clone is a copy that shares nothing that is written to.
func (s *store) clone() *store {
	c := &store{saved: s.saved, zones: map[string]*zoneStore{}}
	for k, z := range s.zones {
		c.zones[k] = &zoneStore{steps: slices.Clone(z.steps), saved: z.saved}
	}
	return c
}

// pending is one Output.Write on its way to the disk.
type pending struct {
	batch  uint64
	writes []pair.Write
}

// disk makes writes durable, in order, some outputs at a time.
type disk struct {
	n        *node
	durable  *store // nil: nothing was ever written
	queue    []pending
	flying   int    // how many of the queue the fsync under way is for
	given    uint64 // the last batch of this run
	has      uint64 // the last one that is durable
	fsync    [2]time.Duration
	hangs    time.Time // no fsync ends before
	full     bool      // writes fail
	failed   bool      // one has failed in this run
	unfit    bool      // the machine was told that fsync hangs
	lastSlow time.Time // when it last hung
	flight   int       // number of the fsync
	snapshot *store    // an old state
	lost     time.Time // when what it had was lost
}

// open is what the shell does before it makes a machine.
func (d *disk) open() {
	w := d.n.s.w
	d.queue, d.flying, d.failed, d.unfit, d.given, d.has = nil, 0, false, false, 0, 0
	if d.durable == nil {
		d.durable = &store{zones: map[string]*zoneStore{}}
		for i := range d.durable.saved.Store {
			d.durable.saved.Store[i] = byte(w.Rand().UintN(256))
		}
	}
	d.durable.saved.Boot++
	for _, k := range d.n.s.zones {
		if z := d.n.files[k]; z != nil && d.durable.zones[k] == nil {
			d.create(k, z)
		}
	}
}

// create stores what a master file has.
func (d *disk) create(k string, z *zone.Zone) *zoneStore {
	st := &zoneStore{steps: []step{{point: pointOf(z), tip: z}}, saved: pair.ZoneSaved{Flags: pairmsg.Fresh}}
	d.durable.zones[k] = st
	return st
}

func pointOf(z *zone.Zone) pairmsg.Point {
	return pairmsg.Point{Serial: z.Serial(), Digest: digest.Of(z)}
}

// load is what is handed to the machine.
func (d *disk) load() map[string]pair.ZoneStart {
	out := map[string]pair.ZoneStart{}
	for k, z := range d.durable.zones {
		start := pair.ZoneStart{Tip: z.last().tip, Point: z.last().point, History: z.history(), Saved: z.saved}
		if i := z.have(z.saved.Alone); i >= 0 {
			start.Begun = z.steps[i].tip
		}
		out[k] = start
	}
	return out
}

func (d *disk) write(batch uint64, writes []pair.Write) {
	if len(writes) == 0 && batch == 0 {
		return
	}
	if batch == 0 {
		d.n.s.w.Fail("%s writes without a batch", d.n.name)
	}
	d.given = batch
	d.queue = append(d.queue, pending{batch, d.n.s.sabotaged(d.n, slices.Clone(writes))})
	if d.n.s.broken.liarDisk {
		n := d.n
		n.s.w.After(0, "", n.life.Bind(func() { n.step(pair.Durable{Batch: batch}) }))
	}
	d.kick()
}

// kick starts an fsync when there is something to write.
func (d *disk) kick() {
	if d.flying > 0 || len(d.queue) == 0 || d.failed {
		return
	}
	n, w := d.n, d.n.s.w
	d.flying = len(d.queue)
	d.flight++
	if w.Chance(0.1) {
		d.flying = 1 + w.Rand().IntN(len(d.queue))
	}
	took := w.Between(d.fsync[0], d.fsync[1])
	took = max(took, d.hangs.Sub(w.Now())+took)
	if took > 2*time.Second {
		w.After(2*time.Second, "", n.life.Bind(func() {
			if d.flying > 0 && !d.failed && !d.unfit {
				d.unfit, d.lastSlow = true, w.Now()
				n.step(pair.Unfit{Why: "fsync takes over 2 s"})
			}
		}))
	}
	w.After(took, "", n.life.Bind(d.synced))
}

// synced is the end of an fsync.
func (d *disk) synced() {
	n, w := d.n, d.n.s.w
	if left := d.hangs.Sub(w.Now()); left > 0 { // it began to hang meanwhile
		d.lastSlow = w.Now()
		if !d.unfit {
			flight := d.flight
			w.After(2*time.Second, "", n.life.Bind(func() { // the same fsync, whether or not the disk is well again by then
				if d.flight == flight && d.flying > 0 && !d.failed && !d.unfit {
					d.unfit, d.lastSlow = true, w.Now()
					n.step(pair.Unfit{Why: "fsync takes over 2 s"})
				}
			}))
		}
		w.After(left+time.Millisecond, "", n.life.Bind(d.synced))
		return
	}
	if d.full {
		w.Note("%s: a write failed", n.name)
		if w.Chance(0.3) {
			d.apply(d.flying) // nobody knows
		}
		d.failed, d.flying = true, 0
		n.step(pair.WriteFailed{Why: "no space left on device"})
		return
	}
	last := d.queue[d.flying-1].batch
	d.apply(d.flying)
	d.flying = 0
	if !n.s.broken.liarDisk {
		n.step(pair.Durable{Batch: last})
	}
	if d.unfit {
		d.unfit, d.lastSlow = false, w.Now()
		n.step(pair.Unfit{})
	}
	d.kick()
}

// crash loses what is not durable; the fsync under way may just have ended.
func (d *disk) crash() {
	if d.flying > 0 && !d.failed && d.n.s.w.Chance(0.5) && !d.hangs.After(d.n.s.w.Now()) {
		d.apply(d.flying)
	}
	d.queue, d.flying = nil, 0
	if d.n.s.broken.amnesia {
		for _, k := range d.n.s.zones {
			if z := d.durable.zones[k]; z != nil && len(z.steps) > 3 {
				z.steps = z.steps[:len(z.steps)-2]
			}
		}
	}
}

// apply makes the first count outputs of the queue durable.
func (d *disk) apply(count int) {
	for _, p := range d.queue[:count] {
		for _, w := range p.writes {
			d.put(w)
		}
		d.has = p.batch
	}
	d.queue = d.queue[count:]
	d.n.s.durable(d.n)
}

func (d *disk) put(w pair.Write) {
	s := d.durable
	switch w := w.(type) {
	case pair.WriteEntry:
		z := s.zones[w.Zone]
		if z == nil {
			d.n.s.w.Fail("%s writes an entry of %q, which is not stored", d.n.name, w.Zone)
			return
		}
		if w.Entry.Delta.From != z.last().point.Serial {
			d.n.s.w.Fail("%s: entry from %d is written after serial %d", d.n.name, w.Entry.Delta.From, z.last().point.Serial)
			return
		}
		z.steps = append(z.steps, step{w.Entry.Point(), w.Tip, w.Entry})
	case pair.WriteZone:
		if z := s.zones[w.Zone]; z != nil {
			z.saved = w.Saved
		} else {
			d.n.s.w.Fail("%s saves zone %q, which is not stored", d.n.name, w.Zone)
		}
	case pair.WriteContent:
		z := s.zones[w.Zone]
		if z == nil {
			z = &zoneStore{}
			s.zones[w.Zone] = z
		}
		z.steps = []step{{point: w.Point, tip: w.Tip}}
	case pair.WriteSaved:
		if w.Saved.Store != s.saved.Store || w.Saved.Boot != s.saved.Boot {
			d.n.s.w.Fail("%s saves another store or boot than it was opened with", d.n.name)
		}
		s.saved = w.Saved
	case pair.WriteConflict:
		d.n.s.conflicts = append(d.n.s.conflicts, conflict{w.Zone, w.Conflict})
	}
}

// unsure is how many changes before a parting the partner may lack, or have more, at most. (The journal keeps 20,000.)
const unsure = 30

// trim forgets history, as the journal does when it has a new snapshot: all but the last entries, and those that a merge will need. What
// lies between becomes one entry. (The real one keeps 10,000.)
func (d *disk) trim(k string, newest int) {
	z := d.durable.zones[k]
	if z == nil {
		return
	}
	end := max(0, len(z.steps)-1-newest)
	wanted := func(i int) bool { return i >= end }
	if through := z.have(z.saved.Apart); through >= 0 && !d.n.s.broken.forgetsBase {
		asked := z.have(z.saved.Asked)
		wanted = func(i int) bool {
			return i >= end || i <= through && (i > through-unsure || z.steps[i].point == z.saved.Agreed) || i <= asked && i > asked-unsure
		}
	}
	var steps []step
	var way merge.Trace
	for i, x := range z.steps {
		if way.Add(x.entry); !wanted(i) {
			continue
		}
		if len(steps) == 0 {
			x.entry = pairmsg.Entry{}
		} else {
			x.entry = way.Entry()
		}
		way = merge.Trace{}
		steps = append(steps, x)
	}
	z.steps = steps
}
