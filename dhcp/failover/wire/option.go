package wire

import (
	"fmt"
	"strconv"
)

const (
	// MaxLen is the length of the longest message, MinLen of the shortest: the header alone.
	MaxLen = 2048
	MinLen = 12

	maxHardware = 21 // octets of option 5: type and the longest address that ISC dhcpd keeps
	dhcpMagic   = "\x63\x82\x53\x63"
	dnsMax      = 255 // octets of a name
)

// Option is a code of an option (draft 12).
type Option uint16

// The options.
const (
	OptTransferred Option = iota + 1
	OptAddress
	OptStatus
	OptClientID
	OptHardware
	OptCLTT
	OptReply
	OptRequest
	OptDDNS
	OptDelay
	OptBuckets
	OptFlags
	OptEnd
	OptMaxUnacked
	OptMCLT
	OptMessage
	OptDigest
	OptPotential
	OptReceiveTimer
	OptVersion
	OptReject
	OptName
	OptServerFlags
	OptServerState
	OptStart
	OptTLSReply
	OptTLSRequest
	OptVendor
	OptVendorData

	optSequence Option = 0xf001 // ours
	optHold     Option = 0xf002 // ours, in BNDUPD
)

// Set is a set of options of the draft: bit n is option n.
type Set uint32

// SetOf makes a set.
func SetOf(options ...Option) Set {
	var s Set
	for _, o := range options {
		s |= 1 << o
	}
	return s
}

// Has says that o is in the set.
func (s Set) Has(o Option) bool { return o <= OptVendorData && s&(1<<o) != 0 }

// lengths are the permitted lengths of each option's data (draft 12; ISC dhcpd closes the connection at any other).
var lengths = [OptVendorData + 1]struct{ least, most int }{
	OptTransferred: {4, 4}, OptAddress: {4, 4}, OptStatus: {1, 1}, OptClientID: {1, MaxLen}, OptHardware: {1, maxHardware}, OptCLTT: {4, 4},
	OptReply: {4, MaxLen}, OptRequest: {4, MaxLen}, OptDDNS: {2, 2 + dnsMax}, OptDelay: {1, 1}, OptBuckets: {32, 32}, OptFlags: {2, 2}, OptEnd: {4, 4},
	OptMaxUnacked: {4, 4}, OptMCLT: {4, 4}, OptMessage: {0, MaxLen}, OptDigest: {1, MaxLen}, OptPotential: {4, 4}, OptReceiveTimer: {4, 4},
	OptVersion: {1, 1}, OptReject: {1, 1}, OptName: {1, MaxLen}, OptServerFlags: {1, 1}, OptServerState: {1, 1}, OptStart: {4, 4},
	OptTLSReply: {1, 1}, OptTLSRequest: {1, 1}, OptVendor: {0, MaxLen}, OptVendorData: {0, MaxLen},
}

// allowed are the options that mean something in each type of message; others that we know are dropped, as ISC dhcpd does.
var allowed = [TypeDisconnect + 1]Set{
	TypePoolResp: SetOf(OptTransferred),
	TypeBndUpd: SetOf(OptAddress, OptStatus, OptClientID, OptHardware, OptCLTT, OptReply, OptRequest, OptDDNS, OptFlags, OptEnd,
		OptPotential, OptStart),
	TypeBndAck: SetOf(OptAddress, OptReject, OptMessage),
	TypeConnect: SetOf(OptDelay, OptBuckets, OptMaxUnacked, OptMCLT, OptReceiveTimer, OptVersion, OptName, OptTLSRequest, OptVendor,
		OptVendorData),
	TypeConnectAck: SetOf(OptMaxUnacked, OptMessage, OptReceiveTimer, OptVersion, OptReject, OptName, OptTLSReply, OptVendor, OptVendorData),
	TypeState:      SetOf(OptServerFlags, OptServerState, OptStart),
	TypeDisconnect: SetOf(OptReject, OptMessage),
}

// Fault is what is wrong with octets.
type Fault uint8

// The faults.
const (
	BadLength   Fault = iota + 1 // of the message: under 12, over 2048, or not what came
	BadOffset                    // the payload offset points into the header or behind the end
	Truncated                    // an option reaches behind the end
	Duplicate                    // an option that may come once came twice
	BadOption                    // an option's data cannot be
	Missing                      // an option that must be there is not
	UnknownType                  // of message, and not one to be ignored
	TooLong                      // Append: it does not fit
	Unencodable                  // Append: a value that has no octets
)

// String is a few words.
func (f Fault) String() string {
	if f >= BadLength && f <= Unencodable {
		return [...]string{"bad length", "bad payload offset", "option is cut off", "option comes twice", "option has impossible data",
			"option is missing", "unknown type of message", "does not fit into a message", "value cannot be sent"}[f-1]
	}
	return "unknown fault"
}

// Error is a malformed message. Option is 0 when none is to blame.
type Error struct {
	Fault  Fault
	Type   Type
	Option Option
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("failover message %s (type %d): %s", e.Type, uint8(e.Type), e.Fault)
	if e.Option != 0 {
		s += ": option " + strconv.Itoa(int(e.Option))
	}
	return s
}
