package haserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/digest"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// Whatever the machine wants to be remembered comes back as it was.
func TestSavedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "ids")
		s := pair.Saved{
			Store: pairmsg.StoreID(id[:16]), PeerStore: pairmsg.StoreID(id[16:]),
			Boot: rapid.Uint64().Draw(t, "boot"), Role: pairmsg.Role(rapid.IntRange(0, 2).Draw(t, "role")),
			Epoch: rapid.Uint64().Draw(t, "epoch"), State: pairmsg.State(rapid.IntRange(0, 5).Draw(t, "state")),
			Reason: pair.Reason(rapid.Uint16().Draw(t, "reason")), Since: rapid.Int64().Draw(t, "since"),
			Behind: rapid.Int64().Draw(t, "behind"), Seq: rapid.Uint64().Draw(t, "seq"), PeerSeq: rapid.Uint64().Draw(t, "peer seq"),
			Contact: rapid.Int64().Draw(t, "contact"), Clock: rapid.Int64().Draw(t, "clock"),
			Clean: rapid.Bool().Draw(t, "clean"), Whole: rapid.Bool().Draw(t, "whole"),
		}
		got, err := decodeSaved(encodeSaved(s))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatal(d)
		}
		z := pair.ZoneSaved{
			Agreed:   pairmsg.Point{Serial: rapid.Uint32().Draw(t, "serial"), Digest: digest.Digest{rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")}},
			Reserved: rapid.Uint32().Draw(t, "reserved"), Flags: pairmsg.ZoneFlags(rapid.IntRange(0, 3).Draw(t, "flags")),
			Alone: pairmsg.Point{Serial: rapid.Uint32().Draw(t, "alone"), Digest: digest.Digest{rapid.Uint64Range(0, 1).Draw(t, "c")}},
			Apart: pairmsg.Point{Serial: rapid.Uint32Range(0, 1).Draw(t, "apart"), Digest: digest.Digest{rapid.Uint64Range(0, 1).Draw(t, "d")}},
		}
		if z.Apart != (pairmsg.Point{}) {
			z.Asked = pairmsg.Point{Serial: rapid.Uint32Range(0, 1).Draw(t, "asked")}
		}
		back, err := decodeZoneSaved(encodeZoneSaved(z))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(z, back); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzSaved: what is read is exactly what would be written; everything else is refused.
func FuzzSaved(f *testing.F) {
	f.Add(encodeSaved(pair.Saved{Role: pairmsg.Main, Clean: true}))
	f.Add(encodeZoneSaved(pair.ZoneSaved{Flags: pairmsg.Fresh}))
	f.Add(encodeZoneSaved(pair.ZoneSaved{Alone: pairmsg.Point{Serial: 7}}))
	f.Add(encodeZoneSaved(pair.ZoneSaved{Apart: pairmsg.Point{Serial: 7}}))
	f.Add(encodeZoneSaved(pair.ZoneSaved{Apart: pairmsg.Point{Serial: 7}, Alone: pairmsg.Point{Serial: 8}}))
	f.Add(encodeZoneSaved(pair.ZoneSaved{Apart: pairmsg.Point{Serial: 7}, Asked: pairmsg.Point{Serial: 9}, Alone: pairmsg.Point{Serial: 8}}))
	f.Add([]byte{2})
	strange := encodeSaved(pair.Saved{})
	strange[1+16+8+1+8+1] = 0x80 // no reason has such a number
	f.Add(strange)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSaved(b); err == nil && string(encodeSaved(s)) != string(b) {
			t.Fatalf("%x is read as %+v", b, s)
		}
		if s, err := decodeZoneSaved(b); err == nil && string(encodeZoneSaved(s)) != string(b) {
			t.Fatalf("%x is read as %+v", b, s)
		}
	})
}
