package monitor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"loadshare/internal/config"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// Pool is one [[pool]] table: one name, one type, its checks and members. A
// pool of addresses with members of both families becomes two record sets.
type Pool struct {
	// Record is the owner name, lower case, without final dot.
	Record string
	// Type is A (members of both families), AAAA or MX.
	Type order.RRType
	// Zone overrides the search for the zone by SOA (M12); usually "".
	Zone           string
	TTL            uint32
	OnFailure      decide.OnFailure
	MinMembers     decide.Floor
	OnAllDown      decide.OnAllDown
	Flap           decide.Flap
	Grace          time.Duration
	RestartTimeout time.Duration
	// Need is how many checks of a member must be up: 0 all, 1 any, more a quorum.
	Need    int
	Checks  []Check
	Members []Member
}

// Member is one [[pool.member]] table: an address, or for MX a target.
type Member struct {
	// IP is set unless Target is.
	IP netip.Addr
	// Target is a host name whose addresses are looked up again and again.
	Target     string
	Preference int
	// Service is what its agent restarts; "" never.
	Service string
	// Agent is the node's agent; not valid for a target without `agent`: then
	// it is at the target's first address.
	Agent netip.AddrPort
	// Port replaces the port of the pool's checks; 0 leaves it.
	Port uint16
	// Own replaces the pool's checks when not nil.
	Own []Check
	// Named are checks of Config.Checks that count as the member's own: it is
	// down when one of them is, and its other checks are silent then.
	Named []string
	// DependsOn are checks of Config.Checks that silence this member's while they fail.
	DependsOn []string
}

// Name is what operators call the member.
func (m Member) Name() string {
	if m.Target != "" {
		return m.Target
	}
	return m.IP.String()
}

func (r *reader) pools(root *config.Section, d settings) {
	tables := root.Tables("pool")
	if len(tables) > maxPools {
		root.Fail("pool", fmt.Sprintf("at most %d pools", maxPools))
		return
	}
	for _, s := range tables {
		r.cfg.Pools = append(r.cfg.Pools, r.pool(s, d))
	}
}

func (r *reader) pool(s *config.Section, d settings) Pool {
	d = d.override(s)
	p := Pool{
		Record: readRecord(s), Zone: readZone(s), TTL: d.ttl, OnFailure: d.onFailure, MinMembers: d.minMembers,
		OnAllDown: d.onAllDown, Flap: d.flap, Grace: d.grace, RestartTimeout: d.restartTimeout,
	}
	p.Type = order.RRType(s.OneOf("type", "A", "A", "AAAA", "MX"))
	pref := s.Int("preference", 10, 0, 65535)
	if s.Has("preference") && p.Type != order.MX {
		s.Fail("preference", "only with type = \"MX\"")
	}
	if p.Zone != "" && p.Record != p.Zone && !strings.HasSuffix(p.Record, "."+p.Zone) {
		s.Fail("zone", "a zone that "+p.Record+" is in")
	}
	p.Checks = r.checkTables(s, d)
	members := s.Tables("member")
	if len(members) == 0 {
		s.Fail("member", "at least one [[pool.member]]")
	}
	if len(members) > maxMembers {
		s.Fail("member", fmt.Sprintf("at most %d members", maxMembers))
		members = nil
	}
	for _, ms := range members {
		p.Members = append(p.Members, r.member(ms, p, pref, d))
	}
	p.Need = readNeed(s, p)
	r.judge(s, p, members)
	return p
}

func readRecord(s *config.Section) string {
	name := strings.ToLower(strings.TrimSuffix(s.Required("record"), "."))
	if s.Has("record") && name != "" && (len(name) > 253 || !plainName.MatchString(name)) {
		s.Fail("record", "a domain name, such as \"www.mydomain.com\"")
		return ""
	}
	return name
}

func readZone(s *config.Section) string {
	name := strings.ToLower(strings.TrimSuffix(s.String("zone", ""), "."))
	if name != "" && !plainName.MatchString(name) {
		s.Fail("zone", "the name of a zone; without it the zone is looked for")
		return ""
	}
	return name
}

// readNeed reads how many checks of a member must be up.
func readNeed(s *config.Section, p Pool) int {
	if !s.Has("need") {
		s.String("need", "")
		return 0
	}
	if n, ok := s.Raw("need").(int64); ok {
		if n >= 1 && int(n) <= len(p.Checks) {
			return int(n)
		}
		s.Fail("need", fmt.Sprintf("\"all\", \"any\" or a number from 1 to %d, the checks of the pool", len(p.Checks)))
		return 0
	}
	if s.OneOf("need", "all", "all", "any") == "any" {
		return 1
	}
	return 0
}

func (r *reader) member(s *config.Section, p Pool, pref int, d settings) Member {
	m := Member{Preference: pref}
	if p.Type == order.MX {
		m.Target = strings.ToLower(strings.TrimSuffix(s.Required("target"), "."))
		if m.Target != "" && !plainName.MatchString(m.Target) {
			s.Fail("target", "the name of a mail server")
		}
		m.Preference = s.Int("preference", pref, 0, 65535)
	} else {
		m.IP = readMemberAddress(s, p.Type)
	}
	m.Service = s.String("restart", "")
	if s.Has("restart") && !plainWord(m.Service) {
		s.Fail("restart", "the name of a service in that node's agent.toml")
	}
	m.Agent = s.AddrPort("agent", r.cfg.AgentPort)
	if !m.Agent.IsValid() && m.IP.IsValid() {
		m.Agent = netip.AddrPortFrom(m.IP, r.cfg.AgentPort)
	}
	if s.Has("port") {
		m.Port = uint16(s.Int("port", 1, 1, 65535))
		if len(p.Checks) > 1 {
			s.Fail("port", "only where the pool has one check; otherwise give the member its own [pool.member.check]")
		}
	} else {
		s.Int("port", 0, 1, 65535)
	}
	if s.Has("check") {
		m.Own = r.checkTables(s, d)
	} else {
		s.Table("check")
	}
	m.Named = s.Strings("checks")
	m.DependsOn = s.Strings("depends_on")
	if len(p.Checks) == 0 && m.Own == nil && len(m.Named) == 0 {
		s.Fail("check", "a [pool.check], or a [pool.member.check] of its own: nothing would be looked at")
	}
	n := len(m.Own)
	if m.Own == nil {
		n = len(p.Checks)
	}
	r.checks += n
	if r.checks > maxChecks {
		s.Fail("check", fmt.Sprintf("at most %d checks in all", maxChecks))
	}
	return m
}

func readMemberAddress(s *config.Section, t order.RRType) netip.Addr {
	a := s.Addr("address").Unmap()
	switch {
	case !s.Has("address"):
		s.Fail("address", "an address")
	case !a.IsValid():
	case a.IsUnspecified() || a.IsMulticast() || a.Zone() != "":
		s.Fail("address", "the address of a host")
	case t == order.AAAA && a.Is4():
		s.Fail("address", "an IPv6 address: the pool's type is AAAA")
	}
	return a
}

func plainWord(s string) bool {
	return s != "" && len(s) <= 64 && s[0] != '-' && s[0] != '.' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-") == ""
}

// judge finds what is wrong between the members of a pool, and between pools.
func (r *reader) judge(s *config.Section, p Pool, members []*config.Section) {
	seen := map[string]bool{}
	types := map[order.RRType]int{}
	for i, m := range p.Members {
		name := m.Name()
		if name == "" || p.Type != order.MX && !m.IP.IsValid() {
			continue
		}
		key := "address"
		if m.Target != "" {
			key = "target"
		}
		if seen[name] {
			members[i].Fail(key, "each member once in a pool")
		}
		seen[name] = true
		types[recordType(p.Type, m)]++
	}
	for _, t := range sortedKeys(types) {
		id := string(order.NewPoolID(p.Record, t))
		if p.Record != "" && r.records[id] {
			s.Fail("record", "each record once; "+id+" is there already: put the members into one pool")
		}
		r.records[id] = true
		if n := p.MinMembers.Number; n > types[t] {
			s.Warn("min_members", fmt.Sprintf("only %d members of type %s: nothing can ever leave DNS", types[t], t))
		}
	}
	if p.OnAllDown == decide.None && p.MinMembers != (decide.Floor{Number: 1}) {
		s.Warn("on_all_down", "\"none\" empties the record when all members are down, below min_members")
	}
}

// recordType is the type under which a member is published.
func recordType(t order.RRType, m Member) order.RRType {
	switch {
	case t == order.MX:
		return order.MX
	case m.IP.Is4():
		return order.A
	}
	return order.AAAA
}

// dependencies checks the names in checks and depends_on, once all are known.
func (r *reader) dependencies(root *config.Section) {
	known := func(s *config.Section, key string, extra []string) {
		for i, name := range s.Strings(key) {
			if _, ok := r.named[name]; !ok && !slices.Contains(extra, name) {
				s.FailItem(key, i, "the name of a [[check]]")
			}
		}
	}
	for _, s := range root.Tables("check") {
		known(s, "depends_on", nil)
	}
	for i, s := range root.Tables("pool") {
		if i >= len(r.cfg.Pools) {
			break
		}
		p := r.cfg.Pools[i]
		for _, cs := range checkSections(s) {
			known(cs, "depends_on", checkNames(p.Checks))
		}
		for j, ms := range s.Tables("member") {
			known(ms, "checks", nil)
			known(ms, "depends_on", nil)
			for _, cs := range checkSections(ms) {
				known(cs, "depends_on", checkNames(p.Members[j].Own))
			}
		}
	}
	if loop := r.loop(); loop != "" {
		root.Fail("check", "dependencies without a circle: "+loop+" depends on itself")
	}
}

func checkNames(list []Check) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.Name
	}
	return out
}

// loop is the name of a check that depends on itself, or "".
func (r *reader) loop() string {
	lists := [][]Check{r.cfg.Checks}
	for _, p := range r.cfg.Pools {
		lists = append(lists, p.Checks)
		for _, m := range p.Members {
			lists = append(lists, m.Own)
		}
	}
	for _, list := range lists {
		parents := map[string][]string{}
		for _, c := range list {
			parents[c.Name] = c.DependsOn
		}
		for _, c := range list {
			if reaches(parents, c.Name, c.Name, len(list)+1) {
				return c.Name
			}
		}
	}
	return ""
}

// reaches reports whether to is among the ancestors of from, at most depth steps away.
func reaches(parents map[string][]string, from, to string, depth int) bool {
	seen := map[string]bool{}
	level := parents[from]
	for ; depth > 0 && len(level) > 0; depth-- {
		var next []string
		for _, p := range level {
			if p == to {
				return true
			}
			if !seen[p] {
				seen[p] = true
				next = append(next, parents[p]...)
			}
		}
		level = next
	}
	return false
}
