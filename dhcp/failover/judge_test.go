package failover

import (
	"testing"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// received is what the partner says: everything that an update should have.
func received(s lease.State, c lease.Client, end, cltt uint32) wire.Binding {
	b := wire.Binding{
		IP: 1, Has: wire.SetOf(wire.OptStatus, wire.OptEnd, wire.OptPotential, wire.OptStart), Status: s, Client: c, End: end, Potential: end + 50, Start: 900,
	}
	if cltt > 0 {
		b.Has |= wire.SetOf(wire.OptCLTT)
		b.CLTT = cltt
	}
	return b
}

// The table of draft 7.1.3, cell by cell. Own: alice, heard at 1000, told until 2000; now is 1500, or 3000 where her time is over. The
// partner has heard her at 900 (older), at 1100 (later) or never.
func TestAcceptanceTable(t *testing.T) {
	const ok = wire.Reject(0)
	older, later, never := uint32(900), uint32(1100), uint32(0)
	for _, c := range []struct {
		own  lease.State
		now  int64
		got  lease.State
		cltt uint32
		want wire.Reject
	}{
		// ACTIVE: t1 for RELEASED (the same instant counts: both heard the same), t2 for EXPIRED, FREE, BACKUP
		{lease.Active, 1500, lease.Active, older, ok}, {lease.Active, 1500, lease.Active, later, ok},
		{lease.Active, 1500, lease.Expired, later, wire.Outdated}, {lease.Active, 3000, lease.Expired, older, ok},
		{lease.Active, 1500, lease.Free, later, wire.Outdated}, {lease.Active, 3000, lease.Free, older, ok},
		{lease.Active, 1500, lease.Backup, later, wire.Outdated}, {lease.Active, 3000, lease.Backup, older, ok},
		{lease.Active, 1500, lease.Released, older, wire.Outdated}, {lease.Active, 1500, lease.Released, later, ok},
		{lease.Active, 1500, lease.Released, never, wire.Outdated}, // "No CLTT received is never later"
		{lease.Active, 1500, lease.Reset, older, ok}, {lease.Active, 1500, lease.Abandoned, older, ok},
		// EXPIRED: t1 for ACTIVE
		{lease.Expired, 3000, lease.Active, older, wire.Outdated}, {lease.Expired, 3000, lease.Active, later, ok},
		{lease.Expired, 3000, lease.Expired, older, ok}, {lease.Expired, 3000, lease.Released, older, ok}, {lease.Expired, 3000, lease.Free, older, ok},
		{lease.Expired, 3000, lease.Backup, never, ok}, {lease.Expired, 3000, lease.Reset, never, ok}, {lease.Expired, 3000, lease.Abandoned, never, ok},
		// RELEASED: t1 for ACTIVE and EXPIRED
		{lease.Released, 1500, lease.Active, older, wire.Outdated}, {lease.Released, 1500, lease.Active, later, ok},
		{lease.Released, 1500, lease.Expired, older, wire.Outdated}, {lease.Released, 1500, lease.Expired, later, ok},
		{lease.Released, 1500, lease.Released, older, ok}, {lease.Released, 1500, lease.Free, never, ok}, {lease.Released, 1500, lease.Abandoned, never, ok},
		// FREE, BACKUP: anything
		{lease.Free, 1500, lease.Active, older, ok}, {lease.Free, 1500, lease.Backup, never, ok}, {lease.Free, 1500, lease.Expired, never, ok},
		{lease.Backup, 1500, lease.Active, older, ok}, {lease.Backup, 1500, lease.Free, never, ok}, {lease.Backup, 1500, lease.Reset, never, ok},
		// RESET: t3 for ACTIVE: later than our start of the state, 1000
		{lease.Reset, 1500, lease.Active, older, wire.Outdated}, {lease.Reset, 1500, lease.Active, later, ok}, {lease.Reset, 1500, lease.Free, never, ok},
		// ABANDONED, and the partner does not know: r4, but for a client that was heard later: see below
		{lease.Abandoned, 1500, lease.Active, older, wire.LessCritical}, {lease.Abandoned, 1500, lease.Active, later, ok}, {lease.Abandoned, 1500, lease.Expired, later, wire.LessCritical},
		{lease.Abandoned, 1500, lease.Released, later, wire.LessCritical}, {lease.Abandoned, 1500, lease.Free, later, wire.LessCritical},
		{lease.Abandoned, 1500, lease.Backup, later, wire.LessCritical}, {lease.Abandoned, 1500, lease.Reset, never, ok}, {lease.Abandoned, 1500, lease.Abandoned, never, ok},
	} {
		own := lease.Lease{IP: 1, State: c.own, Client: alice, Start: 1000, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: c.own == lease.Abandoned}
		for _, role := range []Role{Main, Backup} {
			j := judge(own, received(c.got, alice, 1400, c.cltt), facts{role: role, now: c.now})
			if j.reject != c.want {
				t.Errorf("%s at %d: own %s, received %s (heard %d): %v, want %v", role, c.now, c.own, c.got, c.cltt, j.reject, c.want)
			}
		}
	}
}

// A server that was away had abandoned the address before. When it tries it again, the partner has given it to a client that it does not know
// of, and keeps it for that client: else both would have it (found by the storms of dhcp/engine).
func TestAResetThatDoesNotKnowTheClientIsRefused(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, Start: 1000, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: true}
	for _, got := range []lease.State{lease.Reset, lease.Abandoned} {
		for _, role := range []Role{Main, Backup} {
			if j := judge(own, received(got, bob, 1400, 900), facts{role: role, now: 1500}); j.reject != wire.Outdated {
				t.Errorf("%s, %s: %v", role, got, j.reject)
			}
			if j := judge(own, received(got, bob, 1400, 1000), facts{role: role, now: 1500}); j.reject != 0 {
				t.Errorf("%s, %s by one who knows the client: %v", role, got, j.reject)
			}
			if j := judge(own, received(got, bob, 1400, 900), facts{role: role, now: 2500}); j.reject != 0 {
				t.Errorf("%s, %s after its end: %v", role, got, j.reject)
			}
		}
	}
}

// What is held for a client that the partner answered is held by the partner's clock: its difference is added (found by the storms).
func TestHoldsAllowForTheClocks(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: true}
	for _, c := range []struct {
		rule string
		j    judged
		want int64
	}{
		{"reset", judge(own, received(lease.Reset, alice, 1400, 1003), facts{role: Main, now: 1500, slack: 3}), 2003},
		{"the main keeps its client", judge(own, received(lease.Active, bob, 2500, 1100), facts{role: Main, now: 1500, slack: 3}), 2503},
		{"the backup loses its client", judge(own, received(lease.Active, bob, 2500, 1100), facts{role: Backup, now: 1500, slack: 3}), 2003},
	} {
		if c.j.lease.Hold != c.want {
			t.Errorf("%s: held until %d, want %d", c.rule, c.j.lease.Hold, c.want)
		}
	}
}

// A partner that has confirmed that an address is abandoned, and then says something else of it, has tried it again: while this server was
// away, for example. The draft's r4 would refuse that for ever.
func TestAnAbandonedAddressIsTriedAgainByThePartner(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Abandoned, Client: alice, Start: 1000, End: 2000}
	for _, got := range []lease.State{lease.Active, lease.Released, lease.Free, lease.Backup} {
		if j := judge(own, received(got, bob, 2500, 1100), facts{role: Backup, now: 1500}); j.reject != 0 || j.lease.State == lease.Abandoned {
			t.Errorf("%s: %v, %s", got, j.reject, j.lease.State)
		}
	}
}

// a5: "same client accept; different clients: a secondary accepts, a primary rejects with 2"; and both list it, and hold the address
// as long as the one who lost believes in it.
func TestTwoClients(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: true}
	j := judge(own, received(lease.Active, bob, 2500, 1100), facts{role: Main, now: 1500})
	if j.reject != wire.InUse || j.lease.Client != alice || j.lease.Hold != 2500 || !j.lease.Owed || j.conflict == nil || j.conflict.Lost != bob || j.conflict.Kept != alice {
		t.Errorf("main: %+v", j)
	}
	j = judge(own, received(lease.Active, bob, 1800, 900), facts{role: Backup, now: 1500})
	if j.reject != 0 || j.lease.Client != bob || j.lease.Hold != 2000 || j.lease.ToldEnd != 1800 || j.conflict == nil || j.conflict.Lost != alice {
		t.Errorf("backup: %+v", j)
	}
	// An ISC main that has told us of another client decides by CLTT when the updates cross; so do we.
	j = judge(own, received(lease.Active, bob, 1800, 900), facts{role: Backup, isc: true, flying: true, now: 1500})
	if j.reject != wire.LessCritical || j.lease.Client != alice || j.conflict == nil {
		t.Errorf("backup of ISC, own later: %+v", j)
	}
	// One whose time was over is nobody's rival.
	j = judge(own, received(lease.Active, bob, 4000, 2900), facts{role: Main, now: 3000})
	if j.reject != 0 || j.conflict != nil || j.lease.Client != bob {
		t.Errorf("after its end: %+v", j)
	}
}

// Decision D-b: "the later update with the shorter end must not free the address early".
func TestToldEndOfBoth(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: true}
	j := judge(own, received(lease.Active, alice, 1700, 1100), facts{role: Main, now: 1500})
	if j.reject != 0 || j.lease.Due() != 2000 || j.lease.CLTT != 1100 || !j.lease.Owed {
		t.Errorf("the shorter end, later: %+v; it is not the end, and the partner must be told of ours", j.lease)
	}
	j = judge(own, received(lease.Active, alice, 2400, 900), facts{role: Main, now: 1500})
	if j.lease.Due() != 2400 || j.lease.CLTT != 1000 || j.lease.Owed {
		t.Errorf("the longer end, earlier: %+v", j.lease)
	}
	own.Owed = false
	j = judge(own, received(lease.Expired, alice, 1400, 1100), facts{role: Backup, isc: true, now: 1500})
	if j.reject != wire.Outdated || !j.changed || !j.lease.Owed || j.lease.State != lease.Active {
		t.Errorf("EXPIRED of an ISC main before the end that was told: %+v; refused, and it is told", j)
	}
	own.State = lease.Expired
	if j = judge(own, received(lease.Active, alice, 2600, 900), facts{role: Main, now: 2500}); j.reject != 0 || j.lease.Due() != 2600 {
		t.Errorf("the partner has told her a later end than that at which we ended it: %+v", j)
	}
}

// Crossing updates must be decided alike by both: between two that are no lease, the main's stands. Else each would take the other's
// share, and both would give the address.
func TestCrossingShares(t *testing.T) {
	gift := lease.Lease{IP: 1, State: lease.Backup, Owed: true}
	freed := lease.Lease{IP: 1, State: lease.Free, Owed: true}
	atMain := judge(gift, BindingOf(freed, false), facts{role: Main, flying: true, now: 10})
	atBackup := judge(freed, BindingOf(gift, false), facts{role: Backup, flying: true, now: 10})
	if atMain.reject != wire.LessCritical || atBackup.reject != 0 || atBackup.lease.State != lease.Backup || atBackup.lease.Owed {
		t.Errorf("main %+v\nbackup %+v", atMain, atBackup)
	}
}

func TestWhatIsMissing(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Free}
	bare := wire.Binding{IP: 1}
	if j := judge(own, bare, facts{role: Main}); j.reject != wire.MissingInformation {
		t.Errorf("no status: %v", j.reject)
	}
	if j := judge(own, received(lease.Active, lease.Client{}, 5, 5), facts{role: Main}); j.reject != wire.MissingInformation {
		t.Errorf("ACTIVE of nobody: %v", j.reject)
	}
	b := received(lease.Backup, lease.Client{}, 0, 0)
	b.Flags = lease.Reserved
	if j := judge(own, b, facts{role: Backup}); j.reject != wire.NotReserved {
		t.Errorf("reserved, but not here: %v", j.reject)
	}
	own.Flags = lease.Reserved
	if j := judge(own, b, facts{role: Backup}); j.reject != 0 || j.lease.Flags != lease.Reserved {
		t.Errorf("reserved on both: %+v", j)
	}
}

// A server whose disk is not to be believed takes everything; what ended at the partner it may itself have renewed, and holds.
func TestTheForgetfulBelieves(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: 2000, ToldEnd: 2000, CLTT: 1000}
	f := facts{role: Main, now: 1500, stands: true, mclt: 60, slack: 1}
	if j := judge(own, received(lease.Active, bob, 1800, 900), f); j.reject != 0 || j.lease.Client != bob || j.lease.Due() != 1800 || j.conflict != nil {
		t.Errorf("%+v", j)
	}
	if j := judge(own, received(lease.Expired, alice, 1400, 0), f); j.lease.State != lease.Free || j.lease.Hold != 1450+60+1 {
		t.Errorf("%+v; free, but held for the last potential end and the MCLT", j.lease)
	}
	if j := judge(own, received(lease.Backup, lease.Client{}, 0, 0), f); j.lease.State != lease.Backup || j.lease.Hold != 0 {
		t.Errorf("%+v", j.lease)
	}
}

// "an ISC partner lost its disk: our share is held for MCLT": what it gives may be somebody's whom it has forgotten.
func TestGiftsOfAForgetfulPartner(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Backup}
	if j := judge(own, received(lease.Free, lease.Client{}, 0, 0), facts{role: Main, isc: true, now: 100, hold: 160}); j.lease.Hold != 160 {
		t.Errorf("%+v", j.lease)
	}
	own.State = lease.Free
	if j := judge(own, received(lease.Backup, lease.Client{}, 0, 0), facts{role: Main, isc: true, now: 100, hold: 160}); j.lease.Hold != 0 {
		t.Errorf("not given to us: %+v", j.lease)
	}
}

// What ISC dhcpd wants in an update, and what it must never get (reference 6.1, 13).
func TestBindingForISC(t *testing.T) {
	l := lease.Lease{
		IP: 1, State: lease.Active, Client: alice, Start: 5, End: 100, ToldEnd: 120, CLTT: 50, Sent: 300, Hostname: "h", FQDN: "h.example.org", DNS: 1, Relay: "r",
	}
	b := BindingOf(l, true)
	for _, o := range []wire.Option{wire.OptDDNS, wire.OptRequest, wire.OptReply} {
		if b.Has.Has(o) {
			t.Errorf("option %d is sent to ISC dhcpd", o)
		}
	}
	if b.End != 120 || b.Potential != 300 || b.CLTT != 50 || b.Start != 5 || !b.Has.Has(wire.OptClientID) || !b.Has.Has(wire.OptHardware) {
		t.Errorf("%+v", b)
	}
	if ours := BindingOf(l, false); ours.FQDN != "h.example.org" || ours.Hostname != "h" || ours.Relay != "r" || ours.DNS != 1 {
		t.Errorf("to ours: %+v (checklist D49)", ours)
	}
	l.State, l.End = lease.Abandoned, 86400
	if b := BindingOf(l, true); b.Has.Has(wire.OptClientID) || b.Has.Has(wire.OptHardware) || b.End != 86400 {
		t.Errorf("ABANDONED: %+v; no client, and when it may be tried again", b)
	}
	for s := lease.Free; s <= lease.Backup; s++ {
		if b := BindingOf(lease.Lease{IP: 1, State: s}, true); !b.Has.Has(wire.OptEnd) || !b.Has.Has(wire.OptPotential) || !b.Has.Has(wire.OptStart) {
			t.Errorf("%s: ISC dhcpd wants 13, 18 and 25 for every status", s)
		}
	}
	l.FQDN, l.State = "bad..name", lease.Active
	if _, err := wire.Append(nil, wire.Message{Body: wire.BndUpd{Bindings: []wire.Binding{BindingOf(l, false)}}}); err != nil {
		t.Errorf("what cannot be sent is sent: %v", err)
	}
}

// The client released there and came here a moment after, while the link was cut; the partner's clock is ahead. Its RELEASED, later by its
// clock, must not free the address. When the partner knew what was heard here (not Owed), the order of the two is that of their times.
func TestAReleaseByAClockThatIsAhead(t *testing.T) {
	for _, c := range []struct {
		owed bool
		cltt uint32
		want wire.Reject
	}{
		{true, 1001, wire.Outdated}, {true, 1055, wire.Outdated}, {true, 1056, 0},
		{false, 1000, 0}, {false, 999, wire.Outdated},
	} {
		own := lease.Lease{IP: 1, State: lease.Active, Client: alice, Start: 1000, End: 2000, ToldEnd: 2000, CLTT: 1000, Owed: c.owed}
		for _, s := range []lease.State{lease.Released, lease.Reset} {
			if s == lease.Reset && !c.owed {
				continue // "accepts always"
			}
			if j := judge(own, received(s, alice, 1500, c.cltt), facts{role: Main, now: 1500, mclt: 60, slack: 56}); j.reject != c.want {
				t.Errorf("%s, owed %v, heard at %d: %s, want %s", s, c.owed, c.cltt, j.reject, c.want)
			}
		}
	}
}

// A false partner-down: the probe of an address of the partner's share was answered, by the partner's client. Both sides come to agree
// that it is that client's; if not, this server would know nothing of a client that renews for ever. An ISC partner takes the main's
// word, and is refused while that is on its way.
func TestTheProbeWasAnsweredByThePartnersClient(t *testing.T) {
	probed := lease.Lease{IP: 1, State: lease.Abandoned, Start: 1400, End: 5000, Owed: true}
	held := lease.Lease{IP: 1, State: lease.Active, Client: alice, Start: 1000, End: 2000, ToldEnd: 2000, CLTT: 1390, Owed: true}
	f := facts{role: Backup, now: 1500, mclt: 60, slack: 56}
	if j := judge(probed, received(lease.Active, alice, 2000, 1390), f); j.reject != 0 || j.lease.State != lease.Active || !j.lease.Same(alice) {
		t.Errorf("%s, %+v", j.reject, j.lease)
	}
	f.role = Main
	if j := judge(held, received(lease.Abandoned, lease.Client{}, 5000, 0), f); j.reject != wire.Outdated {
		t.Errorf("abandoned: %s", j.reject)
	}
	f.isc, f.flying = true, true
	if j := judge(probed, received(lease.Active, alice, 2000, 1390), f); j.reject != wire.LessCritical {
		t.Errorf("of an ISC partner: %s", j.reject)
	}
}

// Two gave one address while partner-down was false, the backup's client is over by its clock, and the main's was not heard later. The main
// keeps its client ("different clients: a primary rejects with 2"), so the backup takes it: refused by both, they would find the two again
// every minute (simulation, seed 30798). To an ISC dhcpd t1 holds to the letter. Nor is a word about the same client from before one of now.
func TestOneWhoseTimeIsOverIsNobodysRival(t *testing.T) {
	for _, own := range []lease.Lease{
		{IP: 1, State: lease.Active, Client: alice, Start: 900, End: 1400, ToldEnd: 1400, CLTT: 1100, Owed: true},
		{IP: 1, State: lease.Expired, Client: alice, Start: 1400, End: 1400, CLTT: 1100, Owed: true},
		{IP: 1, State: lease.Released, Client: alice, Start: 1300, End: 1300, CLTT: 1300, Owed: true},
	} {
		f := facts{role: Backup, now: 1500, slack: 3}
		if j := judge(own, received(lease.Active, bob, 1600, 1100), f); j.reject != 0 || !j.lease.Same(bob) || j.conflict != nil {
			t.Errorf("%s: %s, %+v", own.State, j.text, j.conflict)
		}
		if j := judge(own, received(lease.Active, alice, 1450, 1100), f); j.reject != wire.Outdated {
			t.Errorf("%s, the same client: %v", own.State, j.reject)
		}
		f.isc = true
		if j := judge(own, received(lease.Active, bob, 1600, 1100), f); j.reject != wire.Outdated {
			t.Errorf("%s, of an ISC partner: %v", own.State, j.reject)
		}
	}
}

// A server was away. Its client, of which the partner knew, gave the address back to the partner, which was alone, and another client has it
// now: nobody must be told that two have it, and the main takes it as the backup does (simulation, seeds 30919, 31189). Of an ISC partner
// nobody knows what it did.
func TestAClientThatThePartnerKnewOfIsNobodysRival(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, End: 2000, ToldEnd: 2000, CLTT: 1000}
	for _, role := range []Role{Main, Backup} {
		j := judge(own, received(lease.Active, bob, 2500, 1100), facts{role: role, now: 1500, slack: 3})
		if j.reject != 0 || j.conflict != nil || !j.lease.Same(bob) || j.lease.Owed {
			t.Errorf("%s: %s, %+v", role, j.text, j)
		}
		if j := judge(own, received(lease.Active, bob, 2500, 1100), facts{role: role, isc: true, now: 1500, slack: 3}); j.conflict == nil {
			t.Errorf("%s of an ISC partner: %+v", role, j)
		}
	}
}
