package lease

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// The table of draft-ietf-dhc-failover-12, 5.11, cell by cell; what is not here is not permitted.
func TestMovesAreThoseOfTheDraft(t *testing.T) {
	type move struct {
		from State
		e    Event
	}
	want := map[move]State{
		// "FREE: primary leases it -> ACTIVE", "gives it to the secondary, or it is reserved -> BACKUP"
		{Free, Grant}: Active, {Free, Give}: Backup,
		// "BACKUP: secondary leases it -> ACTIVE", "primary takes it back -> FREE"
		{Backup, Grant}: Active, {Backup, Take}: Free,
		{Active, Grant}: Active, {Active, Expire}: Expired, {Active, Release}: Released,
		// "EXPIRED, RELEASED, RESET: partner acked -> FREE"
		{Expired, Confirm}: Free, {Released, Confirm}: Free, {Reset, Confirm}: Free,
		// "To the same client it is allowed while ..." (rewind)
		{Expired, Grant}: Active, {Released, Grant}: Active,
		{Abandoned, Retry}: Reset,
	}
	for s := Free; s <= Backup; s++ {
		want[move{s, Decline}] = Abandoned // "any: DHCPDECLINE / ping answered -> ABANDONED"
		want[move{s, Clear}] = Reset       // "any / ABANDONED: operator -> RESET"
	}
	for s := State(0); s <= Backup+1; s++ {
		for e := Event(0); e <= Retry+1; e++ {
			got, ok := s.After(e)
			if w := want[move{s, e}]; got != w || ok != (w != 0) {
				t.Errorf("%s, event %d: %s %v, want %s", s, e, got, ok, w)
			}
		}
	}
}

var (
	alice = ClientOf([]byte("\x01alice"), 1, []byte("\x02\x00\x00\x00\x00\x01"))
	bob   = ClientOf(nil, 1, []byte("\x02\x00\x00\x00\x00\x02"))
)

// "A rebinding client is acknowledged by both servers; the later update with the shorter end must not free the address early."
func TestToldEnd(t *testing.T) {
	l := Lease{IP: 1, State: Free}
	l, ok := l.Grant(alice, 1000, 5000)
	if !ok || l.ToldEnd != 5000 || l.Start != 1000 || l.CLTT != 1000 || l.State != Active {
		t.Fatalf("granted: %+v", l)
	}
	l, ok = l.Grant(alice, 2000, 2600) // renewed for less: the client may have heard only the first
	if !ok || l.End != 2600 || l.ToldEnd != 5000 || l.Start != 1000 || l.CLTT != 2000 {
		t.Fatalf("renewed: %+v", l)
	}
	if _, ok := l.Expire(5000); ok {
		t.Error("expired before the latest end that was told")
	}
	if _, ok := l.Grant(bob, 5000, 9000); ok {
		t.Error("given to another before the latest end that was told")
	}
	if _, ok := l.Release(bob, 3000); ok {
		t.Error("released by somebody else")
	}
	if _, ok := l.Decline(bob, 3000, 9000); ok {
		t.Error("declined by somebody else")
	}
	if _, ok := l.Decline(Client{}, 3000, 9000); ok {
		t.Error("a probe ended a binding")
	}
	r, ok := l.Release(alice, 3000)
	if !ok || r.ToldEnd != 3000 || r.End != 3000 || r.State != Released || r.CLTT != 3000 {
		t.Errorf("released by its client: %+v", r)
	}
	d, ok := l.Decline(alice, 3000, 9000)
	if !ok || d.ToldEnd != 3000 || d.End != 9000 || d.State != Abandoned {
		t.Errorf("declined by its client: %+v", d)
	}
	e, ok := l.Expire(5001)
	if !ok || e.State != Expired || e.Start != 5001 {
		t.Errorf("expired in time: %+v", e)
	}
	if _, ok := e.Grant(bob, 6000, 9000); ok {
		t.Error("given to another before the partner knew")
	}
	if again, ok := e.Grant(alice, 6000, 9000); !ok || again.State != Active || again.ToldEnd != 9000 {
		t.Errorf("the same client back: %+v %v", again, ok)
	}
	f, ok := e.Confirm(5002)
	if !ok || f.State != Free || f.Client != alice {
		t.Errorf("confirmed: %+v", f)
	}
	f.Acked, f.Received, f.Sent, f.FQDN = 7, 8, 9, "alice"
	b, ok := f.Grant(bob, 6000, 7000)
	if !ok || b.ToldEnd != 7000 || b.Acked|b.Received|b.Sent != 0 || b.FQDN != "" {
		t.Errorf("a new client inherits nothing: %+v", b)
	}
}

func TestForeverDoesNotEnd(t *testing.T) {
	l, _ := Lease{State: Free}.Grant(bob, 1, Forever)
	if _, ok := l.Expire(Forever + 1); ok {
		t.Error("an infinite lease ended")
	}
}

// "ABANDONED: when it may be tried again"; the operator frees it at any time, and what a client was told is held.
func TestClearAndRetry(t *testing.T) {
	l, _ := Lease{State: Free}.Grant(alice, 100, 1000)
	c, ok := l.Clear(200, false)
	if !ok || c.State != Reset || c.Hold != 1000 || c.ToldEnd != 0 {
		t.Errorf("cleared: %+v", c)
	}
	if c, _ := l.Clear(200, true); c.Hold != Gone {
		t.Errorf("cleared, sure: %+v", c)
	} else if c, _ = c.Confirm(201); c.Hold != 0 || c.State != Free {
		t.Errorf("cleared, sure, and known to both: %+v", c)
	}
	a, _ := Lease{State: Free}.Decline(Client{}, 100, 500)
	if _, ok := a.Retry(499); ok {
		t.Error("tried again too early")
	}
	if a, ok := a.Retry(500); !ok || a.State != Reset {
		t.Errorf("tried again: %+v", a)
	}
}

// Whatever happens, in any order: the latest end told to a client is never lowered but by its own RELEASE or DECLINE or the
// operator, and nobody else has the address before it.
func TestNobodyElseBeforeTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Lease{State: Free}
		told := map[string]int64{} // model: by client, the end that it believes in
		now := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += rapid.Int64Range(0, 50).Draw(t, "pass")
			c := rapid.SampledFrom([]Client{alice, bob}).Draw(t, "client")
			before := l
			var ok bool
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1:
				end := now + rapid.Int64Range(1, 60).Draw(t, "length")
				if l, ok = l.Grant(c, now, end); ok {
					for other, until := range told {
						if other != c.Key() && until > now {
							t.Fatalf("%v granted at %d while another was told %d", c, now, until)
						}
					}
					told[c.Key()] = max(told[c.Key()], end)
				}
			case 2:
				l, _ = l.Expire(now)
			case 3:
				if l, ok = l.Release(c, now); ok {
					told[c.Key()] = now
				}
			case 4:
				if l, ok = l.Decline(c, now, now+10); ok && before.State == Active {
					told[c.Key()] = now
				}
			case 5:
				l, _ = l.Confirm(now)
			}
		}
	})
}

// RFC 4361, RFC 6842: option 61 decides; the hardware address does not when there is one.
func TestClientIdentity(t *testing.T) {
	hw := []byte{2, 0, 0, 0, 0, 1}
	id := []byte{255, 0, 0, 0, 1, 0, 1, 0, 1, 0x2f, 0, 0, 0, 2, 0, 0, 0, 0, 4}
	with := ClientOf(id, 1, hw)
	if with.Key() != ClientOf(id, 6, []byte("another")).Key() {
		t.Error("the same identifier from another card is another client")
	}
	if with.Key() == ClientOf(nil, 1, hw).Key() {
		t.Error("with and without identifier are one client")
	}
	if ClientOf([]byte{1}, 1, hw).Key() != ClientOf(nil, 1, hw).Key() {
		t.Error("an identifier of one octet counts")
	}
	if ClientOf(nil, 1, hw).Key() == ClientOf(nil, 6, hw).Key() {
		t.Error("hardware types are not told apart")
	}
	// an identifier that spells the key of a hardware address is still no hardware address
	if ClientOf([]byte("\x01\x01\x02"), 1, nil).Key() == ClientOf(nil, 1, []byte{2}).Key() {
		t.Error("identifier and hardware address are mixed up")
	}
	iaid, duid, ok := with.DUID()
	if !ok || iaid != 1 || duid != string(id[5:]) {
		t.Errorf("DUID: %d %x %v", iaid, duid, ok)
	}
	if _, _, ok := bob.DUID(); ok {
		t.Error("a hardware address has a DUID")
	}
	if with.Hash() != string(id) || bob.Hash() != bob.CHAddr {
		t.Error("hash key: identifier with its type, else the address without its type (RFC 3074)")
	}
	for c, want := range map[Client]string{{}: "nobody", bob: "hw 1/02:00:00:00:00:02", {ID: "\x01\xab"}: "id 01:ab", {HType: 32, CHAddr: "x"}: "hw 32/78", {HType: 255}: "hw 255/"} {
		if got := c.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestIP(t *testing.T) {
	for s, want := range map[string]IP{"192.0.2.1": 0xc0000201, "::ffff:192.0.2.1": 0xc0000201, "2001:db8::1": 0} {
		if got := IPOf(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %x, want %x", s, got, want)
		}
	}
	if got := IP(0xc0000201).String(); got != "192.0.2.1" {
		t.Error(got)
	}
	if State(9).String() != "unknown" || Backup.String() != "backup" {
		t.Error("names of states")
	}
}

// "CLTT: when the client was heard last": by either server, whose clocks differ. It never goes back while the client stays.
func TestHeardLastNeverGoesBack(t *testing.T) {
	l, _ := Lease{State: Free}.Grant(alice, 1000, 2000)
	l.CLTT = 1055 // the partner heard her, by its clock
	if l, _ = l.Grant(alice, 1010, 2010); l.CLTT != 1055 {
		t.Errorf("renewed: heard at %d", l.CLTT)
	}
	if r, _ := l.Release(alice, 1020); r.CLTT != 1055 || r.ToldEnd != 1020 {
		t.Errorf("released: heard at %d, told %d", r.CLTT, r.ToldEnd)
	}
	if d, _ := l.Decline(alice, 1020, 2000); d.CLTT != 1055 {
		t.Errorf("declined: heard at %d", d.CLTT)
	}
	l, _ = l.Expire(3000)
	l, _ = l.Confirm(3000)
	if b, _ := l.Grant(bob, 1040, 2000); b.CLTT != 1040 {
		t.Errorf("another client: heard at %d", b.CLTT)
	}
}
