package pairmsg

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

var equal = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})}

func gen[T any](f func(t *rapid.T) T) *rapid.Generator[T] { return rapid.Custom(f) }

func slice[T any](t *rapid.T, g *rapid.Generator[T]) []T {
	return rapid.SliceOfN(g, 0, 4).Draw(t, "list")
}

func word(t *rapid.T) string { return rapid.String().Draw(t, "text") }
func yes(t *rapid.T) bool    { return rapid.Bool().Draw(t, "bool") }
func n64(t *rapid.T) uint64  { return rapid.Uint64().Draw(t, "u64") }
func n32(t *rapid.T) uint32  { return rapid.Uint32().Draw(t, "u32") }
func i64(t *rapid.T) int64   { return rapid.Int64().Draw(t, "i64") }
func dig(t *rapid.T) digest.Digest {
	return digest.Digest{n64(t), n64(t)}
}
func pnt(t *rapid.T) Point { return Point{n32(t), dig(t)} }

var names = gen(func(t *rapid.T) zone.Name {
	var b []byte
	for _, label := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 63), 0, 3).Draw(t, "labels") {
		b = append(append(b, byte(len(label))), label...)
	}
	return zone.Name(append(b, 0))
})

func name(t *rapid.T) zone.Name { return names.Draw(t, "name") }

var records = gen(func(t *rapid.T) zone.Record {
	return zone.Record{Name: name(t), Type: zone.TypeA, Class: zone.ClassIN, TTL: n32(t), Data: string(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "rdata"))}
})

var entries = gen(func(t *rapid.T) Entry {
	return Entry{Time: i64(t), Digest: dig(t), Delta: zone.Delta{From: n32(t), To: n32(t), Deleted: slice(t, records), Added: slice(t, records)}}
})

var sets = gen(func(t *rapid.T) zone.RRset {
	data := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }), 1, 3)
	return zone.RRset{Name: name(t), Type: 65280, TTL: n32(t), Data: data.Draw(t, "data")}
})

var zonePoints = gen(func(t *rapid.T) ZonePoint {
	return ZonePoint{name(t), pnt(t), pnt(t), rapid.SampledFrom([]ZoneFlags{0, Fresh, Stale, Fresh | Stale}).Draw(t, "flags")}
})

var addrs = gen(func(t *rapid.T) netip.Addr {
	a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "addr")[:rapid.SampledFrom([]int{4, 16}).Draw(t, "family")])
	return a
})

var zoneSettings = gen(func(t *rapid.T) ZoneSettings {
	text := rapid.String()
	return ZoneSettings{name(t), slice(t, text), slice(t, text), slice(t, text), word(t), word(t), yes(t)}
})

func state(t *rapid.T) State { return State(rapid.IntRange(0, int(PartnerDown)).Draw(t, "state")) }

func stores(t *rapid.T) StoreID {
	return StoreID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "store"))
}

func wire(t *rapid.T) []byte { return rapid.SliceOf(rapid.Byte()).Draw(t, "wire") }

// messages has a generator for each kind of message, in the order of their numbers.
var messages = []func(t *rapid.T) Message{
	func(t *rapid.T) Message {
		role := rapid.SampledFrom([]Role{Single, Main, Backup})
		return Hello{
			Version: Version, Oldest: Oldest, Role: role.Draw(t, "role"), Configured: role.Draw(t, "role"), Epoch: n64(t), Store: stores(t), Boot: n64(t),
			Seq: n64(t), PeerStore: stores(t), PeerSeq: n64(t), State: state(t), Wall: i64(t), Clock: i64(t), Unfit: word(t), Config: n64(t),
		}
	},
	func(t *rapid.T) Message { return Reject{RejectReason(rapid.Byte().Draw(t, "reason")), word(t)} },
	func(t *rapid.T) Message { return Negotiate{slice(t, zonePoints), yes(t)} },
	func(t *rapid.T) Message { return NegotiateReply{slice(t, zonePoints), yes(t)} },
	func(t *rapid.T) Message {
		return Heartbeat{n64(t), state(t), i64(t), i64(t), n64(t), n32(t), word(t), slice(t, zonePoints)}
	},
	func(t *rapid.T) Message { return HeartbeatReply{n64(t), state(t), i64(t), i64(t)} },
	func(t *rapid.T) Message { return Unfit{word(t)} },
	func(t *rapid.T) Message { return Update{n64(t), name(t), slice(t, entries), i64(t)} },
	func(t *rapid.T) Message { return UpdateReply{n64(t), n64(t)} },
	func(t *rapid.T) Message { return Inconsistent{name(t), pnt(t), word(t)} },
	func(t *rapid.T) Message {
		return Forward{n64(t), netip.AddrPortFrom(addrs.Draw(t, "client"), rapid.Uint16().Draw(t, "port")), yes(t), wire(t)}
	},
	func(t *rapid.T) Message { return Forwarded{n64(t), wire(t)} },
	func(t *rapid.T) Message { return Shutdown{slice(t, zonePoints)} },
	func(t *rapid.T) Message { return SwapAsk{n64(t), word(t)} },
	func(t *rapid.T) Message { return SwapReply{n64(t), word(t)} },
	func(t *rapid.T) Message { return Settings{n64(t), slice(t, zoneSettings), yes(t), yes(t)} },
	func(t *rapid.T) Message { return SettingsAsk{n64(t)} },
	func(t *rapid.T) Message { return SettingsDone{n64(t), slice(t, rapid.String()), word(t)} },
	func(t *rapid.T) Message { return SyncAsk{n64(t), name(t), zonePoints.Draw(t, "main")} },
	func(t *rapid.T) Message {
		return SyncPoints{n64(t), yes(t), zonePoints.Draw(t, "here"), slice(t, gen(pnt))}
	},
	func(t *rapid.T) Message { return SyncFetch{n64(t), name(t), n32(t)} },
	func(t *rapid.T) Message { return SyncEntries{n64(t), name(t), slice(t, entries), yes(t), yes(t)} },
	func(t *rapid.T) Message { return SyncCompare{n64(t), name(t), slice(t, gen(dig))} },
	func(t *rapid.T) Message {
		return SyncSets{n64(t), name(t), slice(t, rapid.Uint16()), yes(t), slice(t, sets), yes(t), pnt(t)}
	},
	func(t *rapid.T) Message { return SyncCopy{n64(t), name(t), zoneSettings.Draw(t, "settings"), pnt(t)} },
	func(t *rapid.T) Message {
		return SyncCommit{n64(t), name(t), pnt(t), entries.Draw(t, "entry"), pnt(t)}
	},
	func(t *rapid.T) Message { return SyncDone{n64(t), name(t), pnt(t), word(t)} },
	func(t *rapid.T) Message { return SyncEnd{n64(t), name(t), pnt(t), word(t)} },
	func(t *rapid.T) Message {
		return SyncZones{slice(t, names), rapid.SampledFrom([]Source{Both, FromMain, FromBackup}).Draw(t, "source")}
	},
	func(t *rapid.T) Message {
		return Marks{name(t), slice(t, gen(func(t *rapid.T) Mark { return Mark{name(t), zone.Type(rapid.Uint16().Draw(t, "type")), i64(t)} }))}
	},
	func(t *rapid.T) Message { return Dropped{slice(t, addrs)} },
	func(t *rapid.T) Message { return Heard{slice(t, addrs)} },
	func(t *rapid.T) Message { return ConflictsKept{slice(t, gen(conflictMarks)), yes(t)} },
	func(t *rapid.T) Message {
		return Conflicts{slice(t, gen(func(t *rapid.T) KeptConflict { return KeptConflict{conflictMarks(t), wire(t)} })), yes(t)}
	},
}

func conflictMarks(t *rapid.T) ConflictMark { return ConflictMark{name(t), word(t), i64(t), yes(t)} }

// What is sent is what is received, of every kind; and nothing shorter or longer is taken for it ("strict; nothing left over").
func TestRoundTrip(t *testing.T) {
	if len(messages) != kinds {
		t.Fatalf("%d generators for %d kinds", len(messages), kinds)
	}
	for i, draw := range messages {
		t.Run(strings.TrimPrefix(fmt.Sprintf("%T", blank(byte(i+1))), "pairmsg."), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := draw(t)
				if int(kindOf(m)) != i+1 {
					t.Fatalf("kind %d for %T", kindOf(m), m)
				}
				frame := Encode(m)
				back, err := Decode(frame)
				if err != nil {
					t.Fatalf("%+v: %v", m, err)
				}
				if diff := cmp.Diff(m, back, equal); diff != "" {
					t.Fatal(diff)
				}
				cut := rapid.IntRange(0, len(frame)-1).Draw(t, "cut")
				if m, err := Decode(frame[:cut]); err == nil {
					t.Fatalf("cut after %d of %d octets: %+v", cut, len(frame), m)
				}
				if m, err := Decode(append(frame, 0)); err == nil {
					t.Fatalf("an octet too much: %+v", m)
				}
			})
		})
	}
}

// A message shares its lists with whoever else uses them: encoding reads them and nothing more (the race detector sees a write).
func TestEncodeOnlyReads(t *testing.T) {
	shared := []Message{
		Update{Entries: []Entry{{Time: 1}}}, Settings{Zones: []ZoneSettings{{Name: "\x00", Catalog: true}}}, Negotiate{Zones: []ZonePoint{{Zone: "\x00", Flags: Fresh}}},
		SyncSets{Sets: []zone.RRset{{Name: "\x00", Type: zone.TypeA, Data: []string{"abcd"}}}}, Marks{List: []Mark{{Name: "\x00", Type: zone.TypeA, At: 1}}},
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for _, m := range shared {
				if _, err := Decode(Encode(m)); err != nil {
					t.Errorf("%T: %v", m, err)
				}
			}
		})
	}
	both.Wait()
}

// A message without any lists is legal, and a zero entry means no difference.
func TestZeroValues(t *testing.T) {
	for kind := byte(1); kind <= kinds; kind++ {
		m := blank(kind)
		back, err := Decode(Encode(m))
		if _, hello := m.(Hello); hello {
			continue // its version 0 is nobody's
		}
		if diff := cmp.Diff(m, back, equal); err != nil || diff != "" {
			t.Errorf("%T: %v %s", m, err, diff)
		}
	}
}

// "about the octets of an entry encoded": exactly, in fact.
func TestSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entries.Draw(t, "entry")
		if got, want := Size(e), len(Encode(Update{Entries: []Entry{e}}))-len(Encode(Update{})); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

// A partner of another version is told so, not that its words are damaged.
func TestHelloOfOtherVersions(t *testing.T) {
	for _, c := range []struct {
		version, oldest uint16
		more            string // what follows our fields
		whole, ok       bool
	}{
		{Version, Oldest, "", true, true},
		{Version, Oldest, "more", false, false},
		{Version + 1, Oldest, "more", true, true},
		{Version + 2, Version + 1, "other words", false, true},
		{0, 0, "old words", false, true},
	} {
		frame := append(Encode(Hello{Version: c.version, Oldest: c.oldest, Boot: 7}), c.more...)
		m, err := Decode(frame)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if h, _ := m.(Hello); c.ok && (h.Version != c.version || h.Oldest != c.oldest || (h.Boot == 7) != c.whole) {
			t.Errorf("%+v: %+v", c, h)
		}
	}
}

// Every value outside of its range is refused, and so is a count that the frame cannot hold.
func TestDecodeRefuses(t *testing.T) {
	for what, text := range map[string]string{
		"nothing":            "",
		"kind 0":             "00",
		"an unknown kind":    "ff",
		"a state":            "06" + strings.Repeat("00", 8) + "06" + strings.Repeat("00", 16+4),
		"a boolean":          "03" + "00000000" + "02",
		"a count":            "03" + "ffffffff" + "00",
		"a length":           "07" + "ffffffff" + "41",
		"a name":             "15" + strings.Repeat("00", 8) + "02" + "0361" + "00000000",
		"flags":              "03" + "00000001" + "0100" + strings.Repeat("00", 40) + "04" + "00",
		"a source":           "1d" + "00000000" + "03",
		"no name":            "1d" + "00000001" + "00" + "00",
		"an address":         "06" + strings.Repeat("00", 8) + "00" + strings.Repeat("00", 16) + "00000001" + "0501020304" + "05",
		"a set with nothing": "18" + strings.Repeat("00", 8) + "00" + "00000000" + "00" + "00000001" + "0100" + "0001" + "00000000" + "00000000" + "00" + strings.Repeat("00", 20),
		"an entry":           "08" + strings.Repeat("00", 8) + "00" + "00000001" + strings.Repeat("00", 24) + "00000011" + "02" + strings.Repeat("00", 16) + strings.Repeat("00", 8),
	} {
		frame, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(what, err)
		}
		if m, err := Decode(frame); err == nil {
			t.Errorf("%s: %+v", what, m)
		}
	}
}

// The bytes of version 1 stay as they are: two releases of this program speak to each other.
func TestBytes(t *testing.T) {
	example, _ := zone.ParseName("example.test")
	e := Entry{Time: 5, Digest: digest.Digest{1, 2}, Delta: zone.Delta{From: 3, To: 4, Added: []zone.Record{{Name: example, Type: zone.TypeA, Class: zone.ClassIN, TTL: 60, Data: "\x7f\x00\x00\x01"}}}}
	name := hex.EncodeToString([]byte(example))
	for _, c := range []struct {
		m    Message
		want string
	}{
		{UpdateReply{Through: 1, Seq: 2}, "09" + "0000000000000001" + "0000000000000002"},
		{Unfit{"disk"}, "07" + "00000004" + hex.EncodeToString([]byte("disk"))},
		{
			Update{First: 9, Zone: example, Entries: []Entry{e}, Clock: -1},
			"08" + "0000000000000009" + "0e" + name + "00000001" +
				"0000000000000005" + "0000000000000001" + "0000000000000002" +
				"0000002b" + "01" + "00000003" + "00000004" + "00000000" + "00000001" + name + "0001" + "0000003c" + "0004" + "7f000001" +
				"ffffffffffffffff",
		},
	} {
		if got := hex.EncodeToString(Encode(c.m)); got != c.want {
			t.Errorf("%T:\n%s, want\n%s", c.m, got, c.want)
		}
	}
}

// What can be in no message is a mistake of ours, found where it is made.
func TestEncodePanics(t *testing.T) {
	for what, m := range map[string]Message{
		"a name":     SyncFetch{Zone: "\x05ab"},
		"a record":   Update{Entries: []Entry{{Delta: zone.Delta{Added: []zone.Record{{Name: "\x00", Class: zone.ClassANY}}}}}},
		"a state":    HeartbeatReply{State: 9},
		"an address": Dropped{[]netip.Addr{{}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			Encode(m)
		}()
	}
}

// Whatever comes over the link: no panic, and what is taken is taken in one form only.
func FuzzDecode(f *testing.F) {
	for kind := byte(1); kind <= kinds; kind++ {
		f.Add(Encode(blank(kind)))
		f.Add(Encode(messagesExample(int(kind - 1))))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Decode(frame)
		if err != nil {
			return
		}
		if h, ok := m.(Hello); ok && (h.Version != Version || h.Oldest > Version) { // read as far as the versions, or longer than ours
			return
		}
		if again := Encode(m); !bytes.Equal(again, frame) {
			t.Errorf("%x is %+v, which is %x", frame, m, again)
		}
	})
}

func messagesExample(i int) Message { return rapid.Custom(messages[i]).Example(i) }

func BenchmarkUpdate(b *testing.B) {
	m := Update{Zone: "\x07example\x04test\x00"}
	for range 64 {
		soa := zone.Record{Name: m.Zone, Type: zone.TypeSOA, Class: zone.ClassIN, TTL: 60, Data: "\x00\x00" + strings.Repeat("\x00", 20)}
		m.Entries = append(m.Entries, Entry{Delta: zone.Delta{From: 1, To: 2, Deleted: []zone.Record{soa}, Added: []zone.Record{soa, {Name: "\x03www" + m.Zone, Type: zone.TypeA, Class: zone.ClassIN, TTL: 60, Data: "\x7f\x00\x00\x01"}}}})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(Encode(m)); err != nil {
			b.Fatal(err)
		}
	}
}
