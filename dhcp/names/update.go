package names

import "loadshare/ddns"

// change is the update of the step.
func (m *Machine) change() ddns.Change {
	j := m.job
	reverse := reverseName(j.IP)
	c := ddns.Change{Zone: m.c.forwardZone(j.FQDN)}
	if m.step == addPTR || m.step == removePTR {
		c.Zone = m.c.reverseZone(j.IP)
	}

	ours := ddns.Prereq{Kind: ddns.SetEquals, Name: j.FQDN, Type: "DHCID", Values: []string{j.data()}}
	some := func(typ string) ddns.Prereq { return ddns.Prereq{Kind: ddns.SetExists, Name: j.FQDN, Type: typ} }
	none := func(typ string) ddns.Prereq { return ddns.Prereq{Kind: ddns.SetAbsent, Name: j.FQDN, Type: typ} }
	only := ddns.Prereq{Kind: ddns.SetEquals, Name: j.FQDN, Type: "A", Values: []string{j.IP.String()}}
	add := ddns.Op{Kind: ddns.Add, Name: j.FQDN, Type: "A", TTL: j.TTL, Data: j.IP.String()}
	clearA := ddns.Op{Kind: ddns.DeleteSet, Name: j.FQDN, Type: "A"}
	remove := ddns.Op{Kind: ddns.DeleteRecord, Name: j.FQDN, Type: "A", Data: j.IP.String()}

	switch m.step {
	case over:
	case addNew:
		c.Prereqs = []ddns.Prereq{{Kind: ddns.NameNotInUse, Name: j.FQDN}}
		c.Ops = []ddns.Op{add, {Kind: ddns.Add, Name: j.FQDN, Type: "DHCID", TTL: j.TTL, Data: j.data()}}
	case addOurs:
		c.Prereqs = []ddns.Prereq{{Kind: ddns.NameInUse, Name: j.FQDN}, ours}
		c.Ops = []ddns.Op{clearA, add}
	case addBeside:
		c.Prereqs = []ddns.Prereq{some("DHCID"), some("AAAA"), none("A")}
		c.Ops = []ddns.Op{add}
	case keepBeside:
		c.Prereqs = []ddns.Prereq{some("DHCID"), only}
		c.Ops = []ddns.Op{clearA, add}
	case addPTR:
		c.Ops = []ddns.Op{
			{Kind: ddns.DeleteSet, Name: reverse, Type: "PTR"},
			{Kind: ddns.Add, Name: reverse, Type: "PTR", TTL: j.TTL, Data: j.FQDN + "."},
		}
	case removePTR:
		c.Prereqs = []ddns.Prereq{{Kind: ddns.SetEquals, Name: reverse, Type: "PTR", Values: []string{j.FQDN + "."}}}
		c.Ops = []ddns.Op{{Kind: ddns.DeleteSet, Name: reverse, Type: "PTR"}}
	case removeOurs:
		c.Prereqs = []ddns.Prereq{ours}
		c.Ops = []ddns.Op{remove}
	case removeLast:
		c.Prereqs = []ddns.Prereq{ours, none("A"), none("AAAA")}
		c.Ops = []ddns.Op{{Kind: ddns.DeleteRecord, Name: j.FQDN, Type: "DHCID", Data: j.data()}}
	case removeBeside:
		c.Prereqs = []ddns.Prereq{some("DHCID"), only}
		c.Ops = []ddns.Op{remove}
	case removeOrphan:
		c.Prereqs = []ddns.Prereq{some("DHCID"), none("A"), none("AAAA")}
		c.Ops = []ddns.Op{{Kind: ddns.DeleteSet, Name: j.FQDN, Type: "DHCID"}}
	}
	return c
}
