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
		MinLease:    seconds(s, "min_lease_time", 1, true),
		MaxLease:    seconds(s, "max_lease_time", 1, true),
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
	if len(p.ServerName) > 63 {
		s.Fail("server_name", "at most 63 octets")
	}
	if len(p.BootFile) > 127 {
		s.Fail("boot_file", "at most 127 octets; a longer one is the option boot-file-name")
	}
	if at == ofServer || at == ofScope {
		p.LeaseQuery = s.Prefixes("leasequery")
	}
	checkTimes(s, &p)
	return p
}

// checkTimes refuses times of one level that contradict each other.
func checkTimes(s *config.Section, p *scope.Policy) {
	least, most := uint32(0), uint32(forever)
	if p.MinLease != nil {
		least = *p.MinLease
	}
	if p.MaxLease != nil {
		most = *p.MaxLease
	}
	if least > most {
		s.Fail("min_lease_time", "not more than max_lease_time")
	}
	if p.T1 != nil && p.T2 != nil && *p.T1 >= *p.T2 {
		s.Fail("t1", "less than t2")
	}
	if p.T2 != nil && p.LeaseTime != nil && *p.T2 >= *p.LeaseTime && *p.T2 != forever {
		s.Fail("t2", "less than lease_time")
	}
}

// madeByServer are options that an operator cannot set, and what to do instead.
var madeByServer = map[option.Code]string{
	option.RequestedAddress: "nothing: clients send it", option.LeaseTime: "lease_time beside the table of options",
	option.Overload: "nothing: the server does it when a message is full", option.MessageType: "nothing: the server says it",
	option.ServerIdentifier: "nothing: the server says it", option.ParameterList: "nothing: clients send it",
	option.Message: "nothing: the server says it", option.MaxMessageSize: "nothing: clients send it",
	option.RenewalTime: "t1 beside the table of options", option.RebindingTime: "t2 beside the table of options",
	option.ClientIdentifier: "nothing: clients send it", option.ClientFQDN: "nothing: the server answers it",
	option.RapidCommit: "rapid_commit beside the table of options", option.RelayInformation: "nothing: relays send it",
	option.LastTransaction: "nothing: it is made for a leasequery", option.AssociatedAddresses: "nothing: it is made for a leasequery",
	option.IPv6OnlyPreferred: "v6_only_wait beside the table of options", option.SubnetSelection: "nothing: clients send it",
	option.SubnetMask: "nothing: it is that of the scope's subnet",
}
