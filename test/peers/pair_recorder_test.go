package peers

import (
	"flag"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fault is something that happens to the pair, and what ends it.
type fault struct {
	name  string
	begin func(*testing.T, *pair) (end func())
}

func kill(which func(*pair) *partner) func(*testing.T, *pair) func() {
	return func(t *testing.T, p *pair) func() {
		which(p).proc.kill9()
		return func() { which(p).up(t) }
	}
}

func freeze(which func(*pair) *partner) func(*testing.T, *pair) func() {
	return func(t *testing.T, p *pair) func() {
		which(p).signal(t, syscall.SIGSTOP)
		return func() { which(p).signal(t, syscall.SIGCONT) }
	}
}

func itsMain(p *pair) *partner   { return p.main }
func itsBackup(p *pair) *partner { return p.backup }

// faults are what TestPairLosesNothing chooses from: all of them leave the disks whole, so that nothing that was acknowledged may be lost, in
// whatever order they come and however they overlap.
var faults = []fault{
	{"kill -9 main", kill(itsMain)},
	{"kill -9 backup", kill(itsBackup)},
	{"freeze main", freeze(itsMain)},
	{"freeze backup", freeze(itsBackup)},
	{"cut the link", func(t *testing.T, p *pair) func() { return p.main.cut(t, p.backup.host) }},
	{"cut the link, and one client from the main", func(t *testing.T, p *pair) func() { return p.main.cut(t, p.backup.host, p.far) }},
	{"main's host vanishes", func(t *testing.T, p *pair) func() { return p.main.cut(t) }},
	{"backup's host vanishes", func(t *testing.T, p *pair) func() { return p.backup.cut(t) }},
	{"clients cannot reach main", func(t *testing.T, p *pair) func() { return p.main.cut(t, p.client, p.far) }},
	{"main is stopped in order", func(t *testing.T, p *pair) func() {
		p.main.proc.stop(syscall.SIGTERM)
		return func() { p.main.up(t) }
	}},
	{"kill -9 both", func(t *testing.T, p *pair) func() {
		p.main.proc.kill9()
		p.backup.proc.kill9()
		return func() { p.backup.up(t); p.main.up(t) }
	}},
}

// long makes TestPairLosesNothing one with the times that a pair has by default:
//
//	go test ./test/peers -run TestPairLosesNothing -timeout 60m -v -args -long 11
var long = flag.Int("long", 0, "TestPairLosesNothing with so many faults, of one to two minutes each, and the default times of a pair")

// course is how TestPairLosesNothing goes.
type course struct {
	timers        map[string]string // nil: quick ones
	rhythm, pause time.Duration     // of the clients
	faults        int
	shortest      time.Duration // that a fault lasts
	span          time.Duration // and how much longer at most
}

func courses() course {
	if *long > 0 {
		ordinary := map[string]string{"heartbeat": "12s", "comm_timeout": "30s", "zonesync_failed_timeout": "5m", "ack_timeout": "1s"}
		return course{timers: ordinary, rhythm: 4 * time.Second, pause: 250 * time.Millisecond, faults: min(*long, len(faults)), shortest: time.Minute, span: time.Minute}
	}
	return course{rhythm: 200 * time.Millisecond, pause: 30 * time.Millisecond, faults: len(faults), shortest: 300 * time.Millisecond, span: 2 * time.Second}
}

// TestPairLosesNothing: clients like DHCP servers keep sending, over UDP and TCP, while the pair is killed, frozen and cut, at times chosen by a seed. Every
// update that one of them saw acknowledged is afterwards on both partners and on every secondary; no serial went back.
func TestPairLosesNothing(t *testing.T) {
	t.Parallel()
	is := courses()
	p := startPair(t, is.timers, "named both", "knotd both", "nsd both")
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	w := p.look()
	clients := []*recorder{newRecorder(p, "udp", p.client, false), newRecorder(p, "tcp", p.client, true), newRecorder(p, "far", p.far, false)}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for _, c := range clients {
		c.rhythm, c.pause = is.rhythm, is.pause
		sending.Go(func() { c.run(stop) })
	}
	total := func() (n int) {
		for _, c := range clients {
			n += c.count()
		}
		return n
	}
	for _, i := range rnd.Perm(len(faults))[:is.faults] {
		f := faults[i]
		before := total()
		end := f.begin(t, p)
		lasts := is.shortest + time.Duration(rnd.Int64N(int64(is.span)))
		time.Sleep(lasts)
		end()
		during := total() - before
		// Half of the faults begin before the last is healed.
		healed := "not awaited"
		if rnd.IntN(2) == 0 {
			healed = p.normal(t).Round(time.Millisecond).String()
		}
		t.Logf("%s for %s: %d acknowledged meanwhile; normal again: %s", f.name, lasts, during, healed)
	}
	took := p.normal(t)
	goal := total() + 30
	eventually(t, "the clients go on", func() error {
		if n := total(); n < goal {
			return errCount(n)
		}
		return nil
	})
	close(stop)
	sending.Wait()
	records, _ := p.equal(t, "afterwards")
	for _, c := range clients {
		if lost := missingRecords(c.acked, records); len(lost) > 0 {
			t.Errorf("%s: %d acknowledged records are lost: %v", c.name, len(lost), lost)
		}
		t.Logf("%s: %d of %d acknowledged, the longest wait %s", c.name, len(c.acked), c.sent, c.worst.Round(time.Millisecond))
	}
	w.end(t)
	t.Logf("normal %s after the last fault", took.Round(time.Millisecond))
}
