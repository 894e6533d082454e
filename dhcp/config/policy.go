package config

import (
	"loadshare/dhcp/option"
	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// level says where a policy stands, for what is possible there.
type level uint8

const (
	ofServer level = iota
	ofScope
	ofOthers
)

// policy reads options and times of one level: the keys of the section itself, and its table `options`. The zero Policy says nothing.
func (r *reader) policy(s *config.Section, at level) scope.Policy {
	p := scope.Policy{
		LeaseTime:   seconds(s, "lease_time", 1, true),
		MinLease:    seconds(s, "min_lease", 1, true),
		MaxLease:    seconds(s, "max_lease", 1, true),
		T1:          seconds(s, "t1", 1, true),
		T2:          seconds(s, "t2", 1, true),
		Options:     r.options(s.Table("options")),
		NextServer:  address(s, "next_server"),
		ServerName:  s.String("server_name", ""),
		BootFile:    s.String("boot_file", ""),
		RapidCommit: boolean(s, "rapid_commit"),
		PingCheck:   boolean(s, "ping_check"),
		AbandonTime: seconds(s, "abandon_time", 1, false),
		V6OnlyWait:  seconds(s, "v6_only_wait", 300, false), // RFC 8925, 3.4: MIN_V6ONLY_WAIT
		DDNS:        boolean(s, "ddns"),
		Domain:      s.String("domain", ""),
	}
	for i, name := range s.Strings("always") {
		d, ok := r.definition(name)
		if !ok {
			s.FailItem("always", i, "the name of an option, such as \"domain-search\""+r.hint(name))
			continue
		}
		p.Always = append(p.Always, d.Code)
	}
	if at == ofServer || at == ofScope {
		p.LeaseQuery = s.Prefixes("leasequery")
	}
	return p
}

// insteadOf says how an option is set that has a key of its own.
var insteadOf = map[option.Code]string{
	option.LeaseTime: "lease_time beside the table of options", option.RenewalTime: "t1 beside the table of options",
	option.RebindingTime: "t2 beside the table of options", option.RapidCommit: "rapid_commit beside the table of options",
	option.IPv6OnlyPreferred: "v6_only_wait beside the table of options",
}
