package packet

import "testing"

// The worst that one datagram can cost: 64 KiB of pads, of empty options, of one option in pieces.
func BenchmarkParseMean(b *testing.B) {
	pads := append(head(1), make([]byte, 65000)...)
	empty := append(head(1), 53, 1, 1)
	long := append(head(1), 53, 1, 1)
	for i := 0; len(empty) < 65000; i++ {
		empty = append(empty, byte(100+i%150), 0)
	}
	for len(long) < 65000 {
		long = append(append(long, 61, 255), make([]byte, 255)...)
	}
	for name, octets := range map[string][]byte{"pads": pads, "empty": empty, "long": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(octets); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
