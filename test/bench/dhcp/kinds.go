package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kind is a server that is measured, alone or as a pair.
type kind struct {
	name    string
	ours    bool
	pair    bool
	program string
	durable string // what is on disk before the client gets its ACK
	start   func(k kind, s *server) error
	// normal says that a pair works as one; nil of a single server: that it answers is enough.
	normal func(k kind, s *server) bool
	waits  string // settings of a Kea pair
}

// kinds are all that is measured; with quick, Kea's pairs do not wait as long as they do by default.
func kinds(binary string, quick bool) []kind {
	ours := kind{name: "ours", ours: true, program: binary, durable: "the lease, with fsync; one fsync for all that wait", start: startOurs}
	pair := ours
	pair.name, pair.pair, pair.normal = "ours-pair", true, normalOurs
	pair.durable += "; the partner is told afterwards (lazy updates)"
	balanced := pair
	balanced.name = "ours-balanced"
	isc := kind{name: "dhcpd", program: "dhcpd", durable: "the lease, with fsync", start: startISC}
	iscPair := isc
	iscPair.name, iscPair.pair, iscPair.normal = "dhcpd-pair", true, normalISC
	iscPair.durable += "; the partner is told afterwards (lazy updates)"
	kea := kind{name: "kea", program: "kea-dhcp4", durable: "written to the lease file, no fsync: a power cut loses leases", start: startKea}
	keaHot := kea
	keaHot.name, keaHot.pair, keaHot.normal = "kea-hot-standby", true, normalKea
	keaHot.durable = "written to the lease file of both servers, no fsync on either"
	keaHot.waits = `"heartbeat-delay": 10000, "max-response-delay": 60000, "max-ack-delay": 10000, "max-unacked-clients": 10,` // the defaults
	if quick {
		keaHot.waits = `"heartbeat-delay": 500, "max-response-delay": 3000, "max-ack-delay": 1000, "max-unacked-clients": 1,`
	}
	keaBalanced := keaHot
	keaBalanced.name = "kea-load-balancing"
	kinds := []kind{ours, isc, kea, pair, balanced, iscPair, keaHot, keaBalanced}
	if self, err := os.Executable(); err == nil {
		kinds = append(kinds, mirrorKind(self))
	}
	return kinds
}

func (k kind) here() error {
	_, err := exec.LookPath(k.program)
	return err
}

func (k kind) version() string {
	if k.name == mirrorName {
		return "this benchmark's own"
	}
	arg := map[string]string{"dhcpd": "--version", "kea-dhcp4": "-v"}[k.program]
	if arg == "" {
		arg = "--version"
	}
	out, err := exec.Command(k.program, arg).CombinedOutput()
	if err != nil {
		return "version unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// lastLease is the end of the server's range.
func (s *server) lastLease() string {
	_, _, end := leases(s.pool)
	return end
}

func write(file, text string) error { return os.WriteFile(file, []byte(text), 0o600) }

// Ours.

func startOurs(k kind, s *server) error {
	conf := fmt.Sprintf(`listen = ["%s:67"]
state_dir = "state"
[control]
listen = "unix:%s/dhcp.sock"
`, s.addr, s.dir)
	failover := ""
	if k.pair {
		key := filepath.Join(filepath.Dir(s.dir), "pair.key")
		if s.first {
			out, err := exec.Command(k.program, "key", "pair").Output()
			if err != nil {
				return err
			}
			if err := write(key, string(out)); err != nil {
				return err
			}
		}
		role, partner := "main", serverNet+"2"
		if !s.first {
			role, partner = "backup", serverNet+"1"
		}
		conf += fmt.Sprintf("[[failover]]\nname = \"pair\"\nrole = \"%s\"\naddress = \"%s:647\"\npartner = \"%s:647\"\nkey = \"%s\"\nload_balancing = %v\n",
			role, s.addr, partner, key, strings.HasSuffix(k.name, "balanced"))
		failover = "failover = \"pair\"\n"
	}
	conf += fmt.Sprintf(`[[scope]]
name = "bench"
subnet = "%s"
ranges = ["%s-%s"]
lease_time = "1d"
ping_check = false
%s[scope.options]
routers = ["%s"]
domain-name-servers = ["%s1", "%[6]s2"]
domain-name = "example.org"
`, leaseNet, leaseFrom, s.lastLease(), failover, relayAddr, serverNet)
	file := filepath.Join(s.dir, "dhcp.toml")
	if err := write(file, conf); err != nil {
		return err
	}
	return s.run(k.program, "dhcp", "-c", file)
}

// status is the part of `status --json` that is looked at.
type status struct {
	Ready bool `json:"ready"`
	Pairs []struct {
		State   string `json:"state"`
		Unacked int    `json:"unacked"`
	} `json:"pairs"`
}

func statusOurs(k kind, s *server) (st status, err error) {
	out, err := exec.Command(k.program, "status", "--json", "-s", "unix:"+filepath.Join(s.dir, "dhcp.sock")).Output()
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(out, &st)
}

func normalOurs(k kind, s *server) bool {
	st, err := statusOurs(k, s)
	return err == nil && len(st.Pairs) == 1 && st.Pairs[0].State == "normal" && st.Pairs[0].Unacked == 0
}

// ISC dhcpd.

func startISC(k kind, s *server) error {
	conf := "authoritative; ddns-update-style none; ping-check false; default-lease-time 86400; max-lease-time 86400;\n" +
		"subnet 198.18.0.0 netmask 255.255.255.0 { }\n"
	use := ""
	if k.pair {
		role, partner, more := "primary", serverNet+"2", "mclt 3600; split 128; load balance max seconds 3;"
		if !s.first {
			role, partner, more = "secondary", serverNet+"1", ""
		}
		conf += fmt.Sprintf("failover peer \"pair\" { %s; address %s; port 647; peer address %s; peer port 647; max-response-delay 60; max-unacked-updates 10; %s }\n",
			role, s.addr, partner, more)
		use = "failover peer \"pair\"; "
	}
	conf += fmt.Sprintf("subnet 10.64.0.0 netmask %s { pool { %srange %s %s; } option routers %s; option domain-name-servers %s1, %[6]s2; option domain-name \"example.org\"; }\n",
		leaseMask, use, leaseFrom, s.lastLease(), relayAddr, serverNet)
	file, leases := filepath.Join(s.dir, "dhcpd.conf"), filepath.Join(s.dir, "leases")
	if err := write(file, conf); err != nil {
		return err
	}
	if _, err := os.Stat(leases); err != nil {
		if err := write(leases, ""); err != nil {
			return err
		}
	}
	// Without -d it logs to syslog, where there is none: that costs it least.
	return s.run(k.program, "-4", "-f", "-q", "--no-pid", "-cf", file, "-lf", leases, "eth0")
}

func normalISC(_ kind, s *server) bool {
	data, _ := os.ReadFile(filepath.Join(s.dir, "leases"))
	text := string(data)
	at := strings.LastIndex(text, "failover peer \"pair\" state")
	return at >= 0 && strings.Contains(text[at:], "my state normal") && strings.Contains(text[at:], "partner state normal")
}

// Kea.

func startKea(k kind, s *server) error {
	hooks, pools := "", fmt.Sprintf(`{"pool": "%s - %s"}`, leaseFrom, s.lastLease())
	if k.pair {
		found, err := filepath.Glob("/usr/lib/*/kea/hooks/libdhcp_ha.so")
		if err != nil || len(found) != 1 {
			return fmt.Errorf("its hook libdhcp_ha.so is not there")
		}
		mode, second := "hot-standby", "standby"
		if k.name == "kea-load-balancing" {
			mode, second = "load-balancing", "secondary"
			half, next, end := leases(s.pool)
			pools = fmt.Sprintf(`{"pool": "%s - %s", "client-class": "HA_server1"}, {"pool": "%s - %s", "client-class": "HA_server2"}`, leaseFrom, half, next, end)
		}
		name := "server2"
		if s.first {
			name = "server1"
		}
		hooks = fmt.Sprintf(`"hooks-libraries": [{"library": "%s/libdhcp_lease_cmds.so"}, {"library": "%s", "parameters": {"high-availability": [{
"this-server-name": "%s", "mode": "%s", %s
"multi-threading": {"enable-multi-threading": true, "http-dedicated-listener": true, "http-listener-threads": 2, "http-client-threads": 2},
"peers": [{"name": "server1", "url": "http://%s1:8000/", "role": "primary"}, {"name": "server2", "url": "http://%[6]s2:8000/", "role": "%[7]s"}]}]}}],`,
			filepath.Dir(found[0]), found[0], name, mode, k.waits, serverNet, second)
	}
	conf := fmt.Sprintf(`{"Dhcp4": {"interfaces-config": {"interfaces": ["eth0"], "dhcp-socket-type": "udp"},
"lease-database": {"type": "memfile", "persist": true, "name": "%s/leases.csv", "lfc-interval": 0},
"multi-threading": {"enable-multi-threading": %v, "thread-pool-size": 2, "packet-queue-size": 64},
"valid-lifetime": 86400, %s
"option-data": [{"name": "routers", "data": "%s"}, {"name": "domain-name-servers", "data": "%s1, %[5]s2"}, {"name": "domain-name", "data": "example.org"}],
"loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": "stderr"}]},
            {"name": "kea-dhcp4.ha-hooks", "severity": "INFO", "output_options": [{"output": "stderr"}]}],
"subnet4": [{"subnet": "%[6]s", "pools": [%[7]s]}]}}
`, s.dir, k.pair, hooks, relayAddr, serverNet, leaseNet, pools)
	file := filepath.Join(s.dir, "kea.conf")
	if err := write(file, conf); err != nil {
		return err
	}
	return s.run(k.program, "-c", file)
}

func normalKea(k kind, s *server) bool {
	if k.name == "kea-load-balancing" {
		return s.proc.Said("to LOAD-BALANCING state")
	}
	return s.proc.Said("to HOT-STANDBY state")
}
