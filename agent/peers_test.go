package agent

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/internal/ask"
	"loadshare/internal/freeport"
	"loadshare/monitor/order"
)

const peerZone = `$TTL 300
@ IN SOA ns1 root 1 28800 140 3600000 60
  IN NS ns1
ns1 IN A 127.0.0.1
* IN A 10.9.9.9
* IN TXT "v=spf1 -all"
`

// peer starts a real DNS server on a loopback port of its own; without the
// program the test is skipped, unless PEERS=required.
func peer(t *testing.T, program string, conf func(dir, port, secret string) (string, []string)) netip.AddrPort {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("PEERS") == "required" {
			t.Fatalf("PEERS=required, but %s is not installed", program)
		}
		t.Skip(program + " is not installed")
	}
	// AppArmor's profiles attach by path and forbid temporary directories.
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "peer") // a dropped user must reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	addr := freeport.Pick(t, "127.0.0.1")
	text, args := conf(dir, fmt.Sprint(addr.Port()), base64.StdEncoding.EncodeToString(ddnsKey.Secret))
	for name, data := range map[string]string{"conf": text, "example.zone": peerZone, program: string(binary)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, program), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s said\n%s", program, read(t, log.Name()))
		}
	})
	client := ask.Client{Timeout: 200 * time.Millisecond}
	poll(t, program+" answers", func() bool {
		z, err := client.Zone(t.Context(), addr, "www.example")
		return err == nil && z == "example"
	})
	return addr
}

func bind(t *testing.T) netip.AddrPort {
	t.Helper()
	return peer(t, "named", func(dir, port, secret string) (string, []string) {
		return fmt.Sprintf(`key ddns { algorithm hmac-sha256; secret "%s"; };
options { directory "%s"; pid-file "pid"; session-keyfile "sk"; managed-keys-directory "%[2]s"; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; };
controls { };
zone "example" { type master; file "example.zone"; allow-update { key ddns; }; };
`, secret, dir, port), []string{"-g", "-n", "1", "-c", filepath.Join(dir, "conf")}
	})
}

func knot(t *testing.T) netip.AddrPort {
	t.Helper()
	return peer(t, "knotd", func(dir, port, secret string) (string, []string) {
		return fmt.Sprintf(`server:
    rundir: "%[1]s"
    listen: 127.0.0.1@%[2]s
database:
    storage: "%[1]s/db"
key:
  - id: ddns
    algorithm: hmac-sha256
    secret: "%[3]s"
acl:
  - id: update
    key: ddns
    action: update
template:
  - id: default
    storage: "%[1]s"
zone:
  - domain: example
    file: "example.zone"
    acl: update
`, dir, port, secret), []string{"-c", filepath.Join(dir, "conf")}
	})
}

// M2, "Works on BIND and Knot too": names that a wildcard answers for, changes of
// the TTL, A and AAAA of one name side by side, MX at the apex, somebody else's
// edit, and a late write.
func TestFenceOnRealServers(t *testing.T) {
	for name, start := range map[string]func(*testing.T) netip.AddrPort{"bind": bind, "knot": knot} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := start(t)
			s := newSite(t, fmt.Sprintf("[publish]\nservers = [%q]\nkey = \"ddns.key\"\nrecords = [\"*.example A AAAA\", \"example MX\"]\nstrays = \"remove\"\n", addr))
			m := s.monitor("m1", s.start())
			v6, mx := order.PoolID("www.example/AAAA"), order.PoolID("example/MX")
			for _, p := range []order.PoolID{webPool, v6, mx} {
				m.claim(p, order.Stamp{})
			}
			generation := uint64(0)
			set := func(p order.PoolID, ttl uint32, values ...string) {
				t.Helper()
				generation++
				r := m.ask(order.Publish{ID: fmt.Sprint(generation), Pool: p, Stamp: m.stamp(generation), DecidedAt: time.Now(), Members: values,
					Want: order.RecordSet{Name: p.Name(), Type: p.Type(), TTL: ttl, Values: values}.Normalize()}).(order.Receipt)
				if r.Refused != order.Taken {
					t.Fatalf("%+v", r)
				}
				id := r.Order
				done := m.published(func(p order.Published) bool { return p.Order == id && p.Done })
				if done.Servers[0].State != order.ServerAnswers {
					t.Fatalf("%+v", done)
				}
				got, err := (&ask.Client{}).Set(t.Context(), addr, p.Name(), string(p.Type()))
				want := ddns.Set{Name: p.Name(), Type: string(p.Type()), TTL: ttl, Values: values}.Normalize()
				if d := cmp.Diff(want, ddns.Set(got).Normalize()); err != nil || d != "" {
					t.Errorf("%v\n%s", err, d)
				}
			}
			set(webPool, 1, "10.0.0.1", "10.9.9.9") // a first adoption keeps what it finds, here the wildcard's
			set(webPool, 1, "10.0.0.1", "10.0.0.2")
			set(webPool, 300, "10.0.0.1", "10.0.0.2")
			set(v6, 1, "2001:db8::5")
			set(webPool, 5, "10.0.0.2")
			set(mx, 60, "10 node1.example", "10 node2.example")
			set(mx, 60, "10 node2.example")

			edge := newPublisher(&Publish{Key: ddnsKey})
			k := ddns.Key{Name: "www.example", Type: "A"}
			gen, _ := ddns.GenerationName(k)
			zone, err := edge.client.Zone(t.Context(), addr, k.Name)
			if err != nil {
				t.Fatal(err)
			}
			have, err := edge.client.Set(t.Context(), addr, k.Name, k.Type)
			if err != nil {
				t.Fatal(err)
			}
			text, err := edge.client.Set(t.Context(), addr, gen, "TXT")
			if err != nil {
				t.Fatal(err)
			}
			late, err := ddns.Fenced(zone, ddns.Have{Set: ddns.Set(have).Normalize(), Generation: text.Values},
				ddns.Want{Set: ddns.Set{Name: k.Name, Type: k.Type, TTL: 5, Values: []string{"10.0.0.66"}}, Stamp: ddns.Stamp(m.stamp(99))})
			if err != nil {
				t.Fatal(err)
			}
			set(webPool, 5, "10.0.0.3")
			set(webPool, 5, "10.0.0.2") // the set is again what the late writer has read
			if fault, text := edge.send(t.Context(), addr, late); fault != plan.Changed {
				t.Errorf("late write: %v %s", fault, text)
			}
			// Somebody else edits the set by hand: drift, written again.
			hand := ddns.Unfenced(zone, ddns.Set{}, ddns.Set{Name: k.Name, Type: k.Type, TTL: 5, Values: []string{"10.0.0.77"}})
			if fault, text := edge.send(t.Context(), addr, hand); fault != plan.NoFault {
				t.Fatalf("edit by hand: %v %s", fault, text)
			}
			set(webPool, 5, "10.0.0.2")
		})
	}
}
