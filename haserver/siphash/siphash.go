// Package siphash is SipHash-2-4, the keyed hash of Aumasson and Bernstein (2012), with results of 64 and of 128 bits, as its authors'
// reference code has them. The first makes DNS cookies (RFC 9018, 4.4), the second the digests of zones (package digest).
package siphash

import (
	"encoding/binary"
	"math/bits"
)

// Key is the key's 16 octets as two little-endian words.
type Key [2]uint64

// KeyFrom is the key of the first 16 octets of secret, which must be there.
func KeyFrom(secret []byte) Key {
	return Key{binary.LittleEndian.Uint64(secret), binary.LittleEndian.Uint64(secret[8:])}
}

// Sum64 is the hash of p with 64 bits. The reference code writes it little-endian.
func Sum64(k Key, p []byte) uint64 {
	v0, v1, v2, v3 := absorb(k, 0, p)
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// Sum128 is the hash of p with 128 bits: the two words that the reference code writes, each little-endian.
func Sum128(k Key, p []byte) [2]uint64 {
	v0, v1, v2, v3 := absorb(k, 0xee, p)
	v2 ^= 0xee
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	first := v0 ^ v1 ^ v2 ^ v3
	v1 ^= 0xdd
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	return [2]uint64{first, v0 ^ v1 ^ v2 ^ v3}
}

// absorb is all but the end, which differs with the size of the result.
func absorb(k Key, size uint64, p []byte) (v0, v1, v2, v3 uint64) {
	v0, v1 = k[0]^0x736f6d6570736575, k[1]^0x646f72616e646f6d^size
	v2, v3 = k[0]^0x6c7967656e657261, k[1]^0x7465646279746573
	last := uint64(len(p)) << 56
	for ; len(p) >= 8; p = p[8:] {
		m := binary.LittleEndian.Uint64(p)
		v3 ^= m
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0 ^= m
	}
	for i, c := range p {
		last |= uint64(c) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0 ^= last
	return v0, v1, v2, v3
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
