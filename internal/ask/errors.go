package ask

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Silent means that nothing usable came back: no connection, no answer in time,
// or SERVFAIL or NOTIMP, which RFC 2136 section 4.5 treats alike. Asking again,
// or another server, has sense.
type Silent struct {
	Server netip.AddrPort
	Err    error
}

// Error says which server and why.
func (e *Silent) Error() string { return fmt.Sprintf("no usable answer from %s: %v", e.Server, e.Err) }

// Unwrap is the cause.
func (e *Silent) Unwrap() error { return e.Err }

// Refused means that the server answered with an error that is final (RFC 2136
// section 4.6).
type Refused struct {
	Server netip.AddrPort
	// Rcode is the mnemonic, as "REFUSED"; TSIG the error inside the signature
	// record, as "BADKEY", or "".
	Rcode, TSIG string
}

// Error says what the server said and what is to be looked at.
func (e *Refused) Error() string {
	text := fmt.Sprintf("%s answers %s", e.Server, e.Rcode)
	if e.TSIG != "" {
		text += "/" + e.TSIG
	}
	if hint := hints[e.TSIG]; hint != "" {
		return text + ": " + hint
	}
	return text
}

var hints = map[string]string{
	"BADKEY":   "the server does not know this key name or algorithm",
	"BADSIG":   "the server has another secret for this key",
	"BADTIME":  "the clocks of the two hosts differ by more than five minutes",
	"BADTRUNC": "the server wants longer signatures",
}

// NotAuthoritative means that the server has no zone for the name.
type NotAuthoritative struct {
	Server netip.AddrPort
	Name   string
	// Detail is what it answered instead.
	Detail string
}

// Error says which server and name.
func (e *NotAuthoritative) Error() string {
	return fmt.Sprintf("%s is not authoritative for %s (%s)", e.Server, e.Name, e.Detail)
}

var errUnsigned = errors.New("its answer is not signed with our key")

// rcodeName is the mnemonic of a response code, or its number.
func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadSig {
		return "BADSIG" // 16 is BADVERS only together with EDNS
	}
	if s, ok := dns.RcodeToString[rcode]; ok {
		return strings.ToUpper(s)
	}
	return fmt.Sprintf("RCODE%d", rcode)
}
