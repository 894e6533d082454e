package lease

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

const maxCHAddr = 16 // octets of the field chaddr (RFC 2131, 2)

// ClientOf is the client of a message: the data of option 61 (nil when it sent none), the hardware type, and hlen octets of chaddr.
//
// Option 61 decides who it is (RFC 4361, 6.1), and is sent back to it unchanged (RFC 6842, 3), so it is kept as it came; one that is
// shorter than RFC 2132, 9.14 allows, or longer than an option of 255 octets, is taken as not sent.
func ClientOf(id []byte, htype uint8, chaddr []byte) Client {
	c := Client{HType: htype, CHAddr: string(chaddr[:min(len(chaddr), maxCHAddr)])}
	if len(id) >= 2 && len(id) <= 255 {
		c.ID = string(id)
	}
	return c
}

// DUID is the identity association and the DUID of a client that sends an RFC 4361 identifier: option 61 with type 255.
func (c Client) DUID() (iaid uint32, duid string, ok bool) {
	if len(c.ID) < 1+4+3 || c.ID[0] != 255 {
		return 0, "", false
	}
	return binary.BigEndian.Uint32([]byte(c.ID[1:5])), c.ID[5:], true
}

// Hash is what load balancing hashes: the identifier, type octet included, or the hardware address without its type (RFC 3074, 5).
func (c Client) Hash() string {
	if c.ID != "" {
		return c.ID
	}
	return c.CHAddr
}

// String is the identity for people: "id 01:02:…" or "hw 1/02:…"; "nobody" of the zero client.
func (c Client) String() string {
	switch {
	case c.ID != "":
		return "id " + Colons(c.ID)
	case c.IsZero():
		return "nobody"
	}
	return "hw " + strconv.Itoa(int(c.HType)) + "/" + Colons(c.CHAddr)
}

// Colons writes octets as people do: 02:00:00:00:00:01; "" for none.
func Colons(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(hex.EncodeToString([]byte(s[i : i+1])))
	}
	return b.String()
}
