package failover

import (
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

func TestFreshPairReachesNormalAndShares(t *testing.T) {
	x := newSim(t, 1, nil)
	x.nodes[0].start()
	x.nodes[1].start()
	x.normal(5 * time.Second) // nobody waits for the MCLT: neither has a past
	if !slices.Contains(x.nodes[0].reasons, NothingToWaitFor) {
		t.Error("it waited")
	}
	x.run(2 * time.Second)
	s := x.nodes[1].m.shares(&x.nodes[1].cfg.Pools[0])
	if s != (Shares{Free: 30, Backup: 10}) {
		t.Errorf("shares %+v, want a quarter for the backup (checklist D22)", s)
	}
	x.agree()
}

func TestLeasesInNormal(t *testing.T) {
	x := newSim(t, 2, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(time.Hour)
	if n := len(x.nodes[0].conflict) + len(x.nodes[1].conflict); n > 0 {
		t.Errorf("%d conflicts", n)
	}
	x.agree()
}

func TestCutAndHeal(t *testing.T) {
	x := newSim(t, 3, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(5 * time.Minute)
	x.cut = true
	x.run(2 * time.Second) // "fast_detect = 1s of silence enters communications-interrupted" (decision D-c)
	for _, n := range x.nodes {
		if n.m.State() != wire.CommInterrupted {
			t.Errorf("%s: %s two seconds after the cut", n.name, n.m.State())
		}
	}
	x.run(20 * time.Minute)
	served := [2]int{}
	for _, c := range x.clients {
		if c.until.After(x.w.Now()) {
			served[c.server]++
		}
	}
	if served[0] == 0 || served[1] == 0 {
		t.Errorf("clients by server: %v; both serve what is theirs", served)
	}
	x.mend()
	x.normal(15 * time.Second)
	x.agree()
}

// A short silence on a connection that stays: back to normal on the same one.
func TestSilenceWithoutTheEndOfTheConnection(t *testing.T) {
	x := newSim(t, 4, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(time.Minute)
	conns := len(x.conns)
	x.cut = true
	x.run(3 * time.Second)
	if s := x.nodes[0].m.State(); s != wire.CommInterrupted {
		t.Errorf("state %s", s)
	}
	x.mend()
	x.normal(2 * time.Second)
	if len(x.conns) != conns {
		t.Error("it took a new connection")
	}
	x.run(time.Minute)
	x.agree()
}

func TestRestartOfEither(t *testing.T) {
	for i := range 2 {
		x := newSim(t, uint64(5+i), nil)
		x.begin()
		x.normal(5 * time.Second)
		x.run(5 * time.Minute)
		x.nodes[i].crash()
		x.run(100 * time.Millisecond)
		if s := x.nodes[1-i].m.State(); s != wire.CommInterrupted {
			t.Errorf("%s after the process of the other ended: %s", x.nodes[1-i].name, s)
		}
		x.run(4 * time.Minute)
		x.nodes[i].start()
		x.normal(3 * time.Second) // no MCLT: nobody was down for sure (checklist D16)
		x.agree()
	}
}

func TestPartnerDownTrue(t *testing.T) {
	for i := range 2 {
		x := newSim(t, uint64(7+i), nil)
		dead, other := x.nodes[i], x.nodes[1-i]
		x.begin()
		x.normal(5 * time.Second)
		x.run(6 * time.Minute)
		dead.crash()
		x.run(time.Minute)
		other.step(Operate{ID: 1, Command: SetPartnerDown})
		x.run(30 * time.Second)
		if other.m.State() != wire.PartnerDown {
			t.Fatalf("%s", other.m.State())
		}
		theirs := other.cfg.Role.share() ^ lease.Free ^ lease.Backup
		for ip := simFirst; ip < simFirst+simPool; ip++ {
			if l, _ := other.tab.Get(ip); l.State == theirs {
				if ok, why := other.m.May(l, x.clients[0].id, false); ok || why != PartnersShare {
					t.Errorf("%s of the partner's share before the MCLT is over: %v %v", l.IP, ok, why)
				}
			}
		}
		x.run(25 * time.Minute)
		for ip := simFirst; ip < simFirst+simPool; ip++ {
			if l, _ := other.tab.Get(ip); l.State == theirs {
				if ok, why := other.m.May(l, x.clients[0].id, false); !ok {
					t.Errorf("%s of the partner's share after the MCLT: %v", l.IP, why)
				}
			}
		}
		dead.start()
		x.run(2 * time.Second)
		if !slices.Contains(dead.states, wire.Recover) || !slices.Contains(dead.reasons, OutOfDate) {
			t.Errorf("it came back by %v, %v", dead.states, dead.reasons)
		}
		x.normal(simMCLT*time.Second + 10*time.Second)
		x.agree()
	}
}

func TestLostDisk(t *testing.T) {
	for i := range 2 {
		x := newSim(t, uint64(9+i), nil)
		x.begin()
		x.normal(5 * time.Second)
		x.run(10 * time.Minute)
		n := x.nodes[i]
		n.crash()
		x.run(10 * time.Second)
		n.disk = simDisk{leases: map[lease.IP]lease.Lease{}, store: 77}
		n.start()
		back := x.w.Now()
		x.run(5 * time.Second)
		if n.m.State() != wire.RecoverWait { // "waits MCLT" (checklist D19)
			t.Errorf("state %s; it must wait for the MCLT", n.m.State())
		}
		x.normal(2 * simMCLT * time.Second)
		if took := x.w.Now().Sub(back); took < simMCLT*time.Second {
			t.Errorf("in normal after %v", took)
		}
		x.run(40 * time.Minute)
		x.agree()
	}
}

// "If the partner has seen more (a restored snapshot), it is rolled-back" (decision H-h).
func TestRestoredSnapshot(t *testing.T) {
	for i := range 2 {
		x := newSim(t, uint64(11+i), nil)
		x.begin()
		x.normal(5 * time.Second)
		x.run(5 * time.Minute)
		n := x.nodes[i]
		snapshot := n.disk.clone()
		x.run(10 * time.Minute)
		n.crash()
		x.run(time.Second)
		n.disk = snapshot
		n.start()
		x.run(5 * time.Second)
		if !slices.Contains(n.reasons, RolledBack) || n.m.State() != wire.RecoverWait {
			t.Errorf("%s: %s, %v", n.name, n.m.State(), n.reasons)
		}
		x.normal(2 * simMCLT * time.Second)
		x.run(40 * time.Minute)
		x.agree()
	}
}

// Both say that the other is down, and both are alive: duplicates happen, are found at first contact, and are resolved.
func TestPotentialConflict(t *testing.T) {
	x := newSim(t, 13, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(5 * time.Minute)
	x.cut = true
	x.run(5 * time.Second)
	x.excused = true
	for i, n := range x.nodes {
		n.step(Operate{ID: uint64(i), Command: SetPartnerDown})
	}
	x.run(40 * time.Minute)
	x.mend()
	x.normal(15 * time.Second)
	if x.dups > 0 && len(x.nodes[0].conflict)+len(x.nodes[1].conflict) == 0 {
		t.Errorf("there were duplicates, and nobody lists one (decision D-a)")
	}
	for _, n := range x.nodes {
		if !slices.Contains(n.states, wire.PotentialConflict) {
			t.Errorf("%s: %v", n.name, n.states)
		}
	}
	if !slices.Contains(x.nodes[0].states, wire.ConflictDone) {
		t.Errorf("the main was not first: %v", x.nodes[0].states)
	}
	x.run(simLease * 3 * time.Second)
	x.excused = false // all that came of it is over
	x.run(30 * time.Minute)
	x.agree()
}

// Only one says so: the other is in communications-interrupted.
func TestOneSidedConflict(t *testing.T) {
	for i := range 2 {
		x := newSim(t, uint64(14+i), nil)
		x.begin()
		x.normal(5 * time.Second)
		x.run(5 * time.Minute)
		x.cut = true
		x.run(15 * time.Second)
		x.excused = true
		x.nodes[i].step(Operate{ID: 1, Command: SetPartnerDown})
		x.run(30 * time.Minute)
		x.mend()
		x.normal(15 * time.Second)
		x.run(simLease * 3 * time.Second)
		x.excused = false
		x.run(30 * time.Minute)
		x.agree()
	}
}

func TestSafePeriod(t *testing.T) {
	x := newSim(t, 16, func(c *Config) { c.SafePeriod = 5 * time.Minute })
	x.begin()
	x.normal(5 * time.Second)
	x.nodes[0].crash()
	x.run(4 * time.Minute)
	if s := x.nodes[1].m.State(); s != wire.CommInterrupted {
		t.Errorf("%s before the safe period is over", s)
	}
	x.run(2 * time.Minute)
	if s := x.nodes[1].m.State(); s != wire.PartnerDown || !slices.Contains(x.nodes[1].reasons, SafePeriodOver) {
		t.Errorf("%s after the safe period", s)
	}
	x.nodes[0].start()
	x.normal(2 * simMCLT * time.Second)
	x.agree()
}

func TestOrderlyStop(t *testing.T) {
	x := newSim(t, 17, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(time.Minute)
	x.nodes[0].step(Stop{})
	x.nodes[0].crash()
	x.run(20 * time.Millisecond)
	if s := x.nodes[1].m.State(); s != wire.CommInterrupted { // decision D-d
		t.Errorf("%s", s)
	}
	x.nodes[0].start()
	x.normal(3 * time.Second)
	x.agree()
}

// dhcp-pair maintenance: the partner serves alone at once; back by recover.
func TestMaintenance(t *testing.T) {
	x := newSim(t, 18, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(time.Minute)
	x.nodes[0].step(Operate{ID: 1, Command: Maintain})
	x.run(time.Second)
	if s := x.nodes[1].m.State(); s != wire.PartnerDown || !slices.Contains(x.nodes[1].reasons, PartnerStopped) {
		t.Errorf("partner: %s", s)
	}
	for _, c := range []Command{RecoverFrom, Resume} { // there is no way but a new start
		if x.nodes[0].step(Operate{ID: 2, Command: c}); x.nodes[0].m.State() != wire.ShutDown {
			t.Fatalf("%s by order %d: without a connection it would never leave that", x.nodes[0].m.State(), c)
		}
	}
	other := x.nodes[1]
	theirs := lease.Lease{IP: simFirst, State: lease.Free}
	if ok, why := other.m.May(theirs, x.clients[0].id, false); ok {
		t.Errorf("the main's address at once: %s", why)
	}
	x.nodes[0].crash()
	x.run(10 * time.Minute)
	// "the partner goes to partner-down at once, with all addresses and full leases after the MCLT"
	if ok, why := other.m.May(theirs, x.clients[0].id, false); !ok || other.m.Limited() {
		t.Errorf("the main's address after the MCLT: %v, %s; leases limited: %v", ok, why, other.m.Limited())
	}
	x.nodes[0].start()
	x.normal(simMCLT*time.Second + 10*time.Second)
	x.agree()
}

func TestUnfit(t *testing.T) {
	x := newSim(t, 19, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(time.Minute)
	x.nodes[0].step(Unwell{Why: "disk full"})
	x.run(time.Second)
	if a, b := x.nodes[0].m.State(), x.nodes[1].m.State(); a != wire.Paused || b != wire.CommInterrupted { // decision H-i
		t.Errorf("%s, %s", a, b)
	}
	x.run(time.Minute)
	x.nodes[0].step(Unwell{})
	x.normal(5 * time.Second)
	x.agree()
}

func TestRecoverAt(t *testing.T) {
	x := newSim(t, 20, nil)
	x.begin()
	x.normal(5 * time.Second)
	x.run(3 * time.Minute)
	x.nodes[1].step(Operate{ID: 1, Command: RecoverFrom})
	x.run(2 * time.Second)
	if s := x.nodes[1].m.State(); s != wire.RecoverWait {
		t.Errorf("%s", s)
	}
	x.normal(2 * simMCLT * time.Second)
	x.agree()
}

// A main that served alone gets its first backup (checklist D15, D42).
func TestFirstBackup(t *testing.T) {
	x := newSim(t, 21, nil)
	main := x.nodes[0]
	now := wallStart
	for i, c := range x.clients[:12] {
		l, _ := lease.Lease{IP: simFirst + lease.IP(i), State: lease.Free}.Grant(c.id, now-100, now+500)
		main.disk.leases[l.IP] = l
		c.ip, c.until = l.IP, time.Unix(now+500, 0)
	}
	main.start()
	for _, c := range x.clients {
		x.live(c)
	}
	x.run(time.Minute)
	if s := main.m.State(); s != wire.PartnerDown || !slices.Contains(main.reasons, Started) {
		t.Fatalf("%s", s)
	}
	x.nodes[1].start()
	x.normal(5 * time.Second)
	if l, _ := x.nodes[1].tab.Get(simFirst); l.State == lease.Free && l.Client.IsZero() {
		t.Error("the backup did not get the leases of before")
	}
	x.run(30 * time.Minute)
	x.agree()
}
