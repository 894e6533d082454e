package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func (n *partner) state() string { return filepath.Join(n.dir, "state") }

// wipe is the loss of the server's disk.
func (n *partner) wipe() error {
	return errors.Join(os.RemoveAll(n.state()), os.Mkdir(n.state(), 0o700))
}

// TestPairBothLosePower: "none until both are back, or comm_timeout alone; queries at once from disk; everything".
func TestPairBothLosePower(t *testing.T) {
	t.Parallel()
	p := startPair(t, map[string]string{"heartbeat": "500ms", "comm_timeout": "2s"})
	p.update(t, p.main, "kept", "192.0.2.60")
	p.main.proc.kill9()
	p.backup.proc.kill9()
	begun := time.Now()
	p.backup.up(t)
	if err := p.has("kept", "192.0.2.60", p.backup.dnsServer)(); err != nil {
		t.Errorf("it answers at once from its disk: %v", err)
	}
	p.update(t, p.backup, "alone", "192.0.2.61")
	took := time.Since(begun)
	if took < time.Second {
		t.Errorf("alone it takes updates %s after the start: the main may be there in a moment", took)
	}
	t.Logf("alone it takes updates %s after the start, comm_timeout is 2s", took.Round(time.Millisecond))
	p.main.up(t)
	p.normal(t)
	p.equal(t, "afterwards")
	if err := errors.Join(p.has("kept", "192.0.2.60", p.main.dnsServer)(), p.has("alone", "192.0.2.61", p.main.dnsServer)()); err != nil {
		t.Error(err)
	}
}

// TestPairSnapshotRestored: "a snapshot restored: the restored side waits for its zones; lost is nothing that the partner has".
func TestPairSnapshotRestored(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"main", "backup"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, nil)
			n := p.main
			if which == "backup" {
				n = p.backup
			}
			p.update(t, p.main, "old", "192.0.2.62")
			n.proc.stop(9)
			snapshot := filepath.Join(n.dir, "snapshot")
			output(t, exec.Command("cp", "-a", n.state(), snapshot))
			n.up(t)
			p.normal(t)
			for i := range 5 {
				p.update(t, p.main, fmt.Sprintf("new%d", i), fmt.Sprintf("192.0.2.%d", 63+i))
			}
			// How far a store is the partner hears with the heartbeats.
			last := time.Now()
			eventually(t, "a heartbeat after the last update", func() error {
				s, err := p.other(n).status()
				if err == nil && !s.Partner.LastHeard.After(last.Add(400*time.Millisecond)) {
					err = fmt.Errorf("last heard %s", s.Partner.LastHeard)
				}
				return err
			})
			n.proc.kill9()
			output(t, exec.Command("rm", "-r", n.state()))
			output(t, exec.Command("mv", snapshot, n.state()))
			n.up(t)
			p.normal(t)
			p.equal(t, "afterwards")
			for i := range 5 {
				if err := p.has(fmt.Sprintf("new%d", i), fmt.Sprintf("192.0.2.%d", 63+i), p.main.dnsServer, p.backup.dnsServer)(); err != nil {
					t.Error(err)
				}
			}
			if log := n.proc.log.String(); !strings.Contains(log, "rolled-back") {
				t.Error("it does not say that it was rolled back")
			}
		})
	}
}

// TestPairFalsePartnerDown: "partner-down said wrongly: as link cut; whole zones are compared": said on both, while both are alive and take updates.
func TestPairFalsePartnerDown(t *testing.T) {
	t.Parallel()
	p := startPair(t, nil)
	if out, err := exec.Command(loadshare(t), "ha", "partner-down", "-s", p.main.control()).CombinedOutput(); err == nil {
		t.Errorf("partner-down in normal is an error: %s", out)
	}
	mend := p.main.cut(t, p.backup.host)
	for _, n := range []*partner{p.main, p.backup} {
		eventually(t, n.name+" is parted", n.is(parted))
		n.operate(t, "ha", "partner-down")
		eventually(t, n.name+" is alone", n.is(soloState))
	}
	acked := map[string]string{}
	for i, n := range []*partner{p.main, p.backup, p.main, p.backup} {
		name, address := fmt.Sprintf("false%d", i), fmt.Sprintf("192.0.2.%d", 70+i)
		p.update(t, n, name, address)
		acked[name] = address
	}
	mend()
	p.normal(t)
	records, _ := p.equal(t, "afterwards")
	if lost := missingRecords(acked, records); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
}

// TestPairConflict: "every change not contradicted; a true conflict's loser is kept, restorable": both sides give one name an alias of its own.
func TestPairConflict(t *testing.T) {
	t.Parallel()
	p := startPair(t, nil)
	mend := p.main.cut(t, p.backup.host)
	u := updater{"nsupdate", false}
	for i, n := range []*partner{p.main, p.backup} {
		eventually(t, n.name+" is parted", n.is(parted))
		text := []string{"update add clash.% 60 CNAME first.example.", "update add clash.% 60 CNAME second.example."}[i]
		got, err := u.sendFrom(p.client, n.dnsServer, pairZone, p.key(), text, fmt.Sprintf("update add kept%d.%% 60 A 192.0.2.8%[1]d\nupdate delete www.%% A 192.0.2.1%[1]d", i))
		if err != nil || !slices.Equal(got, []string{"NOERROR", "NOERROR"}) {
			t.Fatalf("%s: %v %v", n.name, got, err)
		}
	}
	mend()
	p.normal(t)
	records, _ := p.equal(t, "afterwards")
	text := strings.Join(records, "\n")
	if !strings.Contains(text, "clash.pair.test. 60 IN CNAME second.example.") || strings.Contains(text, "first.example.") {
		t.Errorf("the later alias wins:\n%s", text)
	}
	for _, line := range []string{"kept0.pair.test. 60 IN A 192.0.2.80", "kept1.pair.test. 60 IN A 192.0.2.81"} {
		if !strings.Contains(text, line) {
			t.Errorf("%s was not contradicted and is not there", line)
		}
	}
	// Each side took one of the two addresses of www away: a set is never empty unless a side emptied it.
	if n := strings.Count(text, "www.pair.test."); n != 1 {
		t.Errorf("www has %d addresses, one is to stay:\n%s", n, text)
	}
	listed := p.main.operate(t, "ha", "conflicts")
	if !strings.Contains(listed, "first.example.") {
		t.Errorf("the loser is not listed:\n%s", listed)
	}
}

// TestPairZoneSynchronises: "a zone synchronises: that zone: within 1 s; others unaffected": a large zone is synchronized again and again while
// both it and another take updates at the main; with -quiet none of them may take longer than was promised.
func TestPairZoneSynchronises(t *testing.T) {
	t.Parallel()
	const big = "big.test"
	p := newPair(t, map[string]string{"heartbeat": "2s", "comm_timeout": "10s", "ack_timeout": "1s"})
	var text strings.Builder
	text.WriteString(pairZoneText)
	for i := range 30000 {
		fmt.Fprintf(&text, "h%d A 10.3.%d.%d\n", i, i/250, i%250)
	}
	p.main.addZone(t, big, text.String())
	p.backup.addZone(t, big, text.String())
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	begun := time.Now()
	stamp := func() string { return time.Since(begun).Round(time.Millisecond).String() }
	done := make(chan struct{})
	var clients sync.WaitGroup
	worst, answered := make([]time.Duration, 2), make([][]string, 2) // the moments of the answers
	for i, zone := range []string{pairZone, big} {
		clients.Go(func() {
			c := newUpdateClient(p, "sync")
			c.zone = zone
			defer c.close()
			for !wait(done, 5*time.Millisecond) {
				name := fmt.Sprintf("u%d", len(answered[i]))
				begun := time.Now()
				var err error
				for range 10 { // a try that is not answered is made again
					if err = c.try(p.main.dnsServer, name, "192.0.2.90", time.Second); err == nil {
						break
					}
				}
				if err != nil {
					t.Errorf("update %s of %s: %v", name, zone, err)
					return
				}
				worst[i] = max(worst[i], time.Since(begun))
				answered[i] = append(answered[i], stamp())
			}
		})
	}
	for _, from := range []string{"main", "backup", "", "backup", "main", "backup", ""} {
		args := []string{"zone", "sync", big}
		if from != "" {
			args = append(args, "--from", from)
		}
		at := stamp()
		p.main.operate(t, args...)
		took := p.normal(t)
		t.Logf("at %s zone sync --from %q of 30000 records: done after %s", at, from, took.Round(time.Millisecond))
	}
	close(done)
	clients.Wait()
	t.Logf("%d updates of the other zone, the longest took %s; %d of the zone itself, the longest %s", len(answered[0]), worst[0].Round(time.Millisecond), len(answered[1]), worst[1].Round(time.Millisecond))
	if *quiet && (worst[0] > time.Second || worst[1] > 4*time.Second) {
		t.Error("a synchronisation stops updates for longer than was promised")
	}
	for i, zone := range []string{pairZone, big} {
		if len(answered[i]) == 0 {
			t.Errorf("%s: nothing was sent", zone)
		}
		for _, n := range []*partner{p.main, p.backup} {
			_, records, err := zoneOf(n.dnsServer, zone)
			if err != nil {
				t.Fatal(err)
			}
			for u, at := range answered[i] {
				if _, found := slices.BinarySearch(records, fmt.Sprintf("u%d.%s. 60 IN A 192.0.2.90", u, zone)); !found {
					t.Errorf("%s: update %d of %s was acknowledged at %s and is lost", n.name, u, zone, at)
				}
			}
		}
	}
	p.equal(t, "afterwards")
}
