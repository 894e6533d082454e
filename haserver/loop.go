package haserver

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// loop is the one way by which zones change. Its goroutine alone touches the machine of package pair, which decides; here it is
// carried out, in the order of pair.Output:
//
//	changes, partner, disk, clock, operator -> Step -> write, send, show, answer, ...
//
// The loop never waits for anybody: the committer is free when it gets a group, queues to the partner are bounded by closing the
// connection, and whoever waits for a change has a place for the outcome.
type loop struct {
	s       *Server
	machine *pair.Machine
	start   time.Time // of the monotonic clock
	link    *pairLink // nil: single
	jobs    *jobs
	commit  *committer

	changes chan *change
	inputs  chan pair.Input
	calls   chan func()
	done    chan struct{} // closed when the goroutine has ended

	unwritten atomic.Int64 // octets of what is to be written, about

	ended   sync.Once
	refuse  sync.Once
	closing chan struct{} // closed by stop: who comes afterwards, or still waits for a place in the queue, is refused

	// Of the goroutine.
	zones   map[string]*liveZone // those that the machine has, and those that it may get of the partner
	group   *group               // gathers writes
	spare   *group
	busy    bool   // the committer has a group
	failed  string // why a write cannot be made; told to the machine after the step
	broken  bool   // it is told: nothing is written any more
	durable uint64 // the highest batch that is on disk
	batch   uint64 // the highest batch given out
	waiting []waitingJob
	settles []settling
	given   uint64 // groups that the committer got
	taken   uint64 // of them, those that came back
	replies map[uint64]chan string
	lastID  uint64 // of an operator's command
	timer   *time.Timer
	armed   time.Duration // when the timer fires; 0: never
	stopped bool
}

// settling is somebody who waits until a group is written.
type settling struct {
	group uint64
	f     func()
}

const (
	maxWaiting    = 1024 // changes in the queue before the loop
	maxRound      = 256  // changes that are taken before anything else
	maxGroup      = 4096 // writes in a group; changes wait when there are more
	maxGroupBytes = 4 << 20
	flushTime     = time.Second
)

func newLoop(s *Server, store durable.Store) *loop {
	l := &loop{
		s: s, start: time.Now(), commit: newCommitter(s, store),
		changes: make(chan *change, maxWaiting), inputs: make(chan pair.Input, 256), calls: make(chan func()), done: make(chan struct{}), closing: make(chan struct{}),
		zones: map[string]*liveZone{}, replies: map[uint64]chan string{}, group: &group{}, spare: &group{}, timer: time.NewTimer(time.Hour),
	}
	l.timer.Stop()
	l.jobs = newJobs(s, l)
	return l
}

// begin makes the machine of what the journal held, carries out what it wants at once, and starts the goroutine.
func (l *loop) begin(conf pair.Config, saved pair.Saved, zones map[string]pair.ZoneStart) {
	machine, out := pair.New(conf, saved, zones, l.now())
	l.machine = machine
	l.carryOut(&out)
	l.tellFailure()
	l.handOver()
	go l.run()
}

func (l *loop) now() pair.Now {
	t := time.Now()
	return pair.Now{Mono: t.Sub(l.start), Wall: t.UnixMicro()}
}

func (l *loop) run() {
	defer close(l.done)
	for {
		l.gather()
		l.handOver()
		if l.stopped {
			return
		}
		changes := l.changes
		if l.full() {
			changes = nil
		}
		select {
		case c := <-changes:
			l.step(&c.Change)
		case in := <-l.inputs:
			l.step(in)
		case g := <-l.commit.back:
			l.written(g)
		case f := <-l.calls:
			f()
		case <-l.timer.C:
			l.armed = 0
			l.step(pair.Tick{})
		}
	}
}

// full says whether changes wait until what is gathered goes to the disk.
func (l *loop) full() bool { return len(l.group.items) >= maxGroup || l.group.bytes >= maxGroupBytes }

// gather takes what waits already, and lets what the machine says to the partner go out. Those who are about to bring a part of a group
// run before it goes to the disk, and then who sends: on a machine with few cores the write would keep them from it.
func (l *loop) gather() {
	l.waitingInputs()
	l.waitingChanges()
	if len(l.group.items) > 0 || l.link != nil && l.link.ready != nil {
		runtime.Gosched()
		l.waitingInputs()
		l.waitingChanges()
	}
	if l.link != nil && l.link.release() && !l.busy && len(l.group.items) > 0 {
		runtime.Gosched()
	}
}

// waitingInputs takes what the partner and others have said already, before the clock is looked at: after a step that took long the
// partner must not seem silent.
func (l *loop) waitingInputs() {
	for range len(l.inputs) {
		if l.stopped {
			return
		}
		l.step(<-l.inputs)
	}
}

// waitingChanges takes the changes that wait already.
func (l *loop) waitingChanges() {
	l.s.count.ha.max(haMaxQueue, uint64(len(l.changes)+len(l.inputs)))
	for range maxRound {
		if l.full() || l.stopped {
			return
		}
		select {
		case c := <-l.changes:
			l.step(&c.Change)
		default:
			return
		}
	}
}

func (l *loop) step(in pair.Input) {
	out := l.machine.Step(l.now(), in)
	l.carryOut(&out)
	l.tellFailure()
}

// tellFailure tells the machine, once, that nothing can be written any more (decision H-i).
func (l *loop) tellFailure() {
	if l.failed == "" || l.broken {
		return
	}
	l.broken = true
	l.s.markUnfit(l.failed)
	l.unwritten.Add(-int64(l.group.bytes))
	*l.group = group{items: l.group.items[:0]}
	l.waiting = nil
	l.step(pair.WriteFailed{Why: l.failed})
}

// carryOut does what the machine says, in the order of the fields.
func (l *loop) carryOut(out *pair.Output) {
	for _, w := range out.Write {
		l.write(w)
	}
	if out.Batch > 0 {
		l.batch, l.group.batch = out.Batch, out.Batch
	}
	if l.link != nil {
		l.link.send(out.Session, out.Met, out.Send)
	}
	for _, id := range out.Close {
		l.link.close(id)
	}
	if out.Dial {
		l.link.dial()
	}
	for i := range out.Show {
		l.show(&out.Show[i])
	}
	for _, c := range out.Answer {
		l.s.count.ha.answered(c)
		c.Tag.(*change).done <- struct{}{}
	}
	for _, r := range out.Replies {
		if to := l.replies[r.ID]; to != nil {
			delete(l.replies, r.ID)
			to <- r.Refused
		}
	}
	l.takeJobs(out)
	for i := range out.Notes {
		l.s.note(&out.Notes[i])
	}
	l.arm(out.Next)
	l.stopped = l.stopped || out.Stopped
}

// write puts a write into the group that is gathered.
func (l *loop) write(w pair.Write) {
	if l.broken {
		return
	}
	z, err := l.zoneOf(w)
	if err != nil {
		l.failed = err.Error()
		return
	}
	size := sizeOf(w)
	l.group.items = append(l.group.items, item{w, z})
	l.group.bytes += size
	l.unwritten.Add(int64(size))
}

// zoneOf is the zone that a write is about; nil: none. The content of a zone that is not stored yet makes it one that is.
func (l *loop) zoneOf(w pair.Write) (*liveZone, error) {
	var key string
	switch w := w.(type) {
	case pair.WriteEntry:
		key = w.Zone
	case pair.WriteZone:
		key = w.Zone
	case pair.WriteContent:
		key = w.Zone
	case pair.WriteConflict:
		key = w.Zone
	default:
		return nil, nil
	}
	if z := l.zones[key]; z != nil {
		return z, nil
	}
	if w, ok := w.(pair.WriteContent); ok {
		return l.expected(w.Tip.Origin())
	}
	return nil, errors.New("internal error: a write for the zone " + zone.Name(key).String() + ", which is not here")
}

// handOver gives what was gathered to the committer, if that is free.
func (l *loop) handOver() {
	if l.busy {
		return
	}
	if len(l.group.items) == 0 {
		l.settled(math.MaxUint64)
		return
	}
	l.commit.groups <- l.group
	l.busy = true
	l.given++
	l.group, l.spare = l.spare, nil
}

// settled calls those who wait for the groups through one.
func (l *loop) settled(through uint64) {
	for len(l.settles) > 0 && l.settles[0].group <= through {
		l.settles[0].f()
		l.settles = l.settles[1:]
	}
}

// written takes back what the committer is done with.
func (l *loop) written(g *group) {
	l.busy = false
	l.taken++
	l.settled(l.taken)
	l.unwritten.Add(-int64(g.bytes))
	batch, err := g.batch, g.err
	clear(g.items)
	*g = group{items: g.items[:0]}
	l.spare = g
	if err != nil {
		l.failed = err.Error()
		l.tellFailure()
		return
	}
	l.durable = batch
	l.step(pair.Durable{Batch: batch})
}

// arm sets the timer for the next Tick. One that fires too early does no harm, so it is moved only to an earlier time.
func (l *loop) arm(next time.Duration) {
	if next == 0 || l.armed != 0 && l.armed <= next {
		return
	}
	l.armed = next
	l.timer.Reset(max(0, next-time.Since(l.start)))
}

// show lets queries and transfers see another generation.
func (l *loop) show(s *pair.Show) {
	z := l.zones[s.Zone]
	if z == nil {
		return // dropped meanwhile
	}
	z.hidden.Store(uint32(s.Why))
	z.visible.Store(s.Tip)
	if s.Tip != nil {
		l.s.zoneChanged(z, s.Notify)
	}
}

// stop says goodbye to the partner, waits until all that is owed is done, but not longer than limit, and ends the loop. Later
// changes are refused.
func (l *loop) stop(limit time.Duration) error {
	l.refuse.Do(func() { close(l.closing) })
	_ = l.tell(pair.Stop{})
	late := time.AfterFunc(limit, func() { _ = l.call(func() { l.stopped = true }) })
	<-l.done
	late.Stop()
	if l.link != nil {
		l.link.flush(flushTime)
	}
	return l.close()
}

// abandon is close for a loop that was not begun.
func (l *loop) abandon() error {
	close(l.done)
	return l.close()
}

// close ends everything as it is. The loop's goroutine has ended, or ends at once. A second call does nothing.
func (l *loop) close() (err error) {
	l.ended.Do(func() { err = l.end() })
	return err
}

func (l *loop) end() error {
	_ = l.call(func() { l.stopped = true })
	<-l.done
	l.timer.Stop()
	if l.link != nil {
		l.link.shut()
	}
	l.jobs.close()
	close(l.commit.groups)
	select {
	case <-l.commit.done:
		return nil
	case <-time.After(flushTime):
		return errors.New("a write to the zone journal does not end; what was acknowledged is safe")
	}
}
