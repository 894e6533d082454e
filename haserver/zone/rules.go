package zone

// What an update may make, and so what a merge of two updated zones may.
const (
	MaxSet   = maxSet   // records of a set
	MaxTypes = maxTypes // sets of a name
)

// IsSingle says that a set of the type has one record at most: SOA, CNAME, DNAME.
func (t Type) IsSingle() bool { return isSingleton(t) }

// IsBesideCNAME says that the type may stand beside a CNAME (RFC 2136 3.4.2.2, RFC 4034).
func (t Type) IsBesideCNAME() bool { return besideCNAME(t) }
