package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// M3: "Strays: remove, at first adoption only reported and mailed; or report. What was
// removed stays in the history with the line that undoes it."
func TestForeignAddresses(t *testing.T) {
	for _, policy := range []string{"remove", "report"} {
		t.Run(policy, func(t *testing.T) {
			s := newSite(t)
			s.web(11)
			s.web(12)
			mail := s.mail(30)
			mail.back()
			s.dns("ns1", 1)
			ns := []int{1}
			alerts := fmt.Sprintf("[alerts]\nsmtp = \"smtp://%s\"\nfrom = \"loadshare@mydomain.com\"\nto = [\"root@mydomain.com\"]\nrate = \"100/1m\"\n", mail.addr)
			s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish(fmt.Sprintf("strays = %q\n", policy), 1))
			s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), ns, ns)+alerts)
			www := "www.mydomain.com"
			eventually(t, 10*time.Second, "published", s.answers(ns, www, 11, 12))

			if err := s.update(1, func(m *dns.Msg) { m.Insert(rr(t, www+". 5 A "+s.ip(99))) }); err != nil {
				t.Fatal(err)
			}
			foreign := mail.mailWith(12*time.Second, s.ip(99), "nobody configured")
			if policy == "remove" {
				eventually(t, 12*time.Second, "the stray is removed", s.answers(ns, www, 11, 12))
				if !strings.Contains(foreign, "update add www.mydomain.com") {
					t.Errorf("the mail does not say how to undo it:\n%s", foreign)
				}
			} else {
				stays(t, 2*time.Second, "the stray is left", s.answers(ns, www, 11, 12, 99))
				eventually(t, 3*time.Second, "status names the stray", func() error {
					p, err := s.viewPool("m1", www)
					if err == nil && !slices.Contains(p.Strays, s.ip(99)) {
						err = fmt.Errorf("strays %v", p.Strays)
					}
					return err
				})
			}
			t.Logf("%s\n%s", foreign, must(t, "pool", "why", www, "-s", s.control("m1")))
			if out := must(t, "pool", "why", www, "-s", s.control("m1")) + must(t, "pool", "show", www, "-s", s.control("m1")); !strings.Contains(out, s.ip(99)) {
				t.Errorf("neither pool why nor pool show names %s:\n%s", s.ip(99), out)
			}
		})
	}
}

// Drift: what somebody else removes comes back.
func TestForeignRemovals(t *testing.T) {
	s := newSite(t)
	s.web(11)
	s.web(12)
	s.dns("ns1", 1)
	ns := []int{1}
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	s.role("monitor", "m1", s.monitorConfig("m1", s.pool("one.mydomain.com", "", 11, 12)+s.pool("two.mydomain.com", "", 11, 12), ns, ns))
	for _, name := range []string{"one.mydomain.com", "two.mydomain.com"} {
		eventually(t, 10*time.Second, "published", s.answers(ns, name, 11, 12))
	}
	if err := s.update(1, func(m *dns.Msg) {
		m.Remove(rr(t, "one.mydomain.com. 5 A "+s.ip(12)))
		m.RemoveName(rr(t, "two.mydomain.com. 5 A "+s.ip(12)))
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 12*time.Second, "a record removed by somebody else comes back", s.answers(ns, "one.mydomain.com", 11, 12))
	eventually(t, 12*time.Second, "a name removed by somebody else comes back", s.answers(ns, "two.mydomain.com", 11, 12))
	if out := must(t, "pool", "why", "one.mydomain.com", "-s", s.control("m1")); !strings.Contains(out, "in DNS") {
		t.Errorf("%s", out)
	}
}

// "on_all_down": the set from before the incident, all members, or none; each ends when members return.
func TestAllDown(t *testing.T) {
	s := newSite(t)
	w1, w2 := s.web(11), s.web(12)
	w3 := s.web(13)
	s.dns("ns1", 1)
	ns := []int{1}
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	var tables strings.Builder
	for _, on := range []string{"keep-last", "all", "none"} {
		tables.WriteString(s.pool(on+".mydomain.com", fmt.Sprintf("on_all_down = %q", on), 11, 12, 13))
	}
	tables.WriteString(s.pool("half.mydomain.com", "min_members = \"50%\"", 11, 12, 13))
	s.role("monitor", "m1", s.monitorConfig("m1", tables.String(), ns, ns))
	names := []string{"keep-last.mydomain.com", "all.mydomain.com", "none.mydomain.com", "half.mydomain.com"}
	for _, n := range names {
		eventually(t, 10*time.Second, n, s.answers(ns, n, 11, 12, 13))
	}
	w3.down()
	for _, n := range names {
		eventually(t, 5*time.Second, n, s.answers(ns, n, 11, 12))
	}
	// Half of three is two: the second death leaves two in.
	w2.down()
	eventually(t, 5*time.Second, "all", s.answers(ns, "all.mydomain.com", 11))
	stays(t, 700*time.Millisecond, "the floor of 50%", func() error {
		got, err := s.ask(1, "half.mydomain.com", dns.TypeA)
		if err == nil && len(got) != 2 {
			err = fmt.Errorf("%v", got)
		}
		return err
	})
	t.Log(must(t, "pool", "why", "half.mydomain.com", s.ip(12), "-s", s.control("m1")))
	w1.down()
	eventually(t, 5*time.Second, "none", s.answers(ns, "none.mydomain.com"))
	eventually(t, 5*time.Second, "all", s.answers(ns, "all.mydomain.com", 11, 12, 13))
	eventually(t, 5*time.Second, "keep-last", func() error {
		got, err := s.ask(1, "keep-last.mydomain.com", dns.TypeA)
		if err == nil && len(got) < 2 {
			err = fmt.Errorf("its last survivor only: %v", got)
		}
		return err
	})
	t.Log(must(t, "pool", "show", "keep-last.mydomain.com", "-s", s.control("m1")))
	w2.up()
	for _, n := range []string{"keep-last.mydomain.com", "all.mydomain.com", "none.mydomain.com"} {
		eventually(t, 5*time.Second, "back "+n, s.answers(ns, n, 12))
	}
	w1.up()
	w3.up()
	for _, n := range names {
		eventually(t, 8*time.Second, "all back "+n, s.answers(ns, n, 11, 12, 13))
	}
}

func TestDrains(t *testing.T) {
	s := newSite(t)
	s.web(11)
	s.web(12)
	s.dns("ns1", 1)
	ns := []int{1}
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	p := s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), ns, ns))
	www := "www.mydomain.com"
	eventually(t, 10*time.Second, "published", s.answers(ns, www, 11, 12))
	ctl := s.control("m1")
	drain := func(last int, how ...string) result {
		return run(t, append([]string{"pool", "drain", s.ip(last), "--reason", "new disk", "-s", ctl}, how...)...)
	}
	drain(11, "--for", "5s").expect(t, 0)
	eventually(t, 5*time.Second, "out", s.answers(ns, www, 12))
	r := drain(12, "--for", "1h")
	r.expect(t, 4, "1")
	t.Log(r.out + r.err)
	run(t, "pool", "drain", s.ip(77), "--for", "1h", "--reason", "x", "-s", ctl).expect(t, 4, s.ip(77))
	run(t, "pool", "drain", "not-an-address", "--for", "1h", "--reason", "x", "-s", ctl).expect(t, 4, "not-an-address")
	drain(12, "--for", "-1h").expect(t, 2)
	drain(12, "--for", "0s").expect(t, 2)
	run(t, "pool", "undrain", s.ip(12), "-s", ctl).expect(t, 4)
	run(t, "pool", "why", "nobody.mydomain.com", "-s", ctl).expect(t, 4, "nobody.mydomain.com")
	run(t, "pool", "show", "nobody.mydomain.com", "-s", ctl).expect(t, 4, "nobody.mydomain.com")
	if out := must(t, "pool", "why", www, s.ip(11), "-s", ctl); !strings.Contains(out, "new disk") {
		t.Errorf("why does not say why it is drained:\n%s", out)
	}
	// A drain survives a crash and ends by itself.
	p.kill9(t)
	s.again("monitor", "m1")
	stays(t, time.Second, "drained over a restart", s.answers(ns, www, 12))
	eventually(t, 8*time.Second, "the drain ends by itself", s.answers(ns, www, 11, 12))
	drain(11, "--for", "1h").expect(t, 0)
	eventually(t, 5*time.Second, "out again", s.answers(ns, www, 12))
	must(t, "pool", "undrain", s.ip(11), "-s", ctl)
	eventually(t, 5*time.Second, "in again", s.answers(ns, www, 11, 12))
}
