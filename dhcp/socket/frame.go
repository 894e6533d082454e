package socket

import (
	"encoding/binary"

	"loadshare/dhcp/lease"
)

const headerSize = 20 + 8 // of IPv4 without options, and UDP

// putHeader writes the IPv4 and UDP headers of a datagram from port 67 (RFC 791, 3.1; RFC 768).
func putHeader(h *[headerSize]byte, src, dst lease.IP, port uint16, payload []byte) {
	*h = [headerSize]byte{}
	be := binary.BigEndian
	h[0] = 0x45
	be.PutUint16(h[2:], uint16(headerSize+len(payload)))
	be.PutUint16(h[6:], 0x4000) // do not fragment: so the identification may be 0 (RFC 6864, 4.1)
	h[8] = 64
	h[9] = 17
	be.PutUint32(h[12:], uint32(src))
	be.PutUint32(h[16:], uint32(dst))
	be.PutUint16(h[10:], ^fold(sum(0, h[:20])))

	be.PutUint16(h[20:], serverPort)
	be.PutUint16(h[22:], port)
	be.PutUint16(h[24:], uint16(8+len(payload)))
	pseudo := sum(17+uint64(8+len(payload)), h[12:20])
	check := ^fold(sum(sum(pseudo, h[20:]), payload))
	if check == 0 {
		check = 0xFFFF // 0 would mean that there is none
	}
	be.PutUint16(h[26:], check)
}

// sum adds 16-bit words, a last odd octet being the upper half of one (RFC 1071).
func sum(s uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		s += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// fold adds the carries.
func fold(s uint64) uint16 {
	for s > 0xFFFF {
		s = s>>16 + s&0xFFFF
	}
	return uint16(s)
}
