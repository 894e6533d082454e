package digest

import (
	"encoding/binary"
	"math/bits"
)

// The key, 00 01 … 0f, as two little-endian words. It is public: see the package's text.
const (
	key0 = 0x0706050403020100
	key1 = 0x0f0e0d0c0b0a0908
)

// sipHash is SipHash-2-4 of Aumasson and Bernstein with 128 bits of output, as its authors' reference code has it.
func sipHash(data []byte) Digest {
	v0 := uint64(0x736f6d6570736575 ^ key0)
	v1 := uint64(0x646f72616e646f6d^key1) ^ 0xee
	v2 := uint64(0x6c7967656e657261 ^ key0)
	v3 := uint64(0x7465646279746573 ^ key1)
	last := uint64(len(data)) << 56
	for ; len(data) >= 8; data = data[8:] {
		m := binary.LittleEndian.Uint64(data)
		v3 ^= m
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0 ^= m
	}
	for i, c := range data {
		last |= uint64(c) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0 ^= last

	v2 ^= 0xee
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	first := v0 ^ v1 ^ v2 ^ v3
	v1 ^= 0xdd
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	return Digest{first, v0 ^ v1 ^ v2 ^ v3}
}

func round(v0, v1, v2, v3 uint64) (w0, w1, w2, w3 uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
