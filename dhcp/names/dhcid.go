package names

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"loadshare/dhcp/lease"
)

// The identifier types of RFC 4701, 3.3.
const (
	idHardware = 0 // type and address, of a client without option 61
	idOption61 = 1 // the whole data of option 61
	idDUID     = 2 // the DUID in an identifier of RFC 4361: the same as in DHCPv6
)

const digestSHA256 = 1

// DHCID is the RDATA of the client's DHCID record at a name (RFC 4701, 3.5); nil of nobody.
func DHCID(c lease.Client, fqdn string) []byte {
	if c.IsZero() {
		return nil
	}
	kind, id := uint16(idHardware), append([]byte{c.HType}, c.CHAddr...)
	if c.ID != "" {
		kind, id = idOption61, []byte(c.ID)
	}
	if _, duid, ok := c.DUID(); ok {
		kind, id = idDUID, []byte(duid)
	}
	sum := sha256.Sum256(appendWire(id, strings.ToLower(fqdn)))
	out := append(binary.BigEndian.AppendUint16(nil, kind), digestSHA256)
	return append(out, sum[:]...)
}

// appendWire adds a name of valid labels in DNS wire form, with its end.
func appendWire(dst []byte, name string) []byte {
	for l := range strings.SplitSeq(name, ".") {
		if l != "" {
			dst = append(append(dst, byte(len(l))), l...)
		}
	}
	return append(dst, 0)
}

// data is the DHCID record's data in presentation form.
func (j Job) data() string { return base64.StdEncoding.EncodeToString(j.DHCID) }

// of says whether the job's name is the one that the lease has.
func (j Job) of(l *lease.Lease) bool {
	return l.IP == j.IP && l.FQDN == j.FQDN && bytes.Equal(DHCID(l.Client, l.FQDN), j.DHCID)
}
