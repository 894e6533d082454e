package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// backups is the backup's share of "lan" in these tests.
const backups = 3

// shares puts the backup's share on disk: the first addresses of "lan".
func (h *host) shares() {
	for i := range lease.IP(backups) {
		h.disk.leases[poolAt+i] = lease.Lease{IP: poolAt + i, State: lease.Backup, Start: testStart - 9000, Scope: "lan"}
	}
}

// served is how many of a crowd of new clients get a lease, and of whose share.
func (h *host) served(crowd byte, many int) (n int, of map[lease.State]int) {
	h.t.Helper()
	of = map[lease.State]int{}
	for i := range many {
		d := h.device(byte(i))
		d.mac = []byte{8, 8, 8, 8, crowd, byte(i)}
		d.id = nil
		d.discover()
		if len(h.replies) == 0 {
			h.pass(2 * time.Second) // it is probed
		}
		if len(h.replies) == 0 {
			continue
		}
		ip := h.reply().YIAddr
		state := h.m.get(ip).State
		d.choose(ip)
		if len(h.replies) == 1 && h.replies[0].Packet.Type == packet.Ack {
			n++
			of[state]++
		}
		h.replies = nil
	}
	return n, of
}

func (h *host) operate(command failover.Command, pair string) string {
	h.t.Helper()
	out := h.m.Step(h.now, Pair{pair, failover.Operate{ID: 9, Command: command}})
	refused := "no answer"
	for _, p := range out.Pairs {
		for _, r := range p.Output.Replies {
			refused = r.Refused
		}
	}
	h.take(out)
	return refused
}

// "No address is validly held by two clients, ever" (decision D-a): a backup whose [[failover]] is taken away may stand beside a main that
// goes on serving. It never gives the main's addresses, used or never used, however long it lasts; until somebody says that the main is
// down, and then as in partner-down.
func TestABackupWithoutItsPairLeavesTheMainsAddresses(t *testing.T) {
	paired, alone := pairedAndAlone(t, failover.Backup)
	h := newHost(t, paired)
	h.disk.saved["one"] = inNormal
	h.shares()
	old := h.device(200)
	h.disk.leases[poolAt+5] = lease.Lease{IP: poolAt + 5, State: lease.Active, Client: lease.ClientOf(old.id, 1, old.mac), Began: testStart - 60, End: testStart + 600, ToldEnd: testStart + 600, Acked: testStart + 660, Scope: "lan"}
	h.boot(paired)
	h.boot(alone)
	v := h.m.Pairs()
	if len(v) != 1 || v[0].State != wire.CommInterrupted || !v[0].Config.Gone || !v[0].Serving {
		t.Fatalf("%+v", v)
	}
	old.renew(poolAt + 5)
	old.acked(poolAt + 5)
	if end := h.m.get(poolAt + 5).End; end != testStart+660+60 {
		t.Errorf("renewed until %d: not the MCLT beyond what the main has confirmed", end-testStart)
	}
	n, of := h.served(1, 20)
	if n != backups || of[lease.Backup] != backups {
		t.Errorf("%d served, %v; want its own %d", n, of, backups)
	}
	h.pass(90 * 24 * time.Hour)
	h.boot(alone)
	if n, _ = h.served(2, 20); n != 0 {
		t.Errorf("%d served after three months", n)
	}
	if why := h.operate(failover.SetPartnerDown, "one"); why != "" {
		t.Fatal(why)
	}
	if n, _ = h.served(3, 20); n != 0 {
		t.Errorf("%d served before the MCLT is over", n)
	}
	h.boot(alone) // in the midst
	h.probes = nil
	h.pass(62 * time.Second)
	n, of = h.served(4, 20)
	if n < 6 || of[lease.Free] < 6 || len(h.probes) < n {
		t.Errorf("%d served, %v, %d probes: the main's free ones are given after the MCLT, each probed", n, of, len(h.probes))
	}
	h.pass(8 * 24 * time.Hour)
	if len(h.m.Pairs()) != 0 || h.reason(PairOver) != 1 || h.disk.saved["one"] != (failover.Saved{}) || len(h.disk.shared) != 0 {
		t.Errorf("it is not over: %+v", h.m.Pairs())
	}
	if n, _ = h.served(5, 20); n != 10 {
		t.Errorf("%d served at last, want all", n)
	}
}

// Checklist D44, "remove a backup: drop scopes on backup, disable on main": on the main that is the word that the backup serves nobody, as
// of the start that sees it. The backup's share is given after the MCLT, and a lease that the backup may have renewed without being able to
// tell is not another's at its end.
func TestAMainWithoutItsPair(t *testing.T) {
	paired, alone := pairedAndAlone(t, failover.Main)
	h := newHost(t, paired)
	h.disk.saved["one"] = inNormal
	h.shares()
	old := h.device(200)
	const end, potential = testStart + 300, testStart + 900
	h.disk.leases[poolAt+5] = lease.Lease{IP: poolAt + 5, State: lease.Active, Client: lease.ClientOf(old.id, 1, old.mac), Began: testStart - 300, End: end, ToldEnd: end, Sent: potential, Acked: potential, Scope: "lan"}
	h.boot(paired)
	h.boot(alone)
	if v := h.m.Pairs(); v[0].State != wire.PartnerDown || v[0].Saved.Why != failover.TakenAway || v[0].Over != potential+60+1 {
		t.Fatalf("%s because: %s, over after %d s", v[0].State, v[0].Saved.Why, v[0].Over-testStart)
	}
	if n, of := h.served(1, 20); n != 10-backups-1 || of[lease.Backup] != 0 {
		t.Errorf("%d served at once, %v", n, of)
	}
	h.pass(62 * time.Second)
	if n, of := h.served(2, 20); n != backups || of[lease.Backup] != backups {
		t.Errorf("%d served after the MCLT, %v", n, of)
	}
	h.pass(time.Duration(potential-h.now.Wall) * time.Second)
	if l := h.m.get(poolAt + 5); l.State != lease.Expired {
		t.Errorf("%s: its end that is known is over, its last promise is not", l.State)
	}
	h.pass(70 * time.Second)
	if l := h.m.get(poolAt + 5); l.State != lease.Free || len(h.m.Pairs()) != 1 {
		t.Errorf("%s when the last promise is over; pairs %d", l.State, len(h.m.Pairs()))
	}
	h.pass(probedFor * time.Second)
	if len(h.m.Pairs()) != 0 {
		t.Error("it is not over")
	}
}

// One that was in partner-down knows when that began, and waits no longer than in the pair. "Never both": a main whose partner was in
// partner-down takes nothing over by itself.
func TestPartnerDownGoesOnWithoutThePair(t *testing.T) {
	paired, alone := pairedAndAlone(t, failover.Backup)
	h := newHost(t, paired)
	s := inNormal
	s.State, s.Down = wire.PartnerDown, testStart-1000-probedFor
	h.disk.saved["one"] = s
	h.shares()
	h.boot(alone) // its networks were never on disk: it is as before this was kept
	if len(h.m.Pairs()) != 0 {
		t.Error("a pair of which nothing is known")
	}
	h.disk.saved["one"] = s
	h.boot(paired)
	h.boot(alone)
	h.step(Tick{})
	if v := h.m.Pairs(); len(v) != 0 {
		t.Errorf("%s, until %d: its wait was over before", v[0].State, v[0].Over)
	}

	paired, alone = pairedAndAlone(t, failover.Main)
	h = newHost(t, paired)
	s = inNormal
	s.State, s.Peer = wire.CommInterrupted, wire.PartnerDown
	h.disk.saved["one"] = s
	h.boot(paired)
	h.boot(alone)
	if v := h.m.Pairs(); v[0].State != wire.CommInterrupted {
		t.Errorf("%s", v[0].State)
	}
	if why := h.operate(failover.SetPartnerDown, "one"); why == "" {
		t.Error("both in partner-down")
	}
}

// Who never met a partner had none: a server that is single from now on serves all (decision D-l is for servers in a pair).
func TestAPairThatNeverWasLeavesNothing(t *testing.T) {
	for _, role := range []failover.Role{failover.Main, failover.Backup} {
		paired, alone := pairedAndAlone(t, role)
		h := newHost(t, paired)
		h.pass(20 * time.Second)
		h.boot(alone)
		if len(h.m.Pairs()) != 0 || len(h.disk.shared) != 0 {
			t.Errorf("%s: %+v", role, h.m.Pairs())
		}
		if n, _ := h.served(1, 20); n != 10 {
			t.Errorf("%s: %d served", role, n)
		}
	}
}

// A scope that is taken out of its pair, which goes on with others, is as a pair that was taken away; also when it goes to another pair,
// where this server has the other role, and when it was away for a while.
func TestAScopeIsTakenOutOfItsPair(t *testing.T) {
	pair := func(name string, role failover.Role) failover.Config {
		return failover.Config{Name: name, Role: role, MCLT: 60, PollInterval: time.Second, PollTimeout: 10 * time.Second, MaxUnacked: 10}
	}
	site := func(lan string, pairs ...failover.Config) Config {
		return Config{Pairs: pairs, Scopes: testTable(t, testSite(func(s *scope.Config) {
			s.Scopes[0].Failover, s.Scopes[3].Failover = lan, "one"
			if lan == "away" {
				s.Scopes = s.Scopes[1:]
			}
		}))}
	}
	one, two := pair("one", failover.Backup), pair("two", failover.Main)
	h := newHost(t, site("one", one))
	h.disk.saved["one"] = inNormal
	h.shares()
	h.boot(site("one", one))
	h.boot(site("away", one))
	if len(h.m.Pairs()) != 1 {
		t.Errorf("%+v", h.m.Pairs())
	}
	for _, c := range []Config{site("", one), site("two", one, two)} {
		h.boot(c)
		var left PairView
		for _, v := range h.m.Pairs() {
			if v.Config.Gone {
				left = v
			}
		}
		if left.Config.Name != "one/left" || left.State != wire.CommInterrupted || len(left.Config.Pools) != 1 {
			t.Fatalf("%+v", h.m.Pairs())
		}
		if n, of := h.served(1, 20); n > backups || of[lease.Free] != 0 {
			t.Errorf("%d served, %v", n, of)
		}
	}
	h.boot(site("one", one))
	if v := h.m.Pairs(); len(v) != 1 || len(v[0].Config.Pools) != 2 || h.disk.saved["one/left"] != (failover.Saved{}) {
		t.Errorf("back: %+v", v)
	}
}

// A pair that is given another name is the same pair.
func TestAPairIsRenamed(t *testing.T) {
	paired, _ := pairedAndAlone(t, failover.Main)
	h := newHost(t, paired)
	h.disk.saved["one"] = inNormal
	h.shares()
	h.boot(paired)
	renamed := paired
	renamed.Pairs = []failover.Config{paired.Pairs[0]}
	renamed.Pairs[0].Name = "two"
	renamed.Scopes = testTable(t, testSite(func(s *scope.Config) { s.Scopes[0].Failover = "two" }))
	h.boot(renamed)
	if v := h.m.Pairs(); len(v) != 1 || v[0].Saved.State != wire.CommInterrupted || v[0].Config.Gone || len(h.disk.shared) != 1 {
		t.Fatalf("%+v", v)
	}
	h.pass(20 * time.Second)
	if n, of := h.served(1, 20); n != 10-backups || of[lease.Backup] != 0 {
		t.Errorf("%d served, %v", n, of)
	}
}

// What a server served without its pair it tells the partner when the pair is there again: nothing is forgotten, and both are in normal.
func TestThePairComesBack(t *testing.T) {
	x := pairInNormal(t, 11, nil)
	main, backup := x.nodes[0], x.nodes[1]
	paired := backup.cfg
	alone := Config{Scopes: testTable(t, func() scope.Config {
		s := testSite(nil)
		s.Scopes = s.Scopes[:1]
		s.Scopes[0].Ranges = []scope.Range{{First: simFirst, Last: simFirst + simPool - 1}}
		return s
	}())}
	backup.crash()
	backup.cfg = alone
	backup.start()
	given := map[lease.IP]bool{}
	for i := range byte(60) {
		for _, n := range x.nodes {
			d := message(i, packet.Discover)
			d.CHAddr = []byte{7, 7, 7, 7, byte(n.i), i}
			got, _ := n.tell(d)
			if len(got) != 1 {
				continue
			}
			r := message(i, packet.Request, u32(54, n.local()), u32(50, got[0].YIAddr))
			r.CHAddr = d.CHAddr
			if got, _ := n.tell(r); len(got) == 1 && got[0].Type == packet.Ack {
				if given[got[0].YIAddr] {
					t.Fatalf("%s is given twice", got[0].YIAddr)
				}
				given[got[0].YIAddr] = true
			}
		}
	}
	if len(given) != simPool {
		t.Errorf("%d leases of %d", len(given), simPool)
	}
	backup.crash()
	backup.cfg = paired
	backup.start()
	x.normal(30 * time.Second)
	x.run(5 * time.Second)
	for ip := range given {
		if a, b := main.m.get(ip), backup.m.get(ip); a.State != lease.Active || a.Client != b.Client || b.State != lease.Active {
			t.Errorf("%s: %s of %v at the main, %s of %v at the backup", ip, a.State, a.Client, b.State, b.Client)
		}
	}
}
