package peers

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// queryZones hold one of each thing that RFC 1034, 4.3.2 and its successors name.
func queryZones() []ourZone {
	long := strings.Repeat("\""+strings.Repeat("x", 250)+"\" ", 12)
	main := updateZone + `mx IN MX 10 mail
srv IN SRV 0 5 5060 www
caa IN CAA 0 issue "ca.test"
unknown IN TYPE65280 \# 4 C0000201
v6 IN AAAA 2001:db8::1
long IN TXT ` + long + `
chain IN CNAME alias
broken IN CNAME nowhere
outside IN CNAME www.elsewhere.example.
next IN CNAME www.other.test.
to-wild IN CNAME any.wild
to-child IN CNAME host.child
loop-a IN CNAME loop-b
loop-b IN CNAME loop-a
dname IN DNAME other.test.
*.cname IN CNAME www
host.child IN A 192.0.2.54
below.wild.wild IN TXT "a name below the wildcard's parent"
signed IN NS ns.signed
signed IN DS 12345 13 2 0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20
ns.signed IN A 192.0.2.55
ns.signed IN AAAA 2001:db8::55
MiXed IN A 192.0.2.90
many 10 IN A 192.0.2.1
$GENERATE 2-60 many 10 IN A 192.0.2.$
`
	rights := []string{"127.0.0.1"}
	return []ourZone{
		{"query.test", main, nil, rights},
		{"other.test", "$TTL 300\n@ IN SOA ns root 7 3600 600 864000 30\n IN NS ns\nns IN A 198.51.100.1\nwww IN A 198.51.100.2\ndeep.www IN A 198.51.100.3\n", nil, rights},
	}
}

// reply is what dig printed, without what differs from one answer to the next.
type reply struct {
	Status, Flags                 string
	Answer, Authority, Additional []string
}

var (
	digStatus   = regexp.MustCompile(`status: (\w+)`)
	bindVersion = regexp.MustCompile(`TXT "9\.[^"]*"`)
	digFlags    = regexp.MustCompile(`;; flags: ?([a-z ]*)`)
)

// ask runs one dig for all questions, each with its own options, and returns the outputs.
func ask(t *testing.T, s *dnsServer, questions ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), giveUp)
	defer cancel()
	var args []string
	for _, q := range questions {
		args = append(args, "@"+s.addr, "-p", fmt.Sprint(s.port), "+norec", "+time=10", "+tries=2")
		args = append(args, strings.Fields(q)...)
	}
	out, err := exec.CommandContext(ctx, "dig", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	answers := strings.Split(string(out), ";; Got answer:")[1:]
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions\n%s", len(answers), len(questions), out)
	}
	return answers
}

// parseDig reads dig's output; sections are compared as sets.
func parseDig(t *testing.T, out string) reply {
	t.Helper()
	status, flags := digStatus.FindStringSubmatch(out), digFlags.FindStringSubmatch(out)
	if status == nil || flags == nil {
		t.Fatalf("no answer in %s", out)
	}
	r := reply{Status: status[1], Flags: strings.TrimSpace(flags[1])}
	sections := map[string]*[]string{"ANSWER": &r.Answer, "AUTHORITY": &r.Authority, "ADDITIONAL": &r.Additional}
	var into *[]string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(strings.TrimPrefix(line, ";; "), " SECTION:"); ok {
			into = sections[name]
		} else if line != "" && !strings.HasPrefix(line, ";") && into != nil {
			*into = append(*into, spaces.ReplaceAllString(line, " "))
		}
	}
	for _, s := range sections {
		slices.Sort(*s)
	}
	return r
}

// sameQuestions are answered alike by both: RCODE, flags, and the sections as sets.
var sameQuestions = []string{
	// positive
	"query.test SOA", "query.test NS", "query.test MX", "www.query.test A", "v6.query.test AAAA", "txt.query.test TXT",
	"caa.query.test CAA", "unknown.query.test TYPE65280", "mx.query.test MX", "srv.query.test SRV", "a.ent.query.test A",
	// case (RFC 4343): the question as it was asked, the owner as dig prints it
	"WWW.qUeRy.TeSt A", "mixed.query.test A",
	// no data, empty non-terminals, names that are not there (RFC 2308, 8020)
	"query.test DS", "query.test TXT", "www.query.test AAAA", "www.query.test TYPE65281", "www.query.test HINFO", "ent.query.test A",
	"missing.query.test A", "a.b.c.missing.query.test A", "below.www.query.test A", "test.query.test. NS",
	// wildcards (RFC 4592)
	"any.wild.query.test A", "any.wild.query.test AAAA", "a.b.c.wild.query.test A", "*.wild.query.test A", "x.wild.wild.query.test A",
	"wild.query.test A", "any.cname.query.test A", "any.cname.query.test CNAME",
	// aliases (RFC 1034, 6604, 6672)
	"alias.query.test A", "alias.query.test CNAME", "alias.query.test MX", "chain.query.test A", "broken.query.test A", "to-wild.query.test A",
	"outside.query.test A", "to-child.query.test A", "dname.query.test DNAME", "dname.query.test A",
	// delegations with glue (RFC 1034, 4035 3.1.4.1)
	"child.query.test NS", "child.query.test A", "host.child.query.test A", "a.b.child.query.test A", "ns.child.query.test A",
	"ns.signed.query.test AAAA", "signed.query.test DS", "child.query.test DS", "x.signed.query.test DS",
	// other zones, not ours, and names that only end alike
	"other.test SOA", "www.other.test A", "elsewhere.example A", "test A", ". NS", "xquery.test A", "query.test CH TXT",
	// size: 512 without EDNS, what the client takes with it, 1232 at most; TCP takes all
	"many.query.test A", "many.query.test A +noedns +noadflag +ignore", "many.query.test A +bufsize=600 +ignore", "many.query.test A +bufsize=4096 +ignore",
	"long.query.test TXT", "long.query.test TXT +bufsize=4096 +ignore", "long.query.test TXT +tcp", "www.query.test A +bufsize=1 +ignore",
	// EDNS (RFC 6891): unknown versions, options and flags
	"www.query.test A +edns=1 +noednsneg", "missing.query.test A +edns=99 +noednsneg", "www.query.test A +ednsopt=65001:00ff",
	"www.query.test A +ednsflags=0x4000", "www.query.test A +dnssec", "www.query.test A +cookie +tcp", "www.query.test A +subnet=192.0.2.0/24",
	// flags of the question are ignored, RD is copied
	"www.query.test A +rec", "www.query.test A +aaflag +adflag",
	// opcodes
	"query.test SOA +opcode=STATUS", "query.test SOA +opcode=9",
}

// TestOurDNSAnswersAsNamed asks both servers the same.
func TestOurDNSAnswersAsNamed(t *testing.T) {
	t.Parallel()
	o := startOurs(t, queryZones()...)
	bind := o.peer(t, func(string) string { return "" })
	ourAnswers, bindAnswers := ask(t, o.dnsServer, sameQuestions...), ask(t, bind, sameQuestions...)
	for i, q := range sameQuestions {
		got, want := parseDig(t, ourAnswers[i]), parseDig(t, bindAnswers[i])
		if strings.Contains(want.Flags, "tc") { // which records still fit is nobody's rule
			got.Answer, want.Answer = nil, nil
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("%s (-named +ours):\n%s", q, d)
		}
	}

	apex := []string{
		"query.test. 300 IN MX 10 mail.query.test.", "query.test. 300 IN NS ns1.query.test.",
		"query.test. 300 IN SOA ns1.query.test. root.query.test. 100 3600 600 864000 60",
	}
	loop := []string{"loop-a.query.test. 300 IN CNAME loop-b.query.test.", "loop-b.query.test. 300 IN CNAME loop-a.query.test."}
	soa := []string{"other.test. 30 IN SOA ns.other.test. root.other.test. 7 3600 600 864000 30"}
	differences := []struct {
		why, question string
		ours, named   reply
	}{
		{
			"an alias is followed into other zones of ours (RFC 1034, 4.3.2 step 3a); named stops", "next.query.test A",
			reply{"NOERROR", "qr aa", []string{"next.query.test. 300 IN CNAME www.other.test.", "www.other.test. 300 IN A 198.51.100.2"}, nil, nil},
			reply{"NOERROR", "qr aa", []string{"next.query.test. 300 IN CNAME www.other.test."}, nil, nil},
		},
		{
			"and the RCODE is that of the last name (RFC 6604, 3)", "missing.dname.query.test A",
			reply{"NXDOMAIN", "qr aa", []string{"dname.query.test. 300 IN DNAME other.test.", "missing.dname.query.test. 300 IN CNAME missing.other.test."}, soa, nil},
			reply{"NOERROR", "qr aa", []string{"dname.query.test. 300 IN DNAME other.test.", "missing.dname.query.test. 300 IN CNAME missing.other.test."}, nil, nil},
		},
		{
			"ANY over UDP gets one set (RFC 8482, 4.1); named gives all", "query.test ANY +notcp",
			reply{"NOERROR", "qr aa", apex[2:], nil, nil}, reply{"NOERROR", "qr aa", apex, nil, nil},
		},
		{
			"ANY over TCP gets all, and ours adds the addresses", "query.test ANY +tcp",
			reply{"NOERROR", "qr aa", apex, nil, []string{"mail.query.test. 300 IN A 192.0.2.2", "ns1.query.test. 300 IN A 192.0.2.1"}}, reply{"NOERROR", "qr aa", apex, nil, nil},
		},
		{
			"a loop of aliases: what was collected; SERVFAIL would make resolvers ask again and again", "loop-a.query.test A",
			reply{"NOERROR", "qr aa", loop, nil, nil}, reply{"SERVFAIL", "qr aa", loop, nil, nil},
		},
		{
			"which version it is is nobody's business", "version.bind CH TXT",
			reply{"REFUSED", "qr", nil, nil, nil}, reply{"NOERROR", "qr aa", []string{"version.bind. 0 CH TXT VERSION"}, nil, nil},
		},
	}
	for _, d := range differences {
		ours, named := parseDig(t, ask(t, o.dnsServer, d.question)[0]), parseDig(t, ask(t, bind, d.question)[0])
		for i := range named.Answer {
			named.Answer[i] = bindVersion.ReplaceAllString(named.Answer[i], "TXT VERSION")
		}
		if diff := gocmp.Diff(d.ours, ours); diff != "" {
			t.Errorf("%s: %s (-want +ours):\n%s", d.why, d.question, diff)
		}
		if diff := gocmp.Diff(d.named, named); diff != "" {
			t.Errorf("%s: %s (-want +named):\n%s", d.why, d.question, diff)
		}
	}
}

// TestOurDNSEDNS: what only a client that knows the options sees.
func TestOurDNSEDNS(t *testing.T) {
	t.Parallel()
	o := startOurs(t, queryZones()...)
	const client = "0123456789abcdef"
	cases := []struct {
		rule, question string
		has, hasNot    []string
	}{
		{"our size is 1232", "www.query.test A", []string{"version: 0", "udp: 1232"}, []string{"NSID"}},
		{"no OPT in the question, none in the answer (RFC 6891, 6.1.1)", "www.query.test A +noedns", nil, []string{"EDNS:"}},
		{"RFC 5001", "www.query.test A +nsid", []string{`("ours-1")`}, nil},
		{"an OPT in errors too", "elsewhere.example A +nsid", []string{"REFUSED", `("ours-1")`, "EDE: 20"}, nil},
		{"BADVERS with our version (RFC 6891, 6.1.3)", "www.query.test A +edns=1 +noednsneg", []string{"BADVERS", "version: 0", "ANSWER: 0"}, nil},
		{"RFC 7873: our part is added to the client's", "www.query.test A +cookie=" + client, []string{"COOKIE: " + client + "01000000", "(good)"}, nil},
		{"RFC 7873, 5.2.2: a length that cannot be", "www.query.test A +nocookie +ednsopt=10:0123456789", []string{"FORMERR"}, []string{"COOKIE"}},
		{"DO is copied (RFC 3225, 3)", "www.query.test A +dnssec", []string{"flags: do"}, nil},
		{"unknown options are not echoed", "www.query.test A +ednsopt=65001:00ff", nil, []string{"65001"}},
		{"a client subnet is ignored", "www.query.test A +subnet=192.0.2.0/24", nil, []string{"CLIENT-SUBNET"}},
		{"the question comes back octet for octet, whatever the case", "wWw.QUERY.tEsT A", []string{";wWw.QUERY.tEsT."}, nil},
	}
	var questions []string
	for _, c := range cases {
		questions = append(questions, c.question)
	}
	for i, answer := range ask(t, o.dnsServer, questions...) {
		for _, want := range cases[i].has {
			if !strings.Contains(answer, want) {
				t.Errorf("%s: dig %s: no %q in%s", cases[i].rule, cases[i].question, want, answer)
			}
		}
		for _, no := range cases[i].hasNot {
			if strings.Contains(answer, no) {
				t.Errorf("%s: dig %s: %q in%s", cases[i].rule, cases[i].question, no, answer)
			}
		}
	}
	// A cookie that the server made is good the next time.
	first := ask(t, o.dnsServer, "www.query.test A +cookie="+client)[0]
	cookie := regexp.MustCompile(`COOKIE: ([0-9a-f]{48})`).FindStringSubmatch(first)
	if cookie == nil {
		t.Fatalf("no cookie in %s", first)
	}
	if again := ask(t, o.dnsServer, "www.query.test A +cookie="+cookie[1])[0]; !strings.Contains(again, "(good)") || !strings.Contains(again, "NOERROR") {
		t.Errorf("the server's cookie came back: %s", again)
	}
}

// TestOurDNSKdig asks with Knot's client: three questions over one TCP connection, and EDNS as Knot sends it.
func TestOurDNSKdig(t *testing.T) {
	t.Parallel()
	need(t, "kdig")
	o := startOurs(t, queryZones()...)
	server := []string{"@" + o.addr, "-p", fmt.Sprint(o.port), "+time=10", "+retry=1", "+norec"}
	kdig := func(args ...string) string { return output(t, exec.Command("kdig", append(server, args...)...)) }
	got := kdig("+tcp", "+keepopen", "+short", "v6.query.test", "AAAA", "caa.query.test", "CAA", "a.ent.query.test", "A")
	if want := []string{`0 issue "ca.test"`, "192.0.2.60", "2001:db8::1"}; !slices.Equal(sortedLines(got), want) {
		t.Errorf("over one connection: %q, want %q", sortedLines(got), want)
	}
	for _, c := range []struct{ args, want string }{
		{"+nsid www.query.test A", "ours-1"},
		{"+edns=1 www.query.test A", "BADVERS"},
		{"+cookie www.query.test A", "COOKIE: "},
		{"+bufsize=512 +ignore long.query.test TXT", "Flags: qr aa tc"},
		{"long.query.test TXT", "ANSWER: 1"},
		{"unknown.query.test TYPE65280", "\\# 4 C0000201"},
		{"+noedns missing.query.test A", "NXDOMAIN"},
		{"www.query.test A -c CH", "REFUSED"},
	} {
		if out := kdig(strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("kdig %s: no %q in\n%s", c.args, c.want, out)
		}
	}
}

// TestOurDNSRotation: the source's load sharing is "round robin": every address is first equally often, the set is whole each time,
// and each set has a turn of its own, so that a client asking A and AAAA by turns sees all of both.
func TestOurDNSRotation(t *testing.T) {
	t.Parallel()
	o := startOurs(t, ourZone{"rotate.test", updateZone + `
pool 1 A 192.0.2.1
pool 1 A 192.0.2.2
pool 1 A 192.0.2.3
pool 1 AAAA 2001:db8::1
pool 1 AAAA 2001:db8::2
to-pool CNAME pool
`, nil, nil})
	const rounds = 30
	var questions []string
	for range rounds {
		questions = append(questions, "pool.rotate.test A +short", "pool.rotate.test AAAA +short")
	}
	args := []string{"+norec", "+short", "-p", fmt.Sprint(o.port), "@" + o.addr}
	for _, q := range questions {
		args = append(args, strings.Fields(q)...)
	}
	lines := strings.Fields(output(t, exec.Command("dig", args...)))
	if len(lines) != rounds*5 {
		t.Fatalf("%d addresses in %d answers of 3 and 2: %v", len(lines), 2*rounds, lines)
	}
	first := map[string]int{}
	for answers := range slices.Chunk(lines, 5) {
		for _, set := range [][]string{answers[:3], answers[3:]} {
			first[set[0]]++
			if sorted := slices.Compact(slices.Sorted(slices.Values(set))); len(sorted) != len(set) {
				t.Errorf("a record is missing or twice: %v", set)
			}
		}
	}
	want := map[string]int{"192.0.2.1": rounds / 3, "192.0.2.2": rounds / 3, "192.0.2.3": rounds / 3, "2001:db8::1": rounds / 2, "2001:db8::2": rounds / 2}
	if d := gocmp.Diff(want, first); d != "" {
		t.Errorf("how often each was first (-want +got):\n%s", d)
	}
	alias := strings.Fields(output(t, exec.Command("dig", "+norec", "+short", "-p", fmt.Sprint(o.port), "@"+o.addr, "to-pool.rotate.test", "A")))
	if len(alias) != 4 || alias[0] != "pool.rotate.test." {
		t.Errorf("an alias comes before its target: %v", alias)
	}
}
