package failover

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// Unacked is what operators see as "updates it has not confirmed": one that was refused counts as long as it is to be said again, not when
// the partner's own word for the address was taken since.
func TestUnackedForgetsWhatIsAgreedSince(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}})
	l, _ := lease.Lease{IP: replayFirst, State: lease.Free}.Grant(alice, d.wall-100, d.wall+100)
	l.Owed = true
	d.tab.leases[l.IP] = l
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted})
	xids := flyingXIDs(d.m)
	if d.m.State() != wire.Normal || len(xids) == 0 {
		t.Fatalf("%s with %d updates unanswered", d.m.State(), len(xids))
	}
	refusal := wire.BndAck{Answers: []wire.Answer{{IP: l.IP, Reject: wire.Outdated}}}
	d.step(Received{1, wire.Message{XID: xids[0], Body: refusal}})
	before := d.m.Unacked()
	d.hear(1, wire.BndUpd{Bindings: []wire.Binding{{
		IP: l.IP, Has: wire.SetOf(wire.OptStatus, wire.OptHardware, wire.OptStart, wire.OptCLTT, wire.OptEnd), Status: lease.Released,
		Client: l.Client, Start: stamp(d.wall), CLTT: stamp(d.wall), End: stamp(d.wall),
	}}})
	if now, _ := d.m.get(l.IP); now.State != lease.Free || now.Owed {
		t.Fatalf("%+v: what the partner released is free", now)
	}
	if got := d.m.Unacked(); got != before-1 {
		t.Errorf("%d unacked, %d while the refusal stood", got, before)
	}
}

// A server that cannot write must not say that it serves (decision H-i): an operator's resume does not end that pause.
func TestResumeDoesNotEndUnfit(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}})
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted})
	d.wait(time.Second).step(Unwell{Why: "disk full"})
	d.step(Operate{ID: 5, Command: Resume})
	if r := d.out.Replies; len(r) != 1 || !strings.Contains(r[0].Refused, "cannot write its leases") || d.m.State() != wire.Paused {
		t.Errorf("%+v, in %s", r, d.m.State())
	}
	if d.step(Unwell{}); d.m.State() == wire.Paused {
		t.Error("the pause does not end when it can write again")
	}
	d.step(Operate{ID: 6, Command: Pause}).step(Operate{ID: 7, Command: Resume})
	if r := d.out.Replies; len(r) != 1 || r[0].Refused != "" || d.m.State() == wire.Paused {
		t.Errorf("an operator's own pause: %+v, in %s", r, d.m.State())
	}
}

// "Recover" has a server serve nobody for a while: not when it is the only one that serves.
func TestRecoverIsRefusedWhereNobodyWouldServe(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   wire.EndpointState
		peer    wire.EndpointState // that says so now; 0: it is not there
		unfit   bool
		force   bool
		refused string
	}{
		{"normal", wire.Normal, wire.Normal, false, false, ""},
		{"cut off: its own leases may be the old ones", wire.CommInterrupted, 0, false, false, ""},
		{"alone", wire.PartnerDown, 0, false, false, "serves alone"},
		{"alone, and sure", wire.PartnerDown, 0, false, true, ""},
		{"the partner recovers", wire.CommInterrupted, wire.Recover, false, false, "the partner is in recover"},
		{"the partner recovers, and sure", wire.CommInterrupted, wire.Recover, false, true, ""},
		{"the disk takes nothing", wire.CommInterrupted, wire.CommInterrupted, true, true, "cannot write its leases"},
	} {
		d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: c.state, Peer: wire.Normal, Paired: true}})
		if c.peer != 0 {
			d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: c.peer})
		} else {
			d.wait(startupWait)
		}
		if c.unfit {
			d.step(Unwell{Why: "disk full"})
		}
		was := d.m.State()
		d.step(Operate{ID: 9, Command: RecoverFrom, At: d.wall - 60, Force: c.force})
		r := d.out.Replies
		if len(r) != 1 || !strings.Contains(r[0].Refused, c.refused) || (r[0].Refused == "") != (c.refused == "") {
			t.Errorf("%s: %+v", c.name, r)
		}
		if now := d.m.State(); c.refused != "" && now != was || c.refused == "" && now != wire.Recover && now != wire.RecoverWait {
			t.Errorf("%s: from %s to %s", c.name, was, now)
		}
	}
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}})
	d.wait(startupWait).step(Operate{ID: 9, Command: Pause})
	if r := d.out.Replies; len(r) != 1 || !strings.Contains(r[0].Refused, "nobody would serve") || d.m.State() != wire.CommInterrupted {
		t.Errorf("a pause without a partner: %+v, in %s", r, d.m.State())
	}
}

// Of two backups each waits for the other to begin: where the operator looks it must be said.
func TestTwoBackupsSayWhy(t *testing.T) {
	d := newDesk(t, Config{Role: Backup}, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal}})
	d.step(Connected{Session: 1, Dialled: true}).wait(handshake)
	if !slices.Contains(d.reasons, TwoServers) || !slices.Contains(d.out.Close, 1) {
		t.Errorf("noted %v, closed %v", d.reasons, d.out.Close)
	}
}

// A disk that fails while the server starts, or while an operator has it paused, is not forgotten when that is over: it must not say that it
// serves (decision H-i).
func TestUnfitWhileStartingOrPaused(t *testing.T) {
	past := Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}}
	d := newDesk(t, Config{Role: Main}, past)
	d.step(Unwell{Why: "disk full"})
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted})
	if d.m.State() != wire.Paused || d.m.saved.Why != Unfit {
		t.Errorf("contact while starting: in %s, because: %s", d.m.State(), d.m.saved.Why)
	}
	d = newDesk(t, Config{Role: Main}, past)
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.CommInterrupted})
	d.step(Operate{ID: 1, Command: Pause}).step(Unwell{Why: "disk full"}).step(Operate{ID: 2, Command: Resume})
	if d.m.State() != wire.Paused || d.m.saved.Why != Unfit {
		t.Errorf("resumed: in %s, because: %s", d.m.State(), d.m.saved.Why)
	}
}

// A main that has served alone owes its leases to nobody, so none is marked so: a partner of before, which asks for what is new, is told all.
func TestAfterServingAloneAllIsTold(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{HasLeases: true})
	l, _ := lease.Lease{IP: replayFirst, State: lease.Free}.Grant(alice, d.wall, d.wall+100)
	d.tab.leases[l.IP] = l
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.Recover}).hear(1, wire.UpdReq{})
	if d.m.State() != wire.PartnerDown || d.m.saved.Why != ServedAlone {
		t.Fatalf("%s because: %s", d.m.State(), d.m.saved.Why)
	}
	if u, ok := last[wire.BndUpd](d); !ok || len(u.Bindings) != 1 || u.Bindings[0].IP != l.IP {
		t.Errorf("it says %+v", d.said())
	}
}
