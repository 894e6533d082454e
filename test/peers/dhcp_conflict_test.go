package peers

import (
	"fmt"
	"strings"
	"testing"
)

// conflict: D18: both were told that the other is down, and both ran. At first contact they are in potential-conflict, without contact again
// in resolution-interrupted, and end in normal; each gave only of its own share meanwhile, so nothing is in conflict.
func (p *dhcpPair) conflict(t *testing.T, h1 host) {
	t.Helper()
	mend := h1.cut(t, p.hostOf(p.backup))
	for _, s := range p.both() {
		p.become(t, s, "communications-interrupted", "")
	}
	for _, s := range p.both() {
		s.partnerDown(t)
	}
	for _, s := range p.both() {
		p.become(t, s, "partner-down", "")
	}
	p.renew(t, "both are in partner-down") // for an hour. From now on each server gives what the other does not know, and would refuse
	p.settled = true
	for i, s := range p.both() {
		servers := p.load.Servers
		p.load.Servers = servers[i : i+1]
		p.serve(t, 3, s.name()+" is in partner-down")
		p.load.Servers = servers
	}
	if p.plain {
		p.meet(t, h1, mend)
	} else {
		mend()
	}
	for _, s := range p.both() {
		p.become(t, s, "normal", "normal")
	}
	p.settled = false
	p.agree(t)
	p.serve(t, 5, "normal again")
	p.agree(t)
}

// meet lets the two say their states and nothing of their leases, and then nothing at all.
func (p *dhcpPair) meet(t *testing.T, h1 host, mend func()) {
	t.Helper()
	// The first octet of a message after its length is its type; TCP's header has 32 octets with its timestamps. What begins with a STATE
	// (of 30 octets) may have another behind it, and an UPDREQ (of 12), which goes unanswered.
	hold := h1.filter(t, "hold", "@th,272,8 { 3, 4, 7, 8, 9, 11 } drop", "@th,272,8 10 meta length != { 82, 112, 124 } drop")
	mend()
	for _, s := range p.both() {
		p.become(t, s, "potential-conflict", "")
	}
	apart := h1.filter(t, "apart", "tcp flags & rst == 0 reject with tcp reset")
	hold() // what is sent again is reset now
	for _, s := range p.both() {
		p.become(t, s, "resolution-interrupted", "")
	}
	p.serve(t, 3, "the resolution is interrupted")
	apart()
}

// filter does something with what the failover port of this host hears and says.
func (h host) filter(t *testing.T, name string, what ...string) (end func()) {
	t.Helper()
	rules := fmt.Sprintf("add table inet %[1]s\nadd chain inet %[1]s in { type filter hook input priority 0; }\nadd chain inet %[1]s out { type filter hook output priority 0; }\n", name)
	for _, way := range []string{"in", "out"} {
		for _, rule := range what {
			rules += fmt.Sprintf("add rule inet %[1]s %[2]s tcp sport 647 %[3]s\nadd rule inet %[1]s %[2]s tcp dport 647 %[3]s\n", name, way, rule)
		}
	}
	cmd := h.command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	output(t, cmd)
	return func() { output(t, h.command("nft", "delete", "table", "inet", name)) }
}
