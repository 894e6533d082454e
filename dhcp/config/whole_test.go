package config

import (
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/scope"
)

// Everything that a configuration can say arrives where it is meant to.
func TestEverything(t *testing.T) {
	c, lines := load(t, `
interfaces = ["eth1", "eth2"]
listen = ["192.168.0.10", "192.168.0.10:6700"]
relay_reply_port = "source"
state_dir = "state"
history = "1w"
authoritative = false
ignore_subnet_selection = true
offer_hold = "30s"
ping_timeout = "250ms"
orphan_time = "10d"
port_burst = 11
port_rate = 12
relay_burst = 13
relay_rate = 14

[policy]
lease_time = "12h"
min_lease = "10m"
max_lease = "infinite"
t1 = "5h"
t2 = "9h"
next_server = "192.168.0.5"
server_name = "boot"
boot_file = "pxelinux.0"
rapid_commit = true
ping_check = false
abandon_time = "2h"
v6_only_wait = "30m"
ddns = false
domain = "mydomain.com"
leasequery = ["192.168.0.1", "10.0.0.0/8"]
always = ["domain-search", "wlc", "121"]
[policy.options]
ntp-servers = ["192.168.0.1"]
wlc = "192.168.0.9"
ip-forwarding = false
default-ip-ttl = 64
200 = "01:02:ff"

[[option_definition]]
name = "wlc"
code = 241
type = "ipv4-address"

[[option_definition]]
name = "rack"
code = 240
type = "record"
fields = ["uint8", "string"]

[[shared_network]]
name = "floor"
lease_time = "10h"

[[class]]
name = "phones"
vendor_class = "Cisco"
mac_prefix = "00:1e:7a"
lease_time = "8h"
[class.options]
tftp-server-name = "tftp.mydomain.com"
rack = [7, "left"]

[[class]]
name = "staff"
only_known = true

[[client]]
mac = "02:00:00:00:00:07"
hostname = "seven"
classes = ["staff"]

[[client]]
client_id = "01:02:03"
deny = true

[[failover]]
name = "office"
role = "backup"
address = "127.0.0.1:6471"
partner = "127.0.0.1:6472"
mclt = "30m"
backup_pct = 25
dynamic_bootp_backup_pct = 40
load_balancing = true
key = "dhcp-pair.key"
fast_detect = "500ms"
poll_interval = "5s"
poll_timeout = "20s"
use_safe_period = true
safe_period = "1d"
max_unacked = 20
match = ["10.1.0.0/16"]

[[failover]]
name = "isc"
role = "main"
address = "127.0.0.1:6473"
partner = "127.0.0.1:6474"
link = "draft"
second_try_with_isc = true

[[scope]]
name = "one"
subnet = "10.1.1.0/24"
ranges = ["10.1.1.64/26", "10.1.1.10 - 10.1.1.20", "10.1.1.30"]
exclude = ["10.1.1.70-10.1.1.79"]
shared_network = "floor"
interface = "eth2"
allocate_first_available = true
backup_allocation_boundary = "10.1.1.100"
allow = ["phones", "KNOWN"]
deny = ["staff"]
[[scope.reservation]]
address = "10.1.1.5"
client_id = "printer"
[[scope.reservation]]
address = "10.1.1.6"
circuit_id = "eth0/7"
remote_id = "00:01:02"
lease_time = "infinite"

[[scope]]
name = "two"
subnet = "10.1.2.0/24"
ranges = ["10.1.2.10-10.1.2.20"]
shared_network = "floor"
backup_pct = 30

[[scope]]
name = "old"
subnet = "10.1.3.0/24"
ranges = ["10.1.3.10-10.1.3.20"]
bootp = true
dynamic_bootp = true
dhcp = false

[[scope]]
name = "alone"
subnet = "10.9.0.0/24"
ranges = ["10.9.0.10-10.9.0.20"]
failover = ""
deactivated = true

[[scope]]
name = "third"
subnet = "10.8.0.0/24"
ranges = ["10.8.0.10-10.8.0.20"]
failover = "isc"

[ddns]
servers = ["192.168.0.10"]
key = "ddns.key"
forward_zone = ["mydomain.com", "Other.org."]
reverse_zone = "1.10.in-addr.arpa"
ttl = 300
override_client = true
override_none = true
strict = true
`)
	for _, l := range lines {
		t.Logf("%s", l)
	}
	if c.Engine.Scopes == nil {
		t.Fatal("there is no table of scopes")
	}
	check := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("%s is wrong", what)
		}
	}
	e := c.Engine
	check("first level", len(c.Interfaces) == 2 && c.Listen[0].Port() == 67 && c.RelayReplySource && c.History == 7*24*time.Hour && !e.Authoritative && e.OfferHold == 30*time.Second &&
		e.PingTimeout == 250*time.Millisecond && e.OrphanTime == 240*time.Hour && e.PortBurst == 11 && e.PortRate == 12 && e.RelayBurst == 13 && e.RelayRate == 14 && c.Scopes.IgnoreSubnetSelection)
	p := c.Scopes.Policy
	check("times", *p.LeaseTime == 43200 && *p.MinLease == 600 && *p.MaxLease == 0xffffffff && *p.T1 == 5*3600 && *p.T2 == 9*3600 && *p.AbandonTime == 7200 && *p.V6OnlyWait == 1800)
	check("boot", p.NextServer == lease.IP(0xc0a80005) && p.ServerName == "boot" && p.BootFile == "pxelinux.0")
	check("switches", *p.RapidCommit && !*p.PingCheck && !*p.DDNS && p.Domain == "mydomain.com" && len(p.LeaseQuery) == 2)
	check("always", len(p.Always) == 3 && p.Always[0] == option.DomainSearch && p.Always[1] == 241 && p.Always[2] == option.ClasslessRoutes)
	for code, want := range map[option.Code]string{42: "\xc0\xa8\x00\x01", 241: "\xc0\xa8\x00\x09", 19: "\x00", 23: "\x40", 200: "\x01\x02\xff"} {
		if got, ok := p.Options.Get(code); !ok || string(got) != want {
			t.Errorf("option %d is %q, want %q", code, got, want)
		}
	}
	check("networks", len(c.Scopes.Networks) == 1 && *c.Scopes.Networks[0].Policy.LeaseTime == 10*3600)
	cl := c.Scopes.Classes[0]
	rack, _ := cl.Policy.Options.Get(240)
	check("class", cl.VendorClass == "Cisco" && string(cl.MACPrefix) == "\x00\x1e\x7a" && *cl.Policy.LeaseTime == 8*3600 && string(rack) == "\x07left" && c.Scopes.Classes[1].OnlyKnown)
	check("clients", c.Scopes.Clients[0].Hostname == "seven" && c.Scopes.Clients[0].Classes[0] == "staff" && c.Scopes.Clients[1].Deny && string(c.Scopes.Clients[1].ClientID) == "\x01\x02\x03")
	f, i := e.Pairs[0], e.Pairs[1]
	check("pair", f.MCLT == 1800 && f.Balancing && f.Fast == 500*time.Millisecond && f.PollInterval == 5*time.Second && f.PollTimeout == 20*time.Second && f.SafePeriod == 24*time.Hour && f.MaxUnacked == 20 && !f.ISC)
	check("ISC pair", i.ISC && i.SecondTry && i.Fast == 0 && i.SafePeriod == 0 && c.Pairs[1].Draft)
	s := map[string]*scope.Scope{}
	for n := range c.Scopes.Scopes {
		s[c.Scopes.Scopes[n].Name] = &c.Scopes.Scopes[n]
	}
	one := s["one"]
	check("scope", len(one.Ranges) == 3 && one.Ranges[0].Last-one.Ranges[0].First == 63 && one.Ranges[2].First == one.Ranges[2].Last && len(one.Exclude) == 1 && one.SharedNetwork == "floor" && one.Interface == "eth2" &&
		one.AllocateFirst && one.Boundary == lease.IP(0x0a010164) && len(one.Allow) == 2 && len(one.Deny) == 1)
	check("reservations", string(one.Reservations[0].ClientID) == "printer" && string(one.Reservations[1].Circuit) == "eth0/7" && string(one.Reservations[1].Remote) == "\x00\x01\x02" && *one.Reservations[1].Policy.LeaseTime == 0xffffffff)
	// D02, D05: the network match list; D22: "on pair or scope (scope wins)"; D27.
	check("network match list", one.Failover == "office" && s["two"].Failover == "office" && s["old"].Failover == "office" && s["alone"].Failover == "" && s["third"].Failover == "isc")
	check("percentages", *one.BackupPct == 25 && *s["two"].BackupPct == 30 && *s["old"].BootpPct == 40 && *s["third"].BackupPct == 10 && s["alone"].BackupPct == nil)
	check("BOOTP", s["old"].BOOTP && s["old"].DynamicBOOTP && s["old"].NoDHCP && s["alone"].Deactivated)
	n := e.Names
	check("names", n.On && len(n.ForwardZones) == 2 && n.ForwardZones[1] == "other.org" && n.TTL == 300 && n.Override && n.OverrideNone && n.Strict && c.DDNS.Policy == "pair")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "[[scope]]\nname = \"s\"\nsubnet = \"192.168.0.0/24\"\nranges = [\"192.168.0.64/26\"]\n[scope.options]\nrouters = [\"192.168.0.1\"]\n"))
	f.Add([]byte(pairHead + "link = \"draft\"\nmatch = [\"10.0.0.0/8\"]\n[[client]]\nmac = \"02:00:00:00:00:50\"\n"))
	f.Add([]byte(head + "[[option_definition]]\nname = \"a\"\ncode = 240\ntype = \"record\"\nfields = [\"uint8\"]\n[[class]]\nname = \"c\"\ntest = \"option[60].exists\"\n[[scope]]\nscope = 5\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := Parse("f", text)
		if problems.Err() == nil && (c == nil || c.Engine.Scopes == nil || len(c.Pairs) != len(c.Engine.Pairs)) {
			t.Errorf("accepted, and yet not usable: %q", text)
		}
	})
}
