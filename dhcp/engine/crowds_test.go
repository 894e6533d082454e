package engine

import (
	"encoding/binary"
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
	"pgregory.net/rapid"
)

// inventor is a client of the local link that was made up.
func (h *host) inventor(n int) *device {
	d := h.device(0)
	d.mac, d.id = binary.BigEndian.AppendUint32([]byte{6, 7}, uint32(n)), nil
	return d
}

// offered is what a client is offered; 0: nothing.
func (d *device) offered() lease.IP {
	d.h.t.Helper()
	d.h.replies = nil
	d.discover()
	if len(d.h.replies) == 0 {
		return 0
	}
	return d.h.reply().YIAddr
}

// A pool smaller than what a flood is offered in 30 s: who asks again, as clients do and invented ones do not, gets an offer that the flood
// cannot take back, and its lease. "The server need not reserve the offered network address, although the protocol will work more
// efficiently if the server avoids allocating it" (RFC 2131, 3.1).
func TestAFloodDoesNotHoldASmallPool(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	n := 0
	flood := func(many int) {
		for range many {
			n++
			h.inventor(n).discover()
			h.now.Mono += time.Millisecond
		}
		h.replies = nil
	}
	flood(100)
	if len(h.m.offers.by) != 10 || h.m.pools[0].offers.size(port{}) != 10 {
		t.Fatalf("%d offers of a pool of 10", len(h.m.offers.by))
	}
	d := h.device(1)
	if ip := d.offered(); ip != 0 {
		t.Fatalf("%s, which was offered to another just now, and nothing says that this one is there", ip)
	}
	h.silence(PoolEmpty)
	flood(200)
	ip := d.offered()
	if ip == 0 || !h.m.offers.by[ip].firm {
		t.Fatal("it asks again, and gets nothing")
	}
	flood(2000)
	if h.m.offers.client[d.h.m.ask.key] == ip || h.m.offers.by[ip] == nil {
		t.Fatal("its offer was taken back")
	}
	d.choose(ip)
	d.acked(ip)
}

// An offer older than a second is taken back by whoever comes, the oldest first. Who comes too late with its REQUEST is told NAK, and what
// was requested is nobody else's: never two clients of one address.
func TestAnOldOfferIsTakenBack(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	var all []*device
	var ips []lease.IP
	for i := range 10 {
		d := h.inventor(i)
		all, ips = append(all, d), append(ips, d.offered())
		h.now.Mono += 10 * time.Millisecond
	}
	all[0].choose(ips[0])
	all[0].acked(ips[0])
	h.now.Mono += young - 70*time.Millisecond
	for i := 1; i < 4; i++ {
		if ip := h.device(byte(i)).offered(); ip != ips[i] {
			t.Fatalf("%s, want the oldest that was not requested, %s", ip, ips[i])
		}
	}
	if h.reason(TakenBack) != 3 {
		t.Errorf("%d taken back", h.reason(TakenBack))
	}
	all[1].choose(ips[1])
	all[1].nakked(AnotherHasIt)
	h.device(1).choose(ips[1])
	h.device(1).acked(ips[1])
	all[1].choose(ips[1])
	all[1].nakked(AnotherHasIt)
	if ip := h.device(5).offered(); ip != 0 {
		t.Errorf("%s, which is young", ip)
	}
}

// Who is behind another port than the flood, one through which somebody got a lease, takes from the flood's offers at once.
func TestAPortTakesBackFromTheFloods(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Scopes[1].Ranges[0].Last = sharedAt + 9; c.Scopes[2].Ranges = nil }))
	old := h.device(9).behind(relayAt)
	old.opts = circuit("good")
	old.lease()
	for i := range 100 {
		d := h.inventor(i).behind(relayAt)
		d.opts = circuit("bad")
		d.discover()
	}
	h.replies = nil
	for i := range 4 {
		d := h.device(byte(i)).behind(relayAt)
		d.opts = circuit("good")
		if d.offered() == 0 {
			t.Errorf("client %d gets nothing", i)
		}
	}
	bad, good := h.m.pools[1].offers.size(port{relay: relayAt}), h.m.pools[1].offers.size(port{relayAt, "good"})
	if bad != 5 || good != 4 {
		t.Errorf("%d of the flood, %d of the others", bad, good)
	}
	// Half of it is enough: one port does not take all of another's either.
	d := h.device(7).behind(relayAt)
	d.opts = circuit("good")
	if d.offered() != 0 {
		t.Error("more than the fair part")
	}
}

// Who makes up relays does not make the server forget those that are real, nor the clients behind them that wait.
func TestInventedRelaysDoNotCrowdOutRealOnes(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	real := h.device(1).behind(relayAt)
	real.lease()
	waits := h.device(2).behind(relayAt)
	waits.discover()
	h.replies = nil
	m := h.m
	for i := range lease.IP(maxWaiters + maxRelays) {
		d := h.inventor(int(i)).behind(0x0b000000 + i)
		m.Step(h.now, Heard{Packet: d.message(packet.Discover), From: packet.Arrival{Local: serverIP}})
	}
	key := lease.ClientOf(waits.id, 1, waits.mac).Key()
	if _, ok := m.waiters.by[key]; !ok {
		t.Error("a client behind a real relay was forgotten")
	}
	if _, ok := m.relays[relayAt]; !ok {
		t.Error("a real relay was forgotten")
	}
	if len(m.relays) > maxRelays || len(m.waiters.by) > maxWaiters || m.waiters.crowds.size(strangers) != len(m.waiters.by)-1 {
		t.Errorf("%d relays, %d waiters, %d of them strangers", len(m.relays), len(m.waiters.by), m.waiters.crowds.size(strangers))
	}
	fresh := h.device(3).behind(otherAt)
	fresh.lease()
	if _, ok := m.relays[otherAt]; !ok {
		t.Error("a new relay finds no room")
	}
}

// The books of crowds, whatever happens: the first of the order has the most, and the sizes are right.
func TestCrowds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c crowds
		var seats []seat
		of := map[port]int{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(seats) == 0 || rapid.IntRange(0, 2).Draw(t, "what") > 0 {
				at := port{relay: lease.IP(rapid.IntRange(0, 6).Draw(t, "at"))}
				seats = append(seats, c.add(at, len(seats)))
				of[at]++
			} else {
				i := rapid.IntRange(0, len(seats)-1).Draw(t, "which")
				of[seats[i].in.at]--
				c.remove(seats[i])
				seats = append(seats[:i], seats[i+1:]...)
			}
			most := 0
			for at, n := range of {
				if most = max(most, n); c.size(at) != n {
					t.Fatalf("%v has %d, want %d", at, c.size(at), n)
				}
			}
			if g := c.largest(); g == nil && most > 0 || g != nil && g.list.Len() != most {
				t.Fatalf("the largest is %+v, want %d", g, most)
			}
		}
	})
}

// Clients and inventors of every kind in a pool too small for them: an address that is acknowledged is nobody else's.
func TestTakingBackNeverDuplicates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHost(t, testConfig(t, nil))
		owner := map[lease.IP]string{}
		offer := map[string]lease.IP{}
		for range rapid.IntRange(20, 150).Draw(rt, "steps") {
			d := h.inventor(rapid.IntRange(0, 30).Draw(rt, "who"))
			h.replies = nil
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0, 1, 2:
				if ip := d.offered(); ip != 0 {
					offer[string(d.mac)] = ip
				}
			case 3:
				if ip := offer[string(d.mac)]; ip != 0 {
					d.choose(ip)
				}
			case 4:
				h.now.Mono += time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms")) * time.Millisecond
			}
			for _, r := range h.replies {
				if r.Packet.Type != packet.Ack {
					continue
				}
				if who := owner[r.Packet.YIAddr]; who != "" && who != string(r.Packet.CHAddr) {
					rt.Fatalf("%s is given to %x and to %x", r.Packet.YIAddr, who, r.Packet.CHAddr)
				}
				owner[r.Packet.YIAddr] = string(r.Packet.CHAddr)
			}
			for p := range h.m.pools {
				n := 0
				for _, e := range h.m.offers.by {
					if e.pool == h.m.pools[p] {
						n++
					}
				}
				if h.m.pools[p].offers.size(port{}) != n {
					rt.Fatalf("%d offers, %d in the books", n, h.m.pools[p].offers.size(port{}))
				}
			}
		}
	})
}

// Second tries are remembered for a while, and not for ever.
func TestEcho(t *testing.T) {
	var e echo
	if e.again("a", time.Hour) || !e.again("a", time.Hour+time.Second) || !e.again("a", time.Hour+echoLasts+time.Second) {
		t.Error("a")
	}
	if e.again("b", time.Hour+2*echoLasts) || e.again("b", time.Hour+5*echoLasts) || !e.again("b", time.Hour+6*echoLasts-time.Second) {
		t.Error("b")
	}
}
