package peers

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// updateZone is what the updates of the tests begin with; it fits any origin.
const updateZone = `$TTL 300
@ IN SOA ns1 root ( 100 3600 600 864000 60 )
  IN NS ns1
  IN MX 10 mail
ns1 IN A 192.0.2.1
mail IN A 192.0.2.2
www 30 IN A 192.0.2.10
www 30 IN A 192.0.2.11
txt IN TXT "one" "two words"
alias IN CNAME www
child IN NS ns.child
ns.child IN A 192.0.2.53
a.ent IN A 192.0.2.60
*.wild IN A 192.0.2.70
multi IN A 192.0.2.81
multi IN A 192.0.2.82
`

// step is one update message in nsupdate's language, % being the zone, and what must become of it.
type step struct{ rule, text, want string }

// updateSteps is RFC 2136, message by message; later steps build on earlier ones.
var updateSteps = []step{
	{"2.5.1 add", "update add new.% 60 A 192.0.2.20", "NOERROR"},
	{"3.4.2.2 duplicates are silently ignored", "update add new.% 60 A 192.0.2.20", "NOERROR"},
	{"RFC 2181, 5.2: a set has one TTL, the newest", "update add new.% 120 A 192.0.2.22", "NOERROR"},
	{"2.5.4 delete and add in one message: replace", "update delete new.% A 192.0.2.20\nupdate add new.% 60 A 192.0.2.21", "NOERROR"},
	{"2.5.2 delete a set, then a new one", "update delete www.% A\nupdate add www.% 30 A 192.0.2.12\nupdate add www.% 30 A 192.0.2.13", "NOERROR"},
	{"2.5.3 delete a name", "update delete mail.%", "NOERROR"},
	{"3.4.2 deleting what is not there is no error", "update delete mail.% A", "NOERROR"},
	{"2.4.5 name is not in use", "prereq nxdomain fresh.%\nupdate add fresh.% 60 TXT \"first\"", "NOERROR"},
	{"2.4.5 name is in use", "prereq nxdomain fresh.%\nupdate add fresh.% 60 TXT \"second\"", "YXDOMAIN"},
	{"2.4.4 name is in use", "prereq yxdomain fresh.%\nupdate add fresh.% 60 AAAA 2001:db8::1", "NOERROR"},
	{"2.4.4 name is not in use", "prereq yxdomain missing.%\nupdate add missing.% 60 A 192.0.2.99", "NXDOMAIN"},
	{"2.4.4 an empty non-terminal is not in use", "prereq yxdomain ent.%\nupdate add missing.% 60 A 192.0.2.99", "NXDOMAIN"},
	{"2.4.4 a wildcard makes no name", "prereq yxdomain any.wild.%\nupdate add missing.% 60 A 192.0.2.99", "NXDOMAIN"},
	{"2.4.1 set exists", "prereq yxrrset www.% A\nupdate add seen.% 60 A 192.0.2.30", "NOERROR"},
	{"2.4.1 set does not exist", "prereq yxrrset www.% AAAA\nupdate add missing.% 60 A 192.0.2.99", "NXRRSET"},
	{"2.4.3 set exists, and must not", "prereq nxrrset www.% A\nupdate add missing.% 60 A 192.0.2.99", "YXRRSET"},
	{"2.4.3 set does not exist", "prereq nxrrset www.% AAAA\nupdate add www.% 30 AAAA 2001:db8::2", "NOERROR"},
	{"2.4.2 exactly this set", "prereq yxrrset multi.% A 192.0.2.82\nprereq yxrrset multi.% A 192.0.2.81\nupdate add seen.% 60 A 192.0.2.31", "NOERROR"},
	{"2.4.2 a part of the set is not the set", "prereq yxrrset multi.% A 192.0.2.82\nupdate add missing.% 60 A 192.0.2.99", "NXRRSET"},
	{"2.4.2 more than the set is not the set", "prereq yxrrset seen.% A 192.0.2.30\nprereq yxrrset seen.% A 192.0.2.31\nprereq yxrrset seen.% A 192.0.2.32\nupdate add missing.% 60 A 192.0.2.99", "NXRRSET"},
	{"2.4.2 with text", "prereq yxrrset txt.% TXT \"one\" \"two words\"\nupdate add txt.% 60 TXT \"three\"", "NOERROR"},
	{"3.2.3 several prerequisites, all hold", "prereq yxdomain www.%\nprereq nxdomain missing.%\nprereq nxrrset www.% TXT\nupdate delete a.ent.%", "NOERROR"},
	{"3.4.1.3 all or nothing: the first record is good", "update add missing.% 60 A 192.0.2.99\nupdate add x.elsewhere.test 60 A 192.0.2.99", "NOTZONE"},
	{"3.4.1.3 compared by labels", "update add missing.x% 60 A 192.0.2.99", "NOTZONE"},
	{"3.4.2.3 NS and SOA of the apex stay", "update delete %", "NOERROR"},
	{"3.4.2.4 the last NS of the apex stays", "update delete % NS ns1.%", "NOERROR"},
	{"3.4.2.4 the last NS of a delegation goes", "update delete child.% NS ns.child.%", "NOERROR"},
	{"3.4.2.2 no data beside a CNAME", "update add alias.% 60 A 192.0.2.99", "NOERROR"},
	{"3.4.2.2 no CNAME beside data", "update add www.% 60 CNAME elsewhere.test.", "NOERROR"},
	{"3.4.2.2 a CNAME replaces a CNAME", "update add alias.% 60 CNAME new.%", "NOERROR"},
	{"4343: case is no difference", "update delete SEEN.% A 192.0.2.30", "NOERROR"},
	{"4592: a wildcard is a name like others", "update add *.w2.% 60 A 192.0.2.71", "NOERROR"},
	{"more types", "update add % 60 MX 5 www.%\nupdate add _sip._udp.% 60 SRV 0 5 5060 www.%\nupdate add % 60 CAA 0 issue \"ca.test\"", "NOERROR"},
	{"3597: unknown types are data", "update add unknown.% 60 TYPE65280 \\# 4 C0000201", "NOERROR"},
	{"2.5.4 a delete of an absent record", "update delete new.% A 192.0.2.200", "NOERROR"},
}

var (
	statusWord = regexp.MustCompile(`opcode: UPDATE[,;] status: ([A-Z]+)`)
	tsigError  = regexp.MustCompile(`\d+ (BADSIG|BADKEY|BADTIME) \d+`)
)

// updater is one of the programs that send updates; -v is TCP for both.
type updater struct {
	program string
	tcp     bool
}

func (u updater) String() string {
	if u.tcp {
		return u.program + " -v"
	}
	return u.program
}

// zone is a zone of the updater's own, so that all can work at once.
func (u updater) zone() string {
	return strings.NewReplacer(" -", "-").Replace(u.String()) + ".test"
}

var updaters = []updater{{"nsupdate", false}, {"nsupdate", true}, {"knsupdate", false}, {"knsupdate", true}}

// send makes each text one update and returns the RCODEs, or the errors of TSIG where there are any. key "" is none.
func (u updater) send(s *dnsServer, zone, key string, texts ...string) ([]string, error) {
	return u.sendFrom(local, s, zone, key, texts...)
}

// sendFrom is send from another host.
func (u updater) sendFrom(h host, s *dnsServer, zone, key string, texts ...string) ([]string, error) {
	var args, got []string
	if key != "" {
		args = append(args, "-y", key)
	}
	if u.tcp {
		args = append(args, "-v")
	}
	one := len(texts)
	if u.program == "knsupdate" {
		one = 1 // it ends at the first update that fails
	}
	for group := range slices.Chunk(texts, one) {
		cmd := h.command(u.program, args...)
		input := fmt.Sprintf("server %s %d\nzone %s\n%s\nsend\nanswer\n", s.addr, s.port, zone, strings.Join(group, "\nsend\nanswer\n"))
		cmd.Stdin = strings.NewReader(strings.ReplaceAll(input, "%", zone+"."))
		out, _ := cmd.Output() // an error says no more than the status
		for _, answer := range strings.Split(string(out), "HEADER")[1:] {
			if m := tsigError.FindStringSubmatch(answer); m != nil {
				got = append(got, m[1])
			} else if m := statusWord.FindStringSubmatch(answer); m != nil {
				got = append(got, m[1])
			}
		}
	}
	if len(got) != len(texts) {
		return nil, fmt.Errorf("%s: %d answers to %d updates: %v", u, len(got), len(texts), got)
	}
	return got, nil
}

// mustSend is send, without errors of the program.
func (u updater) mustSend(t *testing.T, s *dnsServer, zone, key string, texts ...string) []string {
	t.Helper()
	got, err := u.send(s, zone, key, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestOurDNSUpdates sends the same messages by two clients over UDP and TCP to us, to named and to Knot: every RCODE is that of
// RFC 2136, and afterwards all three have the same zone with the same serial.
func TestOurDNSUpdates(t *testing.T) {
	t.Parallel()
	need(t, "knsupdate")
	var zones []ourZone
	for _, u := range updaters {
		zones = append(zones, ourZone{u.zone(), updateZone, []string{"key ddns"}, []string{"key ddns"}})
	}
	o := startOurs(t, zones...)
	peers := map[string]*dnsServer{"named": o.peer(t, func(string) string { return "allow-update { key ddns; };" }), "knotd": o.knot(t)}
	key := o.key(t, "ddns")
	var texts []string
	for _, st := range updateSteps {
		texts = append(texts, st.text)
	}
	for _, u := range updaters {
		t.Run(u.String(), func(t *testing.T) {
			t.Parallel()
			for i, got := range u.mustSend(t, o.dnsServer, u.zone(), key, texts...) {
				if st := updateSteps[i]; got != st.want {
					t.Errorf("%s: %s: %s, want %s", st.rule, st.text, got, st.want)
				}
			}
			got, serial := mustTransfer(t, o.dnsServer, u.zone(), key)
			if slices.ContainsFunc(got, func(r string) bool { return strings.HasPrefix(r, "missing.") }) {
				t.Errorf("what was refused is there: %v", got)
			}
			for name, peer := range peers {
				for i, theirs := range u.mustSend(t, peer, u.zone(), key, texts...) {
					if st := updateSteps[i]; theirs != st.want {
						t.Errorf("%s: %s: %s: %s, want %s", name, st.rule, st.text, theirs, st.want)
					}
				}
				want, theirSerial := mustTransfer(t, peer, u.zone(), "")
				if d := gocmp.Diff(want, got); d != "" {
					t.Errorf("zone after the updates (-%s +ours):\n%s", name, d)
				}
				if serial != theirSerial {
					t.Errorf("serial %s, %s has %s: it moves once for each message that changes something", serial, name, theirSerial)
				}
			}
		})
	}
}

// TestOurDNSWherePeersDiffer pins what docs/dns-server.md says of updates that the three servers treat otherwise.
func TestOurDNSWherePeersDiffer(t *testing.T) {
	t.Parallel()
	const zone = "differ.test"
	o := startOurs(t, ourZone{zone, updateZone, []string{"key ddns"}, []string{"127.0.0.1"}})
	servers := []*dnsServer{o.dnsServer, o.peer(t, func(string) string { return "allow-update { key ddns; };" }), o.knot(t)}
	names := []string{"loadshare", "named", "knotd"}
	key, u := o.key(t, "ddns"), updater{"nsupdate", true}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "update add set%d.%% 60 A 10.0.%d.%d\n", n, i/250, i%250)
		}
		return strings.TrimSpace(b.String())
	}
	type outcome struct {
		rcode string
		moved bool // the serial
	}
	yes, same := outcome{"NOERROR", true}, outcome{"NOERROR", false}
	for _, c := range []struct {
		rule, text string
		want       [3]outcome
	}{
		{"RFC 2181, 5.2: another TTL alone is a change", "update add www.% 31 A 192.0.2.10", [3]outcome{yes, yes, same}},
		{"RFC 2136, 7.14: no semantic checks: an MX target without address", "update add % 60 MX 5 nowhere.%", [3]outcome{yes, {"REFUSED", false}, yes}},
		{"the same for an NS at the apex", "update add % 60 NS nowhere.%", [3]outcome{yes, {"REFUSED", false}, yes}},
		{"4592, 4.2: an NS at a wildcard is only advised against", "update add *.x.% 60 NS other.example.", [3]outcome{yes, same, yes}},
		{"an NS of the apex loses its address", "update delete ns1.%", [3]outcome{yes, {"REFUSED", false}, yes}},
		{"RFC 4343: another case of an owner is no change", "update add MULTI.% 300 A 192.0.2.81", [3]outcome{same, yes, same}},
		{"a set of 200 records", many(200), [3]outcome{yes, {"SERVFAIL", false}, yes}},
		{"a set of 1001 records: there must be a bound", many(1001), [3]outcome{{"REFUSED", false}, {"SERVFAIL", false}, yes}},
	} {
		for i, s := range servers {
			before, err := s.serial(zone)
			if err != nil {
				t.Fatal(err)
			}
			rcode := u.mustSend(t, s, zone, key, c.text)[0]
			after, err := s.serial(zone)
			if err != nil {
				t.Fatal(err)
			}
			if got := (outcome{rcode, after != before}); got != c.want[i] {
				t.Errorf("%s: %s: %v, want %v", c.rule, names[i], got, c.want[i])
			}
		}
	}
	// An SOA below the apex is ignored (3.4.2.2). Knot 3.2 is not asked: its process ends.
	for i, s := range servers[:2] {
		if got := u.mustSend(t, s, zone, key, "update add www.% 60 SOA ns1.% root.% 9 9 9 9 9")[0]; got != "NOERROR" {
			t.Errorf("%s: SOA below the apex: %s", names[i], got)
		}
		if got, err := dig(s.host, s.addr, s.port, "www."+zone, "SOA"); err != nil || len(got) != 0 {
			t.Errorf("%s: SOA below the apex: %v %v", names[i], got, err)
		}
	}
}

// TestOurDNSUpdateRights: who may change what. The answers are those of RFC 8945, 5.2 and RFC 2136, 3.3.
func TestOurDNSUpdateRights(t *testing.T) {
	t.Parallel()
	need(t, "knsupdate")
	var zones []ourZone
	for _, u := range updaters {
		zones = append(zones, ourZone{u.zone(), updateZone, []string{"key ddns", "key narrow www." + u.zone() + " *.wild." + u.zone() + " A AAAA"}, []string{"127.0.0.1"}})
	}
	o := startOurs(t, zones...)
	bind := o.peer(t, func(zone string) string {
		return fmt.Sprintf("update-policy { grant ddns zonesub ANY; grant narrow name www.%s. A AAAA; grant narrow wildcard *.wild.%[1]s. A AAAA; };", zone)
	})
	ddns, narrow, idle := o.key(t, "ddns"), o.key(t, "narrow"), o.key(t, "idle")
	secret := ddns[strings.LastIndex(ddns, ":")+1:]
	const add = "update add www.% 30 A 192.0.2.99"
	cases := []struct{ rule, key, text, want, named string }{
		{"no TSIG where one is needed", "", add, "REFUSED", ""},
		{"a key that the server does not know", "hmac-sha256:stranger:" + secret, add, "BADKEY", ""},
		{"a known key with another algorithm", "hmac-sha512:ddns:" + secret, add, "BADKEY", ""},
		{"the wrong secret", "hmac-sha256:ddns:" + narrow[strings.LastIndex(narrow, ":")+1:], add, "BADSIG", ""},
		{"a good key without any grant", idle, add, "REFUSED", ""},
		{"a grant for another name", narrow, "update add other.% 30 A 192.0.2.99", "REFUSED", ""},
		{"a grant for other types", narrow, "update add www.% 30 TXT \"x\"", "REFUSED", ""},
		// named looks at what is there and deletes the sets that are granted. Ours looks at the message alone.
		{"a grant for types does not reach the whole name", narrow, "update delete www.%", "REFUSED", "NOERROR"},
		{"*.NAME is below NAME and not NAME", narrow, "update add wild.% 30 A 192.0.2.99", "REFUSED", ""},
		{"one record of the message is not granted", narrow, add + "\nupdate add other.% 30 A 192.0.2.99", "REFUSED", ""},
		// The order of RFC 2136, 3.2 before 3.3. named tests its update-policy first.
		{"a false prerequisite comes before the right to the record", narrow, "prereq nxdomain www.%\nupdate add other.% 30 A 192.0.2.99", "YXDOMAIN", "REFUSED"},
		{"not our zone, but below one", ddns, "zone sub.%\nupdate add a.sub.% 30 A 192.0.2.99", "NOTAUTH", ""},
	}
	granted := []struct{ key, text string }{
		{narrow, "update delete www.% A\nupdate add www.% 30 A 192.0.2.14"},
		{narrow, "update add deep.down.wild.% 30 AAAA 2001:db8::7"},
		{narrow, "update add *.wild.% 30 A 192.0.2.15"}, // the wildcard itself is below too
		{"hmac-sha256:DDNS:" + secret, "update add other.% 30 TXT \"key names have no case (RFC 8945, 4.2)\""},
	}
	for _, u := range updaters {
		t.Run(u.String(), func(t *testing.T) {
			t.Parallel()
			before, serial := mustTransfer(t, o.dnsServer, u.zone(), "")
			for _, c := range cases {
				if got := u.mustSend(t, o.dnsServer, u.zone(), c.key, c.text)[0]; got != c.want {
					t.Errorf("%s: %s, want %s", c.rule, got, c.want)
				}
				if got := u.mustSend(t, bind, u.zone(), c.key, c.text)[0]; got != cmp.Or(c.named, c.want) {
					t.Errorf("named: %s: %s, want %s", c.rule, got, cmp.Or(c.named, c.want))
				}
			}
			// The first of each kind; of more within a second the log only gives the number.
			for _, want := range []string{"error=BADKEY rcode=NOTAUTH key_name=stranger", "rcode=REFUSED reason=no-grant"} {
				if log := o.process().log.String(); !strings.Contains(log, want) {
					t.Errorf("the log has no %q", want)
				}
			}
			after, now := mustTransfer(t, o.dnsServer, u.zone(), "")
			if d := gocmp.Diff(before, after); d != "" || now != serial {
				t.Errorf("refused updates changed the zone, serial %s to %s:\n%s", serial, now, d)
			}
			for _, g := range granted {
				for _, s := range []*dnsServer{o.dnsServer, bind} {
					if got := u.mustSend(t, s, u.zone(), g.key, g.text)[0]; got != "NOERROR" {
						t.Errorf("port %d: %s: %s", s.port, g.text, got)
					}
				}
			}
			got, _ := mustTransfer(t, o.dnsServer, u.zone(), "")
			want, _ := mustTransfer(t, bind, u.zone(), "")
			if d := gocmp.Diff(want, got); d != "" {
				t.Errorf("zone after granted updates (-named +ours):\n%s", d)
			}
		})
	}
}

// TestOurDNSLargeUpdate: one message of many records is one step: all of it or nothing, and one serial.
func TestOurDNSLargeUpdate(t *testing.T) {
	t.Parallel()
	const zone, records = "large.test", 700
	o := startOurs(t, ourZone{zone, updateZone, []string{"key ddns"}, []string{"127.0.0.1"}})
	before, _ := mustTransfer(t, o.dnsServer, zone, "")
	var lines strings.Builder
	for i := range records {
		fmt.Fprintf(&lines, "update add host%d.%% 60 TXT \"number %d of many, with a text that takes its room\"\n", i, i)
	}
	// Without -v: nsupdate goes to TCP by itself when a message is over 512 octets.
	u, key := updater{"nsupdate", false}, o.key(t, "ddns")
	if got := u.mustSend(t, o.dnsServer, zone, key, lines.String()+"update add x.elsewhere.test 60 A 192.0.2.99")[0]; got != "NOTZONE" {
		t.Fatalf("with a bad last record: %s", got)
	}
	if got, serial := mustTransfer(t, o.dnsServer, zone, ""); len(got) != len(before) || serial != "100" {
		t.Fatalf("%d records, serial %s after a refused message", len(got), serial)
	}
	if got := u.mustSend(t, o.dnsServer, zone, key, lines.String())[0]; got != "NOERROR" {
		t.Fatal(got)
	}
	if got, serial := mustTransfer(t, o.dnsServer, zone, ""); len(got) != len(before)+records || serial != "101" {
		t.Fatalf("%d records, serial %s after one message of %d", len(got), serial, records)
	}
	if got, err := dig(local, o.addr, o.port, "host699."+zone, "TXT"); err != nil || len(got) != 1 {
		t.Fatalf("host699: %v %v", got, err)
	}
}
