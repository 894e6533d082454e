package socket

import (
	"encoding/binary"
	"testing"

	"loadshare/dhcp/lease"
)

// TestChecksum is the example of RFC 1071, 3: 0001 f203 f4f5 f6f7 sum to ddf2.
func TestChecksum(t *testing.T) {
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := fold(sum(0, b)); got != 0xddf2 {
		t.Errorf("%#x", got)
	}
	if got := fold(sum(0, b[:7])); got != 0xddf2-0xf7 { // the last octet is 0
		t.Errorf("odd: %#x", got)
	}
}

// FuzzHeader: the checksums verify: over what they cover they add up to ffff (RFC 1071, 1; RFC 768), and UDP's is never 0.
func FuzzHeader(f *testing.F) {
	f.Add(uint32(0x0A000001), uint32(0x0A000002), uint16(68), []byte("payload"))
	f.Add(uint32(0), uint32(0), uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, src, dst uint32, port uint16, payload []byte) {
		payload = payload[:min(len(payload), 1472)]
		var h [headerSize]byte
		putHeader(&h, lease.IP(src), lease.IP(dst), port, payload)
		if got := fold(sum(0, h[:20])); got != 0xFFFF {
			t.Errorf("IPv4 header adds up to %#x", got)
		}
		pseudo := make([]byte, 12, 12+8+len(payload))
		copy(pseudo, h[12:20])
		pseudo[9] = 17
		binary.BigEndian.PutUint16(pseudo[10:], uint16(8+len(payload)))
		if got := fold(sum(0, append(append(pseudo, h[20:]...), payload...))); got != 0xFFFF {
			t.Errorf("UDP adds up to %#x", got)
		}
		if h[26] == 0 && h[27] == 0 {
			t.Error("a UDP checksum of 0 says that there is none")
		}
	})
}
