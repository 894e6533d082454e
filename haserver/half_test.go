package haserver

import (
	"slices"
	"testing"
	"time"

	"loadshare/haserver/digest"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// half is the machine of one server with the source's own times; the test is its disk, which never fails, and its partner.
type half struct {
	t        *testing.T
	role     pairmsg.Role
	m        *pair.Machine
	zones    map[string]pair.ZoneStart
	now      time.Duration
	next     time.Duration
	session  uint64
	silent   bool // the partner answers no heartbeats
	refusing bool // attempts to connect are refused; else they get no answer

	sent    []pairmsg.Message
	beats   []time.Duration // when heartbeats went out
	dials   []time.Duration
	jobs    []pair.Job
	replies []pair.Reply
	notify  map[string]bool // of what is shown
}

// newHalf makes a machine whose zones are called by the given labels, with two points each: one before, and the present one.
func newHalf(t *testing.T, role pairmsg.Role, labels ...string) *half {
	t.Helper()
	h := &half{t: t, role: role, zones: map[string]pair.ZoneStart{}, now: time.Hour, notify: map[string]bool{}}
	for _, label := range labels {
		name := mustName(label + ".test")
		tip, problems := zone.Load(func(string) ([]byte, error) {
			return []byte("$TTL 60\n@ SOA ns admin 10 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1\n"), nil
		}, name, "db")
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		h.zones[name.Key()] = pair.ZoneStart{Tip: tip, Point: pairmsg.Point{Serial: 10, Digest: digest.Of(tip)}, History: []pairmsg.Point{before}}
	}
	saved := pair.Saved{Store: pairmsg.StoreID{1}, PeerStore: pairmsg.StoreID{2}, Boot: 1}
	var out pair.Output
	h.m, out = pair.New(h.conf(), saved, h.zones, h.at())
	h.take(out)
	return h
}

func (h *half) conf() pair.Config {
	return pair.Config{Role: h.role, Heartbeat: 12 * time.Second, CommTimeout: 30 * time.Second, SyncRetry: 5 * time.Minute, AckTimeout: time.Second}
}

// strict sets ack = "strict".
func (h *half) strict() {
	conf := h.conf()
	conf.Strict = true
	h.step(pair.Reconfigure{Config: conf})
}

// alarms are the names of those that stand now.
func (h *half) alarms() (names []string) {
	h.step(pair.Tick{})
	for _, a := range h.m.Status().Alarms {
		names = append(names, a.Name)
	}
	return names
}

// before is where the partner's zones stand when they lack the last change; elsewhere is a point that nobody knows.
var before, elsewhere = pairmsg.Point{Serial: 9, Digest: digest.Digest{9}}, pairmsg.Point{Serial: 9, Digest: digest.Digest{8}}

func (h *half) at() pair.Now {
	return pair.Now{Mono: h.now, Wall: 1_700_000_000_000_000 + h.now.Microseconds()}
}

func (h *half) step(in pair.Input) { h.t.Helper(); h.take(h.m.Step(h.at(), in)) }

// take carries out an output; what follows from it comes after the rest of it.
func (h *half) take(out pair.Output) {
	h.next = out.Next
	sent, session, batch, dial := slices.Clone(out.Send), out.Session, out.Batch, out.Dial
	h.sent = append(h.sent, sent...)
	h.jobs = append(h.jobs, out.Jobs...)
	h.replies = append(h.replies, out.Replies...)
	for _, s := range out.Show {
		h.notify[s.Zone] = s.Notify
	}
	if dial {
		h.dials = append(h.dials, h.now)
		h.step(pair.DialFailed{Refused: h.refusing})
	}
	if batch != 0 {
		h.step(pair.Durable{Batch: batch})
	}
	for _, m := range sent {
		if b, ok := m.(pairmsg.Heartbeat); ok {
			h.beats = append(h.beats, h.now)
			if !h.silent {
				h.step(pair.Received{Session: session, Message: pairmsg.HeartbeatReply{Number: b.Number, State: pairmsg.Normal, Wall: h.at().Wall, Echo: b.Wall}})
			}
		}
	}
}

// hear brings messages of the partner.
func (h *half) hear(list ...pairmsg.Message) {
	h.t.Helper()
	for _, m := range list {
		h.step(pair.Received{Session: h.session, Message: m})
	}
}

// hello is the first word of a partner of our version.
func (h *half) hello() pairmsg.Hello {
	return pairmsg.Hello{
		Version: pairmsg.Version, Oldest: pairmsg.Oldest, Role: h.role.Other(), Configured: h.role.Other(), Store: pairmsg.StoreID{2}, Boot: h.session,
		PeerStore: pairmsg.StoreID{1}, State: pairmsg.Normal, Wall: h.at().Wall, Clock: h.at().Wall,
	}
}

// connect is a new connection, over which nothing was said yet.
func (h *half) connect() {
	h.t.Helper()
	h.session++
	h.step(pair.Connected{Session: h.session})
}

// meet brings both to normal; the partner's zones are all at one point. The zero point: at our own.
func (h *half) meet(p pairmsg.Point) {
	h.t.Helper()
	h.connect()
	h.hear(h.hello())
	var list []pairmsg.ZonePoint
	for _, z := range h.m.Status().Zones {
		at := p
		if at == (pairmsg.Point{}) {
			at = z.Point
		}
		list = append(list, pairmsg.ZonePoint{Zone: zone.Name(z.Zone), Point: at})
	}
	h.hear(pairmsg.Negotiate{Zones: list}, pairmsg.NegotiateReply{})
	h.want(pairmsg.Normal, pair.Ready)
}

// pass lets time go by.
func (h *half) pass(d time.Duration) {
	h.t.Helper()
	for end := h.now + d; h.now < end; {
		at := end
		if h.next > 0 && h.next < at {
			at = max(h.next, h.now+time.Microsecond)
		}
		if h.now = at; h.next > 0 && h.next <= at {
			h.step(pair.Tick{})
		}
	}
}

func (h *half) want(s pairmsg.State, why pair.Reason) {
	h.t.Helper()
	if st := h.m.Status(); st.State != s || st.Reason != why {
		h.t.Fatalf("%s (%s), want %s (%s)", st.State, st.Reason, s, why)
	}
}

// change asks for one more record of a zone.
func (h *half) change(label string, edit bool) *pair.Change {
	h.t.Helper()
	name := mustName(label + ".test")
	data, err := zone.ParseRdata(zone.TypeA, "192.0.2.9", name)
	if err != nil {
		h.t.Fatal(err)
	}
	c := &pair.Change{Zone: name.Key(), Edit: edit, Do: func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta) {
		rec := zone.Record{Name: mustName(h.now.String() + "." + label + ".test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: 5, Data: data}
		next, d, rcode, why := tip.Apply(zone.Update{Serial: serial, Updates: []zone.Record{rec}})
		if rcode != zone.NoError {
			h.t.Fatal(why)
		}
		return next, d
	}}
	h.step(c)
	return c
}

// said are the messages of one type that were sent since the last look.
func said[M pairmsg.Message](h *half) (list []M) {
	for _, m := range h.sent {
		if m, ok := m.(M); ok {
			list = append(list, m)
		}
	}
	h.sent = nil
	return list
}
