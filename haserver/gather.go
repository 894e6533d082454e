package haserver

import (
	"fmt"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

const (
	maxGathered  = 4 << 30 // octets, as they are in memory, of what has come and is not complete, of all zones
	maxGathering = 16      // zones of which something has come and not all
)

// gatherer puts the SyncSets of one session together. Not for several goroutines.
type gatherer struct {
	p     *pairLink
	parts map[gatherKey]*gathered
	bytes int // of them all
}

type gatherKey struct {
	sync uint64
	zone string
}

// gathered is what has come of one zone: sets of some buckets, or all of them, which become a zone while they come.
type gathered struct {
	differ []uint16
	sets   []zone.RRset
	bytes  int
	feed   chan []zone.RRset // nil: not the whole zone
	point  chan pairmsg.Point
}

func newGatherer(p *pairLink) *gatherer {
	return &gatherer{p: p, parts: map[gatherKey]*gathered{}}
}

// end drops what is not complete.
func (g *gatherer) end() {
	for _, part := range g.parts {
		if part.feed != nil {
			close(part.point)
			close(part.feed)
		}
	}
}

// take adds one message. What belongs to an older try of the same zone is dropped with it.
func (g *gatherer) take(m pairmsg.SyncSets) error {
	key := gatherKey{m.Sync, m.Zone.Key()}
	part := g.parts[key]
	if part == nil {
		g.forget(key.zone)
		if len(g.parts) >= maxGathering {
			return fmt.Errorf("the partner sends the contents of over %d zones at once", maxGathering)
		}
		part = &gathered{differ: m.Differ}
		if m.All {
			part.feed, part.point = make(chan []zone.RRset, 4), make(chan pairmsg.Point, 1)
			g.p.work.Go(func() { g.p.build(key, m.Zone, part) })
		}
		g.parts[key] = part
	}
	size := sizeOfSets(m.Sets)
	part.bytes += size
	if g.bytes += size; g.bytes > maxGathered {
		return fmt.Errorf("the partner sends contents of over %d octets at once", maxGathered)
	}
	if part.feed != nil {
		part.feed <- m.Sets // build takes until it is closed
	} else {
		part.sets = append(part.sets, m.Sets...)
	}
	if !m.Last {
		return nil
	}
	g.drop(key)
	if part.feed != nil {
		part.point <- m.Point
		close(part.feed)
		return nil
	}
	if !g.p.l.tell(pair.SetsArrived{Sync: m.Sync, Zone: key.zone, Differ: part.differ, Sets: part.sets, Point: m.Point}) {
		return errStopping
	}
	return nil
}

// forget drops an older try of a zone.
func (g *gatherer) forget(zone string) {
	for key, part := range g.parts {
		if key.zone != zone {
			continue
		}
		if part.feed != nil {
			close(part.point)
			close(part.feed)
		}
		g.drop(key)
	}
}

func (g *gatherer) drop(key gatherKey) {
	g.bytes -= g.parts[key].bytes
	delete(g.parts, key)
}

// sizeOfSets is about how much memory sets take.
func sizeOfSets(sets []zone.RRset) int {
	n := 0
	for i := range sets {
		n += len(sets[i].Name) + 64
		for _, d := range sets[i].Data {
			n += len(d) + 16
		}
	}
	return n
}

// build makes a zone of all its sets while they come, and hands it to the machine. Without a point at the end it was cut off.
func (p *pairLink) build(key gatherKey, name zone.Name, part *gathered) {
	var z *zone.Zone
	err := p.s.guarded(key.zone, func() (err error) {
		z, err = zone.Build(name, func(yield func(zone.RRset) bool) {
			ok := true
			for sets := range part.feed {
				for i := 0; i < len(sets) && ok; i++ {
					ok = yield(sets[i])
				}
			}
		})
		return err
	})
	for range part.feed { // Build refused the name
	}
	point, ok := <-part.point
	if !ok {
		return
	}
	c := pair.Content{Sync: key.sync, Zone: key.zone, Point: point}
	if err == nil {
		err = p.s.guarded(key.zone, func() error { return fits(z, point) })
	}
	if err == nil {
		err = p.stage(z, point)
	}
	if err != nil {
		c.Err = err.Error()
	} else {
		c.Whole = z
	}
	p.l.tell(c)
}

// stage writes a content that the machine is going to want.
func (p *pairLink) stage(z *zone.Zone, point pairmsg.Point) error {
	live := p.l.find(z.Origin().Key())
	if live == nil {
		return fmt.Errorf("zone %s is not in service here", z.Origin())
	}
	return p.l.commit.staged.write(live, z, point)
}
