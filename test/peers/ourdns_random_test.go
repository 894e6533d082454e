package peers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// randomUpdates makes messages of few names, types and values, so that they meet: in prerequisites, in what may not stand side by
// side, in what is deleted and added again.
type randomUpdates struct{ *rand.Rand }

func (r randomUpdates) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r randomUpdates) name() string {
	return r.pick("%", "www.%", "a.%", "b.a.%", "c.b.a.%", "*.a.%", "child.%", "x.child.%", "alias.%", "ent.%")
}

// data is a type with one of a few values. Letters keep their case in all that is written: which of two is kept is nobody's rule,
// and at named another case of an owner is a change.
func (r randomUpdates) data() (typ, data string) {
	switch typ = r.pick("A", "A", "AAAA", "TXT", "CNAME", "MX", "NS", "SRV", "DNAME", "TYPE65280"); typ {
	case "A":
		return typ, fmt.Sprintf("192.0.2.%d", r.IntN(3))
	case "AAAA":
		return typ, fmt.Sprintf("2001:db8::%d", r.IntN(2))
	case "TXT":
		return typ, r.pick(`"x"`, `"x" "y"`, `"X"`)
	case "MX":
		return typ, r.pick("10 www.%", "20 www.%", "10 a.%")
	case "SRV":
		return typ, r.pick("0 0 1 www.%", "0 0 2 www.%")
	case "TYPE65280":
		return typ, r.pick(`\# 1 00`, `\# 2 0000`)
	}
	return typ, r.pick("www.%", "a.%", "other.example.")
}

func (r randomUpdates) prerequisite() string {
	name := r.pick(r.name(), strings.ToUpper(r.name()))
	typ, data := r.data()
	switch r.IntN(5) {
	case 0:
		return "prereq nxdomain " + name
	case 1:
		return "prereq yxdomain " + name
	case 2:
		return "prereq nxrrset " + name + " " + typ
	case 3:
		return "prereq yxrrset " + name + " " + typ
	}
	return "prereq yxrrset " + name + " " + typ + " " + data
}

func (r randomUpdates) change() string {
	name := r.name()
	typ, data := r.data()
	if name == "%" && (typ == "NS" || typ == "DNAME") { // named keeps an address for the apex's NS; a DNAME would hide it
		data, typ = "ns.other.example.", "NS"
	}
	if name == "*.a.%" && (typ == "NS" || typ == "DNAME") { // named does not take them at a wildcard (RFC 4592, 4.2 and 4.4 only advise)
		name = "child.%"
	}
	switch r.IntN(10) {
	case 0:
		return "update delete " + name
	case 1:
		return "update delete " + name + " " + typ
	case 2, 3:
		return "update delete " + name + " " + typ + " " + data
	}
	return "update add " + name + " " + r.pick("60", "60", "120") + " " + typ + " " + data
}

func (r randomUpdates) message() string {
	var lines []string
	if r.IntN(3) == 0 {
		for range 1 + r.IntN(2) {
			lines = append(lines, r.prerequisite())
		}
	}
	for range 1 + r.IntN(4) {
		lines = append(lines, r.change())
	}
	return strings.Join(lines, "\n")
}

// TestOurDNSRandomUpdates sends messages made at random to us and to named: each gets the same RCODE from both, and after each
// forty both have the same zone with the same serial.
func TestOurDNSRandomUpdates(t *testing.T) {
	t.Parallel()
	const zone, seed, rounds, each = "random.test", 2136, 25, 40
	o := startOurs(t, ourZone{zone, updateZone, []string{"key ddns"}, []string{"127.0.0.1"}})
	// Without its semantic checks, which RFC 2136, 7.14 does not know.
	bind := o.peer(t, func(string) string { return "allow-update { key ddns; }; check-integrity no; check-names ignore;" })
	u, key := updater{"nsupdate", true}, o.key(t, "ddns")
	r := randomUpdates{rand.New(rand.NewPCG(seed, seed))}
	rcodes := map[string]int{}
	for round := range rounds {
		var texts []string
		for range each {
			texts = append(texts, r.message())
		}
		ours, theirs := u.mustSend(t, o.dnsServer, zone, key, texts...), u.mustSend(t, bind, zone, key, texts...)
		for i := range texts {
			rcodes[ours[i]]++
			if ours[i] != theirs[i] {
				t.Errorf("seed %d, message %d of round %d: %s, named says %s:\n%s", seed, i, round, ours[i], theirs[i], texts[i])
			}
		}
		got, serial := mustTransfer(t, o.dnsServer, zone, "")
		want, theirSerial := mustTransfer(t, bind, zone, "")
		if d := gocmp.Diff(want, got); d != "" || serial != theirSerial {
			t.Fatalf("seed %d, round %d, serial %s and %s (-named +ours):\n%s", seed, round, theirSerial, serial, d)
		}
	}
	for _, rcode := range []string{"NOERROR", "NXDOMAIN", "YXDOMAIN", "NXRRSET", "YXRRSET"} {
		if rcodes[rcode] < 10 {
			t.Errorf("%s came %d times: the messages do not reach it", rcode, rcodes[rcode])
		}
	}
	t.Logf("RCODEs: %v", rcodes)
}
