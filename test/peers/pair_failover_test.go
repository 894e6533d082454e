package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ackTimeout is that of slowTimers.
const ackTimeout = 4 * time.Second

type errCount int

func (n errCount) Error() string { return fmt.Sprintf("%d so far", int(n)) }

// slowTimers are such that silence is not noticed within a test: what is faster must come by another way. An update of a busy machine does not
// take as long as ackTimeout, so what is acknowledged is on both.
var slowTimers = map[string]string{"heartbeat": "5s", "comm_timeout": "20s", "ack_timeout": ackTimeout.String()}

// TestPairMainDies: "M's process dies: updates at B within 1 s (refused); queries: B, no gap".
func TestPairMainDies(t *testing.T) {
	t.Parallel()
	p := startPair(t, slowTimers)
	p.update(t, p.main, "before", "192.0.2.50")
	p.main.proc.kill9()
	if err := p.has("before", "192.0.2.50", p.backup.dnsServer)(); err != nil {
		t.Errorf("what was acknowledged is not at the backup at once: %v", err)
	}
	took := p.update(t, p.backup, "after", "192.0.2.51")
	t.Logf("the backup takes updates %s after the main's process died (comm_timeout is 20s)", took.Round(time.Millisecond))
	p.main.up(t)
	p.normal(t)
	if err := p.has("after", "192.0.2.51", p.main.dnsServer)(); err != nil {
		t.Error(err)
	}
	p.equal(t, "afterwards")
}

// TestPairMainVanishes: "M's host vanishes: B after comm_timeout; queries: B, no gap".
func TestPairMainVanishes(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	p := startPair(t, map[string]string{"heartbeat": "300ms", "comm_timeout": "3s"})
	cut := time.Now()
	mend := p.main.cut(t)
	c := newUpdateClient(p, "vanish")
	defer c.close()
	// Until comm_timeout is over it is silent: that is what sends clients back to the main (RFC 2136, 4.6).
	var took time.Duration
	eventually(t, "the backup takes updates", func() error {
		err := c.try(p.backup.dnsServer, "vanish", "192.0.2.52", 100*time.Millisecond)
		var rcode rcodeError
		if errors.As(err, &rcode) {
			t.Fatalf("the backup answers %s, it must be silent", rcode)
		}
		took = time.Since(cut)
		return err
	})
	if took < timeout-time.Second {
		t.Errorf("it took an update %s after the cut: the main may be alive until %s have passed", took, timeout)
	}
	t.Logf("the backup takes updates %s after the main's host vanished, comm_timeout is %s", took.Round(time.Millisecond), timeout)
	mend()
	p.normal(t)
	p.equal(t, "afterwards")
}

// TestPairMainStopsInOrder: "M stopped in order: next try" – no timeout passes.
func TestPairMainStopsInOrder(t *testing.T) {
	t.Parallel()
	p := startPair(t, slowTimers)
	serial, _, err := zoneAt(p.main.dnsServer)
	if err != nil {
		t.Fatal(err)
	}
	p.main.proc.stop(syscall.SIGTERM)
	took := p.update(t, p.backup, "next", "192.0.2.53")
	now, _, err := zoneAt(p.backup.dnsServer)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the backup takes updates %s after the main had stopped in order; serial %d, was %d", took.Round(time.Millisecond), now, serial)
	if !newer(now, serial) || now-serial > 1000 {
		t.Errorf("serial %d after %d: after an orderly stop there is no jump (decision H-c)", now, serial)
	}
	p.main.up(t)
	p.normal(t)
	p.equal(t, "afterwards")
}

// TestPairBackupDies: "B dies or vanishes: one wait of 1 s at most, then none; copies 1": one wait of ack_timeout.
func TestPairBackupDies(t *testing.T) {
	t.Parallel()
	p := startPair(t, slowTimers)
	mend := p.backup.cut(t) // silent, and comm_timeout is far away: the worst case
	c := newUpdateClient(p, "owed")
	defer c.close()
	var waits []time.Duration
	for i := range 10 {
		begun := time.Now()
		if err := c.try(p.main.dnsServer, fmt.Sprintf("owed%d", i), fmt.Sprintf("192.0.2.%d", 60+i), giveUp); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
		waits = append(waits, time.Since(begun).Round(time.Millisecond))
	}
	t.Logf("the backup's host vanished: updates at the main took %v (ack_timeout is %s)", waits, ackTimeout)
	long := 0
	for _, d := range waits {
		if d >= ackTimeout {
			long++
		}
	}
	if long != 1 {
		t.Errorf("%d updates waited for the backup, one does: %v", long, waits)
	}
	s, err := p.main.status()
	if err != nil {
		t.Fatal(err)
	}
	if s.Copies != 1 || s.Owed == 0 {
		t.Errorf("status says copies %d, owed %d", s.Copies, s.Owed)
	}
	mend()
	eventually(t, "nothing is owed any more", func() error {
		s, err := p.main.status()
		if err == nil && (s.Copies != 2 || s.Owed != 0) {
			err = fmt.Errorf("copies %d, owed %d, state %s", s.Copies, s.Owed, s.State)
		}
		return err
	})
	p.equal(t, "afterwards")
}

// TestPairDiskWiped: "one disk lost: survivor; SERVFAIL there until seeded; all with copies 2". The backup has no zone file either; the one
// that it had been given at first would be older than all that was acknowledged since.
func TestPairDiskWiped(t *testing.T) {
	t.Parallel()
	p := startPair(t, nil)
	p.update(t, p.main, "kept", "192.0.2.70")
	p.backup.proc.kill9()
	text, err := os.ReadFile(p.backup.conf)
	text = regexp.MustCompile(`(?m)^file = .*\n`).ReplaceAll(text, nil)
	if err := errors.Join(err, os.WriteFile(p.backup.conf, text, 0o600), p.backup.wipe()); err != nil {
		t.Fatal(err)
	}
	mend := p.main.cut(t, p.backup.host)
	p.update(t, p.main, "meanwhile", "192.0.2.71")
	p.backup.up(t)
	servfail := func() error {
		out := output(t, p.backup.command("dig", "+time=10", "@"+p.backup.addr, "kept."+pairZone, "A"))
		if !strings.Contains(out, "status: SERVFAIL") {
			return errors.New(out)
		}
		return nil
	}
	stays(t, 2*time.Second, "a backup without its zones answers SERVFAIL", servfail)
	mend()
	took := p.normal(t)
	t.Logf("seeded %s after the link was mended", took.Round(time.Millisecond))
	p.equal(t, "afterwards")
	if err := errors.Join(p.has("kept", "192.0.2.70", p.backup.dnsServer)(), p.has("meanwhile", "192.0.2.71", p.backup.dnsServer)()); err != nil {
		t.Error(err)
	}
}

// TestPairMainsDiskLost: a main that comes back with an empty disk, its old zone file beside it, says nothing that is not so: silence or SERVFAIL,
// until it has what was acknowledged.
func TestPairMainsDiskLost(t *testing.T) {
	t.Parallel()
	p := startPair(t, nil)
	p.update(t, p.main, "kept", "192.0.2.72")
	p.main.proc.kill9()
	if err := p.main.wipe(); err != nil {
		t.Fatal(err)
	}
	conn, err := p.client.dial("udp", p.main.endpoint(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.main.proc = p.main.again()
	answers := map[string]int{}
	eventually(t, "the main has it again", func() error {
		for {
			m := new(dns.Msg)
			m.SetQuestion("kept."+pairZone+".", dns.TypeA)
			r, _, err := (&dns.Client{Timeout: 200 * time.Millisecond}).ExchangeWithConn(m, &dns.Conn{Conn: conn})
			switch {
			case err != nil:
				answers["none"]++
				return err
			case r.Rcode == dns.RcodeServerFailure:
				answers["SERVFAIL"]++
			case r.Rcode == dns.RcodeSuccess && len(r.Answer) == 1:
				return nil
			default:
				t.Fatalf("after %v it answers what is not so: %v", answers, r)
			}
		}
	})
	t.Logf("answers before the right one: %v", answers)
	p.normal(t)
	p.equal(t, "afterwards")
}

// TestPairDiskFull: "M's disk full: updates at B within 3 s; queries: M from memory, B; lost: nothing that was answered".
func TestPairDiskFull(t *testing.T) {
	t.Parallel()
	p := newPair(t, slowTimers)
	state := filepath.Join(p.main.dir, "state")
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "none", state).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("mount -t tmpfs: %v %s", err, out))
	}
	t.Cleanup(func() {
		p.main.proc.kill9()
		output(t, exec.Command("umount", state))
	})
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	c := newUpdateClient(p, "full")
	defer c.close()
	if err := c.try(p.main.dnsServer, "room", "192.0.2.80", giveUp); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(state, "ballast"))
	full := time.Now()
	acked := map[string]string{"room": "192.0.2.80"}
	var took time.Duration
	for i := 0; took == 0; i++ {
		if time.Since(full) > giveUp {
			t.Fatal("the backup does not take over")
		}
		name, address := fmt.Sprintf("full%d", i), fmt.Sprintf("10.9.%d.%d", i>>8, i&255)
		if c.try(p.main.dnsServer, name, address, 200*time.Millisecond) == nil {
			acked[name] = address
			continue
		}
		if c.try(p.backup.dnsServer, name, address, 100*time.Millisecond) == nil {
			acked[name] = address
			took = time.Since(full)
		}
	}
	t.Logf("the backup takes updates %s after the main's disk was full; %d acknowledged in all", took.Round(time.Millisecond), len(acked))
	if err := p.has("room", "192.0.2.80", p.main.dnsServer)(); err != nil {
		t.Errorf("the main answers from memory: %v", err)
	}
	if err := os.Remove(filepath.Join(state, "ballast")); err != nil {
		t.Fatal(err)
	}
	p.main.proc.kill9()
	p.main.up(t)
	p.normal(t)
	records, _ := p.equal(t, "with room again, after a restart")
	if lost := missingRecords(acked, records); len(lost) > 0 {
		t.Errorf("acknowledged and lost: %v", lost)
	}
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			block = block[:len(block)/2]
		}
	}
}
