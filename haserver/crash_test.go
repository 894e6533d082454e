package haserver

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/internal/childserver"
)

func TestMain(m *testing.M) { childserver.Main(m, child) }

// child serves until it is killed.
func child(path string, ready func(address any)) error {
	conf, problems := LoadConfig(path)
	if err := problems.Err(); err != nil {
		return err
	}
	s, err := New(conf, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ready(s.Addrs()[0])
	return s.Serve(context.Background(), nil)
}

// spawn starts a child on the site's files.
func (s *site) spawn(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd, address := childserver.Spawn(t, s.conf)
	s.addr = address
	return cmd
}

// RFC 2136 3.5: "the response goes out only after the change is in stable storage". Updates stream in from several clients, the
// server is killed in the middle, again and again: after each start every change that was answered NOERROR is there, and
// the serial is not older than any that was seen.
func TestRFC2136AcknowledgedSurvivesSIGKILL(t *testing.T) {
	s := newSite(t)
	var known sync.Map // name -> address, of what was acknowledged
	var total atomic.Int64
	newest := uint32(0)
	for round := range 4 {
		cmd := s.spawn(t)
		if n := s.serial(t, "example.test"); n < newest {
			t.Fatalf("round %d: serial %d after %d", round, n, newest)
		}
		var wg sync.WaitGroup
		before := total.Load()
		for client := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("r%d-c%d-n%d.example.test.", round, client, i)
					m := updateMsg(t, "example.test", name+" 5 A 10.0.0.1")
					signed("ddns.")(m)
					c := &dns.Client{Net: "tcp", Timeout: patience, TsigSecret: secrets}
					r, _, err := c.Exchange(m, s.addr)
					if err != nil {
						return // killed
					}
					if r.Rcode != dns.RcodeSuccess {
						t.Errorf("%s: %s", name, dns.RcodeToString[r.Rcode])
						return
					}
					known.Store(name, true)
					total.Add(1)
				}
			})
		}
		for deadline := time.Now().Add(patience); total.Load() < before+100 && time.Now().Before(deadline); {
			if n := s.serial(t, "example.test"); n > newest {
				newest = n
			}
		}
		_ = cmd.Process.Kill()
		wg.Wait()
		_ = cmd.Wait()
		if total.Load() < before+100 {
			t.Fatalf("round %d: only %d updates", round, total.Load()-before)
		}
	}
	s.spawn(t)
	if n := s.serial(t, "example.test"); n < newest {
		t.Errorf("serial %d after %d", n, newest)
	}
	lost := 0
	known.Range(func(name, _ any) bool {
		if r := s.ask(t, "udp", name.(string), dns.TypeA); len(r.Answer) != 1 {
			lost++
		}
		return true
	})
	if lost > 0 {
		t.Errorf("%d of %d acknowledged updates are lost", lost, total.Load())
	}
	t.Logf("%d acknowledged updates over 4 kills", total.Load())
}

// 32 clients at once share fsyncs: far fewer commits than updates.
func TestConcurrentUpdatesShareCommits(t *testing.T) {
	s := started(t)
	var wg sync.WaitGroup
	const clients, each = 32, 10
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				m := updateMsg(t, "example.test", fmt.Sprintf("c%d-%d.example.test. 5 A 10.0.0.1", client, i))
				signed("ddns.")(m)
				if r, err := s.send("tcp", m); err != nil || r.Rcode != 0 {
					t.Errorf("%v %v", r, err)
				}
			}
		})
	}
	wg.Wait()
	commits := s.server.loop.commit.commits.Load()
	if commits*2 > clients*each {
		t.Errorf("%d commits for %d updates", commits, clients*each)
	}
	if n := s.serial(t, "example.test"); n != 10+clients*each {
		t.Errorf("serial %d: one step for each update, also when they share a commit", n)
	}
	t.Logf("%d updates in %d commits", clients*each, commits)
}

// After a failed write: updates SERVFAIL, for good; queries are answered; nothing that was not durable is seen; the operator is told.
func TestUnfitServerAnswersButTakesNothing(t *testing.T) {
	s := started(t)
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "before.example.test. 1 A 192.0.2.1")); rcode != 0 {
		t.Fatal(dns.RcodeToString[rcode]) // what the start writes is written with it
	}
	s.server.store.Close() // every commit fails from now on
	for range 2 {
		if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != dns.RcodeServerFailure {
			t.Errorf("update: %s", dns.RcodeToString[rcode])
		}
	}
	if r := s.ask(t, "udp", "x.example.test", dns.TypeA); r.Rcode != dns.RcodeNameError {
		t.Errorf("what was refused is visible: %v", r)
	}
	if r := s.ask(t, "udp", "ns1.example.test", dns.TypeA); r.Rcode != 0 || len(r.Answer) != 1 {
		t.Errorf("queries: %v", r)
	}
	st := s.server.status()
	if st.AcceptingUpdates || st.Unfit == "" || s.server.ready() == nil {
		t.Errorf("%+v", st)
	}
	if s.count(StorageError) != 1 || s.count(NotAccepting) != 1 {
		t.Errorf("reasons: %d storage-error, %d not-accepting", s.count(StorageError), s.count(NotAccepting))
	}
	s.cancel() // the store is closed already, which Serve says
	s.cancel = nil
	<-s.done
}
