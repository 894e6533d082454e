package packet

import (
	"bytes"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// What Peek sees is what Parse reads, of any message that Parse takes and that has each option once.
func FuzzPeek(f *testing.F) {
	p := &Packet{Type: Request, HType: 1, CIAddr: 0x0a000001, GIAddr: 0x0a000002, CHAddr: []byte{2, 0, 0, 0, 0, 1}}
	p.Options.Set(option.ClientIdentifier, []byte{1, 2, 3})
	p.Options.Set(option.RequestedAddress, []byte{10, 0, 0, 3})
	b, _ := p.Append(nil, 0)
	f.Add(b)
	p.Options.Set(option.ServerIdentifier, []byte{10, 0, 0, 4})
	b, _ = p.Append(nil, 0)
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add(make([]byte, 240))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := Peek(b)
		p, err := Parse(b)
		if err != nil || p.Reply {
			return
		}
		if !ok {
			t.Fatal("Parse takes it, Peek does not")
		}
		if len(b) >= atOptions {
			if over, twice := has(b[atOptions:]); over || twice {
				return
			}
		}
		id, _ := p.Options.Get(option.ClientIdentifier)
		wants, _ := p.Options.Uint32(option.RequestedAddress)
		if h.Type != p.Type || h.HType != p.HType || h.CIAddr != p.CIAddr || h.GIAddr != p.GIAddr || !bytes.Equal(h.CHAddr, p.CHAddr) ||
			!bytes.Equal(h.ID, id) || h.Requested != lease.IP(wants) || h.Named != p.Options.Has(option.ServerIdentifier) {
			t.Errorf("%+v\n%+v", h, p)
		}
	})
}

// has says whether options go on in other fields, and whether one comes in pieces.
func has(b []byte) (over, twice bool) {
	seen := [256]bool{}
	for i := 0; i+1 < len(b) && b[i] != 255; {
		if b[i] == 0 {
			i++
			continue
		}
		over, twice = over || b[i] == 52, twice || seen[b[i]]
		seen[b[i]] = true
		i += 2 + int(b[i+1])
	}
	return over, twice
}

func BenchmarkPeek(b *testing.B) {
	p := &Packet{Type: Discover, HType: 1, CHAddr: []byte{2, 0, 0, 0, 0, 1}}
	p.Options.Set(option.ClientIdentifier, []byte{1, 2, 3, 4, 5, 6, 7})
	p.Options.Set(option.ParameterList, []byte{1, 3, 6, 15})
	octets, _ := p.Append(nil, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Peek(octets); !ok {
			b.Fatal("refused")
		}
	}
}
