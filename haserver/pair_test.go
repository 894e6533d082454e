package haserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/journal"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/durable"
	"loadshare/internal/freeport"
)

// duo is a main and a backup on loopback.
type duo struct{ main, backup *site }

const pairKey = `key "pair" { algorithm hmac-sha256; secret "cGFpci1wYWlyLXBhaXItcGFpci1wYWlyLXBhaXItcGFpcg=="; };
`

// newDuo makes the files of a pair with short times, which are longer than a busy machine keeps a server waiting. extra goes into both
// sections [ha].
func newDuo(t testing.TB, extra string) *duo {
	t.Helper()
	ports := freePorts(t, 4)
	d := &duo{newSite(t), newSite(t)}
	for i, s := range []*site{d.main, d.backup} {
		s.write(t, "pair.key", pairKey)
		conf := strings.Replace(confText, `listen = ["127.0.0.1:0"]`, fmt.Sprintf(`listen = ["%s"]`, ports[2+i]), 1)
		if i == 1 {
			conf = strings.Replace(conf, "file = \"db.example\"\n", "", 1)
			conf = strings.Replace(conf, "file = \"db.other\"\n", "", 1)
		}
		conf += fmt.Sprintf(`
[ha]
role = "%s"
listen = "%s"
partner = "%s"
key = "pair.key"
heartbeat = "100ms"
comm_timeout = "1500ms"
zonesync_failed_timeout = "500ms"
ack_timeout = "1500ms"
%s
`, pairmsg.Role(1+i), ports[i], ports[1-i], extra)
		s.write(t, "dns.toml", conf)
		s.log = slog.New(slog.NewTextHandler(testLog{t, pairmsg.Role(1 + i).String()}, nil))
	}
	return d
}

// testLog shows what a server logs when the test fails.
type testLog struct {
	t    testing.TB
	name string
}

func (l testLog) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s: %s", l.name, strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

// freePorts are addresses that nobody listens on.
func freePorts(t testing.TB, n int) []netip.AddrPort {
	t.Helper()
	var list []netip.AddrPort
	for range n {
		list = append(list, freeport.Pick(t, "127.0.0.1"))
	}
	return list
}

// patient gives a pair times for a machine that has other things to do.
func (d *duo) patient(t testing.TB) {
	t.Helper()
	for _, s := range []*site{d.main, d.backup} {
		s.write(t, "dns.toml", strings.NewReplacer(`"100ms"`, `"1s"`, `"1500ms"`, `"10s"`, `"500ms"`, `"2s"`).Replace(s.read(t, "dns.toml")))
	}
}

func (d *duo) start(t testing.TB) *duo {
	t.Helper()
	d.main.start(t)
	d.backup.start(t)
	d.await(t)
	return d
}

// await waits until both are in normal and all zones are synchronised.
func (d *duo) await(t testing.TB) {
	t.Helper()
	for _, s := range []*site{d.main, d.backup} {
		s.until(t, "normal, all zones synchronised", func(st pair.Status) bool {
			return st.State == pairmsg.Normal && st.Complete == 2 && st.Behind == 0
		})
	}
}

// until waits for the pair to be as it should.
func (s *site) until(t testing.TB, what string, ok func(pair.Status) bool) {
	t.Helper()
	var st pair.Status
	eventually(t, what, func() bool {
		st = s.server.pairStatus()
		return ok(st)
	}, func() string { return fmt.Sprintf("%+v", st) })
}

func eventually(t testing.TB, what string, ok func() bool, found func() string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s; at the end: %s", what, found())
}

// crash ends a server as kill -9 does: nobody is told anything.
func (s *site) crash(t testing.TB) {
	t.Helper()
	for _, l := range s.server.sockets {
		l.stop()
	}
	s.server.tcp.cut()
	if err := s.server.loop.close(); err != nil {
		t.Error(err)
	}
	s.cancel()
	s.cancel = nil
	<-s.done
}

func (s *site) read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *site) holds(name string) []string {
	z := s.server.view.Load().exact(mustName(name))
	if z == nil || z.visible.Load() == nil {
		return []string{"nothing"}
	}
	var out []string
	for line := range z.visible.Load().Text() {
		out = append(out, line)
	}
	return out
}

// equal waits until both have the same zones.
func (d *duo) equal(t testing.TB) {
	t.Helper()
	for _, name := range []string{"example.test", "other.test"} {
		eventually(t, name+" is equal on both", func() bool {
			return cmp.Equal(d.main.holds(name), d.backup.holds(name))
		}, func() string { return cmp.Diff(d.main.holds(name), d.backup.holds(name)) })
	}
}

// tryUpdate sends an update until it is answered NOERROR, and says what came before.
func (s *site) tryUpdate(t testing.TB, network, name string) (before []string) {
	t.Helper()
	eventually(t, name+" is taken", func() bool {
		m := updateMsg(t, "example.test", name+".example.test. 5 A 10.0.0.1")
		signed("ddns.")(m)
		r, err := s.send(network, m)
		switch {
		case err != nil:
			before = append(before, err.Error())
		case r.Rcode != dns.RcodeSuccess:
			before = append(before, dns.RcodeToString[r.Rcode])
		default:
			return true
		}
		return false
	}, func() string { return fmt.Sprint(before) })
	return before
}

// docs/decisions/0015: from the first change that the partner cannot have the journal is told to keep the way from the point before it, over
// restarts too; and no longer, when both are equal again.
func TestJournalIsToldWhatAMergeNeeds(t *testing.T) {
	d := newDuo(t, "").start(t)
	kept := func() journal.Keep {
		t.Helper()
		z := d.main.server.view.Load().exact(mustName("example.test"))
		d.main.stop(t)
		return z.keep
	}
	d.main.tryUpdate(t, "tcp", "both")
	point := d.main.server.view.Load().exact(mustName("example.test")).log.Point()
	d.backup.crash(t)
	d.main.until(t, "parted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	d.main.tryUpdate(t, "tcp", "alone")
	if k := kept(); k.Through != point {
		t.Errorf("parted at %v, kept is %v", point, k)
	}
	d.main.start(t)
	if k := kept(); k.Through != point {
		t.Errorf("after a restart: parted at %v, kept is %v", point, k)
	}
	d.main.start(t)
	d.backup.start(t)
	d.await(t)
	d.main.tryUpdate(t, "tcp", "again")
	if k := kept(); k != (journal.Keep{}) {
		t.Errorf("both are equal again, and %v is kept", k)
	}
}

// Decisions H-a, H-b: in normal an update at the main is answered when it is on both disks; then both show it, under one serial. The
// backup, which had no zone files, got its zones over the link.
func TestPairReplicates(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.equal(t)
	for i := range 20 {
		m := updateMsg(t, "example.test", fmt.Sprintf("n%d.example.test. 5 A 10.0.0.1", i))
		if rcode := d.main.update(t, "tcp", "ddns.", m); rcode != dns.RcodeSuccess {
			t.Fatal(dns.RcodeToString[rcode])
		}
		z := d.backup.server.view.Load().exact(mustName("example.test"))
		if got, want := z.log.Point().Serial, uint32(11+i); got != want {
			t.Fatalf("answered, and the backup's journal is at %d, not %d", got, want)
		}
	}
	d.equal(t)
	if st := d.main.server.pairStatus(); st.Copies != 2 || st.Owed != 0 || !st.Accepting {
		t.Errorf("%+v", st)
	}
}

// Decision H-f: an update at the backup in normal is not answered over UDP, so that the client goes to the main; over TCP it is
// SERVFAIL with the reason.
func TestUpdateAtBackupIsDropped(t *testing.T) {
	d := newDuo(t, "").start(t)
	before := d.backup.server.count.questions()
	m := updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1")
	edns(m)
	signed("ddns.")(m)
	c := &dns.Client{Net: "udp", Timeout: 300 * time.Millisecond, TsigSecret: secrets}
	if r, _, err := c.Exchange(m, d.backup.addr); err == nil {
		t.Errorf("answered: %v", r)
	}
	m = updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1")
	edns(m)
	signed("ddns.")(m)
	r, err := d.backup.send("tcp", m)
	if err != nil || r.Rcode != dns.RcodeServerFailure || !strings.Contains(r.String(), "partner takes the updates") {
		t.Errorf("%v %v", r, err)
	}
	if n := d.backup.count(AtPartner); n != 2 {
		t.Errorf("counted %d times", n)
	}
	if n := int64(d.backup.server.count.questions() - before); n < 0 || n > 100 { // it asks itself now and then
		t.Errorf("they count as %d questions", n)
	}
	if len(d.backup.ask(t, "udp", "x.example.test", dns.TypeA).Answer) != 0 {
		t.Error("it was carried out")
	}
}

// Decision H-f, "forward": the main judges the client by its own grants, with the address and the signature it came with, and the client
// gets the main's answer.
func TestUpdateAtBackupIsForwarded(t *testing.T) {
	d := newDuo(t, `updates_at_backup = "forward"`).start(t)
	for _, network := range []string{"udp", "tcp"} {
		if rcode := d.backup.update(t, network, "ddns.", updateMsg(t, "example.test", network+".example.test. 5 A 10.0.0.1")); rcode != dns.RcodeSuccess {
			t.Errorf("%s: %s", network, dns.RcodeToString[rcode])
		}
		if r := d.backup.ask(t, "udp", network+".example.test", dns.TypeA); len(r.Answer) != 1 {
			eventually(t, "the backup shows it", func() bool {
				return len(d.backup.ask(t, "udp", network+".example.test", dns.TypeA).Answer) == 1
			}, func() string { return "" })
		}
	}
	for _, c := range []struct {
		key   string
		rcode int
	}{{"", dns.RcodeRefused}, {"xfer.", dns.RcodeRefused}, {"limited.", dns.RcodeRefused}} {
		if rcode := d.backup.update(t, "tcp", c.key, updateMsg(t, "example.test", "no.example.test. 5 A 10.0.0.1")); rcode != c.rcode {
			t.Errorf("key %q: %s", c.key, dns.RcodeToString[rcode])
		}
	}
	if n := d.main.count(NoGrant); n != 2 {
		t.Errorf("the main refused %d clients", n)
	}
	d.equal(t)
}

// "M's process dies: updates at B within 1 s (refused); queries: B, no gap; never lost: NOERROR with copies 2", and the way back: both
// sides' changes are in both zones, and nothing that was acknowledged is lost.
func TestMainDiesAndReturns(t *testing.T) {
	d := newDuo(t, "").start(t)
	for i := range 5 {
		d.main.tryUpdate(t, "tcp", fmt.Sprintf("before%d", i))
	}
	d.main.crash(t)
	died := time.Now()
	before := d.backup.tryUpdate(t, "tcp", "without-main")
	t.Logf("the backup took an update after %v; before: %v", time.Since(died), before)
	st := d.backup.server.pairStatus()
	if st.State != pairmsg.Interrupted || st.Copies != 1 {
		t.Errorf("%+v", st)
	}
	if s := d.backup.serial(t, "example.test"); s <= 15+1<<16 {
		t.Errorf("serial %d: the backup's first change jumps (H-c)", s)
	}
	d.main.start(t)
	d.await(t)
	d.equal(t)
	for _, s := range []*site{d.main, d.backup} {
		for _, name := range []string{"before0", "before4", "without-main"} {
			if len(s.ask(t, "udp", name+".example.test", dns.TypeA).Answer) != 1 {
				t.Errorf("%s is lost", name)
			}
		}
	}
	d.main.tryUpdate(t, "tcp", "after")
	d.equal(t)
}

// "M stopped in order: nothing is owed", and the backup goes on without a jump of the serial (H-c).
func TestMainStopsInOrder(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.main.tryUpdate(t, "tcp", "before")
	d.main.stop(t)
	d.backup.until(t, "interrupted", func(st pair.Status) bool { return st.State == pairmsg.Interrupted && st.Reason == pair.PartnerStopped })
	d.backup.tryUpdate(t, "udp", "without-main")
	if s := d.backup.serial(t, "example.test"); s > 20 {
		t.Errorf("serial %d", s)
	}
	d.main.start(t)
	d.await(t)
	d.equal(t)
}

// "B dies: one wait of 1 s at most, then none", with one copy, which is said; and it clears when the backup is back.
func TestBackupDiesAndReturns(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.backup.crash(t)
	for i := range 10 {
		d.main.tryUpdate(t, "tcp", fmt.Sprintf("alone%d", i))
	}
	if st := d.main.server.pairStatus(); st.Copies != 1 || st.Behind == 0 {
		t.Errorf("%+v", st)
	}
	d.backup.start(t)
	d.await(t)
	d.equal(t)
	if st := d.main.server.pairStatus(); st.Copies != 2 || st.Owed != 0 {
		t.Errorf("%+v", st)
	}
}

// Decision H-i: a main that can write nothing says so; the backup takes updates at once.
func TestMainsDiskFails(t *testing.T) {
	d := newDuo(t, "")
	bad := &failingStore{}
	d.main.wrap = func(s durable.Store) durable.Store { bad.Store = s; return bad }
	d.start(t)
	bad.fail()
	m := updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1")
	if rcode := d.main.update(t, "tcp", "ddns.", m); rcode != dns.RcodeServerFailure {
		t.Errorf("the main: %s", dns.RcodeToString[rcode])
	}
	d.backup.tryUpdate(t, "tcp", "at-backup")
	if r := d.main.ask(t, "udp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
		t.Errorf("the main does not answer from memory: %v", r)
	}
	if d.main.server.ready() == nil {
		t.Error("the main is ready")
	}
}

// failingStore is a store whose commits fail from a moment on.
type failingStore struct {
	durable.Store
	mu     sync.Mutex
	failed bool
}

func (f *failingStore) fail() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = true
}

func (f *failingStore) Commit(b *durable.Batch) error {
	f.mu.Lock()
	failed := f.failed
	f.mu.Unlock()
	if failed {
		return errors.New("input/output error")
	}
	return f.Store.Commit(b)
}

// A connection with another key gets nowhere, and the pair goes on.
func TestPairKeyIsNeeded(t *testing.T) {
	d := newDuo(t, "").start(t)
	other := newSite(t)
	other.write(t, "pair.key", strings.Replace(pairKey, "cGFpci1", "b3RoZXI", 1))
	text := d.backup.read(t, "dns.toml")
	ports := freePorts(t, 2)
	conf := strings.NewReplacer(d.backup.server.conf.HA.Listen.String(), ports[0].String(), d.backup.addr, ports[1].String()).Replace(text)
	other.write(t, "dns.toml", conf)
	other.start(t)
	other.until(t, "alone", func(st pair.Status) bool { return st.State == pairmsg.Interrupted && st.LastHeard == 0 })
	d.main.tryUpdate(t, "tcp", "still")
	if st := d.main.server.pairStatus(); st.State != pairmsg.Normal {
		t.Errorf("%+v", st)
	}
}

// Decision H-f: what is forwarded is never queued: when the connection ends in the middle the client is told at once to try again.
func TestForwardedUpdateOverALostConnection(t *testing.T) {
	d := newDuo(t, `updates_at_backup = "forward"`)
	h := &heldStore{waiting: make(chan struct{}), end: make(chan error)}
	d.main.wrap = func(store durable.Store) durable.Store {
		h.Store = store
		return h
	}
	d.start(t)
	h.holds.Store(true)
	answered := make(chan int, 1)
	go func() {
		answered <- d.backup.update(t, "tcp", "ddns.", updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1"))
	}()
	<-h.waiting // the main has it, and it is not on its disk
	link := d.main.server.loop.link
	link.close(link.current.Load())
	if rcode := <-answered; rcode != dns.RcodeServerFailure {
		t.Errorf("answered %s", dns.RcodeToString[rcode])
	}
	h.holds.Store(false)
	h.end <- nil
	d.backup.tryUpdate(t, "tcp", "next")
	d.equal(t)
}

// Decision H-f: what is forwarded is "answered within 1.5 s or SERVFAIL", also when the main is there and does not get it done.
func TestForwardedUpdateThatTakesTooLong(t *testing.T) {
	d := newDuo(t, `updates_at_backup = "forward"`)
	d.patient(t)
	h := &heldStore{waiting: make(chan struct{}), end: make(chan error)}
	d.main.wrap = func(store durable.Store) durable.Store {
		h.Store = store
		return h
	}
	d.start(t)
	h.holds.Store(true)
	answered := make(chan *dns.Msg, 1)
	go func() {
		m := updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1")
		edns(m)
		signed("ddns.")(m)
		r, err := d.backup.send("udp", m)
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	<-h.waiting // the main has it, and its disk hangs
	if r := <-answered; r == nil || r.Rcode != dns.RcodeServerFailure || !strings.Contains(r.String(), "did not answer in time") {
		t.Errorf("answered %v", r)
	}
	h.holds.Store(false)
	h.end <- nil
}
