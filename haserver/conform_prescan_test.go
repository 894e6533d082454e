package haserver

import (
	"testing"

	"github.com/miekg/dns"
)

// The first record of every such message is good, and must not be applied: "3.4.1.3: the whole section is scanned first".
func unfit(rule, record string, rcode int, reason Reason) row {
	return row{rule: rule, update: add + "\n" + record, rcode: rcode, reason: reason}
}

// RFC 2136, 3.4.1: the prescan of the update section.
func TestRFC2136Section3_4_1Prescan(t *testing.T) {
	const form, notZone = dns.RcodeFormatError, dns.RcodeNotZone
	runRows(t, []row{
		unfit("3.4.1.1: owner in another zone: NOTZONE", "www.elsewhere. 5 IN A 192.0.2.1", notZone, BadUpdate),
		unfit("3.4.1.1: owner above the apex: NOTZONE", "test. 5 IN A 192.0.2.1", notZone, BadUpdate),
		unfit("3.4.1.1: xr0.test is not in r0.test: NOTZONE", "x% 5 IN A 192.0.2.1", notZone, BadUpdate),
		unfit("3.4.1.1: also for what is to be deleted", "www.elsewhere. 0 ANY ANY", notZone, BadUpdate),
		unfit("3.4.1.2: add of type ANY: FORMERR", "n.% 5 IN ANY", form, BadUpdate),
		unfit("3.4.1.2: add of type AXFR", "n.% 5 IN AXFR", form, BadUpdate),
		unfit("3.4.1.2: add of type IXFR", "n.% 5 IN IXFR", form, BadUpdate),
		unfit("3.4.1.2: add of type MAILA", "n.% 5 IN MAILA", form, BadUpdate),
		unfit("3.4.1.2: add of type MAILB", "n.% 5 IN MAILB", form, BadUpdate),
		unfit("3.4.1.2: add of type TKEY", "n.% 5 IN TKEY", form, BadUpdate),
		unfit("3.4.1.2: class ANY, TTL not zero: FORMERR", "www.% 5 ANY A", form, BadUpdate),
		unfit("3.4.1.2: class ANY, RDATA not empty: FORMERR", "www.% 0 ANY A 192.0.2.11", form, BadUpdate),
		unfit("3.4.1.2: class ANY, meta type other than ANY: FORMERR", "www.% 0 ANY AXFR", form, BadUpdate),
		unfit("3.4.1.2: class NONE, TTL not zero: FORMERR", "www.% 5 NONE A 192.0.2.11", form, BadUpdate),
		unfit("3.4.1.2: class NONE, type ANY: FORMERR", "www.% 0 NONE ANY", form, BadUpdate),
		unfit("3.4.1.2: class NONE, type MAILB: FORMERR", "www.% 0 NONE MAILB", form, BadUpdate),
		unfit("3.4.1.2: another class: FORMERR", "www.% 5 CH A 192.0.2.1", form, BadUpdate),
		unfit("RFC 1035, 3.4.1: an A record of three octets: FORMERR", `n.% 5 IN A \# c00002`, form, Malformed),
		unfit("of five", `n.% 5 IN A \# c000020101`, form, Malformed),
		unfit("RFC 3596, 2.2: an AAAA record of 15 octets", `n.% 5 IN AAAA \# 20010db80000000000000000000000`, form, Malformed),
		unfit("RFC 1035, 3.3.14: a TXT record without a string", `n.% 5 IN TXT \# `, form, Malformed),
		unfit("a TXT record whose string overruns", `n.% 5 IN TXT \# 05616263`, form, Malformed),
		unfit("an MX record without a name", `n.% 5 IN MX \# 000a`, form, Malformed),
		unfit("a name with an octet after it", `n.% 5 IN NS \# 01610000`, form, Malformed),
		unfit("a CNAME that is cut", `n.% 5 IN CNAME \# 0361`, form, Malformed),
		unfit("an SOA record that is cut", `% 5 IN SOA \# 0000000000010000000100000001000000`, form, Malformed),
		unfit("an SRV record without its target", `n.% 5 IN SRV \# 000000000050`, form, Malformed),
		unfit("a record to delete is held to the same", `www.% 0 NONE A \# c00002`, form, Malformed),
		{rule: "RFC 3597, 3: a type that nobody knows is plain data, not an \"unrecognized\" type", update: `n.% 5 IN TYPE65400 \# c00002`, plus: `n.% 5 IN TYPE65400 \# c00002`, serial: 11},
		{rule: "3.4.1: prerequisites come first (3.2): a false one is reported, not the bad record", prereq: "no.% 0 ANY ANY", update: "x.elsewhere. 5 IN A 192.0.2.1", rcode: dns.RcodeNameError, reason: PrereqFailed},
	})
}
