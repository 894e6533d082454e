package haserver

import (
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// pipeline is the one way by which zones change. Two goroutines:
//
//	changes -> applier -> batch -> committer -> answers
//
// The applier takes waiting changes in order and carries each out on the tip of its zone. What it has gathered
// while the committer was busy is the next batch: many changes share one fsync, and a lone one does not wait. The
// committer makes a batch durable, then visible, then known (decisions H-a, H-b). The copy to a partner will go out
// beside the fsync, in commit.
//
// After a failed commit nothing is written any more: what the disk holds is not known (decision H-i).
type pipeline struct {
	s       *Server
	store   durable.Store
	changes chan *change
	batches chan *batch
	done    chan struct{} // closed when the committer has ended
	commits atomic.Int64  // batches that were made durable

	gate   sync.RWMutex // held for writing by close alone: nobody sends afterwards
	closed bool
}

const (
	maxWaiting    = 1024 // changes in the queue before the applier
	maxBatch      = 1024 // changes in a batch
	slowCommit    = 2 * time.Second
	maxBatchBytes = 4 << 20
)

// applyFunc makes the next generation of a zone. When nothing changes it returns tip and a zero Delta.
type applyFunc func(tip *zone.Zone) (next *zone.Zone, d zone.Delta, r result)

type change struct {
	zone   *liveZone
	apply  applyFunc
	result chan result // of one
	is     result
}

// result is what became of a change.
type result struct {
	rcode  zone.Rcode
	reason Reason
	why    string
	serial uint32 // of the zone, when there was no error
}

// batch is what is committed together.
type batch struct {
	ops     durable.Batch
	changes []*change
	zones   map[*liveZone]generation
	bytes   int
}

type generation struct {
	zone *zone.Zone
	seq  uint64
}

func newPipeline(s *Server, store durable.Store) *pipeline {
	p := &pipeline{s: s, store: store, changes: make(chan *change, maxWaiting), batches: make(chan *batch), done: make(chan struct{})}
	go p.applier()
	go p.committer()
	return p
}

// close ends the pipeline after what waits is done. Later changes are refused.
func (p *pipeline) close() {
	p.gate.Lock()
	p.closed = true
	close(p.changes)
	p.gate.Unlock()
	<-p.done
}

// do carries out a change and returns when it is durable and visible, or was refused.
func (p *pipeline) do(z *liveZone, apply applyFunc) result {
	c := &change{zone: z, apply: apply, result: make(chan result, 1)}
	if !p.enqueue(c) {
		return result{rcode: zone.ServFail, reason: NotAccepting, why: "the server is stopping"}
	}
	return <-c.result
}

func (p *pipeline) enqueue(c *change) bool {
	p.gate.RLock()
	defer p.gate.RUnlock()
	if !p.closed {
		p.changes <- c
	}
	return !p.closed
}

func (p *pipeline) applier() {
	defer close(p.batches)
	for first := range p.changes {
		b := &batch{zones: map[*liveZone]generation{}}
		p.add(b, first)
		for out := p.batches; out != nil; {
			more := p.changes
			if len(b.changes) >= maxBatch || b.bytes >= maxBatchBytes {
				more = nil
			}
			select {
			case out <- b:
				out = nil
			case c, ok := <-more:
				if !ok {
					out <- b
					return
				}
				p.add(b, c)
			}
		}
	}
}

// add carries a change out on the tip and puts it into the batch.
func (p *pipeline) add(b *batch, c *change) {
	b.changes = append(b.changes, c)
	z := c.zone
	if why := p.s.mayUpdate(z); why != "" {
		c.is = result{rcode: zone.ServFail, reason: NotAccepting, why: why}
		return
	}
	next, d, r := p.carryOut(c)
	c.is = r
	if d.IsZero() {
		return
	}
	seq, err := z.log.Append(&b.ops, pairmsg.Entry{Time: time.Now().UnixMicro(), Digest: z.log.Point().Digest.Step(d), Delta: d})
	if err != nil {
		p.s.unfit("cannot write down a change of zone " + z.name.String() + ": " + err.Error())
		c.is = result{rcode: zone.ServFail, reason: StorageError, why: err.Error()}
		return
	}
	for _, r := range d.Added {
		b.bytes += len(r.Name) + len(r.Data)
	}
	z.tip, z.seq = next, seq
	b.zones[z] = generation{next, seq}
}

// carryOut calls the change's function; a panic in it refuses the change and leaves the tip.
func (p *pipeline) carryOut(c *change) (next *zone.Zone, d zone.Delta, r result) {
	defer func() {
		if v := recover(); v != nil {
			p.s.count.panics.Add(1)
			p.s.log.Error("update_panicked", "zone", c.zone.name.String(), "panic", v)
			next, d, r = c.zone.tip, zone.Delta{}, result{rcode: zone.ServFail, reason: BadUpdate, why: "internal error"}
		}
	}()
	return c.apply(c.zone.tip)
}

func (p *pipeline) committer() {
	defer close(p.done)
	for b := range p.batches {
		p.commit(b)
	}
}

// commit makes a batch durable, then visible, then answers.
func (p *pipeline) commit(b *batch) {
	err := p.persist(b)
	if err == nil {
		for z, g := range b.zones {
			z.visible.Store(g.zone)
			p.s.zoneChanged(z, true)
			p.s.snapshotIfDue(z, g)
		}
	}
	for _, c := range b.changes {
		if err != nil && c.is.reason != NotAccepting {
			// Whatever was found out about it was found out on a tip that will never be.
			c.is = result{rcode: zone.ServFail, reason: StorageError, why: err.Error()}
		}
		c.result <- c.is
	}
}

// persist makes a batch durable. A batch without entries has something to wait for too: what was before it.
func (p *pipeline) persist(b *batch) error {
	if p.s.unfitWhy() != "" {
		return errUnfit
	}
	if b.ops.Len() == 0 {
		return nil
	}
	start := time.Now()
	err := p.store.Commit(&b.ops)
	took := time.Since(start)
	p.commits.Add(1)
	p.s.count.commit(len(b.changes), took)
	if err != nil {
		p.s.unfit("the zone journal cannot be written: " + err.Error())
		return err
	}
	if took > slowCommit {
		p.s.log.Warn("journal_slow", "seconds", took.Seconds(), "hint", "look at the disk under state_dir")
	}
	return nil
}
