package failover

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// The conversations of two ISC dhcpd, with our endpoint in the place of one: it hears what the other said, when it said it, and what
// it says is compared. What its engine did (leases, releases, declines) is what the recorded server told of it.

type recordedLine struct {
	at   time.Duration
	from string // "a" is the primary, "b" the secondary
	conn int
	what string // open, close, or message
	m    wire.Message
}

func readCapture(t *testing.T, name string) (base int64, lines []recordedLine) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		w := strings.Fields(in.Text())
		if w[0] == "#" {
			base, _ = strconv.ParseInt(w[1], 10, 64)
			continue
		}
		s, err := strconv.ParseFloat(w[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		l := recordedLine{at: time.Duration(s * float64(time.Second)), from: w[1][:1], what: w[3]}
		l.conn, _ = strconv.Atoi(w[2])
		if l.what != "open" && l.what != "close" {
			b, err := hex.DecodeString(l.what)
			if err != nil {
				t.Fatal(err)
			}
			if l.m, err = wire.Decode(b); err != nil {
				t.Fatal(err)
			}
			l.what = "message"
		}
		lines = append(lines, l)
	}
	return base, lines
}

type replayTable struct{ leases map[lease.IP]lease.Lease }

const (
	replayFirst = lease.IP(0x0a4d100a) // 10.77.16.10
	replayLast  = lease.IP(0x0a4d1031) // 10.77.16.49
)

func (r *replayTable) Get(ip lease.IP) (lease.Lease, bool) {
	if ip < replayFirst || ip > replayLast {
		return lease.Lease{}, false
	}
	if l, ok := r.leases[ip]; ok {
		return l, true
	}
	return lease.Lease{IP: ip, State: lease.Free}, true
}
func (r *replayTable) Settled(lease.IP) bool { return true }
func (r *replayTable) Next(ip lease.IP) (lease.Lease, bool) {
	for ip = max(ip+1, replayFirst); ip <= replayLast; ip++ {
		if l, ok := r.leases[ip]; ok {
			return l, true
		}
	}
	return lease.Lease{}, false
}

type replay struct {
	t       *testing.T
	side    string // ours
	base    int64
	cfg     Config
	m       *Machine
	tab     *replayTable
	saved   Saved
	boot    uint64
	orderly bool // the recorded server was told to shut down
	at      time.Duration
	next    time.Duration
	session uint64

	said    []string               // ours: states (without the startup flag), requests, answers
	answers map[string]wire.Reject // ours, by connection, xid and address
	isc     map[string]wire.Reject // those of the recorded server
	reasons []Reason
	closed  map[uint64]bool
	last    int64   // when something was written last
	acks    []Input // of the other side for what we tell it: it takes everything
}

func (r *replay) now() Now {
	return Now{Mono: r.at + time.Hour, Wall: r.base + int64(r.at/time.Second)}
}

func (r *replay) start(empty bool) {
	if empty {
		r.tab, r.saved = &replayTable{map[lease.IP]lease.Lease{}}, Saved{}
	}
	r.boot++
	m, out := New(r.cfg, Start{Saved: r.saved, Store: 1, Boot: r.boot, LastCommit: r.last, HasLeases: len(r.tab.leases) > 0}, r.tab, r.now())
	r.m = m
	r.do(out)
}

func (r *replay) step(in Input) {
	r.do(r.m.Step(r.now(), in))
	for len(r.acks) > 0 {
		ack := r.acks[0]
		r.acks = r.acks[1:]
		r.do(r.m.Step(r.now(), ack))
	}
}

func (r *replay) do(out Output) {
	for _, l := range out.Leases {
		r.tab.leases[l.IP] = l
	}
	if out.Saved != nil {
		r.saved = *out.Saved
	}
	for _, n := range out.Notes {
		r.reasons = append(r.reasons, n.Reason)
	}
	for _, s := range out.Send {
		if _, err := wire.Append(nil, s.Message); err != nil {
			r.t.Errorf("%v: %v", s.Message, err)
		}
		switch b := s.Message.Body.(type) {
		case wire.State:
			if !b.Startup {
				r.say(b.State.String())
			}
		case wire.BndAck:
			for _, a := range b.Answers {
				r.answers[fmt.Sprintf("%d/%d/%s", s.Session, s.Message.XID, a.IP)] = a.Reject
			}
		case wire.BndUpd:
			if len(b.Bindings) != 1 {
				r.t.Errorf("%d bindings in one update to ISC dhcpd", len(b.Bindings))
			}
			r.acks = append(r.acks, Received{s.Session, wire.Message{Time: uint32(r.now().Wall), XID: s.Message.XID, Body: wire.BndAck{Answers: []wire.Answer{{IP: b.Bindings[0].IP}}}}})
		case wire.Contact, wire.PoolReq:
		case wire.ConnectAck:
			r.say(fmt.Sprintf("CONNECTACK %d", b.Reject))
		default:
			r.say(s.Message.Body.Type().String())
		}
	}
	for _, id := range out.Close {
		r.closed[id] = true
	}
	r.next = out.Next
	if out.Batch != 0 {
		r.last = r.now().Wall
		r.do(r.m.Step(r.now(), Durable{Batch: out.Batch}))
	}
}

func (r *replay) say(s string) {
	if len(r.said) == 0 || r.said[len(r.said)-1] != s {
		r.said = append(r.said, s)
	}
}

// until lets time pass.
func (r *replay) until(at time.Duration) {
	for range 10000 {
		if r.m == nil || r.next == 0 || r.next-time.Hour >= at {
			break
		}
		r.at = max(r.at, r.next-time.Hour)
		r.sweep()
		r.step(Tick{})
	}
	r.at = max(r.at, at)
}

func (r *replay) sweep() {
	for ip := replayFirst; ip <= replayLast; ip++ {
		l, _ := r.tab.Get(ip)
		if l, _, changed := r.m.Sweep(l); changed {
			r.tab.leases[ip] = l
			r.step(Committed{IPs: []lease.IP{ip}})
		}
	}
}

// engine is what the recorded server told of its clients.
func (r *replay) engine(b wire.BndUpd) {
	for _, x := range b.Bindings {
		l, _ := r.tab.Get(x.IP)
		switch x.Status {
		case lease.Active:
			if int64(x.End) <= r.now().Wall || l.State == lease.Active && l.Same(x.Client) && l.Due() == int64(x.End) {
				continue // told again
			}
			l.State, l.Client, l.End, l.ToldEnd, l.Start, l.CLTT, l.Sent = lease.Active, x.Client, int64(x.End), int64(x.End), int64(x.Start), int64(x.CLTT), int64(x.Potential)
		case lease.Released:
			l, _ = l.Release(x.Client, r.now().Wall)
		case lease.Abandoned:
			l, _ = l.Decline(l.Client, r.now().Wall, int64(x.End))
		default:
			continue
		}
		l.Owed = true
		r.tab.leases[x.IP] = l
		r.step(Committed{IPs: []lease.IP{x.IP}})
	}
}

// hear is a message of the other side. Its answers name the xid of what the recorded server said; ours has its own.
func (r *replay) hear(session uint64, m wire.Message) {
	switch m.Body.(type) {
	case wire.UpdDone:
		m.XID = r.m.askedXID
	case wire.ConnectAck:
		m.XID = 0
	case wire.BndAck:
		return // of what the recorded server told; ours are in acks
	}
	r.step(Received{session, m})
}

// play runs one capture, and returns what ISC dhcpd said in our place.
func (r *replay) play(lines []recordedLine) (said []string) {
	conn := map[int]uint64{}
	for i, l := range lines {
		r.until(l.at)
		switch l.what {
		case "open":
			first, dead := r.firstState(lines[i:], l.conn)
			switch {
			case r.m == nil, dead:
				r.start(true)
			case first.Startup && first.State == wire.Recover && r.saved.State != wire.Recover && r.orderly:
				r.saved.State = wire.ShutDown
				r.start(false)
			case first.Startup && first.State == wire.Recover && r.saved.State != wire.Recover:
				r.start(true) // its lease file was emptied
			case first.Startup:
				r.start(false)
			case first.State == wire.PartnerDown && r.m.State() == wire.CommInterrupted:
				r.step(Operate{Command: SetPartnerDown})
			}
			r.session++
			conn[l.conn] = r.session
			r.step(Connected{Session: r.session, Dialled: l.from == r.side})
		case "close":
			if l.from != r.side || !r.closed[conn[l.conn]] {
				r.step(Lost{conn[l.conn]})
			}
		default:
			if l.from != r.side {
				r.hear(conn[l.conn], l.m)
				continue
			}
			switch b := l.m.Body.(type) {
			case wire.State:
				if s := b.State.String(); !b.Startup && (len(said) == 0 || said[len(said)-1] != s) {
					said = append(said, s)
				}
			case wire.BndUpd:
				r.engine(b)
			case wire.BndAck:
				for _, a := range b.Answers {
					r.isc[fmt.Sprintf("%d/%d/%s", conn[l.conn], l.m.XID, a.IP)] = a.Reject
				}
			}
		}
	}
	return said
}

// firstState is what the recorded server, in our place, says first on a connection; dead: it never gets so far.
func (r *replay) firstState(lines []recordedLine, conn int) (wire.State, bool) {
	for _, l := range lines {
		if s, ok := l.m.Body.(wire.State); ok && l.conn == conn && l.from == r.side {
			return s, false
		}
	}
	return wire.State{}, true
}

func newReplay(t *testing.T, side string, base int64) *replay {
	r := &replay{t: t, side: side, base: base, answers: map[string]wire.Reject{}, isc: map[string]wire.Reject{}, closed: map[uint64]bool{}}
	r.cfg = Config{
		Name: "pair", Role: Main, ISC: true, MCLT: 30, PollInterval: 5 * time.Second, PollTimeout: 15 * time.Second, MaxUnacked: 10, Balancing: true,
		Pools: []Pool{{Name: "pool", Ranges: []Range{{replayFirst, replayLast}}, BackupPct: 50}},
	}
	if side == "b" {
		r.cfg.Role = Backup
	}
	return r
}

func states(said []string) (out []string) {
	for _, s := range said {
		if s[0] >= 'a' && s[0] <= 'z' && (len(out) == 0 || out[len(out)-1] != s) {
			out = append(out, s)
		}
	}
	return out
}

// What our endpoint says in the place of either ISC dhcpd: its states in order; and to each update that the other sent, the same
// answer, but for what is listed.
func TestInThePlaceOfISC(t *testing.T) {
	const (
		ci, nor, pd, pc, rec, rw, rd, cd = "communications-interrupted", "normal", "partner-down", "potential-conflict", "recover", "recover-wait",
			"recover-done", "conflict-done"
	)
	begin := []string{rec, rd, nor}
	with := func(more ...string) []string { return slices.Concat(begin, more) }
	for _, c := range []struct {
		name, side string
		states     []string
		why        string // where they are not ISC dhcpd's own
		refused    int    // updates that ISC dhcpd took and we refuse
	}{
		{"01-startup", "a", begin, "", 0},
		{"01-startup", "b", begin, "", 0},
		{"02-leases", "a", begin, "", 0},
		{"02-leases", "b", begin, "", 0},
		{"03-secondary-back", "a", with(ci, nor), "", 0},
		{"03-secondary-back", "b", with(ci, nor), "after a restart ISC dhcpd says normal at once, we what is true: interrupted", 0},
		{"04-primary-back", "a", with(ci, nor), "as 03", 0},
		{"04-primary-back", "b", with(ci, nor), "", 0},
		{"05-secondary-lost-leases", "a", with(ci, nor), "a partner in recover: ISC dhcpd goes to partner-down, the draft stays in interrupted", 0},
		{"05-secondary-lost-leases", "b", with(rec, rw, rd, nor), "", 0},
		{"06-partner-down", "a", with(rec, rd, nor), "", 0},
		// At second 67 ISC dhcpd says EXPIRED, then BACKUP, of a lease that ends at 97: a client has it. It is refused (decision D-b).
		{"06-partner-down", "b", with(pd, nor), "", 2},
		{"07-potential-conflict", "a", with(ci, pc, cd, nor), "partner-down is refused while the connection stands", 0},
		{"07-potential-conflict", "b", with(ci, pc, nor), "as a", 0},
		{"08-shutdown-by-omapi", "a", with(rec, rw, rd, nor), "", 0},
		{"08-shutdown-by-omapi", "b", with(ci, nor), "as 05", 0},
		{"09-sigterm", "a", with(ci, nor), "as 03", 0},
		{"09-sigterm", "b", with(ci, nor), "", 0},
		{"10-link-cut", "a", with(ci, nor), "", 0},
		{"10-link-cut", "b", with(ci, nor), "", 0},
		{"11-pool-runs-low", "a", begin, "", 0},
		{"11-pool-runs-low", "b", begin, "", 0},
		{"12-name-mismatch", "a", nil, "", 0},
		{"12-name-mismatch", "b", nil, "", 0},
		{"13-two-primaries", "a", nil, "two mains: refused before any state", 0},
		{"13-two-primaries", "b", nil, "as a", 0},
		{"14-one-sided-conflict", "a", with(ci, pc, cd, nor), "", 0},
		{"14-one-sided-conflict", "b", with(pd, pc, nor), "", 0},
		{"15-shutdown-omshell-leaves", "a", with(rec, rw, rd, nor), "", 0},
		{"15-shutdown-omshell-leaves", "b", with(ci, nor), "as 05", 0},
		{"16-poolreq", "a", begin, "", 0},
		{"16-poolreq", "b", begin, "", 0},
	} {
		t.Run(c.name+"/"+c.side, func(t *testing.T) {
			base, lines := readCapture(t, c.name)
			r := newReplay(t, c.side, base)
			r.orderly = strings.Contains(c.name, "shutdown")
			switch {
			case c.name == "12-name-mismatch" && c.side == "b":
				r.cfg.Name = "other"
			case c.name == "13-two-primaries":
				r.cfg.Role = Main
			}
			isc := r.play(lines)
			if got := states(r.said); !slices.Equal(got, c.states) {
				t.Errorf("states %v\n  want %v\nall %v", got, c.states, r.said)
			}
			if slices.Equal(isc, c.states) != (c.why == "") {
				t.Errorf("ISC dhcpd: %v; the reason given is %q", isc, c.why)
			}
			refused := 0
			for key, theirs := range r.isc {
				ours, ok := r.answers[key]
				switch {
				case !ok:
					t.Errorf("update %s (connection, xid, address) has no answer", key)
				case theirs == 0 && ours != 0:
					refused++
				case theirs != 0 && theirs != wire.LessCritical && ours != theirs:
					t.Errorf("update %s: ISC dhcpd refused with %v, we say %v", key, theirs, ours)
				}
			}
			if refused != c.refused {
				t.Errorf("%d updates refused that ISC dhcpd took, want %d", refused, c.refused)
			}
			switch c.name {
			case "12-name-mismatch":
				want := map[string]Reason{"a": ConnectRefused, "b": RefusedConnect}[c.side]
				if !slices.Contains(r.reasons, want) || c.side == "b" && !slices.Contains(r.said, "CONNECTACK 8") {
					t.Errorf("reasons %v, said %v", r.reasons, r.said)
				}
			case "13-two-primaries":
				if !slices.Contains(r.reasons, TwoServers) || !slices.Contains(r.said, "CONNECTACK 8") {
					t.Errorf("reasons %v, said %v", r.reasons, r.said)
				}
			case "16-poolreq":
				if c.side == "a" && !slices.Contains(r.said, "POOLRESP") {
					t.Errorf("said %v", r.said)
				}
			}
			if slices.Contains(r.reasons, Protocol) {
				t.Errorf("protocol error: %v", r.reasons)
			}
		})
	}
}
