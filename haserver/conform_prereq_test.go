package haserver

import (
	"testing"

	"github.com/miekg/dns"
)

// add is what a message would change if its prerequisites held.
const add, added = "new.% 5 IN A 192.0.2.99", "new.% 5 IN A 192.0.2.99"

func holds(rule, prereq string) row {
	return row{rule: rule, prereq: prereq, update: add, plus: added, serial: 11}
}

func fails(rule, prereq string, rcode int) row {
	return row{rule: rule, prereq: prereq, update: add, rcode: rcode, reason: PrereqFailed}
}

// RFC 2136, 2.4.1 and 3.2.1 to 3.2.5, the kinds of prerequisite: what holds lets the update pass, what is false changes nothing.
func TestRFC2136Section2_4Prerequisites(t *testing.T) {
	const nx, yx, nxset, yxset = dns.RcodeNameError, dns.RcodeYXDomain, dns.RcodeNXRrset, dns.RcodeYXRrset
	runRows(t, []row{
		holds("2.4.1: at least one RR with this NAME and TYPE: there is", "www.% 0 ANY A"),
		fails("2.4.1: there is none: NXRRSET", "www.% 0 ANY AAAA", nxset),
		fails("2.4.1: no such name: NXRRSET too", "no.% 0 ANY A", nxset),
		holds("2.4.2: a set with exactly this RDATA, in any order", "www.% 0 IN A 192.0.2.12\nwww.% 0 IN A 192.0.2.11"),
		fails("2.4.2: a part of the set is not the set: NXRRSET", "www.% 0 IN A 192.0.2.11", nxset),
		fails("2.4.2: more than the set is not the set: NXRRSET", "www.% 0 IN A 192.0.2.11\nwww.% 0 IN A 192.0.2.12\nwww.% 0 IN A 192.0.2.13", nxset),
		fails("2.4.2: a name that is missing: NXRRSET, not NXDOMAIN", "no.% 0 IN A 192.0.2.11", nxset),
		holds("2.4.2: the same record twice counts once, as BIND has it", "ns1.% 0 IN A 192.0.2.1\nns1.% 0 IN A 192.0.2.1"),
		holds("2.4.2: names in RDATA compare without case (RFC 4343)", "mx.% 0 IN MX 10 mAIL.EXAMPLE.com."),
		fails("2.4.2: text compares octet by octet", `txt.% 0 IN TXT "ONE" "two words"`, nxset),
		fails("2.4.2: and string by string", `txt.% 0 IN TXT "onetwo words"`, nxset),
		holds("2.4.2: two sets, each collected by name and type", "ns1.% 0 IN A 192.0.2.1\nwww.% 0 IN A 192.0.2.11\nwww.% 0 IN A 192.0.2.12"),
		holds("2.4.3: no RR with this NAME and TYPE: there is none", "www.% 0 NONE AAAA"),
		fails("2.4.3: there is one: YXRRSET", "www.% 0 NONE A", yxset),
		holds("2.4.4: the name owns at least one RR", "www.% 0 ANY ANY"),
		fails("2.4.4: it owns none: NXDOMAIN", "no.% 0 ANY ANY", nx),
		fails("2.4.4: an empty non-terminal does not count", "ent.% 0 ANY ANY", nx),
		holds("2.4.5: the name owns nothing", "no.% 0 NONE ANY"),
		holds("2.4.5: nor does an empty non-terminal", "ent.% 0 NONE ANY"),
		fails("2.4.5: it owns something: YXDOMAIN", "www.% 0 NONE ANY", yx),
		fails("3.2: names are literal: a wildcard makes no name exist", "any.wild.% 0 ANY ANY", nx),
		fails("3.2: nor a set", "any.wild.% 0 ANY A", nxset),
		holds("3.2: the wildcard itself is a name like others", "*.wild.% 0 ANY A"),
		fails("3.2: aliases are not followed", "alias.% 0 ANY A", nxset),
		holds("3.2: the alias itself is a set", "alias.% 0 ANY CNAME"),
		fails("3.2: nor is a DNAME followed", "www.red.% 0 ANY ANY", nx),
		holds("7.18: zone cuts are ignored: glue counts", "ns.sub.% 0 ANY A"),
		holds("RFC 4343: owners compare without case", "WwW.% 0 ANY A"),
		fails("3.2.5: RRsets by value are compared after the others, so that the later NXDOMAIN is reported", "www.% 0 IN A 192.0.2.11\nno.% 0 ANY ANY", nx),
		fails("3.2.5: of several false ones the first is reported", "no.% 0 ANY ANY\nwww.% 0 NONE A", nx),
		fails("3.2.5: the other way round", "www.% 0 NONE A\nno.% 0 ANY ANY", yxset),
		{rule: "2.4, 3.4: prerequisites alone are a legal message that changes nothing", prereq: "www.% 0 ANY ANY"},
	})
}

// RFC 2136, 3.2.1 to 3.2.4: the form of a prerequisite.
func TestRFC2136Section3_2PrerequisiteForm(t *testing.T) {
	const form, notZone = dns.RcodeFormatError, dns.RcodeNotZone
	rows := []row{
		fails("3.2.1: class ANY, TTL not zero: FORMERR", "www.% 1 ANY ANY", form),
		fails("3.2.1: class ANY, RDATA not empty: FORMERR", "www.% 0 ANY A 192.0.2.11", form),
		fails("3.2.2: class NONE, TTL not zero: FORMERR", "no.% 1 NONE ANY", form),
		fails("3.2.2: class NONE, RDATA not empty: FORMERR", "www.% 0 NONE A 192.0.2.99", form),
		fails("3.2.3: the zone's class, TTL not zero: FORMERR", "ns1.% 1 IN A 192.0.2.1", form),
		fails("3.2.4: any other class: FORMERR", "www.% 0 CH A 192.0.2.1", form),
		fails("3.2.4: even when an earlier one holds", "www.% 0 ANY ANY\nwww.% 0 HS ANY", form),
		fails("3.2: owner above the zone: NOTZONE", "test. 0 ANY ANY", notZone),
		fails("3.2: owner in another zone: NOTZONE", "www.elsewhere. 0 NONE ANY", notZone),
		fails("3.2: by labels and not by text: NOTZONE", "x% 0 NONE ANY", notZone),
		fails("3.2.3: a meta type has no value", "www.% 0 IN AXFR", form),
	}
	malformed := fails("3.2.3: RDATA that its type forbids: FORMERR", `www.% 0 IN A \# c00002`, form)
	malformed.reason = Malformed
	runRows(t, append(rows, malformed))
}
