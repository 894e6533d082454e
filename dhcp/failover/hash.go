package failover

// pearson is the table of RFC 3074, 6.
var pearson = [256]byte{
	251, 175, 119, 215, 81, 14, 79, 191, 103, 49, 181, 143, 186, 157, 0, 232,
	31, 32, 55, 60, 152, 58, 17, 237, 174, 70, 160, 144, 220, 90, 57, 223,
	59, 3, 18, 140, 111, 166, 203, 196, 134, 243, 124, 95, 222, 179, 197, 65,
	180, 48, 36, 15, 107, 46, 233, 130, 165, 30, 123, 161, 209, 23, 97, 16,
	40, 91, 219, 61, 100, 10, 210, 109, 250, 127, 22, 138, 29, 108, 244, 67,
	207, 9, 178, 204, 74, 98, 126, 249, 167, 116, 34, 77, 193, 200, 121, 5,
	20, 113, 71, 35, 128, 13, 182, 94, 25, 226, 227, 199, 75, 27, 41, 245,
	230, 224, 43, 225, 177, 26, 155, 150, 212, 142, 218, 115, 241, 73, 88, 105,
	39, 114, 62, 255, 192, 201, 145, 214, 168, 158, 221, 148, 154, 122, 12, 84,
	82, 163, 44, 139, 228, 236, 205, 242, 217, 11, 187, 146, 159, 64, 86, 239,
	195, 42, 106, 198, 118, 112, 184, 172, 87, 2, 173, 117, 176, 229, 247, 253,
	137, 185, 99, 164, 102, 147, 45, 66, 231, 52, 141, 211, 194, 206, 246, 238,
	56, 110, 78, 248, 63, 240, 189, 93, 92, 51, 53, 183, 19, 171, 72, 50,
	33, 104, 101, 69, 8, 252, 83, 120, 76, 135, 85, 54, 202, 125, 188, 213,
	96, 235, 136, 208, 162, 129, 190, 132, 156, 38, 47, 1, 7, 254, 24, 4,
	216, 131, 89, 21, 28, 133, 37, 153, 149, 80, 170, 68, 6, 169, 234, 151,
}

const hashed = 16 // octets of the key that RFC 3074 looks at

// Hash is the bucket of a client (RFC 3074, 5 and 6). key is lease.Client.Hash: the client identifier, or else the hardware address.
// whole looks at all of it, as ISC dhcpd does against the RFC's 16 octets; both partners must do the same, or a client is served by both
// or by neither.
func Hash(key string, whole bool) uint8 {
	if !whole && len(key) > hashed {
		key = key[:hashed]
	}
	h := byte(len(key))
	for i := len(key) - 1; i >= 0; i-- {
		h = pearson[h^key[i]]
	}
	return h
}

// Buckets is a hash bucket assignment: bucket n is bit n%8 of octet n/8, counted from the lowest.
type Buckets [32]byte

// Has says that bucket n is set.
func (b Buckets) Has(n uint8) bool { return b[n/8]&(1<<(n%8)) != 0 }

// Split is buckets 0 to n-1, as ISC dhcpd's "split n"; 0 is none, 256 is all.
func Split(n int) Buckets {
	var b Buckets
	for i := range b {
		b[i] = byte(1<<min(8, max(0, n-8*i)) - 1)
	}
	return b
}

// Not is the other half.
func (b Buckets) Not() Buckets {
	for i := range b {
		b[i] = ^b[i]
	}
	return b
}

// Assignment is the assignment that the main sends (option 11). The draft and RFC 3074 set the backup's buckets; ISC dhcpd means the
// main's. Without load balancing the main has all (decision D-m).
func Assignment(isc, balancing bool) Buckets {
	mains := Split(256)
	if balancing {
		mains = Split(128)
	}
	if isc {
		return mains
	}
	return mains.Not()
}

// mains says that the client is the main's under the assignment.
func mains(b Buckets, key string, isc bool) bool {
	return b.Has(Hash(key, isc)) == isc
}
