package dhcp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/socket"
)

const (
	maxUnwritten = 1 << 16 // leases that wait for the disk, above which nothing more is taken from clients and partners
	maxInputs    = 256     // of partners, probes and DNS, that are taken in one round
	few          = 32      // messages of clients that who reads them answers, and replies that who makes them sends
	stuckAfter   = 10 * time.Second
)

// loop is the one way by which leases change. Who holds mu, for one round, alone touches the machine of package engine, which decides;
// here it is carried out, in the order of engine.Output:
//
//	packets, partners, disk, clock, probes, DNS, operator -> Step -> write, send, ask, note
//
// A round is run by who brings something: a reader that has a few packets, the committer that is back from the disk. Each goroutine less
// on the way of a lease is a thread less to wake up and to wait for. All else, and packets when there are many, is for the loop's own.
//
// A round never waits for anybody: the committer is free when it gets a group, the sender has room or the replies are kept, and
// queues to partners are bounded by closing the connection.
type loop struct {
	s       *Server
	machine *engine.Machine
	start   time.Time // of the monotonic clock
	commit  *committer
	send    *sender
	inbox   *inbox

	inputs chan engine.Input // the loop's own goroutine alone takes them: they stay in order
	calls  chan func()
	done   chan struct{} // closed when the goroutine has ended

	unwritten atomic.Int64 // leases that wait for the disk
	busy      atomic.Int64 // since when a round goes on, nanoseconds since start; 0: none does

	ended  sync.Once
	gate   sync.RWMutex // held for writing by stop alone: no input comes afterwards
	closed bool

	mu sync.Mutex // held during a round

	// Of the round.
	heard   [classes][]engine.Heard // taken from the inbox; those before next are done
	next    [classes]int
	mail    *mail
	group   *group // gathers writes
	spare   *group
	writing bool   // the committer has a group
	failed  string // why a write cannot be made
	broken  bool   // that was told
	replies map[uint64]chan string
	lastID  uint64
	waits   map[string]struct{} // pairs whose end has not been said yet
	stopped bool                // set by the loop's own goroutine: no round follows
	timer   *time.Timer
	armed   time.Duration // when it fires; 0: it does not
}

var errStopping = errors.New("the server is stopping")

func newLoop(s *Server, machine *engine.Machine, start time.Time) *loop {
	l := &loop{
		s: s, machine: machine, start: start, inbox: newInbox(s.count, s.known, &s.floods),
		inputs: make(chan engine.Input, maxInputs), calls: make(chan func()), done: make(chan struct{}),
		group: &group{}, spare: &group{}, replies: map[uint64]chan string{}, waits: map[string]struct{}{}, timer: time.NewTimer(time.Hour),
	}
	l.timer.Stop()
	l.commit = newCommitter(s.store, s.count, s.log, l.back)
	l.send = newSender(s.sendReplies)
	l.mail = <-l.send.free
	return l
}

// begin takes the machine's first Tick, which is due at once, and starts the goroutine.
func (l *loop) begin() {
	l.round(func() { l.step(engine.Tick{}) })
	go l.run()
}

func (l *loop) now() failover.Now {
	t := time.Now()
	return failover.Now{Mono: t.Sub(l.start), Wall: t.Unix()}
}

func (l *loop) run() {
	defer close(l.done)
	for !l.stopped {
		var first func()
		select {
		case <-l.inbox.wake:
		case in := <-l.inputs:
			first = func() { l.step(in) }
		case first = <-l.calls:
		case <-l.timer.C:
			first = l.tick
		}
		l.round(func() {
			if first != nil {
				first()
			}
			l.waitingInputs()
			l.packets()
		})
	}
}

func (l *loop) tick() {
	l.armed = 0
	l.step(engine.Tick{})
}

// round runs f alone, and then what follows from it.
func (l *loop) round(f func()) {
	l.mu.Lock()
	l.locked(f)
}

// locked is a round of who has got mu already.
func (l *loop) locked(f func()) {
	l.busy.Store(int64(time.Since(l.start)) | 1)
	f()
	l.handGroup()
	own := l.send.post(&l.mail)
	l.busy.Store(0)
	l.mu.Unlock()
	l.send.now(own)
}

// hear takes a batch of a reader, and answers it if it is all that there is to do.
func (l *loop) hear(batch []socket.Received) {
	l.inbox.put(batch)
	if len(batch) > few || !l.mu.TryLock() {
		l.inbox.signal()
		return
	}
	if l.stopped || l.behind() > few {
		l.mu.Unlock()
		l.inbox.signal()
		return
	}
	l.locked(l.packets)
}

// behind is how many packets wait.
func (l *loop) behind() (n int) {
	for c, waiting := range l.inbox.lengths() {
		n += waiting + len(l.heard[c]) - l.next[c]
	}
	return n
}

// back takes a group back from the committer.
func (l *loop) back(g *group) {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return
	}
	l.locked(func() {
		l.written(g)
		if l.behind() > 0 {
			l.inbox.signal() // they may have waited for the disk
		}
	})
}

// alive says that the loop has not been at one round for long.
func (l *loop) alive() bool {
	since := l.busy.Load()
	return since == 0 || time.Since(l.start)-time.Duration(since) < stuckAfter
}

// waitingInputs takes what partners and others have said already, before clients: after a round that took long the partner must not
// seem silent.
func (l *loop) waitingInputs() {
	for range min(len(l.inputs), maxInputs) {
		l.step(<-l.inputs)
	}
}

// portion is how many messages of a class are taken in one round. Who has a lease comes first, and is not behind more than one round of the
// others; a flood of one of the others' classes does not shut the other one out.
var portion = [classes]int{512, 128, 64}

// packets takes some of what clients have said. While the disk does not come on they wait, and the newest are dropped.
func (l *loop) packets() {
	if l.unwritten.Load() > maxUnwritten {
		return
	}
	more := false
	for c := range l.heard {
		if l.next[c] == len(l.heard[c]) {
			clear(l.heard[c])
			l.heard[c], l.next[c] = l.inbox.take(class(c), l.heard[c][:0]), 0
		}
		end := min(l.next[c]+portion[c], len(l.heard[c]))
		for ; l.next[c] < end; l.next[c]++ {
			l.step(l.heard[c][l.next[c]])
		}
		more = more || end < len(l.heard[c])
	}
	if more || l.inbox.lengths() != [classes]int{} {
		l.inbox.signal()
	}
}

func (l *loop) step(in engine.Input) {
	now := l.now()
	l.carryOut(l.machine.Step(now, in), now)
	l.tellFailure()
}

// tellFailure tells the machine, once, that nothing can be written any more (decision H-i).
func (l *loop) tellFailure() {
	if l.failed == "" || l.broken {
		return
	}
	l.broken = true
	l.s.markUnfit(l.failed)
	l.unwritten.Store(0)
	l.group.clear()
	l.step(engine.Unwell{Why: l.failed})
}

// carryOut does what the machine says, in the order of the fields.
func (l *loop) carryOut(out *engine.Output, now failover.Now) {
	if out.Write.Batch != 0 && !l.broken {
		l.group.add(&out.Write, now.Mono)
		l.unwritten.Add(int64(len(out.Write.Leases)))
		for i := range out.Write.Leases {
			l.s.known.put(&out.Write.Leases[i])
		}
	}
	for i := range out.Replies {
		l.reply(&out.Replies[i])
	}
	for i := range out.Pairs {
		l.pair(&out.Pairs[i])
	}
	for _, p := range out.Probes {
		l.s.probe(p)
	}
	if len(out.Jobs) > 0 {
		l.s.dns.add(out.Jobs)
	}
	for _, a := range out.Answers {
		l.answer(a.ID, a.Refused)
	}
	for i := range out.Notes {
		l.s.note(&out.Notes[i])
	}
	for i := range out.Shadows {
		l.s.tellShadow(&out.Shadows[i])
	}
	l.arm(out.Next)
}

func (l *loop) reply(r *engine.Reply) {
	if len(l.mail.list) >= maxReplies {
		l.s.count.unsent.Add(1)
		return
	}
	if left := l.mail.add(r); left > 0 {
		l.s.count.cut.Add(1)
	}
	l.s.count.replies[min(int(r.Packet.Type), len(l.s.count.replies)-1)].Add(1)
}

// pair carries out what an endpoint wants.
func (l *loop) pair(p *engine.PairOutput) {
	out := &p.Output
	if link := l.s.links[p.Name]; link != nil { // one that was taken out of the configuration has none
		for i := range out.Send {
			link.send(out.Send[i].Session, &out.Send[i].Message)
		}
		for _, session := range out.Close {
			link.close(session)
		}
		if out.Dial {
			link.dial()
		}
	}
	for i := range out.Conflicts {
		l.s.conflict(p.Name, &out.Conflicts[i])
	}
	for _, r := range out.Replies {
		l.answer(r.ID, r.Refused)
	}
	for i := range out.Notes {
		l.s.pairNote(p.Name, &out.Notes[i])
	}
	if out.Stopped {
		delete(l.waits, p.Name)
	}
}

func (l *loop) answer(id uint64, refused string) {
	if to := l.replies[id]; to != nil {
		delete(l.replies, id)
		to <- refused
	}
}

// handGroup gives what was gathered to the committer, if that is free.
func (l *loop) handGroup() {
	if l.writing || l.group.writes == 0 || l.broken {
		return
	}
	if until, gathers := l.group.gathers(time.Since(l.start)); gathers {
		l.arm(until)
		return
	}
	l.commit.groups <- l.group
	l.writing = true
	l.group, l.spare = l.spare, nil
}

// written takes back what the committer is done with.
func (l *loop) written(g *group) {
	l.writing = false
	l.unwritten.Add(-int64(len(g.write.Leases)))
	batch, seq, err := g.write.Batch, g.seq, g.err
	g.clear()
	l.spare = g
	if err != nil {
		l.failed = err.Error()
		l.tellFailure()
		return
	}
	l.step(engine.Durable{Batch: batch, Seq: seq})
}

// arm sets the timer for the next Tick. One that fires too early does no harm, so it is moved only to an earlier time.
func (l *loop) arm(next time.Duration) {
	if next == 0 || l.armed != 0 && l.armed <= next {
		return
	}
	l.armed = next
	l.timer.Reset(max(0, next-time.Since(l.start)))
}

// tell hands an input to the machine; false: the server is stopping.
func (l *loop) tell(in engine.Input) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return false
	}
	select {
	case l.inputs <- in:
		return true
	case <-l.done:
		return false
	}
}

// call runs f in a round and waits for its end.
func (l *loop) call(f func()) error {
	ended := make(chan struct{})
	select {
	case l.calls <- func() { f(); close(ended) }:
		<-ended
		return nil
	case <-l.done:
		return errStopping
	}
}

// order gives the machine an input with an ID, and waits for the answer; "" is done. The answer may wait for the disk.
func (l *loop) order(ctx context.Context, make func(id uint64) engine.Input) (refused string, err error) {
	answer := newAnswer()
	id := uint64(0)
	err = l.call(func() {
		l.lastID++
		id = l.lastID
		l.replies[id] = answer
		l.step(make(id))
	})
	if err != nil {
		return "", err
	}
	select {
	case refused = <-answer:
		return refused, nil
	case <-ctx.Done():
		_ = l.call(func() { delete(l.replies, id) })
		return "", errors.New("the order was taken, but is not on disk yet: look at the disk under state_dir")
	case <-l.done:
		return "", errStopping
	}
}

func newAnswer() chan string { return make(chan string, 1) }

// stop says goodbye to the partners, waits until what is owed to clients is done, but not longer than limit, and ends the loop.
func (l *loop) stop(limit time.Duration) error {
	l.gate.Lock()
	l.closed = true
	l.gate.Unlock()
	deadline := time.Now().Add(limit)
	_ = l.call(func() {
		for name := range l.s.links {
			l.waits[name] = struct{}{}
			l.step(engine.Pair{Name: name, Input: failover.Stop{}})
		}
	})
	for time.Now().Before(deadline) {
		quiet := false
		if l.call(func() {
			quiet = len(l.waits) == 0 && !l.writing && (l.group.writes == 0 || l.broken) && len(l.inputs) == 0
		}) != nil || quiet {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return l.close()
}

// close ends everything as it is. A second call does nothing.
func (l *loop) close() (err error) {
	l.ended.Do(func() {
		_ = l.call(func() { l.stopped = true })
		<-l.done
		l.timer.Stop()
		l.send.close(l.mail)
		close(l.commit.groups)
		select {
		case <-l.commit.done:
		case <-time.After(time.Second):
			err = errors.New("a write to the lease database does not end; what was acknowledged is safe")
		}
	})
	return err
}
