package peers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	www  = "www.mydomain.com"
	smtp = "smtp.mydomain.com"
)

// TestChain plays the main job on real servers: two independent BIND primaries,
// nginx under Debian's init script and Exim as services, mail in a real mailbox.
func TestChain(t *testing.T) {
	chain(t, named, named)
}

// TestChainWithKnot has Knot as the second update target: a second reading of RFC 2136.
func TestChainWithKnot(t *testing.T) {
	chain(t, named, knotd)
}

type startDNS func(*testing.T, host, string, string) *dnsServer

func chain(t *testing.T, first, second startDNS) {
	t.Parallel()
	at := loopbackHosts()
	s := newSite(t, at(100))
	node1, node2, ns1, ns2 := at(11), at(12), at(1), at(2)
	scripts1, scripts2 := openDir(t), openDir(t)
	web1, web2 := newNginx(t, node1, scripts1), newNginx(t, node2, scripts2)
	mail := newExim(t, at(20), 2525)

	zone := zoneText(ns1, ns2,
		"www 1 IN A "+node1.addr, "www 1 IN A "+node2.addr, "smtp 1 IN A "+mail.addr)
	a, b := first(t, local, s.ddns, zone), second(t, local, s.ddns, zone)
	servers := []*dnsServer{a, b}
	both := []string{node1.addr, node2.addr}

	for name, h := range map[string]host{"agent-ns1": ns1, "agent-ns2": ns2} {
		s.publisher(t, name, h, servers, "strays = \"remove\"\n")
	}
	for i, scripts := range []string{scripts1, scripts2} {
		h := []host{node1, node2}[i]
		s.nodeAgent(t, fmt.Sprintf("agent-node%d", i+1), h, fmt.Sprintf("scripts = %q\nbudget = \"3/10m\"\n[restart.service.nginx]\nmethod = \"script\"\n", scripts))
	}
	pool := func(check, name string, members ...string) string {
		text := fmt.Sprintf("[[pool]]\nrecord = %q\nttl = 5\n[pool.check]\n%s", name, check)
		for _, m := range members {
			text += fmt.Sprintf("[[pool.member]]\naddress = %q\n", m)
			if name == www {
				text += "restart = \"nginx\"\n"
			}
		}
		return text
	}
	s.monitor(t, []host{ns1, ns2}, servers, mail, "fall = 2\n"+
		pool(fmt.Sprintf("port = %d\nsend = \"GET /robots.txt HTTP/1.0\"\nexpect = \"httpd is working\"\n", httpPort), www, both...)+
		pool("service = \"smtp\"\nport = 2525\nsend = \"QUIT\"\nexpect = \"220\"\n", smtp, mail.addr))

	eventually(t, "first verdicts", s.isUp(www, both...))
	eventually(t, "both answer every address", answer(www, "A", both, servers...))

	// F03: the record leaves both servers, the init script restarts it, it comes back.
	web1.kill9(t)
	out := eventually(t, "the dead address leaves both", answer(www, "A", both[1:], servers...))
	back := eventually(t, "it is restarted and returns", answer(www, "A", both, servers...))
	t.Logf("nginx killed: out of both servers after %s, back after another %s", out.Round(time.Millisecond), back.Round(time.Millisecond))

	// F25 and lessons 2.18: the mail has the restart's evidence, the recovery is in the same thread.
	eventually(t, "mail about failure and recovery", func() error { return threaded(mail.messages()) })

	// An outage of one DNS server during an outage of a service: nothing is lost.
	mend := web2.breakIt(t)
	a.proc.kill9()
	web2.kill9(t)
	eventually(t, "the living server is written without waiting", answer(www, "A", both[:1], b))
	eventually(t, "restart fails, it stays out", s.isIn(www, "down", both[1]))
	a.restart(t)
	caught := eventually(t, "the returned server gets what it missed", answer(www, "A", both[:1], servers...))
	t.Logf("killed DNS server: the same records %s after its return", caught.Round(time.Millisecond))

	// `pool why` answers "why is it out" from the durable history (lessons 3.1).
	why := s.loadshareOut(t, "pool", "why", www, both[1], "-s", s.control("monitor"))
	for _, word := range []string{both[1], "refused", "restart"} {
		if !strings.Contains(why, word) {
			t.Errorf("pool why does not mention %q:\n%s", word, why)
		}
	}

	// An administrator repairs it: probes see it, without any restart of ours.
	mend()
	output(t, web2.command(web2.script, "start"))
	eventually(t, "it returns when it answers", answer(www, "A", both, servers...))

	// M3: what somebody adds with nsupdate and nobody configured is found and taken out, and the history has the line that undoes it.
	nsupdate(t, b, s.ddns, "update add "+www+" 5 A 192.0.2.99")
	s.loadshareOut(t, "pool", "drain", both[0], "--for", "10m", "--reason", "test", "-s", s.control("monitor"))
	eventually(t, "drained, and the stray gone, in both", answer(www, "A", both[1:], servers...))
	eventually(t, "the history has the line that undoes it", func() error {
		why := s.loadshareOut(t, "pool", "why", www, "--json", "-s", s.control("monitor"))
		if !strings.Contains(why, "update add "+www) || !strings.Contains(why, "192.0.2.99") {
			return fmt.Errorf("pool why: %s", why)
		}
		return nil
	})
	s.loadshareOut(t, "pool", "undrain", both[0], "-s", s.control("monitor"))

	// The monitor's state survives its own kill -9: nothing leaves DNS while it is away or starts.
	s.roles["monitor"].kill9()
	s.restart(t, "monitor")
	eventually(t, "up again after the monitor's restart", s.isUp(www, both...))
}

// threaded checks that there is a failure mail and a later one that refers to it.
func threaded(messages []string) error {
	for i, m := range messages {
		id := header(m, "Message-ID")
		if id == "" {
			return fmt.Errorf("message %d has no Message-ID:\n%s", i, m)
		}
		for _, later := range messages[i+1:] {
			if strings.Contains(header(later, "References")+header(later, "In-Reply-To"), id) && strings.Contains(strings.Join(messages, ""), "nginx") {
				return nil
			}
		}
	}
	return fmt.Errorf("%d messages, none refers to an earlier one", len(messages))
}

func header(message, name string) string {
	head, _, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n\n")
	head = strings.ReplaceAll(head, "\n ", " ")
	head = strings.ReplaceAll(head, "\n\t", " ")
	for line := range strings.Lines(head) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
