package peers

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestPairClients: nsupdate, knsupdate, dig and kdig, as administrators use them, against a pair in normal with updates_at_backup = "drop".
func TestPairClients(t *testing.T) {
	t.Parallel()
	need(t, "knsupdate", "kdig")
	p := startPair(t, nil)
	both := []*dnsServer{p.main.dnsServer, p.backup.dnsServer}
	before, _, err := zoneAt(p.main.dnsServer)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range updaters {
		name, address := fmt.Sprintf("client%d", i), fmt.Sprintf("192.0.2.%d", 30+i)
		got, err := u.sendFrom(p.client, p.main.dnsServer, pairZone, p.key(), "update add "+name+".% 60 A "+address, "prereq nxdomain "+name+".%\nupdate add missing.% 60 A 192.0.2.99")
		if err != nil || !slices.Equal(got, []string{"NOERROR", "YXDOMAIN"}) {
			t.Errorf("%s at the main: %v %v", u, got, err)
		}
		took := eventually(t, "it is on both", p.has(name, address, both...))
		t.Logf("%s: on both %s after the answer", u, took.Round(time.Millisecond))
	}
	records, serial := p.equal(t, "after four updates")
	if want := before + uint32(len(updaters)); serial != want {
		t.Errorf("serial %d, want %d: in normal it moves by one", serial, want)
	}

	// Both give the same IXFR: the same steps, with the same serials.
	for _, tool := range [][]string{{"dig", "+noall", "+answer", "+tcp"}, {"kdig", "+noall", "+answer", "+tcp"}} {
		var texts []string
		for _, s := range both {
			out := output(t, p.client.command(tool[0], append(tool[1:], "-y", p.key(), "-p", "53", "@"+s.addr, pairZone, fmt.Sprintf("IXFR=%d", before))...))
			texts = append(texts, strings.Join(answerLines(out), "\n"))
		}
		if d := gocmp.Diff(texts[0], texts[1]); d != "" {
			t.Errorf("%s: IXFR of main and backup differ:\n%s", tool[0], d)
		}
		if n := strings.Count(texts[0], "client"); n != len(updaters) {
			t.Errorf("%s: IXFR from %d has %d of %d additions:\n%s", tool[0], before, n, len(updaters), texts[0])
		}
	}

	// Updates at the backup are not its business: silence over UDP, SERVFAIL over TCP, both of which send a client on to the next server
	// (RFC 2136, 4.5 and 4.6), and nothing is changed.
	for _, u := range updaters {
		args := map[bool][]string{true: {"-v", "-t", "30"}, false: {"-t", "1"}}[u.tcp]
		if u.program == "nsupdate" && !u.tcp {
			args = append(args, "-u", "1")
		}
		cmd := p.client.command(u.program, append(args, "-y", p.key(), "-r", "0")...)
		cmd.Stdin = strings.NewReader(fmt.Sprintf("server %s 53\nzone %s\nupdate add refused.%[2]s. 60 A 192.0.2.98\nsend\nanswer\n", p.backup.addr, pairZone))
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s at the backup: it says nothing is wrong: %s", u, out)
		}
		if servfail := strings.Contains(string(out), "SERVFAIL"); servfail != u.tcp {
			t.Errorf("%s at the backup: %s", u, out)
		}
	}
	stays(t, 500*time.Millisecond, "nothing has changed", func() error {
		for _, s := range both {
			now, theirs, err := zoneAt(s)
			if err != nil {
				return err
			}
			if now != serial || !slices.Equal(theirs, records) {
				return fmt.Errorf("%s: serial %d, was %d", s.addr, now, serial)
			}
		}
		return nil
	})
}

// answerLines are the records of an answer in their order, with single spaces.
func answerLines(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !strings.HasPrefix(line, ";") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestPairForward: "clients cannot reach M, link up: forward: yes": the backup hands updates on, the main judges the client by its key, and
// the client's own TSIG is answered.
func TestPairForward(t *testing.T) {
	t.Parallel()
	need(t, "knsupdate")
	p := startPair(t, map[string]string{"updates_at_backup": "forward"})
	both := []*dnsServer{p.main.dnsServer, p.backup.dnsServer}
	mend := p.main.cut(t, p.client)
	for i, u := range updaters {
		name, address := fmt.Sprintf("forward%d", i), fmt.Sprintf("192.0.2.%d", 40+i)
		got, err := u.sendFrom(p.client, p.backup.dnsServer, pairZone, p.key(), "update add "+name+".% 60 A "+address, "prereq nxdomain "+name+".%\nupdate add missing.% 60 A 192.0.2.99")
		if err != nil || !slices.Equal(got, []string{"NOERROR", "YXDOMAIN"}) {
			t.Errorf("%s at the backup: %v %v", u, got, err)
		}
		eventually(t, "it is on both", p.has(name, address, both...))
		got, err = u.sendFrom(p.client, p.backup.dnsServer, pairZone, "", "update add unsigned.% 60 A 192.0.2.97")
		if err != nil || !slices.Equal(got, []string{"REFUSED"}) {
			t.Errorf("%s at the backup, without a key: %v %v", u, got, err)
		}
	}
	mend()
	p.equal(t, "afterwards")
	// Without the main the backup waits no longer than it says, and the answer is one that sends the client on.
	p.main.signal(t, syscall.SIGSTOP)
	c := newUpdateClient(p, "lost")
	defer c.close()
	begun := time.Now()
	err := c.try(p.backup.dnsServer, "lost", "192.0.2.96", 5*time.Second)
	t.Logf("forwarded to a frozen main: %v after %s", err, time.Since(begun).Round(time.Millisecond))
	p.main.signal(t, syscall.SIGCONT)
	p.normal(t)
	p.equal(t, "with the main again")
}
