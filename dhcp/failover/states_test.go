package failover

import (
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// The draft's transitions (9.4 to 9.14): what a state becomes when contact is there and the partner is in its. In the rows of normal
// and of potential-conflict the saved state is the one after the loss of contact: interrupted, and resolution-interrupted.
func TestTransitions(t *testing.T) {
	const (
		nor, ci, pd, pc, rec, pau, shu, rd, ri, cd, rw = wire.Normal, wire.CommInterrupted, wire.PartnerDown, wire.PotentialConflict, wire.Recover, wire.Paused,
			wire.ShutDown, wire.RecoverDone, wire.ResolutionInterrupted, wire.ConflictDone, wire.RecoverWait
	)
	type row map[wire.EndpointState]wire.EndpointState
	rows := map[wire.EndpointState]row{
		ci:  {nor: nor, ci: nor, rec: ci, rw: ci, rd: nor, pd: rec, pc: pc, cd: pc, ri: pc, pau: ci, shu: pd},
		pd:  {rec: pd, rw: pd, pau: pd, shu: pd, rd: nor, ci: pc, pd: pc, pc: pc, ri: pc, cd: pc, nor: pd}, // nor: see below
		rec: {pc: pc, ri: pc, cd: pc, nor: rec, ci: rec, pd: rec, rec: rec, pau: rec, shu: rec, rd: rec, rw: rec},
		rd:  {nor: nor, rd: nor, pc: pc, ci: rd, pd: rd, rec: rd, rw: rd, pau: rd},
		ri:  {nor: pc, ci: pc, pd: pc, pc: pc, ri: pc, rec: pc, rd: pc},
		cd:  {nor: nor, pc: cd, ri: cd, rec: cd},
		rw:  {nor: rw, pd: rw, ci: rw, rec: rw, pc: pc},
	}
	for own, r := range rows {
		for peer, want := range r {
			d := isc(t, Main, Saved{State: own, Peer: wire.Normal, Lost: own == rec, FailedAt: wallStart, Paired: true})
			d.hear(1, wire.State{State: peer})
			if got := d.m.State(); got != want {
				t.Errorf("own %s, partner %s: %s, want %s", own, peer, got, want)
			}
			if s, ok := last[wire.State](d); ok && s.State != want {
				t.Errorf("own %s, partner %s: it says %s", own, peer, s.State)
			}
		}
	}
	// Between two of ours a partner that went to partner-down before our last change shows a false claim: conflict (draft 9.3).
	for _, c := range []struct {
		since int64
		want  wire.EndpointState
	}{{wallStart - 5, rec}, {wallStart - 500, pc}} {
		d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: nor, Peer: nor}, LastCommit: wallStart - 10})
		d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: pd, Since: uint32(c.since)})
		if d.m.State() != c.want {
			t.Errorf("partner-down since %d: %s, want %s", c.since-wallStart, d.m.State(), c.want)
		}
	}
	// A partner of ours that says normal to one in partner-down: conflict. An ISC dhcpd that hears of conflict in normal shuts down;
	// it goes there itself when it hears partner-down (reference 7.6, 3).
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: pd, Peer: nor, Down: 5}})
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: nor})
	if d.m.State() != pc {
		t.Errorf("ours: %s", d.m.State())
	}
}

// From normal, while connected.
func TestFromNormal(t *testing.T) {
	for peer, want := range map[wire.EndpointState]wire.EndpointState{
		wire.Normal: wire.Normal, wire.CommInterrupted: wire.Normal, wire.Paused: wire.CommInterrupted, wire.ShutDown: wire.PartnerDown,
		wire.Recover: wire.CommInterrupted, wire.RecoverWait: wire.CommInterrupted, wire.RecoverDone: wire.Normal,
		wire.PotentialConflict: wire.PotentialConflict, wire.PartnerDown: wire.PotentialConflict, 77: wire.Normal,
	} {
		d := isc(t, Backup, Saved{State: wire.Normal, Peer: wire.Normal}).hear(1, wire.State{State: wire.Normal})
		if d.m.State() != wire.Normal {
			t.Fatalf("not normal: %s", d.m.State())
		}
		if d.hear(1, wire.State{State: peer}); d.m.State() != want {
			t.Errorf("partner %s: %s, want %s", peer, d.m.State(), want)
		}
	}
}

// "a server in PARTNER-DOWN ignores every STATE carrying [the STARTUP flag]": the first of a restarted ISC dhcpd is its old NORMAL.
func TestPartnerDownIgnoresStartup(t *testing.T) {
	d := isc(t, Main, Saved{State: wire.PartnerDown, Peer: wire.Normal, Down: 5})
	d.hear(1, wire.State{State: wire.CommInterrupted, Startup: true})
	if d.m.State() != wire.PartnerDown {
		t.Errorf("%s", d.m.State())
	}
	d.hear(1, wire.State{State: wire.Recover})
	if d.m.State() != wire.PartnerDown || !d.m.saved.Met {
		t.Errorf("%s, met %v", d.m.State(), d.m.saved.Met)
	}
}

// The first STATE says what was, with the flag; "Leave NOR for CI ... before the next STATE goes out" (reference 7.6, 1).
func TestStartupSaysWhatIsTrue(t *testing.T) {
	for was, want := range map[wire.EndpointState]wire.EndpointState{
		wire.Normal: wire.CommInterrupted, wire.PotentialConflict: wire.ResolutionInterrupted, wire.ShutDown: wire.Recover, wire.PartnerDown: wire.PartnerDown,
		wire.ConflictDone: wire.ConflictDone, 0: wire.Recover,
	} {
		d := isc(t, Main, Saved{State: was, Peer: wire.Normal})
		if s, ok := last[wire.State](d); !ok || s.State != want || !s.Startup || d.m.State() != wire.StartingUp {
			t.Errorf("was %s: %+v, %s", was, d.said(), d.m.State())
		}
		if ok, why := d.m.Serve(Query{Kind: Discover}); ok || why != NotServing {
			t.Errorf("was %s: serves while starting", was)
		}
	}
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.Normal, Peer: wire.Normal}})
	if d.wait(14 * time.Second); d.m.State() != wire.StartingUp {
		t.Errorf("%s after 14 s", d.m.State())
	}
	if d.wait(time.Second); d.m.State() != wire.CommInterrupted || d.m.saved.Why != StartupOver {
		t.Errorf("%s after 15 s", d.m.State())
	}
}

// D-l: "a main with its own lease history from serving alone starts in partner-down"; everybody else without a past in recover.
func TestFirstState(t *testing.T) {
	for _, c := range []struct {
		role   Role
		leases bool
		want   wire.EndpointState
	}{{Main, true, wire.PartnerDown}, {Main, false, wire.Recover}, {Backup, true, wire.Recover}, {Backup, false, wire.Recover}} {
		d := newDesk(t, Config{Role: c.role}, Start{HasLeases: c.leases})
		if d.m.saved.State != c.want {
			t.Errorf("%s, leases %v: %s", c.role, c.leases, d.m.saved.State)
		}
		d.wait(time.Minute)
		if ok, _ := d.m.Serve(Query{Kind: Discover}); ok != (c.want == wire.PartnerDown) {
			t.Errorf("%s, leases %v: serves %v without its partner", c.role, c.leases, ok)
		}
	}
}

// "until one UPDDONE, treat later UPDREQs as UPDREQALL"; UPDDONE has the request's xid, and comes when all was answered.
func TestUpdateRequests(t *testing.T) {
	d := isc(t, Main, Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true})
	for i := range lease.IP(3) {
		l, _ := lease.Lease{IP: replayFirst + i, State: lease.Free}.Grant(alice, d.wall, d.wall+100)
		l.Owed = i == 0
		d.tab.leases[l.IP] = l
	}
	d.hear(1, wire.State{State: wire.Recover})
	d.step(Received{1, wire.Message{XID: 41, Body: wire.UpdReqAll{}}})
	if n := len(d.m.updates.flying); n != 3 {
		t.Fatalf("UPDREQALL: %d updates, want 3", n)
	}
	d.step(Lost{1}).step(Connected{Session: 2, Dialled: true}).hear(2, goodAck()).hear(2, wire.State{State: wire.Recover})
	d.step(Received{2, wire.Message{XID: 42, Body: wire.UpdReq{}}})
	if n := len(d.m.updates.flying); n != 3 {
		t.Fatalf("UPDREQ after an UPDREQALL that was cut short: %d updates, want 3", n)
	}
	for i, xid := range flyingXIDs(d.m) {
		if _, done := last[wire.UpdDone](d); done {
			t.Fatal("UPDDONE before all was answered")
		}
		a := wire.Answer{IP: d.m.updates.flying[xid].leases[0].IP}
		if i == 1 {
			a.Reject = wire.InUse // "a rejected update counts as answered"
		}
		d.step(Received{2, wire.Message{XID: xid, Body: wire.BndAck{Answers: []wire.Answer{a}}}})
	}
	if len(d.out.Send) == 0 || d.out.Send[len(d.out.Send)-1].Message.XID != 42 {
		t.Fatalf("no UPDDONE 42: %+v", d.said())
	}
	d.step(Received{2, wire.Message{XID: 43, Body: wire.UpdReq{}}})
	if _, done := last[wire.UpdDone](d); !done {
		t.Errorf("nothing is owed but what was refused: %+v", d.said())
	}
}

// Who answers what (checklist D12, D41; decision D-f).
func TestServe(t *testing.T) {
	mine, theirs := lease.ClientOf(nil, 1, []byte{2, 0, 0, 0, 0, 2}), lease.ClientOf(nil, 1, []byte{2, 0, 0, 0, 0, 1}) // buckets 45 and 133
	for _, c := range []struct {
		name      string
		role      Role
		balancing bool
		isc       bool
		q         Query
		want      bool
		why       Reason
	}{
		{"main, DISCOVER", Main, false, false, Query{Kind: Discover, Client: theirs}, true, Mine},
		{"backup, DISCOVER", Backup, false, false, Query{Kind: Discover, Client: theirs}, false, PartnersClient},
		{"backup, 4 seconds", Backup, false, false, Query{Kind: Discover, Client: theirs, Secs: 4}, true, SecondTry},
		{"backup, 3 seconds", Backup, false, false, Query{Kind: Discover, Client: theirs, Secs: 3}, false, PartnersClient},
		{"backup, 1 second in the other order", Backup, false, false, Query{Kind: Discover, Client: theirs, Secs: 0x0100}, false, PartnersClient},
		{"backup, 4 seconds in the other order", Backup, false, false, Query{Kind: Discover, Client: theirs, Secs: 0x0400}, true, SecondTry},
		{"backup, second DISCOVER", Backup, false, false, Query{Kind: Discover, Client: theirs, Second: true}, true, SecondTry},
		{"the same with ISC, by setting only", Backup, false, true, Query{Kind: Discover, Client: theirs, Second: true}, false, PartnersClient},
		{"backup, renewing", Backup, false, false, Query{Kind: Extend}, true, Renewal},
		{"backup, chosen", Backup, false, false, Query{Kind: Select}, true, Mine},
		{"backup, not chosen", Backup, false, false, Query{Kind: Select, Theirs: true}, false, PartnersOffer},
		{"backup, RELEASE", Backup, false, false, Query{Kind: Other}, true, Mine},
		{"balanced, bucket 45", Main, true, false, Query{Kind: Discover, Client: mine}, true, Mine},
		{"balanced, bucket 133", Main, true, false, Query{Kind: Discover, Client: theirs}, false, PartnersClient},
		{"balanced backup, bucket 45", Backup, true, false, Query{Kind: Discover, Client: mine}, false, PartnersClient},
		{"balanced backup, bucket 133", Backup, true, false, Query{Kind: Inform, Client: theirs}, true, Mine},
		{"balanced with ISC, bucket 133", Main, true, true, Query{Kind: BOOTP, Client: theirs}, false, PartnersClient},
		{"balanced backup of ISC, bucket 133", Backup, true, true, Query{Kind: Discover, Client: theirs}, true, Mine},
	} {
		d := newDesk(t, Config{Role: c.role, Balancing: c.balancing, ISC: c.isc}, Start{Saved: Saved{State: wire.Normal}})
		d.m.starting, d.m.saved.State = false, wire.Normal
		if got, why := d.m.Serve(c.q); got != c.want || why != c.why {
			t.Errorf("%s: %v, %v", c.name, got, why)
		}
		d.m.saved.State = wire.CommInterrupted // "other states answer everyone"
		if got, _ := d.m.Serve(c.q); got != (c.q.Kind != Select || !c.q.Theirs) {
			t.Errorf("%s, interrupted: %v", c.name, got)
		}
	}
}

// Who may give what (reference 5.2; checklist D25, D27).
func TestMay(t *testing.T) {
	free, backup := lease.Lease{IP: 1, State: lease.Free}, lease.Lease{IP: 1, State: lease.Backup}
	hers := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: wallStart + 100}
	ended := lease.Lease{IP: 1, State: lease.Expired, Client: alice}
	taken, held := free, free
	taken.Owed, held.Hold = true, wallStart+10
	for _, c := range []struct {
		name  string
		role  Role
		state wire.EndpointState
		down  int64
		l     lease.Lease
		bootp bool
		want  bool
		why   Reason
	}{
		{"main's own", Main, wire.Normal, 0, free, false, true, Mine},
		{"main, taken back and not confirmed", Main, wire.Normal, 0, taken, false, false, PartnersShare},
		{"main, the backup's", Main, wire.CommInterrupted, 0, backup, false, false, PartnersShare},
		{"backup's own", Backup, wire.CommInterrupted, 0, backup, false, true, Mine},
		{"backup, the main's", Backup, wire.Normal, 0, free, false, false, PartnersShare},
		{"hers", Backup, wire.Normal, 0, hers, false, true, Renewal},
		{"ended, main, hers again", Main, wire.Normal, 0, ended, false, true, Mine},
		{"ended, backup: the main may have given it", Backup, wire.Normal, 0, ended, false, false, PartnerMustKnow},
		{"held for another", Main, wire.Normal, 0, held, false, false, HeldBack},
		{"partner-down, its share, within the MCLT", Main, wire.PartnerDown, wallStart - 3600, backup, false, false, PartnersShare},
		{"partner-down, its share, after it", Main, wire.PartnerDown, wallStart - 3601, backup, false, true, Mine},
		{"never for BOOTP", Main, wire.PartnerDown, wallStart - 9999, backup, true, false, PartnersShare},
		{"recover-done renews", Main, wire.RecoverDone, 0, hers, false, true, Renewal},
		{"recover-done gives nothing", Main, wire.RecoverDone, 0, free, false, false, NotServing},
		{"conflict", Main, wire.PotentialConflict, 0, hers, false, false, NotServing},
		{"paused", Main, wire.Paused, 0, hers, false, false, NotServing},
	} {
		d := newDesk(t, Config{Role: c.role}, Start{Saved: Saved{State: c.state, Down: c.down}})
		d.m.starting, d.m.saved.State = false, c.state
		if got, why := d.m.May(c.l, alice, c.bootp); got != c.want || why != c.why {
			t.Errorf("%s: %v, %v", c.name, got, why)
		}
		if got, _ := d.m.May(hers, bob, false); got {
			t.Errorf("%s: her lease for him", c.name)
		}
		if c.name == "partner-down, its share, after it" {
			if !d.m.Doubtful(c.l) || d.m.Doubtful(free) {
				t.Error("the partner's share must be probed, our own need not")
			}
			d.m.saved.Met = true
			if got, _ := d.m.May(c.l, alice, false); got {
				t.Error("its share after it was heard again")
			}
		}
	}
}

// The invariant of the simulation can fail: with two false claims there are duplicates, and it says so.
func TestTheInvariantCanFail(t *testing.T) {
	x := newSim(t, 13, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.cut = true
	x.run(5 * time.Second)
	for i, n := range x.nodes {
		n.step(Operate{ID: uint64(i), Command: SetPartnerDown})
	}
	if err := x.w.Run(x.w.Now().Add(time.Hour), x.check); err == nil {
		t.Error("two servers gave everything for an hour, and no address had two holders")
	}
}
