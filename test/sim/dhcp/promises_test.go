package dhcpsim

import (
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// Each test plays one row of the promises' table ("Promises: DHCP failover"), and quotes it: failure, new clients, renewing (unicast) /
// rebinding, never, price. That no address has two holders is looked at after every event.

// | none | by role or hash | either server | two holders | first lease = MCLT |
func TestPromiseNoFailure(t *testing.T) {
	s := newScene(t, options{})
	c := s.clients[1]
	s.must("by role: the main", s.gets(c, 2*time.Second) == s.main)
	s.why(s.backup, engine.PartnersClient)
	s.must("first lease = MCLT", seconds(c) == mclt)
	s.must("renewed", s.extends(c, false) && c.from == s.main && seconds(c) == 600)
	s.main.deaf = true
	s.must("either server", s.extends(c, true) && c.from == s.backup && seconds(c) == 600)
	s.main.deaf = false
	s.nothingForgotten()

	s = newScene(t, options{balancing: true})
	by := map[*host]int{}
	for _, c := range s.clients {
		by[s.gets(c, 2*time.Second)]++
	}
	s.must("by hash: both", by[s.main] > 0 && by[s.backup] > 0)
	s.nothingForgotten()
}

// | process dies, SIGTERM, upgrade | at once | silent until T2 unless seen through a relay or the VIP / at once | two holders; an ACK
// forgotten | survivor's free share only |
func TestPromiseProcessDies(t *testing.T) {
	s := newScene(t, options{relays: true})
	old, new1, behind := s.clients[0], s.clients[3], s.clients[1]
	s.gets(old, 2*time.Second)
	s.gets(behind, 2*time.Second)
	s.main.crash()
	s.pass(50 * time.Millisecond)
	s.moved(s.backup, wire.CommInterrupted, failover.ContactLost)
	s.must("at once", s.gets(new1, time.Second) == s.backup)
	s.must("survivor's free share only", s.main.disk.leases[new1.ip].State == lease.Backup)
	s.must("silent", !s.extends(old, false))
	s.must("rebinding at once", s.extends(old, true) && old.from == s.backup)
	s.must("through a relay at once", s.extends(behind, true) && behind.from == s.backup)
	free := 0
	for _, c := range s.clients {
		if c.seg == new1.seg {
			c.search()
			s.pass(time.Second)
			if l := s.main.disk.leases[c.ip]; c.has() && c.from == s.backup && c != new1 && c != old && l.State != lease.Backup {
				t.Errorf("%s was %s", c.ip, l.State)
			}
			free++
		}
	}
	s.must("somebody asked", free > 2)
	s.main.start()
	s.nothingForgotten()
}

// | host vanishes | within 1 s, or second try | same / at once | same | same |
func TestPromiseHostVanishes(t *testing.T) {
	s := newScene(t, options{})
	old, c := s.clients[0], s.clients[1]
	s.gets(old, 2*time.Second)
	s.pass(5 * time.Second)
	s.part(s.main, s.backup) // no word of its end arrives
	s.main.crash()
	began := s.w.Now()
	s.must("the backup", s.gets(c, 4*time.Second) == s.backup)
	s.must("within 1 s or at the second try", s.w.Now().Sub(began) <= 2*time.Second+100*time.Millisecond)
	s.pass(2 * time.Second)
	s.moved(s.backup, wire.CommInterrupted, failover.Silence)
	s.must("silent", !s.extends(old, false))
	s.must("at once", s.extends(old, true) && old.from == s.backup)
	s.mend()
	s.main.start()
	s.nothingForgotten()

	// Not yet known to be away: the second try.
	s = newScene(t, options{fast: 9 * time.Second})
	c = s.clients[1]
	s.main.deaf = true
	s.must("second try", s.gets(c, 6*time.Second) == s.backup && s.backup.state(s.one) == wire.Normal)
	s.why(s.backup, engine.PartnersClient)
	s.main.deaf = false
	s.nothingForgotten()
}

// | link cut, both alive | both, own shares | either | two holders, however long | leases shrink to MCLT; shares may run dry (forecast) |
func TestPromiseLinkCut(t *testing.T) {
	s := newScene(t, options{clients: 30})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.extends(old, false)
	s.part(s.main, s.backup)
	s.pass(3 * time.Second)
	s.moved(s.main, wire.CommInterrupted, failover.Silence)
	s.moved(s.backup, wire.CommInterrupted, failover.Silence)
	s.main.deaf = true
	n := 0
	for _, c := range s.clients[1:] {
		c.search()
		s.pass(400 * time.Millisecond)
		if c.has() {
			n++
			s.must("own share", s.main.disk.leases[c.ip].State == lease.Backup && seconds(c) == mclt)
		}
	}
	if n != 10 {
		t.Errorf("%d leases, want all of the backup's share and no more", n)
	}
	s.why(s.backup, engine.PoolEmpty)
	s.must("either", s.extends(old, true) && old.from == s.backup)
	s.main.deaf, s.backup.deaf = false, true
	s.must("either", s.extends(old, true) && old.from == s.main)
	s.must("the main gives too", s.gets(s.clients[29], 2*time.Second) == s.main)
	s.backup.deaf = false
	for range 50 {
		s.pass(20 * time.Second)
		s.must("renewed, however long", s.extends(old, false) && old.from == s.main)
	}
	if seconds(old) > mclt {
		t.Errorf("a lease of %d s: leases shrink to MCLT", seconds(old))
	}
	s.mend()
	s.nothingForgotten()
}

// | true partner-down | own share at once; partner's after MCLT; leased ones after last potential + MCLT | all | two holders | the MCLT
// wait |
func TestPromiseTruePartnerDown(t *testing.T) {
	s := newScene(t, options{clients: 44})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.extends(old, false)
	gone := s.clients[1]
	s.gets(gone, 2*time.Second) // and is never heard again
	s.pass(2 * time.Second)
	potential := s.backup.disk.leases[gone.ip].Received
	s.main.crash()
	s.pass(time.Second)
	s.claims(s.main, s.one)
	down := s.w.Now()
	s.pass(time.Second)
	s.moved(s.backup, wire.PartnerDown, failover.ByOperator)
	for _, c := range s.clients[2:12] {
		s.must("own share at once", s.gets(c, time.Second) == s.backup)
	}
	s.none(s.clients[12], 3*time.Second)
	s.why(s.backup, engine.PoolEmpty)
	s.must("all renewals", s.extends(old, true) && seconds(old) == 600)
	s.pass(down.Add((mclt + 3) * time.Second).Sub(s.w.Now()))
	for _, c := range s.clients[12:41] {
		s.gets(c, 3*time.Second)
		s.must("not what is leased", c.ip != gone.ip && c.ip != old.ip)
	}
	s.why(s.backup, engine.Probing)
	for _, c := range s.clients[:41] { // those that have one keep it
		if c != gone {
			s.extends(c, true)
		}
	}
	for s.w.Now().Unix() < potential+mclt-2 {
		s.none(s.clients[41], time.Second)
		for _, c := range s.clients[:41] {
			if c != gone && c.until.Before(s.w.Now().Add(30*time.Second)) {
				s.extends(c, true)
			}
		}
	}
	s.gets(s.clients[41], 10*time.Second)
	s.must("leased ones after last potential + MCLT", s.clients[41].ip == gone.ip)
	s.main.start()
	s.nothingForgotten()
}

// | false partner-down, safe period | both | both | an undetected duplicate after contact | duplicates possible after MCLT; probed first;
// listed |
func TestPromiseFalsePartnerDown(t *testing.T) {
	for _, o := range []options{{clients: 44}, {clients: 44, safe: 20 * time.Second}} {
		s := newScene(t, o)
		s.part(s.main, s.backup)
		s.pass(15 * time.Second)
		s.lie(s.one, s.backup)
		if o.safe == 0 {
			s.claims(s.main, s.one)
			s.pass(time.Second)
			s.moved(s.backup, wire.PartnerDown, failover.ByOperator)
		} else {
			s.pass(20 * time.Second)
			s.moved(s.backup, wire.PartnerDown, failover.SafePeriodOver)
		}
		s.main.deaf = true
		for _, c := range s.clients[1:11] {
			s.must("both: the backup", s.gets(c, time.Second) == s.backup)
		}
		s.main.deaf, s.backup.deaf = false, true
		first := s.clients[11] // on an address of the main's share, which clients of the backup's side will not find
		s.must("both: the main", s.gets(first, time.Second) == s.main)
		s.pass((mclt - 10) * time.Second)
		s.must("renewed", s.extends(first, false))
		s.main.deaf, s.backup.deaf = true, false
		var found *client
		for _, c := range s.clients[12:42] {
			s.main.deaf = false
			s.must("renewed by the main", s.extends(first, false))
			s.main.deaf = true
			for range 5 {
				if c.search(); !c.has() {
					s.pass(time.Second)
				}
			}
			if c.ip == first.ip {
				found = c
			}
			if found != nil || s.backup.said[engine.Answered] > 0 {
				break
			}
		}
		// The backup reaches the first client now, asks, and is answered: nobody else gets its address.
		s.must("probed first", found == nil && s.backup.said[engine.Answered] > 0)
		s.main.deaf, s.calm = false, true
		s.mend()
		if err := s.unlie(s.one); err != nil {
			t.Fatal(err)
		}
		s.must("not a duplicate", len(s.main.found)+len(s.backup.found) == 0)
		s.nothingForgotten()
	}
}

// The same with the clients' network in two: probes find nobody, and the duplicate is listed with both clients.
func TestPromiseFalsePartnerDownListsDuplicates(t *testing.T) {
	s := newScene(t, options{clients: 44})
	s.part(s.main, s.backup)
	s.split = [2]*host{s.main, s.backup} // even clients reach the main, odd ones the backup
	s.pass(15 * time.Second)
	s.lies(s.one, s.main)
	for i := 1; i < 20; i += 2 {
		s.gets(s.clients[i], time.Second)
	}
	s.none(s.clients[21], 2*time.Second)
	s.pass((mclt + 3) * time.Second)
	for i := 0; i < 8; i += 2 {
		s.gets(s.clients[i], time.Second)
	}
	for i := 1; i < 20; i += 2 {
		s.extends(s.clients[i], true)
	}
	for i := 21; i < 44; i += 2 {
		s.gets(s.clients[i], 4*time.Second)
	}
	if len(s.doubles) == 0 {
		t.Fatal("no address is held by two")
	}
	for i := 0; i < 8; i += 2 {
		s.extends(s.clients[i], true)
	}
	n := len(s.doubles)
	s.split, s.splitAt = [2]*host{}, s.w.Now()
	s.mend()
	if err := s.unlie(s.one); err != nil { // each is listed
		t.Fatal(err)
	}
	s.must("listed", len(s.main.found)+len(s.backup.found) >= n)
	s.moved(s.main, wire.Normal, failover.TwoClients)
	for _, d := range s.doubles { // resolved without a restart: one of the two goes elsewhere
		for _, c := range []*client{d.a, d.b} {
			s.extends(c, true)
			s.gets(c, 3*time.Second)
		}
		s.must("resolved", d.a.ip != d.b.ip)
	}
	s.nothingForgotten()
}

// | one disk lost | survivor; the lost one waits MCLT | survivor | two holders | ACKs not yet sent over: record gone until renewal, address
// still safe |
func TestPromiseOneDiskLost(t *testing.T) {
	s := newScene(t, options{})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.extends(old, false)
	s.part(s.main, s.backup)
	s.pass(3 * time.Second)
	unknown := s.clients[2]
	for _, c := range s.clients[2:9] { // both offer; of the main's lease the backup hears the offer only
		if unknown = c; s.gets(c, 2*time.Second) == s.main {
			break
		}
	}
	s.must("the main", unknown.from == s.main)
	s.main.crash()
	s.mend()
	s.main.disk = newDisk(77)
	s.main.start()
	s.pass(3 * time.Second)
	s.moved(s.main, wire.RecoverWait, failover.UpdatesReceived)
	began := s.w.Now()
	s.must("survivor", s.gets(s.clients[1], 2*time.Second) == s.backup)
	s.why(s.main, engine.NotServing)
	s.must("renewing: survivor", s.extends(old, true) && old.from == s.backup)
	lost := s.backup.disk.leases[unknown.ip]
	s.must("record gone until renewal", !lost.Same(unknown.message(packet.Discover).Client()) || lost.State != lease.Active)
	taken := unknown.ip
	for _, c := range s.clients[3:9] {
		s.gets(c, 4*time.Second)
		s.must("address still safe", c == unknown || c.ip != taken || !unknown.has())
	}
	s.normal(3 * time.Minute)
	s.must("waits MCLT", s.w.Now().Sub(began) > (mclt-10)*time.Second)
	unknown.ip = 0
	s.nothingForgotten()
}

// | a snapshot restored | as disk lost, found by itself | survivor | same | MCLT from its last record |
func TestPromiseSnapshotRestored(t *testing.T) {
	s := newScene(t, options{})
	was := s.main.disk.clone()
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.extends(old, false)
	s.main.crash()
	s.main.disk = was
	s.main.start()
	s.pass(3 * time.Second)
	s.moved(s.main, wire.RecoverWait, failover.RolledBack)
	s.must("survivor", s.gets(s.clients[1], 2*time.Second) == s.backup)
	s.must("renewing: survivor", s.extends(old, true) && old.from == s.backup)
	s.nothingForgotten()
}

// | both lose power | after start, normal or 15 s | same | an ACK that left | - |
func TestPromiseBothLosePower(t *testing.T) {
	s := newScene(t, options{})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.main.crash()
	s.backup.crash()
	s.pass(time.Second)
	s.main.start() // alone
	s.none(s.clients[1], 13*time.Second)
	s.why(s.main, engine.NotServing)
	s.gets(s.clients[1], 4*time.Second)
	s.moved(s.main, wire.CommInterrupted, failover.StartupOver)
	s.must("renewed", s.extends(old, false))
	s.backup.start()
	s.pass(3 * time.Second)
	s.moved(s.main, wire.Normal, failover.PartnerState)
	s.nothingForgotten()
	s.main.crash()
	s.backup.crash()
	s.main.start()
	s.backup.start()
	s.pass(5 * time.Second) // both: normal before the 15 s
	s.moved(s.main, wire.Normal, failover.PartnerState)
	s.nothingForgotten()
}

// | disk full, EIO | partner at once | partner | an ACK not on disk | own share of one |
func TestPromiseDiskFull(t *testing.T) {
	s := newScene(t, options{})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.main.full = true
	c := s.clients[1]
	c.search()
	s.pass(time.Second)
	s.must("an ACK not on disk", !c.has())
	s.must("partner at once", s.gets(c, 2*time.Second) == s.backup)
	s.must("own share of one", s.main.disk.leases[c.ip].State == lease.Backup)
	s.must("partner renews", !s.extends(old, false) && s.extends(old, true) && old.from == s.backup)
	s.why(s.main, engine.StoreUnwell)
	s.must("told", slices.Contains(s.main.events, failover.Unfit))
	s.main.crash()
	s.main.start()
	s.nothingForgotten()
}

// | clock jump | partner; this one none until agreed | yes | mass expiry | alarm |
func TestPromiseClockJump(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		s := newScene(t, options{clients: 40})
		for _, c := range s.clients[:20] {
			s.gets(c, 2*time.Second)
		}
		s.part(s.main, s.backup)
		s.pass(3 * time.Second)
		s.main.jumped = true
		s.main.clock.Jump(by)
		s.pass(2 * time.Second)
		s.why(s.main, engine.ClockStepped) // the alarm
		s.must("partner", s.gets(s.clients[30], 3*time.Second) == s.backup)
		s.why(s.main, engine.ClockDoubted)
		s.must("renewed", s.extends(s.clients[0], false) && s.clients[0].from == s.main)
		s.must("no mass expiry", s.main.said[engine.Expired] == 0)
		s.main.clock.Jump(-by)
		s.mend()
		s.pass(90 * time.Second)
		s.why(s.main, engine.ClockAgreed)
		s.must("again", s.gets(s.clients[31], 3*time.Second) == s.main)
		s.nothingForgotten()
	}
}

// | a relay knows one server | none if that one dies | none | - | flagged beforehand, with its address |
func TestPromiseRelayKnowsOneServer(t *testing.T) {
	s := newScene(t, options{relays: true})
	i := slices.IndexFunc(s.segments, func(g *segment) bool { return g.name == "yard" })
	yard := s.segments[i]
	knows, other := yard.heard[0], s.one.other(yard.heard[0])
	mine := slices.DeleteFunc(slices.Clone(s.clients), func(c *client) bool { return c.seg != yard })
	s.gets(mine[0], 8*time.Second)
	flagged := func(h *host) bool {
		return slices.ContainsFunc(h.m.Relays(), func(r engine.RelayHeard) bool { return r.Relay == yard.relay })
	}
	s.must("flagged beforehand, with its address", flagged(knows) && !flagged(other))
	knows.crash()
	s.none(mine[1], 5*time.Second)
	s.must("no renewal", !s.extends(mine[0], false) && !s.extends(mine[0], true))
	knows.start()
	s.normal(time.Minute)
	s.gets(mine[1], 8*time.Second)
	s.nothingForgotten()
}

// | DNS pair away | yes | yes | a name change (durable queue) | names late |
func TestPromiseDNSAway(t *testing.T) {
	s := newScene(t, options{names: true})
	c := s.clients[1]
	s.gets(c, 2*time.Second)
	s.must("renewed", s.extends(c, false))
	s.must("the change is in the durable queue", len(s.main.disk.jobs) == 1)
	s.main.crash()
	s.main.start()
	s.must("and given out again", len(s.main.jobs) == 2 && s.main.jobs[0].ID == s.main.jobs[1].ID && s.main.jobs[0].IP == c.ip)
	s.main.step(engine.Named{Job: s.main.jobs[1], Done: true})
	s.pass(time.Second)
	s.must("names late", len(s.main.disk.jobs) == 0)
	s.nothingForgotten()
}

// | an ISC partner lost its disk | ISC may skip the MCLT wait | as usual | - | not promised: alarm; our share is held for MCLT |
func TestPromiseISCPartnerLostItsDisk(t *testing.T) {
	s := newScene(t, options{draft: true})
	old := s.clients[0]
	s.gets(old, 2*time.Second)
	s.extends(old, false)
	s.backup.crash()
	s.backup.disk = newDisk(78)
	s.backup.start()
	s.pass(3 * time.Second)
	s.must("alarm", slices.Contains(s.main.events, failover.PeerLostStore))
	v := s.main.view(s.one)
	s.must("our share is held for MCLT", v.Saved.HoldUntil >= s.main.now().Wall+mclt-5)
	s.must("as usual", s.extends(old, false) && s.gets(s.clients[1], 2*time.Second) == s.main)
	s.nothingForgotten()
}
