package importer

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// pool is all the checks of one round-robin name.
type pool struct {
	record  string
	ttl     uint32 // 0: not known
	checks  []probe
	members []member
}

// member is one address of a pool; own is set when its checks differ from the pool's.
type member struct {
	address netip.Addr
	restart string
	own     []probe
	all     []probe
}

// probe is what is sent to a port and expected from it.
type probe struct{ service, send, expect string }

func probesKey(ps []probe) string { return fmt.Sprintf("%q", ps) }

// pools groups the checks by name, in the order of the file (the numbers of
// check_serverN carry no meaning).
func (s *source) pools() []pool {
	var out []pool
	index := map[string]int{}
	for _, c := range s.checks {
		i, ok := index[c.record]
		if !ok {
			i = len(out)
			index[c.record] = i
			out = append(out, pool{record: c.record})
		}
		s.add(&out[i], c)
	}
	for i := range out {
		out[i].settle()
		out[i].ttl = s.ttlOf(out[i])
	}
	return out
}

func (s *source) add(p *pool, c check) {
	pr := probe{c.service, c.send, c.expect}
	i := slices.IndexFunc(p.members, func(m member) bool { return m.address == c.address })
	if i < 0 {
		p.members = append(p.members, member{address: c.address, restart: c.script, all: []probe{pr}})
		return
	}
	m := &p.members[i]
	if slices.Contains(m.all, pr) {
		s.note(c.pos, "the same check is there twice: written once")
	} else {
		m.all = append(m.all, pr)
	}
	switch {
	case m.restart == "":
		m.restart = c.script
	case c.script != "" && c.script != m.restart:
		s.note(c.pos, "%s of %s is restarted by %s already: a member has one service to restart, %s is left out", m.address, p.record, m.restart, c.script)
	}
}

// settle gives the pool the checks that most members have, and the other
// members their own.
func (p *pool) settle() {
	count := map[string]int{}
	for _, m := range p.members {
		count[probesKey(m.all)]++
	}
	best := slices.MaxFunc(p.members, func(a, b member) int {
		return cmp.Compare(count[probesKey(a.all)], count[probesKey(b.all)])
	})
	p.checks = best.all
	for i := range p.members {
		if m := &p.members[i]; probesKey(m.all) != probesKey(p.checks) {
			m.own = m.all
		}
	}
}

// ttlOf finds the TTL that normal-dns has for the pool's name, else for the
// same host in the other domain.
func (s *source) ttlOf(p pool) uint32 {
	var near uint32
	for _, l := range s.normal {
		if l.name == p.record {
			return l.ttl
		}
		if near == 0 && firstLabel(l.name) == firstLabel(p.record) && s.sameValues(l.name, p) {
			near = l.ttl
		}
	}
	return near
}

// knownService reports whether the services file has the name for TCP.
func knownService(name string) bool {
	_, err := net.LookupPort("tcp", name)
	return err == nil
}

const defaultPort = 2224

// port is the one on which agents listen.
func (s *source) agentPort() int { return cmp.Or(s.nodePort, s.listenPort, defaultPort) }

// generalNotes says what holds for every import of this package.
func (s *source) generalNotes(pools []pool) {
	if s.passwordSeen {
		s.say("the old password is not used for anything: agent.key is a new random key. Copy it to every node and to the monitor, mode 0600, and forget the password: it travelled in clear")
	}
	if s.nodePort != 0 && s.listenPort != 0 && s.nodePort != s.listenPort {
		s.say("clusternode_server_port is %d and local_server_port is %d: %d is written to both files", s.nodePort, s.listenPort, s.nodePort)
	}
	if s.nodePort == 0 && s.listenPort == 0 {
		s.say("no port was set (the old default was 2223): port %d is written; old and new programs cannot talk to each other anyway", defaultPort)
	}
	if len(s.emails) == 0 {
		s.say("no mail address: nobody will be told of failures until [alerts] has one")
	} else {
		s.say("mail goes out through smtp://127.0.0.1:25 as before; set [alerts] smtp if this host has no mail server")
	}
	if s.monitorFile != "" {
		s.say(`the old document gives two orders (remove, restart, re-add; and restart, look again, remove). on_failure = "remove-first" is written: a dead address leaves DNS at once; "restart-first" is the other order`)
		s.say(`bind8_dns_server1 and 2 are written as [dns] agents (an agent with [publish] runs there) and servers (asked what they answer). policy = "every" is written: both take every change, as before. For a loadshare dns pair or a main with a secondary write policy = "pair"`)
		s.say("the comments of the old files say that both interfaces of a node are pinged: a [[check]] of type icmp for each interface, named in `checks` of the node's members, does it; an example stands in monitor.toml as a comment")
		s.say("the comments say that the address of a dead node is taken over: that is `loadshare vip`, see docs")
		s.say("the comments say that a port forward is asked for when a service fails: on_down and on_up of a service in agent.toml run a command on the node; an example stands in agent.toml as a comment")
	}
	s.say("updates are signed now: `allow-update { localhost; };` becomes `allow-update { key ddns; };` in each zone, with ddns.key included in named.conf. The server is named explicitly, so the SOA MNAME no longer matters")
	s.say("agent.toml is for all hosts: on a cluster node that is not one of the DNS servers delete its [publish] section")
	s.sayInetd(pools)
	s.sayTTL(pools)
	s.sayNumbers()
	if s.normalDir != "" {
		s.say("failover_directory = %s: normal-dns is looked for beside agent.toml now", quote(s.normalDir))
	}
	if s.normalFile != "" {
		s.say("normal-dns is applied at each start of the monitor, as before, but what is known to be down is left out of it (reset_on_start), and only the monitor in charge does it")
	}
}

func (s *source) sayInetd(pools []pool) {
	for _, p := range pools {
		for _, m := range p.members {
			if m.restart == "inetd" || m.restart == "xinetd" {
				s.say("%s restarts %s, the super-server, and with it all its services; inetd refuses a service for 10 minutes when it is called too often: raise interval of pool %s if that happens", p.record, m.restart, p.record)
				break
			}
		}
	}
}

func (s *source) sayTTL(pools []pool) {
	var low []string
	for _, p := range pools {
		if p.ttl != 0 && p.ttl < 5 {
			low = append(low, p.record)
		}
	}
	if len(low) > 0 {
		s.say("TTL below 5 s is kept for %s, but many resolvers do not honour it: 30 is our default", strings.Join(low, ", "))
	}
}

func (s *source) sayNumbers() {
	for i := 1; i < len(s.checks); i++ {
		if a, b := s.checks[i-1].number, s.checks[i].number; b != a+1 {
			s.note(s.checks[i].pos, "check_server%d follows check_server%d: the numbers carry no meaning, the order of the lines is kept", b, a)
			return
		}
	}
}
