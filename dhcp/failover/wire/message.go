package wire

import "loadshare/dhcp/lease"

// Type is a type of message (draft 6.1).
type Type uint8

// The types. Wireshark 4.0 labels 7 and 9 the other way round.
const (
	TypePoolReq Type = iota + 1
	TypePoolResp
	TypeBndUpd
	TypeBndAck
	TypeConnect
	TypeConnectAck
	TypeUpdReqAll
	TypeUpdDone
	TypeUpdReq
	TypeState
	TypeContact
	TypeDisconnect
)

var typeNames = [...]string{"POOLREQ", "POOLRESP", "BNDUPD", "BNDACK", "CONNECT", "CONNECTACK", "UPDREQALL", "UPDDONE", "UPDREQ", "STATE", "CONTACT", "DISCONNECT"}

// String is the draft's name.
func (t Type) String() string {
	if t >= TypePoolReq && t <= TypeDisconnect {
		return typeNames[t-1]
	}
	return "unknown"
}

// Message is one message. Time is the sender's clock at transmission, in seconds since 1970.
type Message struct {
	Time uint32
	XID  uint32
	Seq  uint64 // last durable change of the sender (only between two of ours); 0: not said
	Body Body
}

// Body is one of the types below.
type Body interface{ Type() Type }

// The messages without options, and Other: a type from 128 that we do not know, to be ignored (draft 6.1).
type (
	PoolReq   struct{}
	UpdReqAll struct{}
	UpdReq    struct{}
	UpdDone   struct{}
	Contact   struct{}
	Other     struct{ Number Type }
)

// PoolResp answers PoolReq.
type PoolResp struct{ Transferred uint32 }

// BndUpd tells of bindings: one to ISC dhcpd, one or more between two of ours; never none.
type BndUpd struct{ Bindings []Binding }

// Binding is what is known of one address. Has names the options that are there, besides the address; a field of another is zero.
type Binding struct {
	IP        lease.IP
	Has       Set
	Status    lease.State  // option 3
	Client    lease.Client // options 4 and 5
	End       uint32       // option 13, what the client was told
	Potential uint32       // option 18
	Start     uint32       // option 25, since when it is in Status
	CLTT      uint32       // option 6, when the client was heard last
	Flags     lease.Flags  // option 12
	Reply     string       // option 7: DHCP options as they were sent to the client, without the magic
	// Of option 8, what the client sent: its name, its vendor class and the relay's information (DHCP options 12, 60 and 82).
	Hostname, Vendor, Relay string
	// Of option 9: the name in DNS in its text form without the last dot, and the draft's flags C, A, D, P from the lowest bit.
	FQDN string
	DNS  uint16
	// Hold, between two of ours: no other client gets the address before; 0: not said.
	Hold uint32 // option 61442
}

// BndAck answers BndUpd, address by address.
type BndAck struct{ Answers []Answer }

// Answer accepts (Reject 0) or rejects one binding.
type Answer struct {
	IP     lease.IP
	Reject Reject
	Text   string
}

// Connect opens the conversation, from the main ("primary") only. Has names the options that are there.
type Connect struct {
	Has          Set
	Name         string // of the relationship
	MaxUnacked   uint32
	ReceiveTimer uint32 // seconds
	Vendor       string
	Version      uint8
	TLS          uint8 // 0 none, 1 wanted, 2 required
	MCLT         uint32
	Buckets      [32]byte // the hash bucket assignment
	Delay        uint8    // delayed-service-parameter, seconds
	Ours         Ours     // option 29
}

// ConnectAck answers Connect; Reject 0 accepts. Has names the options that are there.
type ConnectAck struct {
	Has          Set
	Name         string
	MaxUnacked   uint32
	ReceiveTimer uint32
	Vendor       string
	Version      uint8
	TLS          uint8 // TLS-reply
	Reject       Reject
	Text         string
	Ours         Ours
}

// Ours is what two of ours tell each other of their stores (decision H-h), and what each can do.
type Ours struct {
	Store     uint64 // identity of the sender's store, chosen when it was made
	Boot      uint64 // one more at each start on that store
	PeerStore uint64 // the receiver's store, as the sender knows it; 0: they have never spoken
	PeerSeq   uint64 // the last durable change of the receiver that the sender has seen
	Fast      uint32 // milliseconds of silence that the sender takes for an interruption (decision D-c); 0: only the receive timer
}

// State tells of the sender's state. Every number is accepted: see [EndpointState].
type State struct {
	State   EndpointState
	Startup bool
	Since   uint32
}

// Disconnect says why the sender closes the connection.
type Disconnect struct {
	Reject Reject
	Text   string
}

// Type implements Body.
func (PoolReq) Type() Type    { return TypePoolReq }
func (PoolResp) Type() Type   { return TypePoolResp }
func (BndUpd) Type() Type     { return TypeBndUpd }
func (BndAck) Type() Type     { return TypeBndAck }
func (Connect) Type() Type    { return TypeConnect }
func (ConnectAck) Type() Type { return TypeConnectAck }
func (UpdReqAll) Type() Type  { return TypeUpdReqAll }
func (UpdDone) Type() Type    { return TypeUpdDone }
func (UpdReq) Type() Type     { return TypeUpdReq }
func (State) Type() Type      { return TypeState }
func (Contact) Type() Type    { return TypeContact }
func (Disconnect) Type() Type { return TypeDisconnect }
func (o Other) Type() Type    { return o.Number }

// EndpointState is a server's state as the protocol numbers it (draft 12.24; 254 is ISC dhcpd's).
type EndpointState uint8

// The states.
const (
	StartingUp            EndpointState = iota + 1 // never sent; shown by the flag
	Normal                                         // both serve, each knows of the other
	CommInterrupted                                // no contact; nobody knows whether the partner serves
	PartnerDown                                    // the partner is known, or was said, to serve nobody
	PotentialConflict                              // both may have served without regard to the other
	Recover                                        // asking the partner for what was lost or missed
	Paused                                         // does not serve, for a short time
	ShutDown                                       // does not serve, for a long time
	RecoverDone                                    // has everything; waits for the partner
	ResolutionInterrupted                          // contact was lost while resolving a conflict
	ConflictDone                                   // the main has resolved; the backup has not yet
	RecoverWait           EndpointState = 254      // has everything; waits until the MCLT is over
)

// String is the word of status and log.
func (s EndpointState) String() string {
	switch {
	case s >= StartingUp && s <= ConflictDone:
		return [...]string{"startup", "normal", "communications-interrupted", "partner-down", "potential-conflict", "recover", "paused",
			"shutdown", "recover-done", "resolution-interrupted", "conflict-done"}[s-1]
	case s == RecoverWait:
		return "recover-wait"
	case s == 0:
		return "none"
	}
	return "unknown"
}

// Known says that the number is a state that can be sent.
func (s EndpointState) Known() bool { return s >= Normal && s <= ConflictDone || s == RecoverWait }

// Reject is a reason to refuse a binding, a connection, or to end one (draft 12.21). 0 refuses nothing.
type Reject uint8

// The reasons.
const (
	NotOurs            Reject = 1  // the address is in no pool of the relationship
	InUse              Reject = 2  // fatal conflict: another client has it
	MissingInformation Reject = 3  // of the binding
	ClockMismatch      Reject = 4  //
	InvalidMCLT        Reject = 5  //
	UnknownReason      Reject = 6  // connection rejected, unknown reason
	DuplicateConnect   Reject = 7  //
	InvalidPartner     Reject = 8  //
	TLSUnsupported     Reject = 9  //
	TLSUnconfigured    Reject = 10 //
	TLSRequired        Reject = 11 //
	DigestUnsupported  Reject = 12 //
	DigestUnconfigured Reject = 13 //
	VersionMismatch    Reject = 14 //
	Outdated           Reject = 15 // the receiver knows something newer
	LessCritical       Reject = 16 // crossing updates: the receiver's stands
	NoTraffic          Reject = 17 // nothing heard within the receive timer
	BucketConflict     Reject = 18 // hash bucket assignment
	NotReserved        Reject = 19 // the address is not reserved here
	DigestWrong        Reject = 20 //
	DigestMissing      Reject = 21 //
	UnknownError       Reject = 254
)

var rejectWords = [...]string{"accepted", "address is in no pool of this relationship", "address is in use by another client", "binding information is missing",
	"clocks differ too much", "invalid MCLT", "rejected for an unknown reason", "there is a connection already", "invalid failover partner",
	"TLS is not supported", "TLS is not configured", "TLS is required", "message digest is not supported", "message digest is not configured",
	"protocol version differs", "binding information is outdated", "update is less critical than the one that crosses it",
	"nothing was heard in time", "hash bucket assignment is wrong", "address is not reserved here", "message digest is wrong", "message digest is missing"}

// String is a short sentence.
func (r Reject) String() string {
	if int(r) < len(rejectWords) {
		return rejectWords[r]
	}
	return "unknown error"
}
