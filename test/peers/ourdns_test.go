package peers

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ours is one running `loadshare dns` of a test, in a process of its own.
type ours struct {
	*dnsServer
	*site
	head  string // the configuration before the zones
	zones []ourZone
}

// ourZone is one [[zone]] with the text of its file.
type ourZone struct {
	name, text       string
	update, transfer []string
}

// table is the zone's part of the configuration; its file is named by it.
func (z ourZone) table() string {
	quoted := func(s string) string { return s }
	return fmt.Sprintf("[[zone]]\nname = %q\nfile = \"db.%[1]s\"\nupdate = %s\ntransfer = %s\n", z.name, list(z.update, quoted), list(z.transfer, quoted))
}

// keyNames are the TSIG keys of every such server: one for all, one with a narrow grant, one that no zone names.
var keyNames = []string{"ddns", "narrow", "idle"}

// startOurs runs `loadshare dns` with the zones.
func startOurs(t *testing.T, zones ...ourZone) *ours {
	t.Helper()
	need(t, "dig", "nsupdate")
	o := &ours{site: newSite(t, local), dnsServer: &dnsServer{host: local, port: nextDNSPort()}, zones: zones}
	keys := []string{}
	for _, k := range keyNames {
		write(t, o.dir, k+".key", output(t, exec.Command(loadshare(t), "key", k)))
		keys = append(keys, k+".key")
	}
	o.head = fmt.Sprintf("listen = [%q]\nstate_dir = \"state-dns\"\nnsid = \"ours-1\"\nkeys = %s\n[control]\nlisten = %q\n",
		o.endpoint(), list(keys, func(s string) string { return s }), o.control("dns"))
	o.run(t, "dns", "dns", local, o.config(t))
	return o
}

// config writes the zone files that are not there yet and returns the configuration.
func (o *ours) config(t *testing.T) string {
	t.Helper()
	text := o.head
	for _, z := range o.zones {
		write(t, o.dir, "db."+z.name, z.text)
		text += z.table()
	}
	return text
}

// process is the running server; tests signal it.
func (o *ours) process() *proc { return o.roles["dns"] }

// key is a key of the server in the form that the options -y of all tools take.
func (o *ours) key(t *testing.T, name string) string {
	t.Helper()
	return "hmac-sha256:" + name + ":" + keySecret(t, filepath.Join(o.dir, name+".key"))
}

// cliOut runs an operator's command against the server.
func (o *ours) cliOut(t *testing.T, args ...string) string {
	t.Helper()
	return o.loadshareOut(t, append(args, "-s", o.control("dns"))...)
}

// lastReload asks for the result of the last reload; nil: there was none.
func (o *ours) lastReload(t *testing.T) *reloadResult {
	t.Helper()
	var status struct {
		Reload *reloadResult `json:"reload"`
	}
	if err := json.Unmarshal([]byte(o.cliOut(t, "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	return status.Reload
}

type reloadResult struct {
	At    time.Time `json:"at"`
	OK    bool      `json:"ok"`
	Error string    `json:"error"`
}

// hup makes the server read its configuration again and returns what became of it.
func (o *ours) hup(t *testing.T) reloadResult {
	t.Helper()
	before := o.lastReload(t)
	if err := syscall.Kill(o.process().cmd.Process.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var now *reloadResult
	eventually(t, "status shows the reload", func() error {
		now = o.lastReload(t)
		if now == nil || before != nil && now.At.Equal(before.At) {
			return fmt.Errorf("reload %v", now)
		}
		return nil
	})
	return *now
}

// peer starts named as a primary of the same zones, whose files are the same. zoneOptions is what else every zone says.
func (o *ours) peer(t *testing.T, zoneOptions func(zone string) string) *dnsServer {
	t.Helper()
	need(t, "named")
	dir, port := openDir(t), nextDNSPort()
	var conf strings.Builder
	for _, k := range keyNames {
		fmt.Fprintf(&conf, "key %q { algorithm hmac-sha256; secret %q; };\n", k, keySecret(t, filepath.Join(o.dir, k+".key")))
	}
	// minimal-responses: neither side adds the zone's NS to answers; both add addresses of what they name.
	fmt.Fprintf(&conf, `options {
	directory %q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[1]q;
	listen-on port %d { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; allow-transfer { any; }; minimal-responses no-auth; empty-zones-enable no;
};
controls { };
`, dir, port, local.addr)
	for _, z := range o.zones {
		write(t, dir, "db."+z.name, z.text)
		fmt.Fprintf(&conf, "zone %q { type primary; file \"db.%[1]s\"; %s };\n", z.name, zoneOptions(z.name))
	}
	return startNamed(t, write(t, dir, "named.conf", conf.String()), port, o.zones[0].name)
}

// knot starts knotd as a primary of the same zones, whose files are the same; the key ddns may update them.
func (o *ours) knot(t *testing.T) *dnsServer {
	t.Helper()
	need(t, "knotd")
	dir, port := openDir(t), nextDNSPort()
	var conf strings.Builder
	conf.WriteString(knotHead(t, dir, fmt.Sprintf("%s@%d", local.addr, port), keySecret(t, filepath.Join(o.dir, "ddns.key"))))
	fmt.Fprintf(&conf, `acl:
  - id: update
    key: ddns
    action: update
  - id: all
    address: %s
    action: transfer
template:
  - id: default
    storage: %q
    acl: [update, all]
zone:
`, local.addr, dir)
	for _, z := range o.zones {
		write(t, dir, z.name+".zone", z.text)
		fmt.Fprintf(&conf, "  - domain: %s\n", z.name)
	}
	file := write(t, dir, "knot.conf", conf.String())
	s := &dnsServer{host: local, port: port}
	s.again = func() *proc { return start(t, "knotd", exec.Command("knotd", "-c", file)) }
	s.proc = s.again()
	waitZone(t, s, o.zones[0].name)
	return s
}

// startNamed runs named with a configuration until it answers for the zone.
func startNamed(t *testing.T, conf string, port int, zone string) *dnsServer {
	t.Helper()
	s := &dnsServer{host: local, port: port}
	program := privateCopy(t, "named")
	s.again = func() *proc { return start(t, "named", exec.Command(program, "-g", "-n", "1", "-c", conf)) }
	s.proc = s.again()
	waitZone(t, s, zone)
	return s
}

func waitZone(t *testing.T, s *dnsServer, zone string) {
	t.Helper()
	eventually(t, "the server of "+zone+" answers", func() error {
		_, err := s.serial(zone)
		return err
	})
}

// serial is what the server's SOA says now.
func (s *dnsServer) serial(zone string) (uint32, error) {
	got, err := dig(s.host, s.addr, s.port, zone, "SOA")
	if err != nil {
		return 0, err
	}
	if len(got) != 1 {
		return 0, fmt.Errorf("SOA answer %v", got)
	}
	var mname, rname string
	var serial uint32
	_, err = fmt.Sscan(got[0], &mname, &rname, &serial)
	return serial, err
}

var spaces = regexp.MustCompile(`[ \t]+`)

// transferred is a zone as dig gets it by AXFR: sorted lines, the SOA once and without its serial, which is returned apart.
func transferred(s *dnsServer, zone, key string) (records []string, serial string, err error) {
	args := []string{"+noall", "+answer", "+onesoa", "+time=30", "+tries=1", "-p", fmt.Sprint(s.port), "@" + s.addr}
	if key != "" {
		args = append(args, "-y", key)
	}
	out, err := s.host.command("dig", append(args, zone, "AXFR")...).Output()
	if err != nil {
		return nil, "", fmt.Errorf("dig %s AXFR: %w %s", zone, err, out)
	}
	records = sortedLines(spaces.ReplaceAllString(string(out), " "))
	for i, r := range records {
		if f := strings.Fields(r); len(f) == 11 && f[3] == "SOA" {
			serial, f[6] = f[6], "SERIAL"
			records[i] = strings.Join(f, " ")
		}
	}
	if serial == "" {
		return nil, "", fmt.Errorf("dig %s AXFR: no zone in %s", zone, out)
	}
	slices.Sort(records)
	return records, serial, nil
}

// mustTransfer is transferred, without errors.
func mustTransfer(t *testing.T, s *dnsServer, zone, key string) ([]string, string) {
	t.Helper()
	records, serial, err := transferred(s, zone, key)
	if err != nil {
		t.Fatal(err)
	}
	return records, serial
}
