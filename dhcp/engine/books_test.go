package engine

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// order against a sorted list.
func TestOrderFindsTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{1, 2, 63, 64, 65, 4096, 4097, 300_000}).Draw(t, "size")
		o, have := newOrder(size), map[int]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := rapid.IntRange(0, size-1).Draw(t, "n")
			if rapid.Bool().Draw(t, "add") {
				o.add(n)
				have[n] = true
			} else {
				o.remove(n)
				delete(have, n)
			}
			at := rapid.IntRange(0, size-1).Draw(t, "at")
			up, down := -1, -1
			for _, h := range slices.Sorted(maps.Keys(have)) {
				if h <= at {
					down = h
				}
				if h >= at && up < 0 {
					up = h
				}
			}
			if got := o.up(at); got != up {
				t.Fatalf("up from %d: %d, want %d", at, got, up)
			}
			if got := o.down(at); got != down {
				t.Fatalf("down from %d: %d, want %d", at, got, down)
			}
		}
	})
}

// The table against a map: by address, in order, by client and by hardware address.
func TestTableFindsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, have := newTable(), map[lease.IP]lease.Lease{}
		client := rapid.Custom(func(t *rapid.T) lease.Client {
			n := byte(rapid.IntRange(0, 5).Draw(t, "client"))
			c := lease.Client{HType: 1, CHAddr: string([]byte{n % 3})}
			if n > 2 {
				c.ID = string([]byte{9, n})
			}
			return c
		})
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			ip := lease.IP(rapid.SampledFrom([]uint32{1, 255, 256, 257, 511, 70000, 0xffffffff, 0xfffffffe}).Draw(t, "ip"))
			i := tab.find(ip)
			if _, ok := have[ip]; ok != (i >= 0) {
				t.Fatalf("%s: found %v, want %v", ip, i >= 0, ok)
			}
			if i >= 0 {
				tab.unlink(i)
			}
			if i >= 0 && rapid.IntRange(0, 3).Draw(t, "forget") == 0 {
				tab.remove(i)
				delete(have, ip)
			} else {
				if i < 0 {
					i = tab.add(ip)
				}
				l := lease.Lease{IP: ip, State: lease.Active, Client: client.Draw(t, "who"), End: 5, Hostname: "h", Vendor: "v", FQDN: "f.g", Relay: "\x01\x00"}
				tab.at(i).take(&l, 0)
				tab.link(i)
				have[ip] = l
			}
			var all []lease.IP
			for i, ip := tab.find(0), lease.IP(0); ; {
				if i >= 0 {
					all = append(all, ip)
				}
				if i = tab.after(ip); i < 0 {
					break
				}
				ip = tab.at(i).ip
			}
			if want := slices.Sorted(maps.Keys(have)); !slices.Equal(all, want) || tab.len() != len(want) {
				t.Fatalf("in order: %v, want %v", all, want)
			}
			for ip, want := range have {
				if got := tab.at(tab.find(ip)).lease([]string{""}); got != want {
					t.Fatalf("%+v, want %+v", got, want)
				}
			}
			c := client.Draw(t, "asked")
			for w, same := range [...]func(lease.Client) bool{
				func(o lease.Client) bool { return o.Key() == c.Key() },
				func(o lease.Client) bool { return o.HType == c.HType && o.CHAddr == c.CHAddr },
			} {
				var got, want []lease.IP
				for i := tab.first(w, &c); i >= 0; i = tab.following(w, &c, i) {
					got = append(got, tab.at(i).ip)
				}
				for ip, l := range have {
					if same(l.Client) {
						want = append(want, ip)
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("index %d of %v: %v, want %v", w, c, got, want)
				}
			}
		}
	})
}

// A timer never fires late, whatever it was moved by; and what was dropped does not fire.
func TestTimersNeverFireLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable()
		h, due := timers{t: tab}, map[int32]uint32{}
		for ip := range lease.IP(20) {
			tab.add(ip + 1)
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			i := int32(rapid.IntRange(0, 19).Draw(t, "i"))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				h.drop(i)
				delete(due, i)
			default:
				at := rapid.Uint32Range(1, 50).Draw(t, "at")
				h.set(i, at)
				if old, ok := due[i]; !ok || at < old {
					due[i] = at
				}
			}
			first := uint32(0)
			for _, d := range due {
				if first == 0 || d < first {
					first = d
				}
			}
			if top := h.top(); (top < 0) != (len(due) == 0) || top >= 0 && tab.at(top).due != first {
				t.Fatalf("first is %d, want %d of %v", top, first, due)
			}
			if n := h.due(25, 100, func(int32) bool { return true }); n != len(slices.DeleteFunc(slices.Collect(maps.Values(due)), func(d uint32) bool { return d > 25 })) {
				t.Fatalf("%d due at 25, of %v", n, due)
			}
		}
	})
}

// FuzzStep gives a machine any messages at all, in any order, with time, probes, crashes and disks that answer late: its books are right, and
// nothing is acknowledged that is not on its disk.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 16, 1, 0, 0, 32, 1, 0, 0, 48, 3, 9, 9, 64, 1, 2, 3})
	f.Add([]byte{1, 3, 5, 7, 2, 3, 4, 5, 3, 4, 5, 6, 4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10, 11, 12, 13, 14})
	f.Add([]byte("DISCOVER REQUEST RELEASE DECLINE 0123456789 abcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 600 {
			return
		}
		c := testConfig(t, func(s *scope.Config) {
			s.Policy.PingCheck, s.Policy.RapidCommit = ptr(true), ptr(true)
			s.Scopes[0].Failover, s.Scopes[3].AllocateFirst = "pair", true
			s.Scopes[1].BOOTP, s.Scopes[1].DynamicBOOTP = true, true
			s.Scopes[0].Reservations = []scope.Reservation{{Address: poolAt + 2, CHAddr: []byte{2, 0, 0, 0, 0, 1}}}
		})
		c.Authoritative = true
		c.Pairs = []failover.Config{{Name: "pair", Role: failover.Main, MCLT: 60, PollInterval: time.Second, PollTimeout: 9 * time.Second, MaxUnacked: 10}}
		h := newHost(t, c)
		h.disk.saved["pair"] = failover.Saved{State: wire.PartnerDown, Down: 1}
		h.boot(c)
		for len(script) >= 4 {
			op, a, b, d := script[0], script[1], script[2], script[3]
			script = script[4:]
			ip := poolAt + lease.IP(d%16)
			if b&64 != 0 {
				ip = sharedAt + lease.IP(d%4)
			}
			if b&128 != 0 {
				ip = 0x0a03000a + lease.IP(d%4)
			}
			switch op % 8 {
			case 0, 1, 2, 3:
				p := &packet.Packet{Type: packet.Type(a % 12), HType: 1, XID: uint32(d), CHAddr: []byte{2, 0, 0, 0, 0, b % 8}}
				if a&16 != 0 {
					p.Options.Set(option.ClientIdentifier, []byte{1, b % 4})
				}
				if a&32 != 0 {
					p.GIAddr = [4]lease.IP{relayAt, otherAt, 0x0a000001, 77}[d%4]
				}
				if a&64 != 0 {
					p.CIAddr = ip
				}
				if a&128 != 0 {
					p.Options.Set(option.RequestedAddress, option.Uint32Of(ip))
				}
				if op&16 != 0 {
					p.Options.Set(option.ServerIdentifier, option.Uint32Of(serverIP+lease.IP(op>>7)))
				}
				if op&32 != 0 {
					p.Options.Set(option.RapidCommit, nil)
				}
				if op&64 != 0 {
					p.Options.Set(option.RelayInformation, option.Relay{Circuit: []byte{d}, ServerID: uint32(d)}.Append(nil))
				}
				h.step(Heard{Packet: p, From: packet.Arrival{Interface: "eth0", Local: serverIP}})
			case 4:
				h.now.Mono += time.Duration(a) * time.Second
				h.now.Wall += int64(a) * int64(b%3)
				h.step(Tick{})
			case 5:
				h.step(Probed{IP: ip, InUse: a&1 != 0})
			case 6:
				switch a % 6 {
				case 0:
					h.held = !h.held
				case 1:
					h.held = false
					h.boot(c)
				case 2:
					h.step(FreeLease{ID: 1, IP: ip, Sure: b&1 != 0})
				case 3:
					h.step(Unwell{Why: string(rune('a' * (b % 2)))})
				case 4:
					h.step(ClockSure{})
				case 5:
					h.step(Reconfigure{c})
				}
			case 7:
				h.step(Pair{"pair", failover.Operate{ID: uint64(a), Command: failover.Command(b%7) + 1, Force: true, At: int64(binary.BigEndian.Uint16([]byte{a, d}))}})
			}
			for _, r := range h.replies {
				if l := h.disk.leases[r.Packet.YIAddr]; r.Packet.Type == packet.Ack && r.Packet.YIAddr != 0 && (l.State != lease.Active || l.Client.CHAddr != string(r.Packet.CHAddr) && l.Client.ID == "") {
					t.Fatalf("acknowledged %s, and on disk is %+v", r.Packet.YIAddr, l)
				}
			}
			h.replies = nil
		}
	})
}
