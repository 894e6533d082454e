package dhcpsim

import (
	"fmt"
	"maps"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/internal/sim"
)

// host is one server: the machine, its disk and its clocks.
type host struct {
	s     *site
	i     int
	name  string
	local lease.IP
	cfg   engine.Config
	m     *engine.Machine
	disk  *disk
	clock *sim.Clock
	drift float64

	alive  bool
	deaf   bool                  // to clients
	full   bool                  // the disk cannot write
	given  uint32                // seconds that it is configured to give; 0: as all
	less   map[*segment]lease.IP // so many of a pool's addresses it does not have yet
	life   int
	began  time.Time
	due    time.Time // when Tick is
	waits  time.Time // for when a Tick is asked for; zero: none is
	free   time.Time // when the disk has done what it was given
	jumped bool      // its clock has, in this run
	events []failover.Reason
	said   map[engine.Reason]int
	found  []failover.TwoHolders
	jobs   []names.Job // that were given out
}

func (h *host) now() failover.Now {
	up := time.Duration(float64(h.s.w.Now().Sub(h.began)) * (1 + h.drift))
	return failover.Now{Mono: up + time.Hour, Wall: h.clock.Now().Unix()}
}

func (h *host) start() {
	h.life++
	h.alive, h.full, h.began, h.free, h.jumped, h.waits = true, false, h.s.w.Now(), h.s.w.Now(), false, time.Time{}
	m, err := engine.New(h.now(), h.cfg, h.disk.start())
	if err != nil {
		h.s.fail("%s: %v", h.name, err)
		h.alive = false
		return
	}
	h.m = m
	h.s.tell("*** %s starts", h.name)
	h.step(engine.Tick{})
}

func (h *host) crash() {
	h.s.tell("*** %s crashes", h.name)
	h.s.stats.crashes++
	h.alive = false
	h.life++
	if h.s.o.broken.amnesia {
		maps.DeleteFunc(h.disk.leases, func(ip lease.IP, _ lease.Lease) bool { return ip%3 == 0 })
	}
	for _, c := range h.s.conns {
		h.s.closeEnd(c, h)
	}
}

func (h *host) step(in engine.Input) {
	if h.alive {
		h.s.stats.steps++
		h.do(h.m.Step(h.now(), in))
	}
}

func (h *host) pair(r *relation, in failover.Input) { h.step(engine.Pair{Name: r.name, Input: in}) }

// view is a relation as the host sees it.
func (h *host) view(r *relation) engine.PairView {
	for _, v := range h.m.Pairs() {
		if v.Config.Name == r.name {
			return v
		}
	}
	return engine.PairView{}
}

func (h *host) state(r *relation) wire.EndpointState { return h.view(r).State }

// after has do happen unless the process has died by then.
func (h *host) after(d time.Duration, do func()) {
	life := h.life
	h.s.w.After(d, "", func() {
		if h.life == life && h.alive {
			do()
		}
	})
}

func (h *host) do(out *engine.Output) {
	w := h.s.w
	if out.Write.Batch != 0 {
		h.write(outlives(out.Write))
	}
	for _, r := range out.Replies {
		h.reply(r)
	}
	for _, p := range out.Pairs {
		h.partner(h.s.relation(p.Name), &p.Output)
	}
	h.jobs = append(h.jobs, out.Jobs...)
	for _, p := range out.Probes {
		h.after(w.Between(time.Millisecond, 400*time.Millisecond), func() {
			h.step(engine.Probed{IP: p.IP, InUse: h.s.answers(h, p.IP)})
		})
	}
	for _, n := range out.Notes {
		h.said[n.Reason]++
		switch n.Reason {
		case engine.Overtaken, engine.Refused, engine.ClockStepped, engine.ClockAgreed, engine.MassExpiry, engine.Answered:
			h.s.tell("%s: %s %s %v %s", h.name, n.Reason, n.IP, n.Client, n.Text)
		}
	}
	h.due = w.Now().Add(max(time.Millisecond, time.Duration(float64(out.Next-h.now().Mono)/(1+h.drift))))
	h.wait()
}

// wait has the machine's next Tick happen when it is due. One event stands for all that were asked for since.
func (h *host) wait() {
	if h.waits.IsZero() || h.due.Before(h.waits) {
		h.waits = h.due
		at := h.due
		h.after(at.Sub(h.s.w.Now()), func() {
			switch {
			case h.waits != at: // an earlier one has taken its place
			case h.due.After(at):
				h.waits = time.Time{}
				h.wait()
			default:
				h.waits = time.Time{}
				h.step(engine.Tick{})
			}
		})
	}
}

// record is a lease as the trace shows it.
type record struct{ lease.Lease }

func (l record) String() string {
	return fmt.Sprintf("%s %s %v end %d told %d sent %d acked %d received %d hold %d began %d cltt %d owed %v", l.IP, l.State, l.Client,
		l.End, l.ToldEnd, l.Sent, l.Acked, l.Received, l.Hold, l.Began, l.CLTT, l.Owed)
}

func (h *host) write(w engine.Write) {
	if !h.s.o.quiet {
		for _, l := range w.Leases {
			h.s.tell("%s %s", h.name, record{l})
		}
	}
	if change := h.s.o.broken.lease; change != nil {
		for i := range w.Leases {
			w.Leases[i] = change(h, w.Leases[i])
		}
	}
	if h.s.o.broken.liarDisk {
		h.after(0, func() { h.step(engine.Durable{Batch: w.Batch, Seq: h.disk.seq + 1}) })
	}
	life := h.life
	at := h.s.w.Now().Add(h.s.w.Between(time.Millisecond, 15*time.Millisecond))
	if at.Before(h.free) {
		at = h.free
	}
	h.free = at
	h.s.w.At(at, "", func() {
		switch {
		case h.life != life:
		case h.full: // nothing is written any more before a new start
			h.step(engine.Unwell{Why: "no space left on device"})
		default:
			h.disk.write(w, h.now().Wall)
			h.step(engine.Durable{Batch: w.Batch, Seq: h.disk.seq})
		}
	})
}

// reply sends a message to its client. What it promises must be on disk.
func (h *host) reply(r engine.Reply) {
	p, s := r.Packet, h.s
	if p.Type == packet.Ack && p.Options.Has(option.LeaseTime) {
		if l := h.disk.leases[p.YIAddr]; l.State != lease.Active || l.Client.CHAddr != string(p.CHAddr) {
			s.fail("%s acknowledges %s, and on its disk is %+v", h.name, p.YIAddr, l)
		}
	}
	due := h.disk.leases[p.YIAddr].Due()
	b, left := p.Append(nil, r.Room)
	if left != 0 {
		s.fail("options were left out of a small reply")
	}
	for _, c := range s.clients {
		if string(c.mac) != string(p.CHAddr) || s.mute != nil && c.seg.relation == s.mute {
			continue
		}
		s.carry(time.Millisecond, func() {
			q, err := packet.Parse(b)
			if err != nil {
				s.fail("%s sent what does not parse: %v", h.name, err)
			} else if c.reaches(h) && !c.off {
				c.hear(q, h, due)
			}
		})
	}
}

// carry is the network of clients: it loses, delays and doubles.
func (s *site) carry(least time.Duration, deliver func()) {
	w := s.w
	if w.Chance(s.o.loss) {
		return
	}
	delay := w.Between(least, 60*time.Millisecond)
	if w.Chance(s.o.late) {
		delay = w.Between(least, 6*time.Second)
	}
	w.After(delay, "", deliver)
	if w.Chance(s.o.twice) {
		w.After(w.Between(least, 6*time.Second), "", deliver)
	}
}

// partner does what an endpoint wants.
func (h *host) partner(r *relation, o *failover.Output) {
	s := h.s
	for _, x := range o.Send {
		if change := s.o.broken.tell; change != nil {
			body, ok := change(x.Message.Body)
			if x.Message.Body = body; !ok {
				continue
			}
		}
		b, err := wire.Append(nil, x.Message)
		if err != nil {
			s.fail("%s cannot send %+v: %v", h.name, x.Message, err)
			return
		}
		s.deliver(x.Session, h, b)
	}
	for _, id := range o.Close {
		for _, c := range s.conns {
			if c.id == id {
				s.closeEnd(c, h)
			}
		}
	}
	if o.Dial {
		s.dial(r, h)
	}
	for _, c := range o.Conflicts {
		if s.o.broken.silent {
			break
		}
		h.found = append(h.found, c)
		s.stats.conflicts++
		s.tell("%s %s two clients: %v stays until %d, %v until %d", h.name, c.IP, c.Kept, c.KeptUntil, c.Lost, c.LostUntil)
		if !r.lie {
			s.fail("%s found two clients of %s, %v and %v%s", h.name, c.IP, c.Kept, c.Lost, s.known(c.IP))
		}
	}
	for _, n := range o.Notes {
		h.events = append(h.events, n.Reason)
		if n.From != n.To {
			s.tell("%s (%s): %s -> %s (%s)", h.name, r.name, n.From, n.To, n.Reason)
		}
		if n.Reason == failover.Protocol {
			s.fail("%s: protocol: %s", h.name, n.Text)
		}
		if n.Reason == failover.RefusedUpdate {
			s.tell("%s refuses %s %s: %s", h.name, n.IP, n.Reject, n.Text)
		}
	}
}
