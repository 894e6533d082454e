package peers

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	headerLine = regexp.MustCompile(`HEADER<<- opcode: UPDATE, status: ([A-Z]+), id: +(\d+)`)
	addedName  = regexp.MustCompile(`(?m)^(c\d+-\d+-\d+\.\S+)\s+60\s+IN\s+A\s`)
)

// stream sends n updates, one after the other, from one nsupdate and returns the names whose addition it saw acknowledged. It goes on
// when the server is gone: nothing is acknowledged any more.
func stream(s *dnsServer, zone, key string, client, round, n int) []string {
	var input strings.Builder
	fmt.Fprintf(&input, "server %s %d\nzone %s\n", s.addr, s.port, zone)
	for i := range n {
		fmt.Fprintf(&input, "prereq nxdomain c%d-%d-%d.%s\nupdate add c%[1]d-%[2]d-%[3]d.%[4]s 60 A 192.0.2.1\nsend\nanswer\n", client, round, i, zone)
	}
	args := []string{"-d", "-t", "2", "-u", "2", "-r", "0", "-y", key}
	if client%2 == 1 {
		args = append(args, "-v") // every other one by TCP
	}
	cmd := exec.Command("nsupdate", args...)
	cmd.Stdin = strings.NewReader(input.String())
	out, _ := cmd.Output() // it fails since the server dies
	// With -d it prints what it sends and, by the command answer, what came back; the message ID joins them.
	var acked []string
	var name, id string
	for _, part := range strings.Split(string(out), "->>")[1:] {
		h := headerLine.FindStringSubmatch(part)
		if h == nil {
			continue
		}
		if added := addedName.FindStringSubmatch(part); added != nil {
			name, id = added[1], h[2]
		} else if h[2] == id && h[1] == "NOERROR" {
			acked = append(acked, name)
			id = ""
		}
	}
	return acked
}

// TestOurDNSKill9: an update that was answered with NOERROR is in stable storage (RFC 2136, 3.5): eight clients stream updates, the
// server is killed among them, three times. What any of them saw acknowledged is there afterwards, and the serial never went back.
func TestOurDNSKill9(t *testing.T) {
	t.Parallel()
	const zone, clients, each = "crash.test", 8, 100
	o := startOurs(t, ourZone{zone, updateZone, []string{"key ddns"}, []string{"127.0.0.1"}})
	key := o.key(t, "ddns")
	var acked []string
	highest, cut := uint32(100), false
	for round := range 3 {
		var wg sync.WaitGroup
		names := make([][]string, clients)
		for c := range clients {
			wg.Go(func() { names[c] = stream(o.dnsServer, zone, key, c, round, each) })
		}
		goal := highest + uint32(100*(round+1))
		eventually(t, "updates are under way", func() error {
			now, err := o.serial(zone)
			if err != nil {
				return err
			}
			highest = max(highest, now)
			if now < goal {
				return fmt.Errorf("serial %d", now)
			}
			return nil
		})
		o.process().kill9()
		wg.Wait()
		got := slices.Concat(names...)
		cut = cut || len(got) < clients*each
		acked = append(acked, got...)

		o.site.restart(t, "dns")
		there, serial := mustTransfer(t, o.dnsServer, zone, "")
		var now uint32
		if _, err := fmt.Sscan(serial, &now); err != nil {
			t.Fatal(err)
		}
		if now < highest {
			t.Errorf("round %d: the serial went back from %d to %d", round, highest, now)
		}
		highest = now
		has := map[string]bool{}
		added := uint32(0)
		for _, r := range there {
			name, _, _ := strings.Cut(r, " ")
			has[name] = true
			if addedName.MatchString(r) {
				added++
			}
		}
		for _, name := range acked {
			if !has[name] {
				t.Errorf("round %d: %s was acknowledged and is not there", round, name)
			}
		}
		if now != 100+added {
			t.Errorf("round %d: serial %d with %d additions of one step each since 100", round, now, added)
		}
		t.Logf("round %d: %d acknowledged in all, %d there, serial %d", round, len(acked), added, now)
	}
	if !cut {
		t.Error("every kill came after the last update: nothing was tested")
	}
}
