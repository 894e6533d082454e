package siphash

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// The first outputs of the authors' reference code (vectors.h) under the key 00 01 … 0f, for the octets 00, 01, … of that length.
func TestIsTheReference(t *testing.T) {
	for size, want := range []struct{ short, long string }{
		{"310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"},
		{"fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"},
		{"5a4fa9d909806c0d", "8177228da4a45dc7fca38bdef60affe4"},
	} {
		data, secret := make([]byte, size), make([]byte, 16)
		for i := range secret {
			secret[i] = byte(i)
		}
		copy(data, secret)
		k := KeyFrom(secret)
		if got := octets(Sum64(k, data)); got != want.short {
			t.Errorf("64 bits of %d octets: %s, want %s", size, got, want.short)
		}
		long := Sum128(k, data)
		if got := octets(long[:]...); got != want.long {
			t.Errorf("128 bits of %d octets: %s, want %s", size, got, want.long)
		}
	}
}

// octets is as the reference writes words.
func octets(words ...uint64) string {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return hex.EncodeToString(b)
}
