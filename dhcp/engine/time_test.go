package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/scope"
)

// bigSite has one pool of 500.
func bigSite(t *testing.T) Config {
	return testConfig(t, func(c *scope.Config) {
		c.Scopes[0].Subnet = prefix("10.0.0.0/23")
		c.Scopes[0].Ranges = []scope.Range{{First: poolAt, Last: poolAt + 399}}
	})
}

func (h *host) crowd(n int) (all []*device) {
	h.t.Helper()
	for i := range n {
		d := h.device(byte(i))
		d.mac[4], d.id[5] = byte(i>>8), byte(i>>8)
		d.lease()
		all = append(all, d)
	}
	return all
}

// Decision D-g: after a jump of the clock nothing ends and nobody new is served; who has a lease renews it.
func TestAJumpOfTheClockEndsNothing(t *testing.T) {
	h := newHost(t, bigSite(t))
	all := h.crowd(200)
	h.now.Wall += 7200
	h.step(Tick{})
	if h.reason(ClockStepped) != 1 || !h.m.ClockDoubted() {
		t.Fatalf("not noticed: %v", h.said())
	}
	h.pass(2 * time.Minute)
	if h.reason(Expired) != 0 {
		t.Fatalf("%d leases ended by a jump of the clock", h.reason(Expired))
	}
	stranger := h.device(1)
	stranger.mac, stranger.id = []byte{4, 4, 4, 4, 4, 4}, nil
	stranger.discover()
	h.silence(ClockDoubted)
	all[3].renew(all[3].ip)
	all[3].acked(all[3].ip)
	if l := h.disk.leases[all[3].ip]; l.End > testStart+3600+200 {
		t.Errorf("renewed until %d by a clock that nobody believes", l.End-testStart)
	}
	h.now.Wall -= 7200
	h.pass(59 * time.Second)
	if !h.m.ClockDoubted() {
		t.Error("believed at once")
	}
	h.pass(3 * time.Second)
	if h.m.ClockDoubted() || h.reason(ClockAgreed) != 1 {
		t.Error("the clocks have agreed for a minute")
	}
	stranger.lease()
}

// When the new time is the right one, what was leased by the old one ends as much later, and was heard as much later.
func TestAClockThatWasBehindIsSet(t *testing.T) {
	h := newHost(t, bigSite(t))
	all := h.crowd(150)
	h.now.Wall += 86400
	h.step(Tick{})
	h.step(ClockSure{})
	if h.m.ClockDoubted() {
		t.Fatal("doubted, though NTP says so")
	}
	h.pass(30 * time.Minute)
	if h.reason(Expired) != 0 {
		t.Fatal("leases of half an hour ago ended")
	}
	if l := h.disk.leases[all[0].ip]; l.ToldEnd != testStart+86400+3600 {
		t.Errorf("ends %d s after the start", l.ToldEnd-testStart)
	} else if l.CLTT < testStart+86400 { // or a partner's word of before would be the newer one (simulation, seed 31300)
		t.Errorf("heard %d s after the start", l.CLTT-testStart)
	}
	h.pass(45 * time.Minute)
	if h.reason(Expired) != 150 {
		t.Errorf("%d ended", h.reason(Expired))
	}
}

func TestAClockBehindTheStoreIsDoubted(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	h.now.Wall = 1000
	h.boot(h.m.cfg)
	if !h.m.ClockDoubted() {
		t.Fatal("the clock is years behind the last write, and is believed")
	}
	d.renew(d.ip)
	d.acked(d.ip)
	if l := h.disk.leases[d.ip]; l.End < testStart {
		t.Errorf("until %d", l.End)
	}
}

// "More than 5 % of the active leases due at once": found so, after a start or a jump of the clock, a minute of doubt and an alarm; then
// they end.
func TestManyLeasesFoundOver(t *testing.T) {
	h := newHost(t, bigSite(t))
	h.crowd(200)
	h.pass(time.Minute)
	h.now.Mono += 2 * time.Hour // nobody watched: the server was away
	h.now.Wall += 2 * 3600
	h.boot(h.m.cfg)
	h.pass(10 * time.Second)
	if h.reason(MassExpiry) != 1 || h.reason(Expired) != 0 {
		t.Fatalf("%d alarms, %d ended", h.reason(MassExpiry), h.reason(Expired))
	}
	h.pass(2 * time.Minute)
	if h.reason(Expired) != 200 {
		t.Errorf("%d ended after the minute", h.reason(Expired))
	}
	checkMachine(t, h.m)
}

// Leases that end in time say nothing of the clock, though all end in one second: a client that takes hundreds at once would otherwise keep
// everybody out a lease later.
func TestManyLeasesThatEndAtOnce(t *testing.T) {
	h := newHost(t, bigSite(t))
	h.crowd(200)
	h.pass(time.Hour + 10*time.Second)
	if h.reason(MassExpiry) != 0 || h.reason(Expired) != 200 {
		t.Errorf("%d alarms, %d ended", h.reason(MassExpiry), h.reason(Expired))
	}
	checkMachine(t, h.m)
}

// Decision D-h: leases of a scope that is gone are kept for 30 days.
func TestOrphansAreKept(t *testing.T) {
	full := testConfig(t, nil)
	h := newHost(t, full)
	d := h.device(1)
	d.lease()
	less := testConfig(t, func(c *scope.Config) { c.Scopes = c.Scopes[1:] })
	h.step(Reconfigure{less})
	if o := h.m.Orphans(0, 10); len(o) != 1 || o[0].IP != d.ip {
		t.Fatalf("orphans %v", o)
	}
	h.pass(24 * time.Hour)
	h.boot(less)
	h.step(Reconfigure{full})
	if o := h.m.Orphans(0, 10); len(o) != 0 {
		t.Fatalf("orphans %v after the scope is back", o)
	}
	if d.lease(); d.ip != poolAt {
		t.Errorf("got %s, had %s", d.ip, poolAt)
	}
	h.step(Reconfigure{less})
	h.pass(31 * 24 * time.Hour)
	if _, ok := h.disk.leases[poolAt]; ok || h.reason(Forgotten) != 1 {
		t.Error("kept for longer than 30 days")
	}
}

// A flood of invented hardware addresses behind one port does not take the pool; who is known is never limited.
func TestAFloodBehindOnePort(t *testing.T) {
	cfg := bigSite(t)
	cfg.PortBurst, cfg.PortRate = 20, 1
	h := newHost(t, cfg)
	circuit := func(name string) option.List {
		return option.List{{Code: option.RelayInformation, Data: option.Relay{Circuit: []byte(name)}.Append(nil)}}
	}
	old := h.device(1).behind(0x0a000001)
	old.opts = circuit("bad")
	old.lease()
	offers := 0
	for i := range 300 {
		d := h.device(2).behind(0x0a000001)
		d.mac, d.id, d.opts = []byte{6, 6, 6, 6, byte(i >> 8), byte(i)}, nil, circuit("bad")
		d.discover()
		offers += len(h.replies)
		h.replies = nil
	}
	if offers > 21 || h.reason(TooMany) < 270 {
		t.Errorf("%d offers, %d refused", offers, h.reason(TooMany))
	}
	old.discover()
	if h.reply().YIAddr != old.ip {
		t.Error("a known client is limited")
	}
	good := h.device(3).behind(0x0a000001)
	good.opts = circuit("good")
	good.lease()
}

func TestOffersAreBounded(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) {
		c.Scopes[3].Subnet, c.Scopes[3].Ranges = prefix("10.64.0.0/10"), []scope.Range{{First: 0x0a400001, Last: 0x0a4ffffe}}
	}))
	for i := range maxOffers + 100 {
		d := h.device(2).behind(0x0a400001)
		d.mac, d.id = []byte{6, 6, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}, nil
		h.m.Step(h.now, Heard{Packet: d.message(1)})
	}
	if n := len(h.m.offers.by); n != maxOffers {
		t.Errorf("%d offers, want %d", n, maxOffers)
	}
	h.pass(31 * time.Second)
	if n := len(h.m.offers.by) + h.m.offers.queue.Len() + len(h.m.offers.client); n != 0 {
		t.Errorf("%d left of them", n)
	}
}

// Decision D-k: who asks and is not served is listed, with why.
func TestUnservedClients(t *testing.T) {
	h := newHost(t, testConfig(t, func(c *scope.Config) { c.Scopes[0].Ranges = []scope.Range{{First: poolAt, Last: poolAt}} }))
	h.device(1).lease()
	d := h.device(2).behind(0x0a000001)
	for range 4 {
		d.discover()
		h.pass(4 * time.Second)
	}
	u := h.m.Unserved()
	if len(u) != 1 || u[0].Client.CHAddr != string(d.mac) || u[0].Tries != 4 || u[0].Why != PoolEmpty || u[0].Relay != 0x0a000001 {
		t.Fatalf("%+v", u)
	}
	if r := h.m.Relays(); len(r) != 1 || r[0].Count != 4 || h.reason(NewRelay) != 1 {
		t.Errorf("relays %+v", r)
	}
	h.device(1).release(poolAt)
	d.lease()
	if u := h.m.Unserved(); len(u) != 0 {
		t.Errorf("served, and listed: %+v", u)
	}
}

// Whoever is answered and does not ask on is listed as offered: offers that do not arrive look like this.
func TestAnOfferThatIsNotTaken(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	for range 3 {
		d.discover()
		h.reply()
		h.pass(5 * time.Second)
	}
	if u := h.m.Unserved(); len(u) != 1 || u[0].Why != Offered || u[0].Tries != 3 {
		t.Fatalf("%+v", u)
	}
	d.lease()
	if u := h.m.Unserved(); len(u) != 0 {
		t.Errorf("served, and listed: %+v", u)
	}
}

func TestFreeLease(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	h.step(FreeLease{ID: 4, IP: d.ip})
	if h.answers[0] != (Answer{ID: 4}) {
		t.Fatalf("%+v", h.answers)
	}
	if l := h.disk.leases[d.ip]; l.State != lease.Free || l.Hold != testStart+3600 {
		t.Fatalf("%+v: held until its client was told", l)
	}
	for n := byte(2); n <= 10; n++ {
		h.device(n).lease()
	}
	h.device(11).discover()
	h.silence(PoolEmpty)
	h.pass(time.Hour + 2*time.Second)
	h.device(11).discover()
	if ip := h.reply().YIAddr; ip != d.ip {
		t.Errorf("offered %s", ip)
	}
	h.step(FreeLease{ID: 5, IP: 1})
	if h.answers[1].Refused == "" {
		t.Error("nobody has that")
	}
}

func TestAnUnwellStoreGivesNothing(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	d := h.device(1)
	d.lease()
	h.step(Unwell{Why: "disk full"})
	d.renew(d.ip)
	h.silence(StoreUnwell)
	h.device(2).discover()
	h.silence(StoreUnwell)
	h.step(Unwell{})
	d.renew(d.ip)
	d.acked(d.ip)
}

// The forecast needs some minutes, then says when the pool is empty.
func TestForecast(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	for n := byte(1); n <= 6; n++ {
		h.device(n).lease()
		h.pass(2 * time.Minute)
	}
	v := h.m.Scopes()[0]
	if v.Name != "lan" || v.Total != 10 || v.Free != 4 || v.Active != 6 {
		t.Fatalf("%+v", v)
	}
	if f := v.Forecast; f.Mine != 4 || f.PerHour < 20 || f.PerHour > 40 || f.Empty < 5*time.Minute || f.Empty > 15*time.Minute {
		t.Errorf("%+v: 30 an hour go, 4 are left", f)
	}
}

// D24: "The number of addresses over which the backup server requires sole control is the greater of the two numbers": new clients of two
// hours of the day, or of twelve of the night, as a percentage of what is available.
func TestD24AdviceOnTheBackupsShare(t *testing.T) {
	for name, c := range map[string]struct {
		byHour func(h int) int // of the day
		want   int
	}{
		"busy two hours":       {func(h int) int { return map[bool]int{true: 11}[h == 9 || h == 10] }, 22},
		"as many all the time": {func(int) int { return 2 }, 24},
		"nobody new":           {func(int) int { return 0 }, 0},
	} {
		u := usage{}
		for h := range 48 {
			u.new[u.hour%hours] = c.byHour(h % 24)
			u.hour++
			u.new[u.hour%hours] = 0
			if h < 11 && u.advice(100) != 0 {
				t.Fatalf("%s: advice after %d hours", name, h+1)
			}
		}
		if got := u.advice(100); got != c.want {
			t.Errorf("%s: %d %% of 100 addresses, want %d", name, got, c.want)
		}
		if got := u.advice(5); c.want > 0 && got != 100 {
			t.Errorf("%s: %d %% of 5 addresses, want all", name, got)
		}
	}
}
