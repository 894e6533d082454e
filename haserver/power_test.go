package haserver

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"loadshare/internal/durable"
)

// RFC 2136 3.5, "stable storage", taken at its word: the power is cut at a moment when updates of several clients are under way,
// and any part of what was not synced by then is lost. Every change answered before that moment is there, none is there in
// half, and the serial is not older than any that was seen.
func TestRFC2136AcknowledgedSurvivesPowerLoss(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { powerLoss(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func powerLoss(t *testing.T, rng *rand.Rand) {
	t.Helper()
	mem := durable.NewCrashable()
	s := newSite(t)
	s.disk = &disk{mem}
	s.start(t)
	const clients, each = 6, 30
	var answered [clients]atomic.Int64
	var done atomic.Int64
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				name := powerName(client, i)
				m := updateMsg(t, "example.test", name+" 5 A 10.0.0.1", name+" 5 TXT both")
				signed("ddns.")(m)
				if r, err := s.send("tcp", m); err != nil || r.Rcode != dns.RcodeSuccess {
					t.Errorf("%s: %v %v", name, r, err)
					return
				}
				answered[client].Add(1)
				done.Add(1)
			}
		})
	}
	moment := int64(1 + rng.IntN(clients*each))
	for done.Load() < moment && !t.Failed() {
		runtime.Gosched()
	}
	serial := s.serial(t, "example.test")
	var before [clients]int64
	for c := range before {
		before[c] = answered[c].Load()
	}
	after := mem.PowerCut(rng.IntN(101), rng)
	wg.Wait()

	again := &site{dir: s.dir, conf: s.conf, disk: &disk{after}}
	again.start(t)
	if n := again.serial(t, "example.test"); n < serial {
		t.Errorf("serial %d after %d was seen", n, serial)
	}
	for c := range clients {
		for i := range each {
			name := powerName(c, i)
			a, txt := len(again.ask(t, "udp", name, dns.TypeA).Answer), len(again.ask(t, "udp", name, dns.TypeTXT).Answer)
			if a != txt {
				t.Errorf("%s: half a message is there", name)
			}
			if int64(i) < before[c] && a != 1 {
				t.Errorf("%s was acknowledged before the power was cut, and is lost", name)
			}
		}
	}
}

func powerName(client, i int) string { return fmt.Sprintf("c%d-n%d.example.test.", client, i) }
