package peers

import (
	"fmt"
	"hash/fnv"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// watch asks every server of a pair for its SOA all the time, each on its own host so that no cut is in between, and takes whole zones now
// and then. It fails the test when a server's serial goes back, or when one serial names two contents, wherever and whenever they were seen.
type watch struct {
	p     *pair
	stop  chan struct{}
	done  sync.WaitGroup
	begun time.Time

	mu        sync.Mutex
	asked     int
	whole     int
	forgotten int // steps back of an NSD that forgot what it had
	late      int // answers of a process of NSD that another had taken over from
	contents  map[uint32]sighting
	errors    []string
}

type sighting struct {
	hash  uint64
	where string
	lines []string
}

// look begins; the test ends it with end.
func (p *pair) look() *watch {
	w := &watch{p: p, stop: make(chan struct{}), begun: time.Now(), contents: map[uint32]sighting{}}
	for _, s := range p.servers() {
		w.done.Go(func() { w.serials(s) })
		w.done.Go(func() { w.zones(s) })
	}
	return w
}

// end stops watching and reports.
func (w *watch) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.done.Wait()
	t.Logf("watched %s: %d serials of %d servers, %d whole zones of %d serials", time.Since(w.begun).Round(time.Millisecond), w.asked, len(w.p.servers()), w.whole, len(w.contents))
	if w.forgotten > 0 {
		t.Logf("NSD fetched anew and stepped back %d times by itself", w.forgotten)
	}
	if w.late > 0 {
		t.Logf("%d answers were of an NSD process that another had taken over from", w.late)
	}
	for _, e := range w.errors {
		t.Error(e)
	}
	if w.asked == 0 || w.whole == 0 {
		t.Error("nothing was seen")
	}
}

func (w *watch) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.errors) < 20 {
		w.errors = append(w.errors, fmt.Sprintf("%s: ", time.Since(w.begun).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// newer is RFC 1982's comparison.
func newer(a, b uint32) bool { return a != b && a-b < 1<<31 }

func (w *watch) serials(s *dnsServer) {
	conn, err := s.dial("udp", s.endpoint(), time.Second)
	if err != nil {
		w.fail("%s: %v", w.p.named(s), err)
		return
	}
	defer conn.Close()
	var last, before uint32 // before: what it had before last
	var moved time.Time     // when it was seen to have last
	known := false
	for !wait(w.stop, 20*time.Millisecond) {
		serial, ok := askSerial(conn)
		if !ok {
			continue
		}
		w.mu.Lock()
		w.asked++
		w.mu.Unlock()
		if known && newer(last, serial) {
			if serial == before && time.Since(moved) < handover && w.p.isNSD(s) {
				w.mu.Lock()
				w.late++
				w.mu.Unlock()
				continue
			}
			if w.p.forgets(s) {
				w.mu.Lock()
				w.forgotten++
				w.mu.Unlock()
			} else {
				w.fail("the serial of %s went back from %d to %d%s", w.p.named(s), last, serial, w.p.logOf(s))
			}
		}
		if known && serial != last {
			before, moved = last, time.Now()
		}
		last, known = serial, true
	}
}

// handover is how long an old process of NSD was seen to answer beside the new one, on a busy machine, and more: NSD makes a new process for
// every new content, and both read from one socket until the old one has ended. The one has the serial before, the other the new one.
const handover = 10 * time.Second

func (p *pair) isNSD(s *dnsServer) bool {
	for _, x := range p.secondaries {
		if x.dnsServer == s {
			return x.kind == "nsd"
		}
	}
	return false
}

// forgets: NSD 4.6 fetches a zone that changes often anew, whatever the serial, once it has said so (its issue 227). With both partners to ask, and
// both taking updates while they are parted, it then steps from the one's serial back to the other's by itself.
func (p *pair) forgets(s *dnsServer) bool {
	for _, x := range p.secondaries {
		if x.dnsServer == s {
			return x.kind == "nsd" && x.feed == "both" && strings.Contains(x.proc.log.String(), "update failed, restarting transfer")
		}
	}
	return false
}

// logOf is the end of a secondary's log.
func (p *pair) logOf(s *dnsServer) string {
	for _, x := range p.secondaries {
		if x.dnsServer == s {
			return "; it says:\n" + tail(x.proc.log, 3000)
		}
	}
	return ""
}

// askSerial asks once; no answer, or SERVFAIL, is not ok.
func askSerial(conn net.Conn) (serial uint32, ok bool) {
	m := new(dns.Msg)
	m.SetQuestion(pairZone+".", dns.TypeSOA)
	r, _, err := (&dns.Client{Timeout: 300 * time.Millisecond}).ExchangeWithConn(m, &dns.Conn{Conn: conn})
	if err != nil || len(r.Answer) != 1 {
		return 0, false
	}
	soa, ok := r.Answer[0].(*dns.SOA)
	if !ok {
		return 0, false
	}
	return soa.Serial, true
}

func (w *watch) zones(s *dnsServer) {
	for !wait(w.stop, 400*time.Millisecond) {
		serial, records, err := zoneAt(s)
		if err != nil {
			continue
		}
		h := fnv.New64a()
		for _, r := range records {
			_, _ = h.Write([]byte(r + "\n"))
		}
		now := sighting{h.Sum64(), w.p.named(s), records}
		w.mu.Lock()
		w.whole++
		before, seen := w.contents[serial]
		if !seen {
			w.contents[serial] = now
		}
		w.mu.Unlock()
		if seen && before.hash != now.hash {
			w.fail("serial %d names two contents, at %s and at %s: %s", serial, before.where, now.where, difference(before.lines, now.lines))
		}
	}
}

// difference is the first lines that only one of two sorted lists has.
func difference(a, b []string) string {
	count := map[string]int{}
	for _, l := range a {
		count[l]++
	}
	for _, l := range b {
		count[l]--
	}
	var out []string
	for _, list := range [][]string{a, b} {
		for _, l := range list {
			if n := count[l]; n != 0 && len(out) < 6 {
				out = append(out, fmt.Sprintf("%+d %s", -n, l))
			}
		}
	}
	return strings.Join(out, "; ")
}
