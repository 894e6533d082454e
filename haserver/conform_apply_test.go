package haserver

import (
	"testing"
)

const www11, www12 = "www.% 300 IN A 192.0.2.11", "www.% 300 IN A 192.0.2.12"

// RFC 2136, 3.4.2 and 3.6: what each record does, and whether the serial moves. Records are carried out in the order of the message.
func TestRFC2136Section3_4_2Update(t *testing.T) {
	const soa = " IN SOA ns1.% admin.% "
	runRows(t, []row{
		{rule: "3.4.2.2: an RR is added", update: add, plus: added, serial: 11},
		{rule: "3.6: several in one message move the serial once", update: add + "\nn2.% 5 IN A 192.0.2.1", plus: added + "\nn2.% 5 IN A 192.0.2.1", serial: 11},
		{rule: "3.4.2.2: a duplicate is silently ignored; the serial stays", update: www11},
		{rule: "a duplicate but for the case of the owner", update: "WWW.% 300 IN A 192.0.2.11"},
		{rule: "a duplicate but for the case of a name in RDATA", update: "mx.% 300 IN MX 10 mail.EXAMPLE.com."},
		{rule: "RFC 2181, 5.2: another TTL alone is a change, of the whole set", update: "www.% 7 IN A 192.0.2.11", minus: www11 + "\n" + www12, plus: "www.% 7 IN A 192.0.2.11\nwww.% 7 IN A 192.0.2.12", serial: 11},
		{rule: "RFC 2181, 5.2: a set takes the TTL of the record that joins it", update: "www.% 7 IN A 192.0.2.13", minus: www11 + "\n" + www12, plus: "www.% 7 IN A 192.0.2.11\nwww.% 7 IN A 192.0.2.12\nwww.% 7 IN A 192.0.2.13", serial: 11},
		{rule: "RFC 2181, 8: a TTL with the top bit set is zero", update: "n.% 2147483649 IN A 192.0.2.1", plus: "n.% 0 IN A 192.0.2.1", serial: 11},
		{rule: "3.4.2.2: CNAME where other data is: ignored", update: "www.% 5 IN CNAME ns1.%"},
		{rule: "3.4.2.2: other data where a CNAME is: ignored", update: "alias.% 5 IN A 192.0.2.1"},
		{rule: "3.4.2.2: a CNAME replaces a CNAME", update: "alias.% 5 IN CNAME ns1.%", minus: "alias.% 300 IN CNAME www.%", plus: "alias.% 5 IN CNAME ns1.%", serial: 11},
		{rule: "what is ignored does not stop the rest of the message", update: "alias.% 5 IN A 192.0.2.1\n" + add, plus: added, serial: 11},
		{rule: "RFC 6672, 2.4: a DNAME replaces a DNAME", update: "red.% 300 IN DNAME new.test.", minus: "red.% 300 IN DNAME elsewhere.test.", plus: "red.% 300 IN DNAME new.test.", serial: 11},
		{rule: "3.4.2.2: an SOA that is newer replaces, and its serial is not moved again", update: "% 300" + soa + "20 3600 600 86400 30", serial: 20},
		{rule: "3.4.2.2: an SOA that is not newer is ignored", update: "% 300" + soa + "10 1 1 1 1"},
		{rule: "RFC 1982, 3.2: older by serial arithmetic", update: "% 300" + soa + "4294967295 1 1 1 1"},
		{rule: "RFC 1982, 3.2: a step of 2^31 is undefined: ignored", update: "% 300" + soa + "2147483658 1 1 1 1"},
		{rule: "RFC 1982, 3.1: the greatest step is 2^31-1", update: "% 300" + soa + "2147483657 3600 600 86400 30", serial: 2147483657},
		{rule: "3.4.2.2: an SOA below the apex is ignored", update: "www.% 5" + soa + "99 1 1 1 1"},
		{rule: "an SOA below the apex makes no name", update: "n.% 5" + soa + "99 1 1 1 1"},
		{rule: "3.4.2.3: a set is deleted", update: "www.% 0 ANY A", minus: www11 + "\n" + www12, serial: 11},
		{rule: "3.4.2.3: a name is deleted; names below it stay", update: "sub.% 0 ANY ANY", minus: "sub.% 300 IN NS ns.sub.%", serial: 11},
		{rule: "3.4.2.3: the apex loses all but SOA and NS", update: "% 0 ANY ANY", minus: `% 300 IN TXT "apex"`, serial: 11},
		{rule: "3.4.2.3: SOA and NS of the apex cannot be deleted", update: "% 0 ANY SOA\n% 0 ANY NS"},
		{rule: "3.4.2.4: an RR is deleted by its RDATA", update: "www.% 0 NONE A 192.0.2.11", minus: www11, serial: 11},
		{rule: "3.4.2.4: names in RDATA without case", update: "mx.% 0 NONE MX 10 MAIL.example.com.", minus: "mx.% 300 IN MX 10 Mail.example.com.", serial: 11},
		{rule: "3.4.2.4: the SOA stays", update: "% 0 NONE SOA ns1.% admin.% 10 3600 600 86400 30"},
		{rule: "3.4.2.4: the last NS of the apex stays", update: "% 0 NONE NS ns1.%"},
		{rule: "3.4.2.4: with another it may go", update: "% 300 IN NS ns9.%\n% 0 NONE NS ns1.%", minus: "% 300 IN NS ns1.%", plus: "% 300 IN NS ns9.%", serial: 11},
		{rule: "the last NS of a delegation may go (the pseudo-code forgets the apex)", update: "sub.% 0 NONE NS ns.sub.%", minus: "sub.% 300 IN NS ns.sub.%", serial: 11},
		{rule: "deleting what is not there is no error and no change", update: "no.% 0 ANY ANY\nwww.% 0 ANY AAAA\nwww.% 0 NONE A 192.0.2.99"},
		{rule: "an add and a delete of one record cancel", update: "n.% 5 IN A 192.0.2.1\nn.% 0 NONE A 192.0.2.1"},
		{rule: "a delete and an add of one record cancel", update: "www.% 0 NONE A 192.0.2.11\n" + www11},
		{rule: "in order: delete the set, then add: replaced", update: "www.% 0 ANY A\nwww.% 5 IN A 192.0.2.13", minus: www11 + "\n" + www12, plus: "www.% 5 IN A 192.0.2.13", serial: 11},
		{rule: "in order: add, then delete the set: gone", update: "www.% 5 IN A 192.0.2.13\nwww.% 0 ANY A", minus: www11 + "\n" + www12, serial: 11},
		{rule: "in order: the CNAME goes, then data may come", update: "alias.% 0 ANY CNAME\nalias.% 5 IN A 192.0.2.1", minus: "alias.% 300 IN CNAME www.%", plus: "alias.% 5 IN A 192.0.2.1", serial: 11},
		{rule: "7.14: no semantic checks: an apex NS without address", update: "ns1.% 0 ANY ANY", minus: "ns1.% 300 IN A 192.0.2.1", serial: 11},
		{rule: "7.18: data below a cut may be changed", update: "deep.sub.% 5 IN A 192.0.2.1", plus: "deep.sub.% 5 IN A 192.0.2.1", serial: 11},
		{rule: "RFC 4592: a wildcard is a name like others", update: "*.% 5 IN A 192.0.2.1\n*.wild.% 0 ANY ANY", minus: "*.wild.% 300 IN A 192.0.2.30", plus: "*.% 5 IN A 192.0.2.1", serial: 11},
		{rule: "2.5: an empty update section is legal", update: ""},
		{rule: "3.6: a newer SOA and other changes: the serial is the one that was set", update: add + "\n% 300" + soa + "40 3600 600 86400 30", plus: added, serial: 40},
	})
}
