package peers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// dhcpPartner is one side of a failover pair, ours or ISC dhcpd, as these tests see it.
type dhcpPartner interface {
	name() string
	// states are its own state and the partner's, in the words of the draft.
	states() (mine, other string, err error)
	// bindings are the addresses that clients have, and their hardware addresses.
	bindings() (map[string]string, error)
	partnerDown(t *testing.T)
	kill()
	again(t *testing.T)
}

// ourPartner is loadshare dhcp.
type ourPartner struct{ *dhcpServer }

func (o ourPartner) name() string { return "loadshare " + o.addr }

func (o ourPartner) kill() { o.proc.kill9() }

func (o ourPartner) again(t *testing.T) { t.Helper(); o.restart(t) }

func (o ourPartner) status() (st struct {
	Pairs []struct {
		State        string
		PartnerState string `json:"partner_state"`
		Unacked      int
		Conflicts    []json.RawMessage
	}
	Scopes []struct{ Free, Backup, Active int }
}, err error) {
	out, err := o.ask("status")
	if err != nil {
		return st, fmt.Errorf("%w: %s", err, out)
	}
	if err := json.Unmarshal(out, &st); err != nil {
		return st, err
	}
	if len(st.Pairs) != 1 || len(st.Scopes) != 1 {
		return st, fmt.Errorf("status has no pair or no scope: %s", out)
	}
	return st, nil
}

func (o ourPartner) states() (mine, other string, err error) {
	st, err := o.status()
	if err != nil {
		return "", "", err
	}
	return st.Pairs[0].State, st.Pairs[0].PartnerState, nil
}

func (o ourPartner) bindings() (map[string]string, error) {
	out, err := o.ask("lease", "list", "--state", "active")
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var list struct {
		Leases []struct{ Address, Hardware string }
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, l := range list.Leases {
		all[l.Address] = l.Hardware
	}
	return all, nil
}

func (o ourPartner) partnerDown(t *testing.T) {
	t.Helper()
	if out, err := o.ask("dhcp-pair", "partner-down", "--reason", "the test says so"); err != nil {
		t.Fatalf("partner-down: %v\n%s", err, out)
	}
}

// iscPartner is ISC dhcpd; what it knows stands in its lease file.
type iscPartner struct{ *iscServer }

func (s iscPartner) name() string { return "dhcpd" }

func (s iscPartner) kill() { s.proc.kill9() }

func (s iscPartner) again(t *testing.T) { t.Helper(); s.restart(t) }

var (
	iscState = regexp.MustCompile(`(?s)failover peer "pair1" state \{\s+my state (\S+) at [^;]*;\s+partner state (\S+) at`)
	iscLease = regexp.MustCompile(`(?s)\nlease (\S+) \{(.*?)\n\}`)
	iscField = regexp.MustCompile(`(?m)^  (binding state|hardware ethernet) (\S+);`)
)

func (s iscPartner) states() (mine, other string, err error) {
	data, err := os.ReadFile(s.leases)
	if err != nil {
		return "", "", err
	}
	all := iscState.FindAllSubmatch(data, -1)
	if len(all) == 0 {
		return "", "", fmt.Errorf("no state yet")
	}
	last := all[len(all)-1]
	return string(last[1]), string(last[2]), nil
}

// bindings are read from the lease file: the last words about an address count.
func (s iscPartner) bindings() (map[string]string, error) {
	data, err := os.ReadFile(s.leases)
	if err != nil {
		return nil, err
	}
	active := map[string]string{}
	for _, l := range iscLease.FindAllSubmatch(data, -1) {
		f := map[string]string{}
		for _, m := range iscField.FindAllSubmatch(l[2], -1) {
			f[string(m[1])] = string(m[2])
		}
		delete(active, string(l[1]))
		if f["binding state"] == "active" {
			active[string(l[1])] = f["hardware ethernet"]
		}
	}
	return active, nil
}

// partnerDown says it by OMAPI (dhcpd's failover-state object; 4 is partner-down).
func (s iscPartner) partnerDown(t *testing.T) {
	t.Helper()
	need(t, "omshell")
	cmd := s.command("omshell")
	cmd.Stdin = strings.NewReader("server 127.0.0.1\nport 7911\nconnect\nnew failover-state\nset name = \"pair1\"\nopen\nset local-state = 4\nupdate\n")
	if out := output(t, cmd); !strings.Contains(out, "local-state = 4") { // as it was asked for; an error has another text
		t.Fatalf("omshell: %s", out)
	}
}

// pairMCLT is that of the pairs of these tests, in seconds.
const pairMCLT = 5

// ourPair is the configuration of our side of a pair; proof says how the partner is known: by a key, or not at all (ISC dhcpd).
func ourPair(role string, me, other host, proof string) string {
	return fmt.Sprintf(`[[failover]]
name = "pair1"
role = "%s"
address = "%s:647"
partner = "%s:647"
%s
mclt = "%ds"
poll_interval = "1s"
poll_timeout = "10s"
`, role, me.addr, other.addr, proof, pairMCLT)
}

// iscPair is the configuration of the other side.
func iscPair(l *lan, role string, me, other host) string {
	more := ""
	if role == "primary" {
		more = fmt.Sprintf("mclt %d; split 128; load balance max seconds 3;", pairMCLT)
	}
	return fmt.Sprintf(`authoritative; ddns-update-style none; ping-check false; default-lease-time 3600; max-lease-time 3600; omapi-port 7911;
failover peer "pair1" { %s; address %s; port 647; peer address %s; peer port 647; max-response-delay 10; max-unacked-updates 10; %s }
subnet %s0 netmask 255.255.255.0 { pool { failover peer "pair1"; range %[5]s100 %[5]s200; } option routers %[5]s254; }
`, role, me.addr, other.addr, more, l.prefix)
}

// capture records what two servers of failover say to each other, and returns who checks it: tshark must understand it all. He returns the
// states that each address has said (draft 12.24: their numbers), in order.
func capture(t *testing.T, h host) (check func(t *testing.T) map[string][]string) {
	t.Helper()
	need(t, "tshark")
	file := filepath.Join(openDir(t), "failover.pcap")
	p := start(t, "tshark", h.command("tshark", "-q", "-i", "eth0", "-f", "tcp port 647", "-w", file))
	eventually(t, "tshark captures", p.says("Capturing on"))
	return func(t *testing.T) map[string][]string {
		t.Helper()
		p.stop(syscall.SIGINT)
		read := func(args ...string) string {
			t.Helper()
			cmd := local.command("tshark", append([]string{"-r", file, "-d", "tcp.port==647,dhcpfo"}, args...)...)
			var errs strings.Builder
			cmd.Stderr = &errs // it warns of running as root
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("tshark: %v %s", err, errs.String())
			}
			return string(out)
		}
		seen := map[string]bool{}
		for f := range strings.FieldsFuncSeq(read("-Y", "dhcpfo", "-T", "fields", "-e", "dhcpfo.type"), func(r rune) bool { return r < '0' || r > '9' }) {
			seen[f] = true
		}
		for typ, name := range map[string]string{"3": "BNDUPD", "4": "BNDACK", "5": "CONNECT", "6": "CONNECTACK",
			"7": "UPDREQALL", "8": "UPDDONE", "10": "STATE"} {
			if !seen[typ] {
				t.Errorf("there was no %s among the messages, so none was looked at", name)
			}
		}
		// 6291456 is a warning, what is greater an error. That a segment comes again is none of ours.
		if bad := read("-Y", "dhcpfo && (_ws.malformed || _ws.expert.severity >= 6291456 && !tcp.analysis.flags)", "-V"); bad != "" {
			t.Errorf("tshark complains:\n%s", bad[:min(len(bad), 4000)])
		}
		said := map[string][]string{}
		for line := range strings.Lines(read("-Y", "dhcpfo.type == 10", "-T", "fields", "-e", "ip.src", "-e", "dhcpfo.serverstatus")) {
			if from, list, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				said[from] = append(said[from], strings.Split(list, ",")...)
			}
		}
		return said
	}
}
