package packet

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func BenchmarkParse(b *testing.B) {
	octets := relayed()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(octets); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseBuffer(b *testing.B) {
	octets := relayed()
	var m Buffer
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Parse(octets); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLibrary(b *testing.B) {
	octets := relayed()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dhcpv4.FromBytes(octets); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	p := ack()
	dst := make([]byte, 0, 1500)
	b.ReportAllocs()
	for b.Loop() {
		if _, left := p.Append(dst, 0); left != 0 {
			b.Fatal(left)
		}
	}
}

func BenchmarkAppendOverload(b *testing.B) {
	p := ack()
	p.Options.Set(121, make([]byte, 230))
	p.Options.Set(119, make([]byte, 60))
	dst := make([]byte, 0, 1500)
	b.ReportAllocs()
	for b.Loop() {
		if _, left := p.Append(dst, 0); left != 0 {
			b.Fatal(left)
		}
	}
}

func BenchmarkAppendLibrary(b *testing.B) {
	octets, _ := ack().Append(nil, 0)
	p, err := dhcpv4.FromBytes(octets)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(p.ToBytes()) == 0 {
			b.Fatal("nothing")
		}
	}
}
