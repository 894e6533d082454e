package dhcp

import (
	"hash/maphash"
	"sync/atomic"

	"loadshare/dhcp/lease"
)

// known says whether a client has a lease, without asking the loop: so that those who have one pass by a flood. It is a bit for the hash of
// client and address, and one for the client alone; a few who have none pass too. Bits stay when leases end.
type known struct {
	seed maphash.Seed
	bits [knownBits / 64]atomic.Uint64
}

const knownBits = 1 << 22 // half a mebibyte: of 100,000 leases one stranger in twenty passes

func newKnown() *known { return &known{seed: maphash.MakeSeed()} }

// put notes the holder of a lease.
func (k *known) put(l *lease.Lease) {
	if l.State != lease.Active {
		return
	}
	k.set(k.hash(l.IP, l.Client.ID, l.Client.HType, l.Client.CHAddr))
	k.set(k.hash(0, l.Client.ID, l.Client.HType, l.Client.CHAddr))
}

func (k *known) set(n uint64) {
	w := &k.bits[n%knownBits/64]
	if bit := uint64(1) << (n % 64); w.Load()&bit == 0 {
		w.Or(bit)
	}
}

// has says that the client has, or had, the address; of address 0: any.
func (k *known) has(ip lease.IP, id []byte, htype uint8, chaddr []byte) bool {
	n := hashOf(k, ip, id, htype, chaddr)
	return k.bits[n%knownBits/64].Load()&(1<<(n%64)) != 0
}

func (k *known) hash(ip lease.IP, id string, htype uint8, chaddr string) uint64 {
	return hashOf(k, ip, id, htype, chaddr)
}

// hashOf is of the client as lease.ClientOf sees it: option 61 if there is one that counts, else type and hardware address.
func hashOf[T string | []byte](k *known, ip lease.IP, id T, htype uint8, chaddr T) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_ = h.WriteByte(byte(ip))
	_ = h.WriteByte(byte(ip >> 8))
	_ = h.WriteByte(byte(ip >> 16))
	_ = h.WriteByte(byte(ip >> 24))
	if len(id) < 2 {
		_ = h.WriteByte(htype)
		id = chaddr
	}
	for i := range len(id) {
		_ = h.WriteByte(id[i])
	}
	return h.Sum64()
}
