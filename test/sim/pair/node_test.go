package pairsim

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/sim"
)

// node is one server: the loop around pair.Machine.
type node struct {
	s     *site
	i     int
	name  string // "main" or "backup": what it is configured as
	cfg   pair.Config
	files map[string]*zone.Zone // master files by key
	later map[string]*zone.Zone // likewise, those that come later too

	power bool // its host is on
	life  sim.Life
	wall  *sim.Clock
	born  time.Time
	disk  *disk
	m     *pair.Machine

	journal   map[string]*zoneStore // as it will be when all that was written is durable
	view      map[string]*view
	asked     []*asked // changes that wait for their answer
	sessions  uint64
	dialling  bool
	next      time.Duration // when the machine wants a tick
	tickAt    time.Time     // when one is planned
	spun      int
	streams   map[uint64]*stream
	replies   map[uint64]func(refused string)
	stopping  bool
	stopped   func()
	stateWas  pairmsg.State // after the last step
	roleWas   pairmsg.Role
	accepting bool
	mustShow  bool      // of all zones, all the time
	ready     bool      // in normal, all zones complete
	restored  bool      // its disk was put back to an old state, which it cannot know before it has heard its partner
	ranNow    []*update // changes that this step has carried out with effect
	waiting   []waitingJob
}

// waitingJob is a job that may read what was written before it was given out.
type waitingJob struct {
	job   pair.Job
	batch uint64
}

// startJobs starts those whose writes are on disk.
func (n *node) startJobs() {
	for len(n.waiting) > 0 && n.waiting[0].batch <= n.disk.has {
		j := n.waiting[0].job
		n.waiting = n.waiting[1:]
		n.job(j)
	}
}

// view is what queries see of a zone.
type view struct {
	tip    *zone.Zone
	why    pair.Reason
	notify bool
}

func (n *node) partner() *node { return n.s.nodes[1-n.i] }

func (n *node) now() pair.Now {
	return pair.Now{Mono: n.s.w.Now().Sub(n.born) + time.Second, Wall: n.wall.Now().UnixMicro()}
}

// start begins a run of the process, if it can.
func (n *node) start() {
	if n.life.Alive() || !n.power || n.disk.full {
		return
	}
	w := n.s.w
	n.life.Start()
	n.born = w.Now()
	n.disk.open()
	n.journal = n.disk.durable.clone().zones
	n.view = map[string]*view{}
	n.asked, n.dialling, n.next, n.tickAt, n.spun = nil, false, 0, time.Time{}, 0
	n.streams, n.replies = map[uint64]*stream{}, map[uint64]func(string){}
	n.stopping, n.stopped = false, nil
	w.Note("%s starts, boot %d, store %x, %s", n.name, n.disk.durable.saved.Boot, n.disk.durable.saved.Store[:2], n.where())
	n.s.durable(n) // its zones, when they are new
	defer n.caught()
	m, out := pair.New(n.cfg, n.disk.durable.saved, n.disk.load(), n.now())
	n.m = m
	n.stateWas, n.roleWas, n.accepting, n.ranNow, n.waiting = 0, 0, false, nil, nil
	n.carryOut(out)
}

// where is what its journals say, for the trace.
func (n *node) where() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(n.journal)) {
		z := n.journal[k]
		fmt.Fprintf(&b, "%s %s agreed %s reserved %d flags %d; ", zone.Name(k), point(z.last().point), point(z.saved.Agreed), z.saved.Reserved, z.saved.Flags)
	}
	return b.String()
}

// crash is the sudden end of the process, or of its host.
func (n *node) crash(host bool) {
	if !n.life.Alive() {
		return
	}
	n.life.Stop()
	n.ready = false
	n.disk.crash()
	n.view = map[string]*view{}
	n.s.link.died(n, host)
	for _, a := range n.asked {
		a.vanished()
	}
	n.asked = nil
}

// stop is the orderly end.
func (n *node) stop(then func()) {
	if !n.life.Alive() || n.stopping {
		return
	}
	w := n.s.w
	n.stopping, n.stopped = true, then
	healthy := !n.disk.failed && !n.disk.full && !n.disk.hangs.After(w.Now())
	w.After(5*time.Second, "", n.life.Bind(func() {
		if healthy && n.disk.lastSlow.Before(w.Now().Add(-8*time.Second)) && !n.disk.failed {
			w.Fail("%s has not stopped 5 s after it was told to", n.name)
		}
		w.Note("%s is killed, for it does not stop", n.name)
		n.crash(true)
		then()
	}))
	n.step(pair.Stop{})
}

func (n *node) caught() {
	if v := recover(); v != nil {
		n.s.w.Fail("%s panics: %v\n%s", n.name, v, debug.Stack())
	}
}

// step hands the machine an input and does what it says.
func (n *node) step(in pair.Input) {
	if !n.life.Alive() {
		return
	}
	defer n.caught()
	n.ranNow = nil
	n.carryOut(n.m.Step(n.now(), in))
}

// carryOut does what an output says, in its order.
func (n *node) carryOut(out pair.Output) {
	w := n.s.w
	n.s.stats.steps++
	for _, x := range out.Notes {
		n.noted(x)
	}
	n.journalled(out.Write)
	n.disk.write(out.Batch, out.Write)
	if len(out.Send) > 0 {
		e := n.s.link.find(n, out.Session)
		for _, m := range out.Send {
			if out.Session == 0 {
				w.Fail("%s sends %s without a session", n.name, say(m))
			}
			n.post(e, m)
		}
	}
	for _, id := range out.Close {
		if e := n.s.link.find(n, id); e != nil {
			w.Note("%s closes session %d", n.name, id)
			e.close()
			if w.Chance(0.5) {
				w.After(w.Between(0, 20*time.Millisecond), "", n.life.Bind(func() { n.step(pair.Lost{Session: id}) }))
			}
		}
	}
	if out.Dial {
		if n.dialling {
			w.Fail("%s dials while it is dialling", n.name)
		}
		n.dialling = true
		n.s.link.dial(n)
	}
	for _, s := range out.Show {
		n.show(s)
	}
	for _, c := range out.Answer {
		n.answered(c)
	}
	for _, r := range out.Replies {
		if f := n.replies[r.ID]; f != nil {
			delete(n.replies, r.ID)
			f(r.Refused)
		} else {
			w.Fail("%s answers command %d, which nobody waits for", n.name, r.ID)
		}
	}
	for _, j := range out.Jobs {
		n.waiting = append(n.waiting, waitingJob{j, n.disk.given})
	}
	n.startJobs()
	n.schedule(out.Next)
	n.s.check(n)
	if out.Stopped && n.stopping {
		if len(n.disk.queue) > 0 && !n.disk.failed {
			w.Fail("%s says it has stopped, and its disk does not have all", n.name)
		}
		w.Note("%s has stopped", n.name)
		then := n.stopped
		n.life.Stop()
		n.ready = false
		n.s.link.died(n, true)
		n.view = map[string]*view{}
		for _, a := range n.asked {
			w.Fail("%s stopped with a change unanswered", n.name)
			a.vanished()
		}
		n.asked = nil
		then()
	}
}

// post sends a message over a connection, or nowhere when it is gone.
func (n *node) post(e *end, m pairmsg.Message) {
	if n.s.broken.send != nil {
		var ok bool
		if m, ok = n.s.broken.send(n, m); !ok {
			return
		}
	}
	frame := pairmsg.Encode(m)
	if what := say(m); what != "" && n.s.verbose {
		n.s.w.Note("%s sends %s", n.name, what)
	}
	if e != nil {
		e.send(frame)
	}
}

// received hands a message over, or does what the shell does with it.
func (n *node) received(e *end, frame []byte) {
	m, err := pairmsg.Decode(frame)
	if err != nil {
		n.s.w.Fail("%s cannot read a message: %v", n.name, err)
		return
	}
	if what := say(m); what != "" {
		n.s.w.Note("%s < %s", n.name, what)
	}
	switch m := m.(type) {
	case pairmsg.SyncSets:
		n.gather(e, m)
		return
	case pairmsg.SyncCopy:
		e.sets[setsKey{m.Sync, m.Zone.Key()}] = &sets{}
	case pairmsg.Update:
		if n.s.broken.hasty {
			n.post(e, pairmsg.UpdateReply{Through: m.First + uint64(len(m.Entries)) - 1})
		}
	}
	n.step(pair.Received{Session: e.session, Message: m})
}

// schedule plans the tick that the machine wants.
func (n *node) schedule(next time.Duration) {
	n.next = next
	if next == 0 {
		return
	}
	w := n.s.w
	at := n.born.Add(next - time.Second)
	if !at.After(w.Now()) {
		if n.spun++; n.spun > 1000 {
			w.Fail("%s wants a tick at %v for ever; it is %v", n.name, next, n.now().Mono)
		}
		at = w.Now()
	} else {
		n.spun = 0
	}
	if !n.tickAt.IsZero() && !n.tickAt.After(at) {
		return
	}
	n.tickAt = at
	w.At(at, "", n.life.Bind(func() {
		if !n.tickAt.Equal(at) {
			return
		}
		n.tickAt = time.Time{}
		if n.next != 0 && n.next <= n.now().Mono {
			n.step(pair.Tick{})
		} else {
			n.schedule(n.next)
		}
	}))
}

// journalled keeps the journal as it will be, and looks at each write.
func (n *node) journalled(writes []pair.Write) {
	for _, x := range writes {
		switch x := x.(type) {
		case pair.WriteEntry:
			z := n.journal[x.Zone]
			if z == nil {
				n.s.w.Fail("%s writes an entry of %q, which it does not have", n.name, x.Zone)
				continue
			}
			before := z.last()
			n.s.entryFits(n, before, x)
			n.s.merged(n, x.Zone, z, x.Entry.Point(), x.Tip)
			z.steps = append(z.steps, step{x.Entry.Point(), x.Tip, x.Entry})
			n.s.known(x.Zone, x.Entry.Point(), x.Tip)
			n.s.doubt(n, x.Zone, x.Entry.Point()) // it may meet its partner before this is on disk
		case pair.WriteContent:
			if pointOf(x.Tip) != x.Point {
				n.s.w.Fail("%s writes content of %q whose point is %s, not %s", n.name, x.Zone, point(pointOf(x.Tip)), point(x.Point))
			}
			z := n.journal[x.Zone]
			if z == nil {
				z = &zoneStore{}
				n.journal[x.Zone] = z
			} else {
				n.s.replaced(n, x.Zone, z, x.Point, x.Tip)
			}
			n.s.known(x.Zone, x.Point, x.Tip)
			z.steps = []step{{point: x.Point, tip: x.Tip}}
		case pair.WriteZone:
			if z := n.journal[x.Zone]; z != nil {
				z.saved = x.Saved
			}
		case pair.WriteConflict:
			n.s.stats.conflicts++
			n.s.w.Note("%s keeps a conflict at %s %v: %s; winner %v, lost %v, removed %v", n.name, x.Conflict.Name, x.Conflict.Type, x.Conflict.Reason, x.Conflict.Winner, x.Conflict.Lost, x.Conflict.Removed)
		}
	}
}

// entryFits: an entry leads from what was there to what is said to be there.
func (s *site) entryFits(n *node, before step, x pair.WriteEntry) {
	got, err := before.tip.WithDelta(x.Entry.Delta)
	switch {
	case err != nil:
		s.w.Fail("%s writes an entry that does not fit: %v", n.name, err)
	case !zone.Diff(got, x.Tip).IsZero():
		s.w.Fail("%s writes an entry that leads to something else than is said:\n%s", n.name, difference(got, x.Tip))
	case s.pointOf(x.Tip) != x.Entry.Point():
		s.w.Fail("%s writes an entry with point %s and the content of %s", n.name, point(x.Entry.Point()), point(pointOf(x.Tip)))
	case !zone.SerialNewer(x.Entry.Delta.To, x.Entry.Delta.From):
		s.w.Fail("%s writes an entry from serial %d to %d", n.name, x.Entry.Delta.From, x.Entry.Delta.To)
	case before.point.Digest.Step(x.Entry.Delta) != x.Entry.Digest:
		s.w.Fail("%s: the digest's step does not give the digest", n.name)
	}
}

func (n *node) noted(x pair.Note) {
	if x.From != x.To {
		n.s.stats.moves++
	}
	n.s.seen(n, x)
	if x.From != x.To {
		n.s.w.Note("%s: %v > %v, %v", n.name, x.From, x.To, x.Reason)
		return
	}
	z := ""
	if x.Zone != "" {
		z = zone.Name(x.Zone).String()
	}
	n.s.w.Note("%s: %v %s %s", n.name, x.Reason, z, x.Text)
}

// operate is an operator's command; then gets the answer, unless the process dies before.
func (n *node) operate(o pair.Operate, then func(refused string)) {
	if !n.life.Alive() || n.stopping {
		return
	}
	n.s.commands++
	o.ID = n.s.commands
	n.replies[o.ID] = then
	w := n.s.w
	w.After(30*time.Second+10*n.cfg.CommTimeout, "", n.life.Bind(func() {
		if n.replies[o.ID] != nil && !n.disk.failed {
			w.Fail("%s never answers command %d %v", n.name, o.ID, o.Command)
		}
	}))
	n.step(o)
}
