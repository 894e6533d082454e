package dhcp

import (
	"errors"
	"log/slog"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/store"
)

const (
	slowCommit = 2 * time.Second

	gatherTime = 5 * time.Millisecond
	gathered   = 8 // writes; an ISC partner sends 10 and waits
)

// group is what is made durable together.
type group struct {
	write  engine.Write
	writes int           // of the machine, joined
	since  time.Duration // when the first was made, on the loop's clock
	seq    uint64
	err    error // set by the committer
}

// add joins a write of the machine, whose slices are valid only now.
func (g *group) add(w *engine.Write, now time.Duration) {
	if g.writes == 0 {
		g.since = now
	}
	store.Join(&g.write, w)
	g.writes++
}

// gathers says that the group stays open, and until when. What nobody waits for, most of all the partner's updates, gathers for a little
// while: a client that asks next would wait for that fsync before its own.
func (g *group) gathers(now time.Duration) (until time.Duration, ok bool) {
	until = g.since + gatherTime
	return until, !g.write.Awaited && g.writes < gathered && now < until
}

// clear keeps the memory, but nothing that it points to.
func (g *group) clear() {
	w := &g.write
	clear(w.Leases)
	clear(w.History)
	clear(w.Jobs)
	*g = group{write: engine.Write{
		Leases: w.Leases[:0], Forget: w.Forget[:0], Saved: w.Saved[:0], Shared: w.Shared[:0], History: w.History[:0], Jobs: w.Jobs[:0], Done: w.Done[:0],
	}}
}

// committer makes writes durable. What the loop has gathered while one group was being written is the next group: many changes share
// one fsync, and a lone one does not wait. After a failed write nothing is written any more (decision H-i).
type committer struct {
	store  *store.Store
	log    *slog.Logger
	count  *counters
	groups chan *group // the loop sends only when the last one has come back
	back   func(*group)
	done   chan struct{}
}

var errUnfit = errors.New("the lease database failed before; restart when the disk is repaired")

func newCommitter(s *store.Store, count *counters, log *slog.Logger, back func(*group)) *committer {
	c := &committer{store: s, log: log, count: count, groups: make(chan *group, 1), back: back, done: make(chan struct{})}
	go c.run()
	return c
}

func (c *committer) run() {
	defer close(c.done)
	failed := false
	for g := range c.groups {
		if failed {
			g.err = errUnfit
		} else {
			start := time.Now()
			g.seq, g.err = c.store.Commit(&g.write, start.Unix())
			failed = g.err != nil
			c.took(g, time.Since(start))
		}
		c.back(g)
	}
}

func (c *committer) took(g *group, took time.Duration) {
	c.count.commit(len(g.write.Leases), took)
	if took > slowCommit {
		c.log.Warn("store_slow", "seconds", took.Seconds(), "hint", "look at the disk under state_dir")
	}
}
