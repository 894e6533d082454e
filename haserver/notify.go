package haserver

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
	"loadshare/internal/metrics"
)

const (
	notifyTurn   = 20 * time.Millisecond // between two looks at what came
	notifyLag    = 5 * time.Second       // between two counts of the lags
	maxNotifyBox = 4096                  // what may wait to be looked at, of each kind that strangers can cause
	maxNotifyTCP = 16                    // messages by TCP under way
)

// notifier tells the secondaries of all zones what changed: one goroutine around a notify.Machine, one that reads answers
// for each address family. What happened is put into its box, which never blocks.
type notifier struct {
	s     *Server
	start time.Time
	wake  chan struct{}
	quit  chan struct{}
	done  chan struct{} // closed when the loop has ended
	begun sync.Once

	readers sync.WaitGroup
	ctx     context.Context // of messages by TCP; ends at close
	cancel  context.CancelFunc
	streams chan struct{} // one for each of them

	boxed sync.Mutex // any goroutine reports
	box   notifyBox

	turns atomic.Uint64                           // that the loop has made
	known atomic.Pointer[map[netip.Addr]struct{}] // addresses of secondaries

	mu      sync.Mutex // the loop steps the machine, the operator looks at it
	machine *notify.Machine

	// Of the loop alone.
	settings notifySettings
	told     map[*liveZone]bool // what zoneChanged said last
	socks    notifySockets
	lags     map[netip.AddrPort]bool // those that have a gauge
	lagAt    time.Duration

	counts [notify.WhatCount]metrics.CounterOne
	lag    *metrics.Gauge
}

// notifyBox is what the loop has not looked at yet.
type notifyBox struct {
	settings *notifySettings
	view     bool               // zones or their settings are others
	zones    map[*liveZone]bool // with whether they may be told of
	inputs   []notify.Input
}

func newNotifier(s *Server) *notifier {
	var seed [32]byte
	_, _ = crand.Read(seed[:])
	n := &notifier{
		s: s, start: time.Now(), wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		machine: notify.New(notify.Defaults, rand.New(rand.NewChaCha8(seed))), told: map[*liveZone]bool{}, lags: map[netip.AddrPort]bool{},
	}
	n.ctx, n.cancel = context.WithCancel(background)
	n.streams = make(chan struct{}, maxNotifyTCP)
	n.known.Store(&map[netip.Addr]struct{}{})
	n.box.zones = map[*liveZone]bool{}
	total := s.count.reg.Counter("dns_notify_total", "NOTIFY messages and what became of them.", "result")
	for what := notify.Sent; what < notify.WhatCount; what++ {
		n.counts[what] = total.With(what.String())
	}
	n.lag = s.count.reg.Gauge("dns_secondary_lag_seconds", "For how long a secondary has not been known to be current, over all zones the longest.", "secondary")
	return n
}

// zoneChanged says that another generation of a zone is visible, or that its secondaries may (not) be told of what is. It never blocks.
func (s *Server) zoneChanged(z *liveZone, tell bool) {
	n := s.notify
	n.boxed.Lock()
	n.box.zones[z] = tell
	n.boxed.Unlock()
	n.poke()
}

// put hands an input to the loop. What does not fit is lost: answers are asked for again, and lags are corrected later.
func (n *notifier) put(in notify.Input) {
	n.boxed.Lock()
	fits := len(n.box.inputs) < maxNotifyBox
	if fits {
		n.box.inputs = append(n.box.inputs, in)
	}
	n.boxed.Unlock()
	if fits {
		n.poke()
	}
}

func (n *notifier) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// configure takes over a configuration. addrs are those that are listened on.
func (n *notifier) configure(conf *Config, addrs []netip.AddrPort) {
	set := newNotifySettings(conf, addrs)
	n.boxed.Lock()
	n.box.settings = &set
	n.boxed.Unlock()
	n.poke()
}

// viewed says that the server has another view: zones came or went, or have other secondaries.
func (n *notifier) viewed() {
	n.boxed.Lock()
	n.box.view = true
	n.boxed.Unlock()
	n.poke()
}

// run begins to tell. It returns at once.
func (n *notifier) run() { n.begun.Do(func() { go n.loop() }) }

// close ends it; nothing is sent afterwards.
func (n *notifier) close() {
	close(n.quit)
	n.cancel()
	n.begun.Do(func() { close(n.done) }) // it never ran
	<-n.done
}

func (n *notifier) loop() {
	defer close(n.done)
	defer n.readers.Wait()
	defer n.socks.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.quit:
			return
		case <-n.wake:
		case <-timer.C:
		}
		next := n.turn()
		n.turns.Add(1)
		select { // changes that come fast are looked at together
		case <-n.quit:
			return
		case <-time.After(notifyTurn):
		}
		timer.Reset(max(0, next-n.now()))
	}
}

func (n *notifier) now() time.Duration { return time.Since(n.start) }

// turn looks at all that came and does what is due. It returns when the next turn is due at the latest.
func (n *notifier) turn() time.Duration {
	n.boxed.Lock()
	box := n.box
	n.box = notifyBox{zones: map[*liveZone]bool{}}
	n.boxed.Unlock()
	var t turn
	view := n.s.view.Load()
	for z, tell := range box.zones {
		n.told[z] = tell
	}
	if box.settings != nil {
		n.takeOver(&t, *box.settings)
	}
	if box.settings != nil || box.view {
		n.lookAtAll(&t, view)
	} else {
		for z := range box.zones {
			n.lookAt(&t, view, z.name.Key())
		}
	}
	for _, in := range box.inputs {
		n.step(&t, in)
	}
	n.step(&t, notify.Tick{})
	if t.moved {
		n.mu.Lock()
		addrs := n.machine.Addresses()
		n.mu.Unlock()
		n.known.Store(&addrs)
	}
	return n.measure(t)
}

// turn gathers what the steps of one turn say.
type turn struct {
	next  time.Duration
	moved bool
}

// takeOver carries out a configuration.
func (n *notifier) takeOver(t *turn, set notifySettings) {
	n.socks.rebind(set.from)
	n.settings = set
	n.step(t, notify.Reconfigure{Config: set.machine})
}

// lookAtAll looks at every zone, and forgets what is served no more.
func (n *notifier) lookAtAll(t *turn, view *view) {
	for key := range view.zones {
		n.lookAt(t, view, key)
	}
	n.mu.Lock()
	names := n.machine.Names()
	n.mu.Unlock()
	for _, name := range names {
		n.lookAt(t, view, name)
	}
	live := map[*liveZone]bool{}
	for _, z := range view.zones {
		live[z.liveZone] = true
	}
	for z := range n.told {
		if !live[z] {
			delete(n.told, z)
		}
	}
}

// lookAt tells the machine what is visible of a zone.
func (n *notifier) lookAt(t *turn, view *view, key string) {
	z := view.zones[key]
	if z == nil {
		n.step(t, notify.Gone{Name: key})
		return
	}
	now := z.visible.Load()
	if now == nil { // not served before it is in line with the partner
		return
	}
	tell, said := n.told[z.liveZone]
	if !said {
		tell = !n.settings.pair // of a pair, zones are told of once the machine has said so
	}
	n.step(t, notify.Zone{Name: key, Serial: now.Serial(), Secondaries: n.settings.secondaries(view, z, now), Silent: !tell})
}

// step hands an input to the machine and carries out what it wants.
func (n *notifier) step(t *turn, in notify.Input) {
	for todo := []notify.Input{in}; len(todo) > 0; todo = todo[1:] {
		n.mu.Lock()
		out := n.machine.Step(n.now(), todo[0])
		n.mu.Unlock()
		t.next, t.moved = out.Next, t.moved || out.Moved
		for _, send := range out.Send {
			err := n.send(send)
			switch {
			case errors.Is(err, errNotifyGone):
				todo = append(todo, notify.Gone{Name: send.Zone})
			case err != nil:
				todo = append(todo, notify.Unsent{To: send.To, ID: send.ID, Why: err.Error()})
			}
		}
		for _, e := range out.Events {
			n.tell(e)
		}
	}
}

// tell counts and logs an event.
func (n *notifier) tell(e notify.Event) {
	n.counts[e.What].Inc()
	s, who := n.s, []any{"zone", plain(zone.Name(e.Zone)), "secondary", e.To.String()}
	switch e.What {
	case notify.Away:
		s.quiet.Warn(s.log, "notify_unanswered", append(who, "messages", e.Tries, "hint", "it is told seldom from now on; look at its log and at the firewalls, UDP and TCP port "+portText(e.To))...)
	case notify.Declined:
		s.quiet.Warn(s.log, "notify_declined", append(who, "rcode", e.Rcode.String(), "hint", "it may not allow NOTIFY from this address, or want another key than `notify_key`")...)
	case notify.NotSent:
		s.quiet.Warn(s.log, "notify_not_sent", append(who, "error", e.Why)...)
	case notify.Answered:
		if e.Tries > n.settings.machine.Tries {
			s.quiet.Info(s.log, "notify_answered_again", append(who, "messages", e.Tries)...)
		}
	}
}

// measure counts the lags now and then. It returns when the next turn is due.
func (n *notifier) measure(t turn) time.Duration {
	if now := n.now(); now >= n.lagAt {
		n.mu.Lock()
		lags := n.machine.Lags(now)
		n.mu.Unlock()
		for a := range n.lags {
			if _, ok := lags[a]; !ok {
				n.lag.Delete(a.String())
				delete(n.lags, a)
			}
		}
		for a, lag := range lags {
			n.lag.Set(lag.Seconds(), a.String())
			n.lags[a] = true
		}
		n.lagAt = now + notifyLag
	}
	if t.next == 0 {
		return n.lagAt
	}
	return min(t.next, n.lagAt)
}
