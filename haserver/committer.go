package haserver

import (
	"fmt"
	"sync/atomic"
	"time"

	"loadshare/haserver/journal"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// committer makes writes durable. What the loop has gathered while one group was being written is the next group: many changes share
// one fsync, and a lone one does not wait.
//
// After a failed commit nothing is written any more: what the disk holds is not known (decision H-i).
type committer struct {
	s      *Server
	store  durable.Store
	groups chan *group // the loop sends only when the last one has come back
	back   chan *group
	done   chan struct{}

	commits atomic.Int64 // groups that were made durable
	staged  stages
	batch   durable.Batch // of the goroutine
}

// group is what is committed together.
type group struct {
	items []item
	bytes int    // of entries, about
	batch uint64 // of pair.Output
	err   error  // set by the committer
}

// item is one write, with the zone it is about.
type item struct {
	write pair.Write
	zone  *liveZone
}

// generation is a zone after its entry seq.
type generation struct {
	zone *zone.Zone
	seq  uint64
	keep journal.Keep
}

const slowCommit = 2 * time.Second

func newCommitter(s *Server, store durable.Store) *committer {
	c := &committer{s: s, store: store, groups: make(chan *group, 1), back: make(chan *group, 1), done: make(chan struct{})}
	go c.run()
	return c
}

func (c *committer) run() {
	defer close(c.done)
	zones := map[*liveZone]generation{}
	var failed error
	for g := range c.groups {
		if g.err = failed; failed == nil {
			g.err = c.commit(g, zones)
			failed = g.err
		}
		if failed == nil {
			for z, now := range zones {
				now.keep = z.keep
				c.s.snapshotIfDue(z, now)
			}
		}
		clear(zones)
		c.back <- g
	}
}

// commit makes a group durable and notes the zones' last generations.
func (c *committer) commit(g *group, zones map[*liveZone]generation) error {
	b := &c.batch
	b.Reset()
	entries, conflicts := 0, false
	saved := -1 // the last one, which takes the place of those before
	for i := range g.items {
		it := &g.items[i]
		switch it.write.(type) {
		case pair.WriteSaved:
			saved = i
			continue
		case pair.WriteEntry:
			entries++
		case pair.WriteConflict:
			conflicts = true
		}
		if err := c.put(b, it, zones); err != nil {
			return err
		}
	}
	if saved >= 0 {
		c.s.journal.PutSaved(b, encodeSaved(g.items[saved].write.(pair.WriteSaved).Saved))
	}
	start := time.Now()
	if b.Len() > 0 {
		if err := c.store.Commit(b); err != nil {
			return fmt.Errorf("the zone journal cannot be written: %w", err)
		}
	}
	if conflicts {
		c.s.conflictsDue()
	}
	took := time.Since(start)
	c.commits.Add(1)
	c.s.count.ha.took(haMaxCommit, took)
	if entries > 0 {
		c.s.count.commit(entries, took)
	}
	if took > slowCommit {
		c.s.log.Warn("journal_slow", "seconds", took.Seconds(), "hint", "look at the disk under state_dir")
	}
	return nil
}

// put adds one write, but for WriteSaved, to the batch.
func (c *committer) put(b *durable.Batch, it *item, zones map[*liveZone]generation) error {
	z := it.zone
	switch w := it.write.(type) {
	case pair.WriteEntry:
		seq, err := z.log.Append(b, w.Entry)
		if err != nil {
			return fmt.Errorf("a change of zone %s cannot be written down: %w", z.name, err)
		}
		zones[z] = generation{w.Tip, seq, journal.Keep{}}
	case pair.WriteContent:
		err := c.replace(b, z, w)
		if err != nil {
			return fmt.Errorf("zone %s cannot be written as a whole: %w", z.name, err)
		}
		delete(zones, z)
	case pair.WriteZone:
		z.log.PutSaved(b, encodeZoneSaved(w.Saved))
		z.keep = keptFor(w.Saved)
	case pair.WriteConflict:
		putConflict(b, c.s.journal, z.name, w.Conflict)
		c.s.count.ha.conflicted(w.Conflict)
	}
	return nil
}

func (c *committer) replace(b *durable.Batch, z *liveZone, w pair.WriteContent) error {
	if st, ok := c.staged.take(z, w.Tip); ok {
		return z.log.Switch(b, st)
	}
	return z.log.Replace(b, w.Tip, w.Point)
}

// sizeOf is about how much a write costs in memory until it is on disk.
func sizeOf(w pair.Write) int {
	const least = 128
	if e, ok := w.(pair.WriteEntry); ok {
		return least + pairmsg.Size(e.Entry)
	}
	return least
}
