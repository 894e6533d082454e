package zone

// Question is what a query asks of one zone.
type Question struct {
	Name Name
	Type Type

	// AllOfANY makes QTYPE ANY answer every set of the name, as is fit for TCP. Without it ANY is
	// answered with one set (RFC 8482, 4.1).
	AllOfANY bool
}

// Result says what the end of the search was; where CNAMEs were followed it describes the last name.
type Result uint8

const (
	// NotInZone: the name is not at or below the apex. Answer.Rcode is REFUSED; ask another zone.
	NotInZone Result = iota
	// Found: the records asked for are in the answer section.
	Found
	// NoData: the name exists, perhaps as an empty non-terminal, the type does not (RFC 2308, 2.2).
	NoData
	// NoName: the name does not exist (RFC 2308, 2.1).
	NoName
	// Referral: the name is at or below a zone cut; the authority section has the NS set (RFC 1034, 4.3.2 3b).
	Referral
	// LeftZone: an alias points out of the zone; Answer.Next is where to.
	LeftZone
	// Loop: an alias points to one already in the answer, or the chain is over the limit.
	Loop
	// TooLong: the name a DNAME makes is over 255 octets; Rcode is YXDOMAIN (RFC 6672, 2.2).
	TooLong
)

var resultNames = [...]string{"not in zone", "found", "no data", "no name", "referral", "left zone", "loop", "too long"}

// String is the result in words.
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return "unknown"
}

// Answer is what a zone says to a Question. The zero value is ready for LookupInto.
type Answer struct {
	Rcode  Rcode
	AA     bool
	Result Result

	// The three sections. In Answer the order is that of the alias chain and must be kept.
	// Additional holds addresses for names in the other two; it never holds a set twice.
	Answer, Authority, Additional []RRset

	// Glue is how many sets at the start of Additional a referral cannot do without: leaving one
	// of them out sets TC (RFC 9471). The rest may be dropped silently.
	Glue int

	// Next is the name to go on with in another zone: the target of the last alias, when it is out of
	// this zone or below a zone cut of it. Empty otherwise. With Result LeftZone a server that has
	// no zone for it sends the answer as it is; with Referral likewise.
	Next Name

	// Wildcard is the owner, beginning with an asterisk, of the wildcard that answered for the last
	// name, or empty. The sets made from it bear the name asked for.
	Wildcard Name

	data []string // backs Data of the sets
}

// reset empties a, keeping its memory.
func (a *Answer) reset() {
	*a = Answer{
		Answer:     a.Answer[:0],
		Authority:  a.Authority[:0],
		Additional: a.Additional[:0],
		data:       a.data[:0],
	}
}
