package zone

// SerialNewer says whether serial a is newer than b in the arithmetic of RFC 1982, 3.2: a-b modulo
// 2^32 is in 1..2^31-1. Two serials exactly 2^31 apart are neither newer nor older.
func SerialNewer(a, b uint32) bool {
	return int32(a-b) > 0
}

// NextSerial is the serial after s, never 0 (RFC 2136, 7.11).
func NextSerial(s uint32) uint32 {
	if s+1 == 0 {
		return 1
	}
	return s + 1
}
