package haserver

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
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

	ended  sync.Once
	gate   sync.RWMutex // held for writing by stop alone: no change comes afterwards
	closed bool

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

// applyFunc makes the next generation of a zone, with the given serial unless the change sets a newer one itself. When nothing
// changes it returns tip and a zero Delta.
type applyFunc func(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta, r result)

// change is a pair.Change together with who waits for it.
type change struct {
	pair.Change
	s     *Server
	apply applyFunc
	is    result        // what apply said
	done  chan struct{} // of one
}

// result is what became of a change.
type result struct {
	rcode  zone.Rcode
	reason Reason
	why    string
	serial uint32 // of the zone, when there was no error
}

func newLoop(s *Server, store durable.Store) *loop {
	l := &loop{
		s: s, start: time.Now(), commit: newCommitter(s, store),
		changes: make(chan *change, maxWaiting), inputs: make(chan pair.Input, 256), calls: make(chan func()), done: make(chan struct{}),
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
	for !l.stopped {
		changes := l.changes
		if len(l.group.items) >= maxGroup || l.group.bytes >= maxGroupBytes {
			changes = nil
		}
		l.waitingInputs()
		select {
		case c := <-changes:
			l.step(&c.Change)
			l.more()
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
		l.handOver()
	}
}

// waitingInputs takes what the partner and others have said already, before the clock is looked at: after a step that took long the
// partner must not seem silent.
func (l *loop) waitingInputs() {
	n := len(l.inputs)
	for range n {
		l.step(<-l.inputs)
	}
	if n > 0 {
		l.handOver()
	}
}

// more takes the changes that wait already.
func (l *loop) more() {
	l.s.count.ha.max(haMaxQueue, uint64(len(l.changes)+len(l.inputs)))
	for range maxRound {
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

// do carries out a change and returns when it is durable and visible, or was refused.
func (l *loop) do(c *change) bool {
	if !l.enqueue(c) {
		return false
	}
	select {
	case <-c.done:
		return true
	case <-l.done:
	}
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (l *loop) enqueue(c *change) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return false
	}
	select {
	case l.changes <- c:
		return true
	case <-l.done:
		return false
	}
}

// tell gives the machine an input; false: the loop has ended.
func (l *loop) tell(in pair.Input) bool {
	select {
	case l.inputs <- in:
		return true
	case <-l.done:
		return false
	}
}

// call runs f between two steps and returns after it.
func (l *loop) call(f func()) error {
	ran := make(chan struct{})
	select {
	case l.calls <- func() { f(); close(ran) }:
		<-ran
		return nil
	case <-l.done:
		return errStopping
	}
}

var errStopping = errors.New("the server is stopping")

// operate has the machine carry out an operator's command; refused is why it does not.
func (l *loop) operate(ctx context.Context, op pair.Operate) (refused string, err error) {
	reply := make(chan string, 1)
	err = l.call(func() {
		l.lastID++
		op.ID = l.lastID
		l.replies[op.ID] = reply
		l.step(op)
	})
	if err != nil {
		return "", err
	}
	select {
	case refused = <-reply:
		return refused, nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-l.done:
		return "", errStopping
	}
}

// add brings a zone that is new here.
func (l *loop) add(z *liveZone, start pair.ZoneStart) error {
	return l.call(func() {
		l.zones[z.key] = z
		l.step(pair.AddZone{Zone: z.key, ZoneStart: start})
	})
}

// find is the zone of a key; nil: there is none.
func (l *loop) find(key string) (z *liveZone) {
	_ = l.call(func() { z = l.zones[key] })
	return z
}

// expect is a zone whose content is to come from the partner, if it did not come already.
func (l *loop) expect(name zone.Name) (z *liveZone, err error) {
	if stopped := l.call(func() { z, err = l.expected(name) }); stopped != nil {
		return nil, stopped
	}
	return z, err
}

func (l *loop) expected(name zone.Name) (*liveZone, error) {
	if z := l.zones[name.Key()]; z != nil {
		return z, nil
	}
	z, err := l.s.emptyZone(name)
	if err == nil {
		l.zones[z.key] = z
	}
	return z, err
}

// drop takes a zone out of service and returns when all that was ever to be written of it is.
func (l *loop) drop(z *liveZone) error {
	if err := l.call(func() { l.step(pair.DropZone{Zone: z.key}) }); err != nil {
		return err
	}
	return l.settle(func() { delete(l.zones, z.key) })
}

// settle calls f when all that was to be written before is, and returns after it.
func (l *loop) settle(f func()) error {
	ran := make(chan struct{})
	err := l.call(func() {
		through := l.given
		if len(l.group.items) > 0 {
			through++
		}
		l.settles = append(l.settles, settling{through, func() { f(); close(ran) }})
		l.settled(l.taken)
	})
	if err != nil {
		return err
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		return errStopping
	}
}

// status is what the machine says of itself.
func (l *loop) status() (st pair.Status) {
	if l.call(func() { st = l.machine.Status() }) != nil {
		st = l.machine.Status() // the goroutine has ended
	}
	return st
}

// stop says goodbye to the partner, waits until all that is owed is done, but not longer than limit, and ends the loop. Later
// changes are refused.
func (l *loop) stop(limit time.Duration) error {
	l.gate.Lock()
	l.closed = true
	l.gate.Unlock()
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

// carryOut is Do: it calls the change's function. A panic in it refuses the change and leaves the tip.
func (c *change) carryOut(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta) {
	defer func() {
		if v := recover(); v != nil {
			c.s.count.panics.Add(1)
			c.s.log.Error("update_panicked", "zone", zone.Name(c.Zone).String(), "panic", v, "stack", string(debug.Stack()))
			next, d, c.is = tip, zone.Delta{}, result{rcode: zone.ServFail, reason: BadUpdate, why: "internal error"}
		}
	}()
	next, d, c.is = c.apply(tip, serial)
	return next, d
}

// change carries out a change of a zone, of an operator's (edit) or of a client's, and says what became of it.
func (s *Server) change(z *liveZone, edit bool, apply applyFunc) result {
	c := &change{Change: pair.Change{Zone: z.key, Edit: edit}, s: s, apply: apply, done: make(chan struct{}, 1)}
	c.Do, c.Tag = c.carryOut, c
	if !s.loop.do(c) {
		return result{rcode: zone.ServFail, reason: NotAccepting, why: errStopping.Error()}
	}
	return c.outcome()
}

// outcome is what the machine made of a change, in the words of an update's answer.
func (c *change) outcome() result {
	switch c.Outcome {
	case pair.Done:
		r := c.is
		if r.rcode == zone.NoError {
			r.serial = c.Serial
		}
		return r
	case pair.AtBackup:
		return result{rcode: zone.ServFail, reason: AtPartner, why: "the partner takes the updates now"}
	case pair.NotAccepting:
		return result{rcode: zone.ServFail, reason: NotAccepting, why: c.Why.String()}
	case pair.Unacknowledged:
		return result{rcode: zone.ServFail, reason: OneCopy, why: "there is no second copy, and the pair is to give none but such an answer (ack = \"strict\")"}
	case pair.NoZone:
		return result{rcode: zone.NotAuth, reason: NotOurZone, why: "the zone was taken out of service"}
	}
	// Whatever was found out about it was found out on a tip that may never be.
	why := c.s.unfitWhy()
	if why == "" {
		why = "the zone journal failed"
	}
	return result{rcode: zone.ServFail, reason: StorageError, why: why}
}

// operate has the machine carry out an operator's command; refused is why it does not, in words for the operator.
func (s *Server) operate(ctx context.Context, op pair.Operate) (refused string, err error) {
	return s.loop.operate(ctx, op)
}

// pairStatus is how the pair stands.
func (s *Server) pairStatus() pair.Status { return s.loop.status() }
