package engine

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

const testStart = int64(1_800_000_000)

// testDisk is what survives.
type testDisk struct {
	leases  map[lease.IP]lease.Lease
	saved   map[string]failover.Saved
	shared  map[string]Shared
	jobs    map[uint64]names.Job
	history []Event
	store   uint64
	boot    uint64
	seq     uint64
	last    int64
}

func newDisk(store uint64) *testDisk {
	return &testDisk{leases: map[lease.IP]lease.Lease{}, saved: map[string]failover.Saved{}, shared: map[string]Shared{}, jobs: map[uint64]names.Job{}, store: store}
}

// start is what New finds.
func (d *testDisk) start() Start {
	d.boot++
	s := Start{Store: d.store, Boot: d.boot, Seq: d.seq, LastCommit: d.last, Saved: maps.Clone(d.saved)}
	for _, ip := range slices.Sorted(maps.Keys(d.leases)) {
		s.Leases = append(s.Leases, d.leases[ip])
	}
	for _, name := range slices.Sorted(maps.Keys(d.shared)) {
		s.Shared = append(s.Shared, d.shared[name])
	}
	for _, id := range slices.Sorted(maps.Keys(d.jobs)) {
		s.Jobs = append(s.Jobs, d.jobs[id])
	}
	return s
}

// testWrite is a Write that outlives its Step.
func testWrite(w Write) Write {
	w.Leases, w.Forget, w.Saved, w.Shared = slices.Clone(w.Leases), slices.Clone(w.Forget), slices.Clone(w.Saved), slices.Clone(w.Shared)
	w.History, w.Jobs, w.Done = slices.Clone(w.History), slices.Clone(w.Jobs), slices.Clone(w.Done)
	return w
}

func (d *testDisk) write(w Write, wall int64) {
	for _, l := range w.Leases {
		d.leases[l.IP] = l
	}
	for _, ip := range w.Forget {
		delete(d.leases, ip)
	}
	for _, s := range w.Saved {
		d.saved[s.Name] = s.Saved
	}
	for _, k := range w.Shared {
		if d.shared[k.Name] = k; len(k.Subnets) == 0 {
			delete(d.shared, k.Name)
		}
	}
	for _, j := range w.Jobs {
		d.jobs[j.ID] = j
	}
	for _, id := range w.Done {
		delete(d.jobs, id)
	}
	d.history = append(d.history, w.History...)
	d.seq++
	d.last = wall
}

// host is one server on its own, whose disk is at once.
type host struct {
	t       testing.TB
	m       *Machine
	disk    *testDisk
	now     failover.Now
	held    bool // the disk does not answer
	waiting []Write

	replies []Reply
	probes  []Probe
	notes   []Note
	answers []Answer
	jobs    []names.Job
	shadows []Shadow
}

func newHost(t testing.TB, c Config) *host {
	t.Helper()
	h := &host{t: t, disk: newDisk(1), now: failover.Now{Mono: time.Hour, Wall: testStart}}
	h.boot(c)
	return h
}

func (h *host) boot(c Config) {
	h.t.Helper()
	m, err := New(h.now, c, h.disk.start())
	if err != nil {
		h.t.Fatal(err)
	}
	h.m, h.waiting = m, nil
	h.step(Tick{})
}

// step takes an input, and writes what follows.
func (h *host) step(in Input) {
	h.t.Helper()
	h.take(h.m.Step(h.now, in))
}

func (h *host) take(out *Output) {
	h.t.Helper()
	h.replies = append(h.replies, out.Replies...)
	h.probes = append(h.probes, out.Probes...)
	h.notes = append(h.notes, out.Notes...)
	h.answers = append(h.answers, out.Answers...)
	h.jobs = append(h.jobs, out.Jobs...)
	h.shadows = append(h.shadows, out.Shadows...)
	if out.Next <= 0 {
		h.t.Fatal("nothing is due")
	}
	if out.Write.Batch != 0 {
		h.waiting = append(h.waiting, testWrite(out.Write))
	} else if n := len(out.Write.Leases) + len(out.Write.Saved); n > 0 {
		h.t.Fatal("a write without a batch")
	}
	checkMachine(h.t, h.m)
	if !h.held {
		h.flush()
	}
}

func (h *host) flush() {
	h.t.Helper()
	for n := 0; len(h.waiting) > 0; n++ {
		if n > 5000 {
			h.t.Fatalf("writes without end; the last is %+v", h.waiting[0])
		}
		w := h.waiting[0]
		h.waiting = h.waiting[1:]
		h.disk.write(w, h.now.Wall)
		h.take(h.m.Step(h.now, Durable{Batch: w.Batch, Seq: h.disk.seq}))
	}
}

// pass lets time go by, with all the ticks in it.
func (h *host) pass(d time.Duration) {
	h.t.Helper()
	for end := h.now.Mono + d; h.now.Mono < end; {
		step := min(time.Second, end-h.now.Mono)
		if d > time.Hour {
			step = min(time.Minute, end-h.now.Mono)
		}
		h.now.Mono += step
		h.now.Wall += int64(step / time.Second)
		h.step(Tick{})
	}
}

// reason is how often something was noted.
func (h *host) reason(r Reason) int {
	n := 0
	for _, x := range h.notes {
		if x.Reason == r {
			n++
		}
	}
	return n
}

// reply takes the replies that came since the last call, and wants exactly one.
func (h *host) reply() *packet.Packet {
	h.t.Helper()
	if len(h.replies) != 1 {
		h.t.Fatalf("%d replies, want 1; notes: %v", len(h.replies), h.said())
	}
	p := h.replies[0].Packet
	h.replies = nil
	return p
}

func (h *host) silence(why Reason) {
	h.t.Helper()
	if len(h.replies) != 0 {
		h.t.Fatalf("a reply of type %d for %s, want none", h.replies[0].Packet.Type, h.replies[0].Packet.YIAddr)
	}
	if len(h.notes) == 0 || h.notes[len(h.notes)-1].Reason != why {
		h.t.Fatalf("silent because of %v, want %s", h.said(), why)
	}
}

func (h *host) said() (s []string) {
	for _, n := range h.notes[max(0, len(h.notes)-6):] {
		s = append(s, n.Reason.String())
	}
	return s
}

// The site of most tests: a link with a pool of 10.0.0.100-109, a shared network of two subnets behind a relay, and a third network.
const (
	serverIP = lease.IP(0x0a00000a)
	poolAt   = lease.IP(0x0a000064)
	relayAt  = lease.IP(0x0a010001)
	sharedAt = lease.IP(0x0a01000a)
	otherAt  = lease.IP(0x0a030001)
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func ptr[T any](v T) *T { return &v }

func testSite(change func(*scope.Config)) scope.Config {
	c := scope.Config{
		Policy: scope.Policy{
			LeaseTime: ptr(uint32(3600)), MinLease: ptr(uint32(60)), MaxLease: ptr(uint32(7200)), PingCheck: ptr(false),
			LeaseQuery: []netip.Prefix{prefix("10.1.0.0/24")},
		},
		Scopes: []scope.Scope{
			{Name: "lan", Subnet: prefix("10.0.0.0/24"), Ranges: []scope.Range{{First: poolAt, Last: poolAt + 9}}},
			{Name: "a", Subnet: prefix("10.1.0.0/24"), SharedNetwork: "floor", Ranges: []scope.Range{{First: sharedAt, Last: sharedAt + 1}}},
			{Name: "b", Subnet: prefix("10.2.0.0/24"), SharedNetwork: "floor", Ranges: []scope.Range{{First: 0x0a02000a, Last: 0x0a02000c}}},
			{Name: "c", Subnet: prefix("10.3.0.0/24"), Ranges: []scope.Range{{First: 0x0a03000a, Last: 0x0a03000c}}},
		},
	}
	if change != nil {
		change(&c)
	}
	return c
}

func testTable(t testing.TB, c scope.Config) *scope.Table {
	t.Helper()
	table, problems := scope.Build(c)
	if table == nil {
		t.Fatalf("scopes: %v", problems)
	}
	return table
}

func testConfig(t testing.TB, change func(*scope.Config)) Config {
	t.Helper()
	return Config{Scopes: testTable(t, testSite(change))}
}

// device is a client of tests.
type device struct {
	h     *host
	mac   []byte
	id    []byte
	relay lease.IP
	xid   uint32
	opts  option.List
	ip    lease.IP
}

func (h *host) device(n byte) *device {
	return &device{h: h, mac: []byte{2, 0, 0, 0, 0, n}, id: []byte{1, 2, 0, 0, 0, 0, n}}
}

func (d *device) behind(relay lease.IP) *device {
	d.relay = relay
	return d
}

func (d *device) message(t packet.Type, opts ...option.Option) *packet.Packet {
	d.xid++
	p := &packet.Packet{Type: t, HType: 1, XID: d.xid, GIAddr: d.relay, CHAddr: d.mac}
	if d.id != nil {
		p.Options = append(p.Options, option.Option{Code: option.ClientIdentifier, Data: d.id})
	}
	p.Options = append(p.Options, d.opts...)
	for _, o := range opts {
		p.Options.Set(o.Code, o.Data)
	}
	return p
}

func u32(c option.Code, v lease.IP) option.Option {
	return option.Option{Code: c, Data: option.Uint32Of(v)}
}

func (d *device) say(p *packet.Packet) {
	d.h.t.Helper()
	from := packet.Arrival{Interface: "eth0", Local: serverIP}
	if p.GIAddr != 0 || p.CIAddr != 0 && p.Flags == 0 {
		from.Interface = ""
	}
	d.h.step(Heard{Packet: p, From: from})
}

func (d *device) discover(opts ...option.Option) {
	d.h.t.Helper()
	d.say(d.message(packet.Discover, opts...))
}

func (d *device) choose(ip lease.IP, opts ...option.Option) {
	d.h.t.Helper()
	d.say(d.message(packet.Request, append(opts, u32(option.ServerIdentifier, serverIP), u32(option.RequestedAddress, ip))...))
}

func (d *device) reboot(ip lease.IP) {
	d.h.t.Helper()
	d.say(d.message(packet.Request, u32(option.RequestedAddress, ip)))
}

// renew is unicast, rebind a broadcast.
func (d *device) renew(ip lease.IP) {
	d.h.t.Helper()
	p := d.message(packet.Request)
	p.CIAddr, p.GIAddr = ip, 0
	d.say(p)
}

func (d *device) rebind(ip lease.IP) {
	d.h.t.Helper()
	p := d.message(packet.Request)
	p.CIAddr, p.Flags = ip, packet.Broadcast
	d.say(p)
}

func (d *device) release(ip lease.IP) {
	d.h.t.Helper()
	p := d.message(packet.Release, u32(option.ServerIdentifier, serverIP))
	p.CIAddr = ip
	d.say(p)
}

func (d *device) decline(ip lease.IP) {
	d.h.t.Helper()
	d.say(d.message(packet.Decline, u32(option.ServerIdentifier, serverIP), u32(option.RequestedAddress, ip)))
}

// lease takes the device through DISCOVER and REQUEST.
func (d *device) lease() *packet.Packet {
	d.h.t.Helper()
	d.discover()
	offer := d.h.reply()
	if offer.Type != packet.Offer {
		d.h.t.Fatalf("a reply of type %d, want an offer", offer.Type)
	}
	d.choose(offer.YIAddr)
	return d.acked(offer.YIAddr)
}

func (d *device) acked(ip lease.IP) *packet.Packet {
	d.h.t.Helper()
	ack := d.h.reply()
	if ack.Type != packet.Ack || ack.YIAddr != ip {
		d.h.t.Fatalf("type %d, address %s (%s); want an ACK of %s", ack.Type, ack.YIAddr, ack.Options.Text(option.Message), ip)
	}
	d.ip = ack.YIAddr
	return ack
}

func (d *device) nakked(why Reason) {
	d.h.t.Helper()
	p := d.h.reply()
	if p.Type != packet.Nak || p.Options.Text(option.Message) != why.String() {
		d.h.t.Fatalf("type %d, %s (%q), want NAK because of %s", p.Type, p.YIAddr, p.Options.Text(option.Message), why)
	}
}

// checkMachine asserts what always holds of the machine's own books.
func checkMachine(t testing.TB, m *Machine) {
	t.Helper()
	active := 0
	pools := map[*pool][lease.Backup + 1]int{}
	for i := m.table.after(0); i >= 0; i = m.table.after(m.table.at(i).ip) {
		r := m.table.at(i)
		if r.state == uint8(lease.Active) {
			active++
		}
		if r.pool >= 0 {
			p := m.pools[r.pool]
			n := pools[p]
			n[r.state]++
			pools[p] = n
			if r.list != noList && r.list != listOf(lease.State(r.state)) {
				t.Fatalf("%s is %s and in list %d", r.ip, lease.State(r.state), r.list)
			}
			if _, on := m.offers.by[r.ip]; on && r.list != noList {
				t.Fatalf("%s is on offer and in list %d", r.ip, r.list)
			}
		}
	}
	if active != m.active {
		t.Fatalf("%d active, counted %d", active, m.active)
	}
	for _, p := range m.pools {
		if p.counts != pools[p] {
			t.Fatalf("pool %s: %v, counted %v", p.scope.Name, pools[p], p.counts)
		}
	}
}
