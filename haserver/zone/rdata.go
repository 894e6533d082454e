package zone

// ValidRdata says what is wrong with data as the RDATA of a record of type t, nil when nothing is: the
// rules of the type's RFC as BIND enforces them, names whole and uncompressed, nothing left over. Types
// without a known form are not looked into (RFC 3597).
func ValidRdata(t Type, data []byte) error { return nil }

// RdataText is the RDATA in master-file form, on one line, names absolute; for unknown types, and for data that is not valid,
// the \# form of RFC 3597 5.
func RdataText(t Type, data string) string { return "" }

// ParseRdata reads RDATA in master-file form, on one line; origin completes relative names. The \# form is read for
// every type and must be valid for it.
func ParseRdata(t Type, text string, origin Name) (string, error) { return "", nil }

// CanonicalRdata is the RDATA as it enters comparisons: names in lower case for the types of RFC 4034 6.2,
// as RFC 6840 5.1 corrects it. Two records of a set are equal when this is (RFC 2136, 1.1.1).
func CanonicalRdata(t Type, data string) string { return data }

// CompressibleNames yields the offsets in data at which a name begins that a message may carry compressed: those in
// the types of RFC 1035 alone (RFC 3597, 4). data must be valid for t.
func CompressibleNames(t Type, data string) (offsets [2]int, n int) { return }
