package dhcp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// desk is a machine without sockets and disk: what it writes is durable at once.
type desk struct {
	t   *testing.T
	m   *engine.Machine
	now failover.Now
}

const fuzzPair = `
[[failover]]
name = "pair1"
role = "main"
address = "127.0.0.2:647"
partner = "127.0.0.3:647"
link = "draft"
`

// fuzzConfig is what operators would write, with everything on that reads what clients send.
func fuzzConfig(f *testing.F, pair bool) engine.Config {
	f.Helper()
	head, scopes, _ := strings.Cut(single, "[[scope]]")
	text := head + "[[scope]]" + scopes
	if pair {
		text = head + fuzzPair + "[[scope]]\nfailover = \"pair1\"" + scopes
	}
	path := filepath.Join(f.TempDir(), "dhcp.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	conf, problems := config.Load(path)
	if err := problems.Err(); err != nil {
		f.Fatal(err)
	}
	return conf.Engine
}

func newDesk(t *testing.T, c engine.Config) *desk {
	d := &desk{t: t, now: failover.Now{Mono: time.Hour, Wall: 1_800_000_000}}
	m, err := engine.New(d.now, c, engine.Start{Store: 1, Boot: 1})
	if err != nil {
		t.Fatal(err)
	}
	d.m = m
	d.step(engine.Tick{})
	return d
}

// step takes an input, makes durable what it writes, and checks all that comes out: replies can be read by a client and fit, messages can be
// sent to a partner, and only addresses of pools are written.
func (d *desk) step(in engine.Input) {
	d.t.Helper()
	out := d.m.Step(d.now, in)
	for range 100 {
		if out.Next <= 0 {
			d.t.Fatal("nothing is due")
		}
		for i := range out.Replies {
			d.reply(&out.Replies[i])
		}
		for i := range out.Pairs {
			for _, s := range out.Pairs[i].Output.Send {
				d.message(&s.Message)
			}
		}
		for _, l := range out.Write.Leases {
			if l.IP < 0x7f010001 || l.IP > 0x7f0103fe || l.State == 0 || l.State > lease.Backup {
				d.t.Fatalf("written: %+v", l)
			}
		}
		if out.Write.Batch == 0 {
			return
		}
		out = d.m.Step(d.now, engine.Durable{Batch: out.Write.Batch, Seq: out.Write.Batch})
	}
	d.t.Fatal("writes without end")
}

func (d *desk) reply(r *engine.Reply) {
	d.t.Helper()
	octets, _ := r.Packet.Append(nil, r.Room)
	if len(octets) > max(r.Room, 300) {
		d.t.Fatalf("%d octets for room of %d", len(octets), r.Room)
	}
	p, err := packet.Parse(octets)
	if err != nil || !p.Reply || p.XID != r.Packet.XID || p.Type != r.Packet.Type {
		d.t.Fatalf("a reply that cannot be read: %v, %x", err, octets)
	}
	if r.To.IP == 0 {
		d.t.Fatal("a reply to nobody")
	}
}

func (d *desk) message(m *wire.Message) {
	d.t.Helper()
	octets, err := wire.Append(nil, *m)
	if err == nil {
		_, err = wire.Decode(octets)
	}
	if err != nil {
		d.t.Fatalf("%+v: %v", m, err)
	}
}

// FuzzPackets is the whole way of a packet: octets as they come from the network, one after the other, and what is said to each. "Any packet
// gets a correct answer or silence."
func FuzzPackets(f *testing.F) {
	h := hostile{seeded(3)}
	for range 40 {
		f.Add(h.packet(), h.packet(), h.packet())
	}
	c := fuzzConfig(f, false)
	f.Fuzz(func(t *testing.T, a, b, e []byte) {
		d := newDesk(t, c)
		from := packet.Arrival{Interface: "eth0", Local: 0x7f000001, RelayPort: 67}
		for _, octets := range [][]byte{a, b, a, e, b} {
			if p, err := packet.Parse(octets); err == nil {
				d.step(engine.Heard{Packet: p, From: from})
			}
			d.now.Mono += 7 * time.Second
			d.now.Wall += 7
			d.step(engine.Tick{})
		}
	})
}

// FuzzPartner is the whole way of what a partner sends: octets of a connection that has been begun properly, in the order of the protocol or
// in none, to the machine that holds the leases.
func FuzzPartner(f *testing.F) {
	for _, body := range nonsense {
		var all []byte
		for i := range 8 {
			all, _ = wire.Append(all, wire.Message{Time: 1_800_000_000, XID: uint32(i), Body: body(i)})
		}
		f.Add(all, byte(wire.Recover))
		f.Add(all, byte(wire.Normal))
	}
	c := fuzzConfig(f, true)
	f.Fuzz(func(t *testing.T, octets []byte, state byte) {
		d := newDesk(t, c)
		hear := func(m wire.Message) {
			d.step(engine.Pair{Name: "pair1", Input: failover.Received{Session: 1, Message: m}})
		}
		at := uint32(d.now.Wall)
		d.step(engine.Pair{Name: "pair1", Input: failover.Connected{Session: 1}})
		hear(wire.Message{Time: at, Body: wire.ConnectAck{
			Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer, wire.OptVersion), Name: "pair1", MaxUnacked: 10, ReceiveTimer: 60, Version: 1,
		}})
		hear(wire.Message{Time: at, XID: 1, Body: wire.State{State: wire.EndpointState(state)}})
		var stream wire.Stream
		_ = stream.Feed(octets, func(one []byte) error {
			m, err := wire.Decode(one)
			if err == nil {
				hear(m)
				d.now.Mono += time.Second
				d.now.Wall++
				d.step(engine.Tick{})
			}
			return err
		})
		d.step(engine.Pair{Name: "pair1", Input: failover.Lost{Session: 1}})
	})
}
