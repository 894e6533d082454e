package peers

import (
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// TestDHCPBulkLeasequery: tshark understands every message of bulk leasequery (RFC 6926) without a complaint, and sees in it what clients
// have. It knows no framing for it over TCP, so it is shown each message by itself.
func TestDHCPBulkLeasequery(t *testing.T) {
	t.Parallel()
	need(t, "tshark", "text2pcap")
	l := newLAN(t)
	h, relay := l.host(t, "dhcp", 1), l.host(t, "relay", 3)
	ourDHCP(t, h, l.dhcpScope("lan", "ping_check = false")+fmt.Sprintf("[leasequery]\nbulk = [\"%s:67\"]\nfrom = [\"%s\"]\n", h.addr, relay.addr))
	c := newCrowd(t, relay, h)
	for n := range 3 {
		who := c.client(n)
		who.Options = map[byte][]byte{82: fmt.Appendf(nil, "\x01\x01c\x02\x05port%d", n)}
		who.ID = []byte{0, 'i', 'd', byte(n)}
		answered(t, fmt.Sprintf("client %d", n), func() (dhcpclient.Lease, error) { return c.relay.Acquire(t.Context(), who) })
	}
	all := bulk(t, relay, h.addr)
	if len(all) != 102 { // 101 addresses, and the end
		t.Fatalf("%d messages", len(all))
	}
	bad := bulk(t, relay, h.addr, 154, 1, 0) // a time of one octet
	lines := dissect(t, append(all, bad...), "dhcp.option.dhcp", "dhcp.ip.client", "dhcp.hw.mac_addr", "dhcp.option.bulk_lease.dhcp_state", "dhcp.option.bulk_lease.base_time",
		"dhcp.option.bulk_lease.data_source", "dhcp.option.agent_information_option.agent_remote_id", "dhcp.option.ip_address_lease_time", "dhcp.option.bulk_lease.status_code")
	clients := 0
	for i, f := range lines {
		if i < 101 && f[4] == "" { // which tshark 4.0 counts from 1900
			t.Errorf("message %d has no base-time", i)
		}
		switch f[0] {
		case "13": // LEASEACTIVE
			if f[2] != dhcpclient.MAC(clients).String() || f[3] != "2" || f[5] != "0" || f[6] != hex.EncodeToString(fmt.Appendf(nil, "port%d", clients)) || f[7] == "" {
				t.Errorf("the lease of client %d is shown as %q", clients, f)
			}
			clients++
		case "11": // LEASEUNASSIGNED
			if f[2] != "" && f[2] != "00:00:00:00:00:00" || f[3] != "1" {
				t.Errorf("a free address is shown as %q", f)
			}
		case "15": // LEASEQUERYDONE
			if want := map[int]string{101: "", 102: "3"}[i]; f[8] != want {
				t.Errorf("message %d ends with status %q, not %q", i, f[8], want)
			}
		default:
			t.Errorf("message %d: %q", i, f)
		}
	}
	if clients != 3 || len(lines) != 103 {
		t.Errorf("%d clients in %d messages", clients, len(lines))
	}
}

// bulk asks a bulk leasequery with those octets of options, and returns the messages of the answer.
func bulk(t *testing.T, from host, server string, options ...byte) (all [][]byte) {
	t.Helper()
	conn, err := from.dial("tcp", server+":67", giveUp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(giveUp))
	q := make([]byte, 240, 300)
	q[0] = 1
	copy(q[4:], "bulk")
	copy(q[236:], []byte{99, 130, 83, 99})
	q = append(append(append(q, 53, 1, 14), options...), 255)
	if _, err := conn.Write(append([]byte{byte(len(q) >> 8), byte(len(q))}, q...)); err != nil {
		t.Fatal(err)
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			t.Fatal(err)
		}
		m := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := io.ReadFull(conn, m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
		if strings.Contains(string(m[236:]), "\x35\x01\x0f") { // type 15: the last
			return all
		}
	}
}

// dissect is what tshark says of DHCP messages: those fields of each. It must not complain of any.
func dissect(t *testing.T, messages [][]byte, fields ...string) (lines [][]string) {
	t.Helper()
	dir := openDir(t)
	dump := ""
	for _, m := range messages {
		dump += regexp.MustCompile(`  \|.*`).ReplaceAllString(hex.Dump(m), "") + "\n"
	}
	pcap := filepath.Join(dir, "messages.pcap")
	output(t, local.command("text2pcap", "-q", "-u", "67,67", write(t, dir, "messages.txt", dump), pcap))
	read := func(args ...string) string {
		t.Helper()
		cmd := local.command("tshark", append([]string{"-r", pcap}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("tshark: %v", err)
		}
		return string(out)
	}
	if bad := read("-Y", "!dhcp || _ws.malformed || _ws.expert.severity >= 6291456", "-V"); bad != "" { // 6291456 is a warning
		t.Errorf("tshark complains:\n%s", bad[:min(len(bad), 4000)])
	}
	args := []string{"-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	for line := range strings.Lines(read(args...)) {
		lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return lines
}
