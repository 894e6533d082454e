package failover

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

var (
	alice = lease.ClientOf([]byte("\x01alice"), 1, []byte{2, 0, 0, 0, 0, 1})
	bob   = lease.ClientOf(nil, 1, []byte{2, 0, 0, 0, 0, 2})
)

// The worked example of the source (checklist D31): MCLT 1 h, wanted 3 days: "now+MCLT and potential expiry = desired + MCLT (3 days +
// 1 h); at renewal (half) full lease, potential = desired + half (3 + 1.5 = 4.5 days)"; then the partner is lost, and the leases
// shrink to the MCLT.
func TestWorkedExample(t *testing.T) {
	const hour, day = 3600, 86400
	l := lease.Lease{State: lease.Free}
	for _, c := range []struct {
		at, lasts, potential int64
		acked                bool
	}{
		{0, hour, 3*day + hour, true},
		{hour / 2, 3 * day, 4*day + day/2, true},
		{hour/2 + 3*day/2, 3 * day, 4*day + day/2, false},
		{261000, 129600 + 3600, 3*day + (129600+3600)/2, false},
		{327600, 63000 + 3600, 3*day + (63000+3600)/2, false},
		{400000, hour, 3*day + hour, false},
	} {
		term := TermOf(l, alice, c.at, 3*day, hour, true)
		if term.End != c.at+c.lasts || term.Potential != c.at+c.potential {
			t.Errorf("at %d: lasts %d, potential %d; want %d and %d", c.at, term.End-c.at, term.Potential-c.at, c.lasts, c.potential)
		}
		l, _ = l.Grant(alice, c.at, term.End)
		l.Sent = term.Potential
		if c.acked {
			l.Acked = term.Potential
		}
	}
}

// "Never grant more than MCLT + max(last potential expiry acked by partner, now)" (checklist D32), and what is told never goes back.
func TestTermBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, mclt := rapid.Int64Range(1e9, 2e9).Draw(t, "now"), rapid.Int64Range(1, 86400).Draw(t, "mclt")
		l := lease.Lease{State: lease.Active, Client: alice}
		l.Acked, l.Received, l.Sent = rapid.Int64Range(0, 3e9).Draw(t, "acked"), rapid.Int64Range(0, 3e9).Draw(t, "received"), rapid.Int64Range(0, 3e9).Draw(t, "sent")
		want := rapid.Int64Range(1, lease.Forever).Draw(t, "want")
		term := TermOf(l, alice, now, want, mclt, true)
		if term.End > max(now, l.Acked, l.Received)+mclt || term.End > lease.Forever || term.End <= now {
			t.Fatalf("ends %d", term.End)
		}
		if term.Potential < l.Sent || term.Potential < term.End || term.Potential > lease.Forever {
			t.Fatalf("potential %d, end %d, sent before %d", term.Potential, term.End, l.Sent)
		}
		if other := TermOf(l, bob, now, want, mclt, true); other.End > now+mclt {
			t.Fatalf("a new client got what the partner knew of the old one: %d", other.End-now)
		}
		if alone := TermOf(l, alice, now, want, mclt, false); alone.End != min(now+want, lease.Forever) {
			t.Fatalf("without a limit: %d", alone.End)
		}
	})
}

// Draft 9.4.2: "max(lease-expiration, sent-potential, acked-potential, received-potential) + MCLT, but not before PD-entry + MCLT".
func TestReuseAt(t *testing.T) {
	active := lease.Lease{State: lease.Expired, End: 500, ToldEnd: 500, Sent: 700, Acked: 600, Received: 650}
	for _, c := range []struct {
		name  string
		l     lease.Lease
		down  int64
		fresh bool
		want  int64
	}{
		{"last potential", active, 100, false, 760},
		{"entry is later", active, 900, false, 960},
		{"told end is later", lease.Lease{State: lease.Released, End: 10, ToldEnd: 800}, 100, false, 860},
		{"made since, without contact", active, 100, true, 500},
		{"partner's share", lease.Lease{State: lease.Backup, Sent: 5000}, 100, false, 160},
		{"held for another", lease.Lease{State: lease.Backup, Hold: 3000}, 100, false, 3000},
	} {
		if got := ReuseAt(c.l, c.down, 60, c.fresh); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestHashVectors(t *testing.T) {
	if sum := sha256.Sum256(pearson[:]); hex.EncodeToString(sum[:]) != "50015bcb049a75f57f1224b2d303a4d75485a0de3a772a30e06256daa1c873a7" {
		t.Error("the table is not that of RFC 3074")
	}
	for _, c := range []struct {
		key   string
		whole bool
		want  uint8
	}{
		{"020000000001", false, 133}, {"020000000002", false, 45}, {"00163e112233", false, 239}, {"ffffffffffff", false, 79},
		{"01020000000001", false, 14}, {"", false, 0},
		{"ff00000001000100012f0000000200000000040000", true, 28}, // ISC dhcpd hashes all of it
	} {
		key, err := hex.DecodeString(c.key)
		if err != nil {
			t.Fatal(err)
		}
		if got := Hash(string(key), c.whole); got != c.want {
			t.Errorf("%s: bucket %d, want %d", c.key, got, c.want)
		}
	}
	// "RFC 3074 limits the key to the first 16 octets": what follows changes nothing, but for ISC dhcpd it does.
	a, b := "0123456789abcdefX", "0123456789abcdefY"
	if Hash(a, false) != Hash(b, false) || Hash(a, true) == Hash(b, true) {
		t.Error("length of the key")
	}
}

// "ISC: a set bit = the primary serves it"; draft and RFC 3074: the secondary. Every client is served by exactly one of the two.
func TestPolarity(t *testing.T) {
	for _, isc := range []bool{false, true} {
		for _, balancing := range []bool{false, true} {
			b := Assignment(isc, balancing)
			if balancing && (b[0] == 0xff) != isc || !balancing && (b == Split(256)) != isc {
				t.Errorf("isc %v, balancing %v: %x", isc, balancing, b)
			}
			n := 0
			for i := range 256 {
				if mains(b, string([]byte{byte(i)}), isc) {
					n++
				}
			}
			if want := map[bool]int{true: 128, false: 256}[balancing]; n != want {
				t.Errorf("isc %v, balancing %v: the main serves %d of 256, want %d", isc, balancing, n, want)
			}
		}
	}
	if b := Split(9); !b.Has(8) || b.Has(9) || b[1] != 1 { // "bit = bucket mod 8 counted from the least significant"
		t.Errorf("%x", b)
	}
	if Split(300) != Split(256) || Split(128).Not() == Split(128) {
		t.Error("split")
	}
}

func TestBackupPct(t *testing.T) {
	for _, c := range []struct {
		balancing, isc bool
		want           int
	}{
		{false, false, 30},
		{true, false, 50}, // "50 % and ignored when load balancing is on"
		{false, true, 50}, // decision D-m
	} {
		if got := BackupPct(30, c.balancing, c.isc); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestMoves(t *testing.T) {
	for _, c := range []struct {
		name string
		role Role
		isc  bool
		s    Shares
		pct  int
		want int
	}{
		{"new pool, 10 %", Main, false, Shares{100, 0}, 10, 10},
		{"as it should be", Main, false, Shares{90, 10}, 10, 0},
		{"the backup has leased", Main, false, Shares{90, 4}, 10, 5},
		{"main below its 90 %: takes back", Main, false, Shares{20, 10}, 10, -7}, // checklist D23
		{"the backup moves nothing", Backup, false, Shares{100, 0}, 10, 0},
		{"ISC: half", Main, true, Shares{40, 0}, 50, 20},
		{"ISC: as the capture 16-poolreq", Main, true, Shares{20, 2}, 50, 9},
		{"ISC: not for one or two", Main, true, Shares{20, 17}, 50, 0},
		{"ISC: the main takes nothing", Main, true, Shares{0, 40}, 50, 0},
		{"ISC: the backup gives back", Backup, true, Shares{0, 40}, 50, 20},
		{"ISC: the backup keeps what it needs", Backup, true, Shares{40, 0}, 50, 0},
		{"empty", Main, false, Shares{}, 10, 0},
	} {
		if got := Moves(c.role, c.isc, c.s, c.pct); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		role Role
		isc  bool
		s    Shares
		want bool
	}{
		{Backup, false, Shares{90, 4}, true}, {Backup, false, Shares{90, 5}, false}, {Main, false, Shares{0, 90}, false},
		{Backup, true, Shares{20, 2}, true}, // the capture 16-poolreq: lts -9 against twice 3
		{Backup, true, Shares{17, 17}, false}, {Main, true, Shares{2, 20}, true},
	} {
		if got := Short(c.role, c.isc, c.s, 10); got != c.want {
			t.Errorf("short %+v: %v", c, got)
		}
	}
}

// "backup's addresses taken downward from it, clients' upward from the lowest; unset/0 = halfway; none below -> above it" (D29).
func TestAllocationBoundary(t *testing.T) {
	p := Pool{Ranges: []Range{{10, 14}, {20, 24}}, FirstAvailable: true, Boundary: 13}
	var from []candidate
	for _, r := range p.Ranges {
		for ip := r.First; ip <= r.Last; ip++ {
			from = append(from, candidate{ip: ip})
		}
	}
	ips := func(ls []candidate) (out []lease.IP) {
		for _, l := range ls {
			out = append(out, l.ip)
		}
		return out
	}
	equal := func(a, b []lease.IP) bool {
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	if got := ips(p.chosen(from, 6, Backup)); !equal(got, []lease.IP{13, 12, 11, 10, 14, 20}) {
		t.Errorf("for the backup: %v", got)
	}
	if got := ips(p.chosen(from, 3, Main)); !equal(got, []lease.IP{10, 11, 12}) {
		t.Errorf("for the main: %v", got)
	}
	p.Boundary = 0
	if p.boundary() != 20 || p.Size() != 10 {
		t.Errorf("halfway of 10 addresses: %d", p.boundary())
	}
	for ip, want := range map[lease.IP]bool{9: false, 10: true, 14: true, 15: false, 20: true, 24: true, 25: false} {
		if p.Has(ip) != want {
			t.Errorf("has %d: %v", ip, !want)
		}
	}
	// Without it: whose last client the partner serves, then the oldest.
	p.FirstAvailable = false
	old := []candidate{{ip: 10, start: 5}, {ip: 11, start: 3}, {ip: 12, start: 9, affine: true}}
	if got := ips(p.chosen(old, 3, Backup)); !equal(got, []lease.IP{12, 11, 10}) {
		t.Errorf("by affinity and age: %v", got)
	}
}
