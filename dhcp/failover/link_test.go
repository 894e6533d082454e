package failover

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// desk is one endpoint whose partner is the test.
type desk struct {
	t       *testing.T
	m       *Machine
	tab     *replayTable
	mono    time.Duration
	wall    int64
	out     Output // of the last step, with what became durable at once
	reasons []Reason
}

func newDesk(t *testing.T, cfg Config, start Start) *desk {
	d := &desk{t: t, mono: time.Hour, wall: wallStart, tab: &replayTable{map[lease.IP]lease.Lease{}}}
	if cfg.Name == "" {
		cfg.Name = "pair"
	}
	cfg.MCLT, cfg.PollInterval, cfg.PollTimeout, cfg.MaxUnacked = 3600, 10*time.Second, 60*time.Second, 10
	cfg.Pools = []Pool{{Name: "p", Ranges: []Range{{replayFirst, replayLast}}, BackupPct: 10}}
	start.Store = 7
	m, out := New(cfg, start, d.tab, d.now())
	d.m = m
	d.keep(out)
	return d
}

func (d *desk) now() Now { return Now{d.mono, d.wall} }

func (d *desk) keep(out Output) {
	d.out = out
	d.out.Send, d.out.Close = slices.Clone(out.Send), slices.Clone(out.Close)
	d.out.Replies, d.out.Conflicts = slices.Clone(out.Replies), slices.Clone(out.Conflicts)
	for {
		for _, n := range out.Notes {
			d.reasons = append(d.reasons, n.Reason)
		}
		for _, l := range out.Leases {
			d.tab.leases[l.IP] = l
		}
		if out.Batch == 0 {
			return
		}
		out = d.m.Step(d.now(), Durable{Batch: out.Batch})
		d.out.Send, d.out.Close = append(d.out.Send, out.Send...), append(d.out.Close, out.Close...)
		d.out.Next, d.out.Dial = out.Next, d.out.Dial || out.Dial
		d.out.Stopped = d.out.Stopped || out.Stopped
	}
}

func (d *desk) step(in Input) *desk {
	d.keep(d.m.Step(d.now(), in))
	return d
}

func (d *desk) wait(t time.Duration) *desk {
	d.mono += t
	d.wall += int64(t / time.Second)
	return d.step(Tick{})
}

func (d *desk) hear(session uint64, body wire.Body) *desk {
	return d.step(Received{session, wire.Message{Time: uint32(d.wall), Body: body}})
}

// said are the bodies of the last step.
func (d *desk) said() (out []wire.Body) {
	for _, s := range d.out.Send {
		out = append(out, s.Message.Body)
	}
	return out
}

// last is the last body of type B in the last step.
func last[B wire.Body](d *desk) (b B, ok bool) {
	for _, body := range d.said() {
		if x, is := body.(B); is {
			b, ok = x, true
		}
	}
	return b, ok
}

func goodConnect() wire.Connect {
	return wire.Connect{
		Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer, wire.OptVendor, wire.OptVersion, wire.OptTLSRequest, wire.OptMCLT,
			wire.OptBuckets), Name: "pair", MaxUnacked: 10, ReceiveTimer: 15, Vendor: "isc-4.4.3-P1", Version: 1, MCLT: 1800, Buckets: [32]byte(Split(128)),
	}
}

func goodAck() wire.ConnectAck {
	return wire.ConnectAck{
		Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer), Name: "pair", MaxUnacked: 10, ReceiveTimer: 15,
	}
}

// isc is a desk with an ISC partner, connected; the partner has said nothing of its state.
func isc(t *testing.T, role Role, saved Saved) *desk {
	d := newDesk(t, Config{Role: role, ISC: true}, Start{Saved: saved, LastCommit: wallStart - 10})
	d.step(Connected{Session: 1, Dialled: true})
	if role == Main {
		return d.hear(1, goodAck())
	}
	return d.hear(1, goodConnect())
}

// The checks of CONNECT, and the reason of each refusal (draft 7.8.2; reference 4.2). A refusal names the relationship, says no state,
// and closes.
func TestConnectChecks(t *testing.T) {
	for _, c := range []struct {
		name string
		role Role
		do   func(*wire.Connect)
		skew int64
		want wire.Reject
	}{
		{"good", Backup, func(*wire.Connect) {}, 0, 0},
		{"clock 60 s off", Backup, func(*wire.Connect) {}, 60, 0},
		{"clock 61 s off", Backup, func(*wire.Connect) {}, 61, wire.ClockMismatch},
		{"clock 61 s behind", Backup, func(*wire.Connect) {}, -61, wire.ClockMismatch},
		{"no name", Backup, func(c *wire.Connect) { c.Has &^= wire.SetOf(wire.OptName); c.Name = "" }, 0, wire.InvalidPartner},
		{"another name", Backup, func(c *wire.Connect) { c.Name = "other" }, 0, wire.InvalidPartner},
		{"the longer name", Backup, func(c *wire.Connect) { c.Name = "pair2" }, 0, wire.InvalidPartner},
		{"two mains", Main, func(*wire.Connect) {}, 0, wire.InvalidPartner},
		{"no HBA", Backup, func(c *wire.Connect) { c.Has &^= wire.SetOf(wire.OptBuckets) }, 0, wire.BucketConflict},
		{"no MCLT", Backup, func(c *wire.Connect) { c.MCLT = 0 }, 0, wire.InvalidMCLT},
		{"version 9", Backup, func(c *wire.Connect) { c.Version = 9 }, 0, wire.VersionMismatch},
		{"TLS required", Backup, func(c *wire.Connect) { c.TLS = 2 }, 0, wire.TLSUnsupported},
		{"TLS wanted", Backup, func(c *wire.Connect) { c.TLS = 1 }, 0, 0},
		{"no receive timer", Backup, func(c *wire.Connect) { c.ReceiveTimer = 0 }, 0, wire.UnknownReason},
		{"no max-unacked", Backup, func(c *wire.Connect) { c.MaxUnacked = 0 }, 0, wire.UnknownReason},
	} {
		d := newDesk(t, Config{Role: c.role, ISC: true}, Start{})
		d.step(Connected{Session: 1, Dialled: true})
		body := goodConnect()
		c.do(&body)
		d.step(Received{1, wire.Message{Time: uint32(d.wall + c.skew), XID: 5, Body: body}})
		ack, ok := last[wire.ConnectAck](d)
		if !ok || ack.Reject != c.want || !ack.Has.Has(wire.OptName) || (ack.Text != "") != (c.want != 0) {
			t.Errorf("%s: %+v", c.name, d.said())
			continue
		}
		_, stated := last[wire.State](d)
		if stated != (c.want == 0) || slices.Contains(d.out.Close, 1) != (c.want != 0) {
			t.Errorf("%s: state said %v, closed %v", c.name, stated, d.out.Close)
		}
		if c.want == 0 && c.role == Backup && d.m.MCLT() != 1800 { // "always use the primary's value"
			t.Errorf("%s: MCLT %d", c.name, d.m.MCLT())
		}
	}
}

func TestConnectAckChecks(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*wire.ConnectAck)
		skew int64
		want wire.Reject // of our DISCONNECT; 0: none
		up   bool
	}{
		{"good", func(*wire.ConnectAck) {}, 0, 0, true},
		{"no name", func(a *wire.ConnectAck) { a.Has, a.Name = 0, "" }, 0, wire.InvalidPartner, false},
		{"another name", func(a *wire.ConnectAck) { a.Name = "other" }, 0, wire.InvalidPartner, false},
		{"clock", func(*wire.ConnectAck) {}, 70, wire.ClockMismatch, false},
		{"refused", func(a *wire.ConnectAck) { a.Reject, a.Text = wire.BucketConflict, "invalid HBA" }, 0, 0, false},
		{"no timer", func(a *wire.ConnectAck) { a.ReceiveTimer = 0 }, 0, wire.UnknownReason, false},
	} {
		d := newDesk(t, Config{Role: Main, ISC: true}, Start{})
		d.step(Connected{Session: 1, Dialled: true})
		body := goodAck()
		c.do(&body)
		d.step(Received{1, wire.Message{Time: uint32(d.wall + c.skew), Body: body}})
		bye, ok := last[wire.Disconnect](d)
		if ok != (c.want != 0) || bye.Reject != c.want || (d.m.link.up != 0) != c.up {
			t.Errorf("%s: %+v", c.name, d.said())
		}
		if !c.up {
			if d.wait(50 * time.Second); d.out.Dial {
				t.Errorf("%s: dialled within a minute (draft: wait one or two minutes)", c.name)
			}
			if d.wait(11 * time.Second); !d.out.Dial {
				t.Errorf("%s: never dialled again", c.name)
			}
		}
	}
}

// "keep one; on a second one answer reason 7 and close it"; but one that has been silent is replaced: the partner would not come anew.
func TestDuplicateConnection(t *testing.T) {
	d := isc(t, Backup, Saved{})
	d.step(Connected{Session: 2}).hear(2, goodConnect())
	if ack, _ := last[wire.ConnectAck](d); ack.Reject != wire.DuplicateConnect || !slices.Contains(d.out.Close, 2) || d.m.link.up != 1 {
		t.Errorf("%+v, closed %v", d.said(), d.out.Close)
	}
	d.wait(10*time.Second).step(Connected{Session: 3}).hear(3, goodConnect())
	if ack, _ := last[wire.ConnectAck](d); ack.Reject != 0 || !slices.Contains(d.out.Close, 1) || d.m.link.up != 3 {
		t.Errorf("%+v, closed %v", d.said(), d.out.Close)
	}
	d = isc(t, Main, Saved{})
	if d.step(Connected{Session: 2}); !slices.Contains(d.out.Close, 2) || len(d.out.Send) != 0 {
		t.Errorf("main: %+v, closed %v", d.said(), d.out.Close)
	}
}

// "CONTACT every receive-timer / 3"; "drop connection when nothing arrives for the value we advertised", with DISCONNECT reason 17.
func TestTimers(t *testing.T) {
	d := isc(t, Main, Saved{}).hear(1, wire.State{State: wire.Recover})
	if d.wait(4 * time.Second); len(d.said()) != 0 {
		t.Errorf("after 4 s: %+v", d.said())
	}
	d.wait(time.Second)
	if _, ok := last[wire.Contact](d); !ok {
		t.Errorf("after 5 s, a third of the partner's 15: %+v", d.said())
	}
	d.wait(54 * time.Second)
	if len(d.out.Close) != 0 {
		t.Error("closed before 60 s")
	}
	d.wait(time.Second)
	if bye, _ := last[wire.Disconnect](d); bye.Reject != wire.NoTraffic || !slices.Contains(d.out.Close, 1) || !d.out.Dial {
		t.Errorf("after 60 s: %+v, dial %v", d.said(), d.out.Dial)
	}
	d = newDesk(t, Config{Role: Backup, ISC: true}, Start{})
	d.step(Connected{Session: 1, Dialled: true}).wait(15 * time.Second)
	if !slices.Contains(d.out.Close, 1) {
		t.Error("a connection without CONNECT is kept longer than 15 s")
	}
}

// Decision D-c: "A closed or refused connection does it at once", "fast_detect = 1s of silence" with one of ours.
func TestContactIsLostAtOnce(t *testing.T) {
	normal := func(cfg Config) *desk {
		d := newDesk(t, cfg, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal, PeerStore: 9}})
		d.step(Connected{Session: 1, Dialled: true})
		ack := goodAck()
		ack.Has |= wire.SetOf(wire.OptVendorData)
		ack.Ours = wire.Ours{Store: 9, PeerStore: 7, Fast: 1000}
		d.hear(1, ack).hear(1, wire.State{State: wire.CommInterrupted}).hear(1, wire.State{State: wire.Normal})
		if d.m.State() != wire.Normal {
			t.Fatalf("not normal: %s", d.m.State())
		}
		return d
	}
	d := normal(Config{Role: Main})
	if d.step(Lost{1}); d.m.State() != wire.CommInterrupted || d.m.saved.Why != ContactLost || !d.out.Dial {
		t.Errorf("%s %s", d.m.State(), d.m.saved.Why)
	}
	d = normal(Config{Role: Main, Fast: time.Second})
	if d.wait(400 * time.Millisecond); len(d.said()) != 1 || !d.m.Late() {
		t.Errorf("%v; CONTACT every quarter of the partner's fast_detect", d.said())
	}
	if d.wait(350 * time.Millisecond); d.m.State() != wire.CommInterrupted || d.m.saved.Why != Silence || d.m.link.up != 1 {
		t.Errorf("%s %s", d.m.State(), d.m.saved.Why)
	}
	if d.hear(1, wire.Contact{}); d.m.State() != wire.Normal {
		t.Errorf("heard again: %s", d.m.State())
	}
	if d.hear(1, wire.State{State: wire.CommInterrupted}); d.m.State() != wire.Normal {
		t.Errorf("the partner had lost contact too: %s", d.m.State())
	}
	if s, ok := last[wire.State](d); !ok || s.State != wire.Normal {
		t.Errorf("it must be told normal, or it stays: %v", d.said())
	}
}

// Both dial at once: this server's attempt is refused by a partner that does not listen yet and has connected meanwhile.
func TestAnAttemptOfBeforeTheConnectionDoesNotEndIt(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal}})
	if !d.out.Dial {
		t.Fatal("it does not dial")
	}
	d.step(Connected{Session: 1}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted}).hear(1, wire.State{State: wire.Normal})
	if d.step(DialFailed{}); d.m.State() != wire.Normal || !d.m.InContact() || d.out.Dial {
		t.Errorf("%s, in contact %v, dials %v", d.m.State(), d.m.InContact(), d.out.Dial)
	}
}

// After a cut TCP tries a connection again ever more seldom: beside one that is silent another is made, which takes its place.
func TestASilentConnectionIsReplaced(t *testing.T) {
	silent := func(role Role) *desk {
		d := newDesk(t, Config{Role: role, Fast: time.Second}, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal, PeerStore: 9}})
		d.step(Connected{Session: 1, Dialled: true})
		greet(d, 1)
		if d.m.State() != wire.Normal {
			t.Fatalf("%s: %s", role, d.m.State())
		}
		if d.wait(alive - time.Millisecond); d.m.State() != wire.CommInterrupted || d.out.Dial {
			t.Errorf("%s: %s, dials %v: a connection that was heard so lately is not replaced", role, d.m.State(), d.out.Dial)
		}
		if d.wait(time.Millisecond); !d.out.Dial || d.m.link.up != 1 {
			t.Errorf("%s: dials %v, connection %d in use", role, d.out.Dial, d.m.link.up)
		}
		return d
	}
	for _, role := range []Role{Main, Backup} {
		d := silent(role)
		if d.wait(3 * time.Second); d.out.Dial {
			t.Errorf("%s: two attempts at once", role)
		}
		if d.step(DialFailed{}); d.out.Dial || d.m.link.up != 1 || len(d.out.Close) != 0 {
			t.Errorf("%s: the attempt failed: dials %v, closed %v", role, d.out.Dial, d.out.Close)
		}
		if d.wait(redialOurs); !d.out.Dial {
			t.Errorf("%s: one attempt is all", role)
		}
		d.step(Connected{Session: 2, Dialled: true})
		if greet(d, 2); d.m.State() != wire.Normal || d.m.link.up != 2 || len(d.m.link.conns) != 1 {
			t.Errorf("%s: %s on connection %d of %d", role, d.m.State(), d.m.link.up, len(d.m.link.conns))
		}

		d = silent(role) // or the old one is heard first
		if d.hear(1, wire.State{State: wire.CommInterrupted}).hear(1, wire.State{State: wire.Normal}); d.m.State() != wire.Normal {
			t.Errorf("%s: %s", role, d.m.State())
		}
		if d.step(Connected{Session: 2, Dialled: true}); d.m.link.up != 1 || d.m.State() != wire.Normal {
			t.Errorf("%s: %s on connection %d", role, d.m.State(), d.m.link.up)
		}
		if role == Backup { // the main has the word
			d.hear(2, goodConnect())
		}
		if !slices.Contains(d.out.Close, 2) || d.m.link.up != 1 || d.m.State() != wire.Normal {
			t.Errorf("%s: closed %v, %s on connection %d", role, d.out.Close, d.m.State(), d.m.link.up)
		}
	}
}

// greet is the partner's part of a connection's beginning, until both are in normal.
func greet(d *desk, session uint64) {
	ours := wire.Ours{Store: 9, PeerStore: 7, Fast: 1000}
	if d.m.cfg.Role == Main {
		ack := goodAck()
		ack.Has |= wire.SetOf(wire.OptVendorData)
		ack.Ours = ours
		d.hear(session, ack)
	} else {
		ask := goodConnect()
		ask.Has |= wire.SetOf(wire.OptVendorData)
		ask.Ours = ours
		d.hear(session, ask)
	}
	d.hear(session, wire.State{State: wire.CommInterrupted}).hear(session, wire.State{State: wire.Normal})
}

// "Never more BNDUPDs outstanding than the partner's max-unacked"; one binding each to ISC dhcpd, many to ours.
func TestPipeline(t *testing.T) {
	for _, isc := range []bool{true, false} {
		d := newDesk(t, Config{Role: Main, ISC: isc}, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal}})
		var ips []lease.IP
		for i := range lease.IP(30) {
			l, _ := lease.Lease{IP: replayFirst + i, State: lease.Free}.Grant(alice, d.wall, d.wall+100)
			l.Owed = true
			d.tab.leases[l.IP] = l
			ips = append(ips, l.IP)
		}
		ack := goodAck()
		ack.MaxUnacked = 3
		d.step(Connected{Session: 1, Dialled: true}).hear(1, ack).hear(1, wire.State{State: wire.CommInterrupted})
		seen, most := map[lease.IP]bool{}, 0
		for rounds := 0; ; rounds++ {
			if rounds > 40 {
				t.Fatalf("isc %v: %d of 30 told", isc, len(seen))
			}
			n := 0
			for _, s := range d.out.Send {
				if u, ok := s.Message.Body.(wire.BndUpd); ok {
					n++
					most = max(most, len(u.Bindings))
				}
			}
			if len(d.m.updates.flying) > 3 {
				t.Fatalf("isc %v: %d outstanding, the partner takes 3", isc, len(d.m.updates.flying))
			}
			if n == 0 {
				break
			}
			for _, xid := range flyingXIDs(d.m) {
				var a wire.BndAck
				for _, l := range d.m.updates.flying[xid].leases {
					a.Answers = append(a.Answers, wire.Answer{IP: l.IP})
					seen[l.IP] = true
				}
				d.step(Received{1, wire.Message{Time: uint32(d.wall), XID: xid, Body: a}})
				break
			}
		}
		for range 40 {
			for _, xid := range flyingXIDs(d.m) {
				var a wire.BndAck
				for _, l := range d.m.updates.flying[xid].leases {
					a.Answers = append(a.Answers, wire.Answer{IP: l.IP})
					seen[l.IP] = true
				}
				d.step(Received{1, wire.Message{Time: uint32(d.wall), XID: xid, Body: a}})
			}
		}
		if isc != (most == 1) {
			t.Errorf("isc %v: up to %d bindings in one", isc, most)
		}
		for _, ip := range ips {
			if l := d.tab.leases[ip]; l.Owed || !seen[ip] || l.Acked == 0 {
				t.Errorf("isc %v: %s: %+v", isc, ip, l)
			}
		}
	}
}

func flyingXIDs(m *Machine) (out []uint32) {
	for xid := range m.updates.flying {
		out = append(out, xid)
	}
	slices.Sort(out)
	return out
}

// An answer goes out when what it promises is on disk, and not before.
func TestAnswerAfterTheDisk(t *testing.T) {
	d := isc(t, Main, Saved{}).hear(1, wire.State{State: wire.Recover})
	out := d.m.Step(d.now(), Received{1, wire.Message{XID: 9, Body: wire.BndUpd{Bindings: []wire.Binding{received(lease.Active, bob, uint32(d.wall+60), 5)}}}})
	if len(out.Leases) != 0 { // 0.0.0.1 is in no pool
		t.Fatal("took an address of no pool")
	}
	b := received(lease.Active, bob, uint32(d.wall+60), 5)
	b.IP = replayFirst
	out = d.m.Step(d.now(), Received{1, wire.Message{XID: 10, Body: wire.BndUpd{Bindings: []wire.Binding{b}}}})
	if len(out.Leases) != 1 || out.Batch == 0 || len(out.Send) != 0 {
		t.Fatalf("%+v", out)
	}
	batch := out.Batch
	if out = d.m.Step(d.now(), Durable{Batch: batch - 1}); len(out.Send) != 0 {
		t.Error("answered for an earlier write")
	}
	out = d.m.Step(d.now(), Durable{Batch: batch})
	if len(out.Send) != 1 || out.Send[0].Message.XID != 10 || out.Send[0].Message.Body.(wire.BndAck).Answers[0].Reject != 0 {
		t.Errorf("%+v", out.Send)
	}
}

// A disk that hangs for a while owes the answers to what came before: without them the partner's window stays full for ever.
func TestAnswerAfterTheDiskHung(t *testing.T) {
	d := isc(t, Main, Saved{}).hear(1, wire.State{State: wire.Recover})
	b := received(lease.Active, bob, uint32(d.wall+60), 5)
	b.IP = replayFirst
	out := d.m.Step(d.now(), Received{1, wire.Message{XID: 10, Body: wire.BndUpd{Bindings: []wire.Binding{b}}}})
	batch := out.Batch
	out = d.m.Step(d.now(), Unwell{Why: "the disk hangs"})
	if len(out.Send) != 1 || out.Send[0].Message.Body.(wire.State).State != wire.Paused {
		t.Fatalf("the state waits for the disk: %+v", out.Send)
	}
	out = d.m.Step(d.now(), Durable{Batch: batch})
	if len(out.Send) != 1 || out.Send[0].Message.XID != 10 {
		t.Errorf("said when the disk came on: %+v", out.Send)
	}
}

// dhcp setPartnerDown: the refusals (checklist D35; decision D-l).
func TestSetPartnerDown(t *testing.T) {
	op := func(at int64, force bool) Operate {
		return Operate{ID: 3, Command: SetPartnerDown, At: at, Force: force}
	}
	ci := Saved{State: wire.CommInterrupted, Peer: wire.Normal, Parted: wallStart - 1000}
	for _, c := range []struct {
		name  string
		saved Saved
		in    Operate
		want  string // within the refusal; "": done
		down  int64
	}{
		{"now", ci, op(0, false), "", wallStart + 20},
		{"a date", ci, op(wallStart-500, false), "", wallStart - 500},
		{"before it was heard last", ci, op(wallStart-2000, false), "the partner was heard until", 0},
		{"that, by an expert", ci, op(wallStart-2000, true), "", wallStart - 2000},
		{"in the future", ci, op(wallStart+10000, true), "future", 0},
		{"the partner said it first", Saved{State: wire.CommInterrupted, Peer: wire.PartnerDown}, op(0, true), "never both", 0},
		{"already", Saved{State: wire.PartnerDown, Peer: wire.Normal}, op(0, false), "already", 0},
		{"already, but it was back meanwhile", Saved{State: wire.PartnerDown, Peer: wire.Recover, Met: true}, op(0, false), "", wallStart + 20},
		{"recovering", Saved{State: wire.Recover, Peer: wire.Normal, Lost: true}, op(0, true), "not from recover", 0},
		{"no past", Saved{}, op(0, false), "--new-site", 0},
		{"a new site", Saved{}, op(0, true), "", 1},
	} {
		d := newDesk(t, Config{Role: Main, ISC: true}, Start{Saved: c.saved, LastCommit: wallStart - 1000})
		d.wait(20 * time.Second)
		d.step(c.in)
		got := d.out.Replies
		if len(got) != 1 || got[0].ID != 3 || (got[0].Refused == "") != (c.want == "") || !strings.Contains(got[0].Refused, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
			continue
		}
		if c.want == "" && (d.m.State() != wire.PartnerDown || d.m.saved.Down != c.down || d.m.saved.Met) {
			t.Errorf("%s: %s since %d, want %d", c.name, d.m.State(), d.m.saved.Down, c.down)
		}
	}
	d := isc(t, Main, ci).hear(1, wire.State{State: wire.CommInterrupted})
	if d.step(op(0, true)); len(d.out.Replies) != 1 || !strings.Contains(d.out.Replies[0].Refused, "connected") {
		t.Errorf("while connected: %+v", d.out.Replies)
	}
}
