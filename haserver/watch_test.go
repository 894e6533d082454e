package haserver

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/durable"
)

// Decision H-i, "M's disk hung: B takes updates; queries: M from memory": a write that does not end makes the main unfit though nothing
// has failed; when it has ended, both are in normal again and nothing is lost.
func TestMainsDiskHangs(t *testing.T) {
	d := newDuo(t, "")
	h := &heldStore{waiting: make(chan struct{}), end: make(chan error)}
	d.main.wrap = func(store durable.Store) durable.Store {
		h.Store = store
		return h
	}
	d.main.before = func(s *Server) {
		s.pace = watchPace{every: 10 * time.Millisecond, hangs: 200 * time.Millisecond, fit: 300 * time.Millisecond}
	}
	d.start(t)
	h.holds.Store(true)
	answered := make(chan int, 1)
	go func() {
		answered <- d.main.update(t, "tcp", "ddns.", updateMsg(t, "example.test", "hung.example.test. 5 A 10.0.0.1"))
	}()
	<-h.waiting
	d.backup.until(t, "the main is unfit", func(st pair.Status) bool { return st.State == pairmsg.Interrupted && st.PartnerUnfit != "" })
	d.backup.tryUpdate(t, "tcp", "at-backup")
	if r := d.main.ask(t, "udp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
		t.Errorf("the main does not answer from memory: %v", r)
	}
	h.holds.Store(false)
	h.end <- nil
	d.await(t)
	d.equal(t)
	if rcode := <-answered; rcode != dns.RcodeSuccess {
		t.Errorf("the update that hung: %s", dns.RcodeToString[rcode])
	}
	for _, name := range []string{"hung", "at-backup"} {
		if len(d.backup.ask(t, "udp", name+".example.test", dns.TypeA).Answer) != 1 {
			t.Errorf("%s is lost", name)
		}
	}
}

// A server that answers is not found wanting, and one that does not is.
func TestAskSelf(t *testing.T) {
	s := started(t)
	if err := askSelf(s.server.Addrs()[0], mustName("example.test")); err != nil {
		t.Error(err)
	}
	deaf, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if err := askSelf(mustAddr(deaf.LocalAddr().String()), mustName("example.test")); err == nil {
		t.Error("silence is taken for an answer")
	}
}

// A store that comes on, however slowly, does not hang.
func TestWatchedStore(t *testing.T) {
	h := &heldStore{waiting: make(chan struct{}), end: make(chan error)}
	h.holds.Store(true)
	store, err := durable.OpenBolt(t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h.Store = store
	w := &watchedStore{Store: h}
	if w.hangs(time.Now()) != 0 {
		t.Error("hangs without a write")
	}
	done := make(chan error)
	var b durable.Batch
	b.Put([]byte("k"), nil)
	go func() { done <- w.Commit(&b) }()
	<-h.waiting
	if d := w.hangs(time.Now().Add(time.Minute)); d < 30*time.Second {
		t.Errorf("after a minute it hangs for %v", d)
	}
	h.end <- nil
	if err := <-done; err != nil || w.hangs(time.Now().Add(time.Minute)) != 0 {
		t.Errorf("it hangs after the write has ended (%v)", err)
	}
}
