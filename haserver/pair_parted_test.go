package haserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/control"
)

// wire is the network between two servers: it can be cut, and mended.
type wire struct {
	t      testing.TB
	ln     net.Listener
	target netip.AddrPort

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newWire(t testing.TB, target netip.AddrPort) *wire {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, ln: ln, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		ln.Close()
		w.set(true)
	})
	go w.run()
	return w
}

func (w *wire) addr() netip.AddrPort { return w.ln.Addr().(*net.TCPAddr).AddrPort() }

// set cuts the wire, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.conns {
		if cut {
			c.Close()
			delete(w.conns, c)
		}
	}
}

func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) run() {
	for {
		in, err := w.ln.Accept()
		if err != nil {
			return
		}
		if !w.keep(in) {
			continue
		}
		out, err := net.Dial("tcp4", w.target.String())
		if err != nil {
			in.Close()
			continue
		}
		if !w.keep(out) {
			in.Close()
			continue
		}
		for _, p := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(p[0], p[1])
				p[0].Close()
				p[1].Close()
			}()
		}
	}
}

// wired is a pair whose network can be cut.
func wired(t testing.TB) (d *duo, cut func(bool)) {
	t.Helper()
	d = newDuo(t, "")
	var wires []*wire
	listens := []netip.AddrPort{d.main.load(t).HA.Listen, d.backup.load(t).HA.Listen}
	for i, s := range []*site{d.main, d.backup} {
		w := newWire(t, listens[1-i])
		wires = append(wires, w)
		s.write(t, "dns.toml", strings.Replace(s.read(t, "dns.toml"), fmt.Sprintf("partner = %q", listens[1-i]), fmt.Sprintf("partner = %q", w.addr()), 1))
	}
	return d, func(down bool) {
		for _, w := range wires {
			w.set(down)
		}
	}
}

func (d *duo) parted(t testing.TB) {
	t.Helper()
	for _, s := range []*site{d.main, d.backup} {
		s.until(t, "interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	}
}

func (s *site) mustUpdate(t testing.TB, records ...string) {
	t.Helper()
	if rcode := s.update(t, "tcp", "ddns.", updateMsg(t, "example.test", records...)); rcode != dns.RcodeSuccess {
		t.Fatalf("%v: %s", records, dns.RcodeToString[rcode])
	}
}

// "link cut, both alive: updates at M within 1 s, at B too; never lost: every change not contradicted; a true conflict's loser is kept,
// restorable" (decision H-d).
func TestLinkCutAndMended(t *testing.T) {
	d, cut := wired(t)
	d.start(t)
	d.main.mustUpdate(t, "both.example.test. 5 CNAME first.example.test.")
	cut(true)
	d.parted(t)
	d.main.mustUpdate(t, "m.example.test. 5 A 10.0.0.1", "both.example.test. 5 CNAME main.example.test.")
	d.backup.mustUpdate(t, "b.example.test. 5 A 10.0.0.2", "both.example.test. 5 CNAME backup.example.test.", "-www.example.test. 1 A 192.0.2.11")
	m, b := d.main.serial(t, "example.test"), d.backup.serial(t, "example.test")
	if m%2 != 0 || b%2 != 1 {
		t.Errorf("serials %d and %d: while parted the main's are even, the backup's odd (H-c)", m, b)
	}
	cut(false)
	d.await(t)
	d.equal(t)
	if s := d.main.serial(t, "example.test"); s != b+1 {
		t.Errorf("serial %d after %d and %d: one plus the greater (H-c)", s, m, b)
	}
	for _, name := range []string{"m", "b"} {
		if len(d.main.ask(t, "udp", name+".example.test", dns.TypeA).Answer) != 1 {
			t.Errorf("%s is lost", name)
		}
	}
	if n := len(d.main.ask(t, "udp", "www.example.test", dns.TypeA).Answer); n != 2 {
		t.Errorf("%d addresses: the backup's removal holds", n)
	}
	kept, err := d.main.server.conflicts()
	if err != nil || len(kept) != 1 {
		t.Fatalf("conflicts %v, %v", kept, err)
	}
	backups := func(n int) {
		t.Helper()
		var list []keptConflict
		eventually(t, "the backup's list of conflicts", func() bool {
			list, err = d.backup.server.conflicts()
			return err == nil && len(list) == n && (n == 0 || cmp.Equal(list[0].Conflict, kept[0].Conflict))
		}, func() string { return fmt.Sprint(list, err) })
	}
	backups(1) // it can be restored there too, should the main be lost
	if refused, err := d.main.server.operate(t.Context(), pair.Operate{Command: pair.Swap, Reason: "test"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	d.backup.until(t, "it is the main", func(st pair.Status) bool { return st.Role == pairmsg.Main && st.Accepting })
	if _, err := d.backup.server.conflictRestore(t.Context(), body(RestoreRequest{ID: kept[0].ID, Reason: "it was right"})); err != nil {
		t.Fatal(doorSays(err))
	}
	backups(0)
	eventually(t, "nobody keeps what was restored", func() bool { kept, err = d.main.server.conflicts(); return err == nil && len(kept) == 0 }, func() string { return fmt.Sprint(kept, err) })
	cut(true) // and it does not come back
	d.parted(t)
	cut(false)
	d.await(t)
	backups(0)
	if refused, err := d.backup.server.operate(t.Context(), pair.Operate{Command: pair.Swap, Reason: "test"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	d.main.until(t, "it is the main", func(st pair.Status) bool { return st.Role == pairmsg.Main && st.Accepting })
	d.main.mustUpdate(t, "after.example.test. 5 A 10.0.0.1")
	d.equal(t)
}

// Checklist H15, H28: in partner-down the survivor serves alone; when the partner returns whole zones are compared, and both are equal.
func TestPartnerDownAndBack(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.main.mustUpdate(t, "before.example.test. 5 A 10.0.0.1")
	d.main.crash(t)
	d.backup.until(t, "interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	if refused, err := d.backup.server.operate(t.Context(), pair.Operate{Command: pair.SetPartnerDown, Reason: "test"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	d.backup.until(t, "partner-down", func(st pair.Status) bool { return st.State == pairmsg.PartnerDown && st.Accepting })
	d.backup.mustUpdate(t, "during.example.test. 5 A 10.0.0.1")
	d.main.start(t)
	d.await(t)
	d.equal(t)
	for _, name := range []string{"before", "during"} {
		if len(d.main.ask(t, "udp", name+".example.test", dns.TypeA).Answer) != 1 {
			t.Errorf("%s is lost", name)
		}
	}
}

// `ha swap` exchanges the roles from normal; updates go to the new main, without loss.
func TestSwap(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.main.mustUpdate(t, "one.example.test. 5 A 10.0.0.1")
	if refused, err := d.main.server.operate(t.Context(), pair.Operate{Command: pair.Swap, Reason: "test"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	d.backup.until(t, "main", func(st pair.Status) bool { return st.Role == pairmsg.Main && st.Accepting })
	d.backup.mustUpdate(t, "two.example.test. 5 A 10.0.0.1")
	d.equal(t)
	if refused, err := d.backup.server.operate(t.Context(), pair.Operate{Command: pair.SetPartnerDown}); refused == "" || err != nil {
		t.Errorf("partner-down in normal: %q %v", refused, err)
	}
}

// A new backup is seeded with a zone of many messages, while other zones take updates; one change that is larger than a message goes
// over as well.
func TestLargeZoneIsSeeded(t *testing.T) {
	d := newDuo(t, "")
	d.patient(t)
	d.main.hosts(t, 60_000)
	d.main.start(t)
	d.backup.start(t)
	d.main.until(t, "normal", func(st pair.Status) bool { return st.State == pairmsg.Normal })
	m := updateMsg(t, "other.test", "during.other.test. 5 A 10.0.0.1")
	if rcode := d.main.update(t, "tcp", "ddns.", m); rcode != dns.RcodeSuccess {
		t.Errorf("another zone, meanwhile: %s", dns.RcodeToString[rcode])
	}
	d.await(t)
	d.equal(t)

	var text strings.Builder
	text.WriteString("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range 40_000 {
		fmt.Fprintf(&text, "x%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
	}
	body, _ := json.Marshal(LoadRequest{Name: "example.test", Text: text.String()})
	if _, err := d.main.server.zoneLoad(context.Background(), control.NewRequest(nil, "root", strings.NewReader(string(body)))); err != nil {
		t.Fatal(err)
	}
	d.await(t)
	d.equal(t)
	if n := len(d.backup.holds("example.test")); n != 40_003 {
		t.Errorf("%d records", n)
	}
}

// Decision H-a, "nothing acknowledged is lost": the main is killed under load, again and again, and what was answered NOERROR with two
// copies is at the backup at once, and at both afterwards.
func TestAcknowledgedIsOnBoth(t *testing.T) {
	d := newDuo(t, "")
	d.backup.start(t)
	var known sync.Map
	var total atomic.Int64
	for round := range 3 {
		cmd := d.main.spawn(t)
		d.backup.until(t, "normal", func(st pair.Status) bool { return st.State == pairmsg.Normal && st.Complete == 2 })
		d.main.tryUpdate(t, "tcp", fmt.Sprintf("warm%d", round))
		d.backup.until(t, "nothing owed", func(st pair.Status) bool { return st.State == pairmsg.Normal && st.Complete == 2 })
		var wg sync.WaitGroup
		before := total.Load()
		for client := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("r%d-c%d-n%d.example.test.", round, client, i)
					m := updateMsg(t, "example.test", name+" 5 A 10.0.0.1")
					signed("ddns.")(m)
					c := &dns.Client{Net: "tcp", Timeout: patience, TsigSecret: secrets}
					if r, _, err := c.Exchange(m, d.main.addr); err != nil || r.Rcode != dns.RcodeSuccess {
						return // killed
					}
					known.Store(name, true)
					total.Add(1)
				}
			})
		}
		eventually(t, "a hundred updates", func() bool { return total.Load() >= before+100 }, func() string { return fmt.Sprint(total.Load()) })
		_ = cmd.Process.Kill()
		wg.Wait()
		_ = cmd.Wait()
		lost := 0
		known.Range(func(name, _ any) bool {
			if r := d.backup.ask(t, "udp", name.(string), dns.TypeA); len(r.Answer) != 1 {
				lost++
			}
			return true
		})
		if lost > 0 {
			// What was confirmed and not released yet when the main died is shown when the backup is on its own.
			d.backup.until(t, "interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
			known.Range(func(name, _ any) bool {
				if r := d.backup.ask(t, "udp", name.(string), dns.TypeA); len(r.Answer) != 1 {
					t.Errorf("%s was acknowledged, and is not at the backup", name)
				}
				return true
			})
		}
		d.backup.until(t, "interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	}
	d.main.start(t)
	d.await(t)
	d.equal(t)
	t.Logf("%d acknowledged updates over 3 kills", total.Load())
}
