package pairmsg

import (
	"net/netip"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// Version is the version of the protocol that this program speaks best; Oldest is the oldest that it still speaks.
const (
	Version = 1
	Oldest  = 1
)

// MaxBatch is how many octets of entries or sets a sender puts into one message, about. A single larger one goes alone.
const MaxBatch = 256 << 10

// Message is one of the types of this package, by value.
type Message interface{ message() }

// Role is a server's place in the pair. The zero value is no role: a single server.
type Role uint8

// The roles.
const (
	Single Role = iota
	Main
	Backup
)

// Other is the partner's role.
func (r Role) Other() Role {
	switch r {
	case Main:
		return Backup
	case Backup:
		return Main
	}
	return Single
}

// String is the word of configurations and status.
func (r Role) String() string { return [...]string{"single", "main", "backup"}[r%3] }

// State is the state of a server (checklist H11 to H15).
type State uint8

// The states.
const (
	Alone       State = iota // "single": no pair
	Startup                  // looks for its partner
	Negotiating              // waits for the partner to be ready
	Normal                   // both serve
	Interrupted              // "communication-interrupted"
	PartnerDown              // "partner-down", by an operator
)

// String is the word of status.
func (s State) String() string {
	return [...]string{"single", "startup", "negotiating", "normal", "communication-interrupted", "partner-down"}[s%6]
}

// StoreID names a state directory's store: made at random when the store is, never copied.
type StoreID [16]byte

// Point is one state of a zone: after a serial comes exactly one content, whose digest this is. The zero Point is none.
type Point struct {
	Serial uint32
	Digest digest.Digest
}

// Entry is one change of a zone: what the journal keeps and the pair ships.
type Entry struct {
	Time   int64         // hybrid clock, microseconds since 1970: see package pair
	Digest digest.Digest // of the content after it
	Delta  zone.Delta    // From and To are the serials
}

// Point is the state of the zone after the entry.
func (e Entry) Point() Point { return Point{e.Delta.To, e.Digest} }

// Hello opens a connection, from both sides. The answer is the other's Hello, or Reject.
type Hello struct {
	Version, Oldest uint16
	Role            Role   // in force, which a swap may have changed
	Configured      Role   // in the configuration file
	Epoch           uint64 // of the role in force: the higher one is right
	Store           StoreID
	Boot            uint64 // how often the store was opened: another number is another run
	Seq             uint64 // entries ever written to the store, durable
	PeerStore       StoreID
	PeerSeq         uint64 // the highest Seq ever heard of PeerStore: higher than its own means rolled back (decision H-h)
	State           State  // own; at the start the last one before
	Wall            int64  // own clock, microseconds since 1970
	Clock           int64  // hybrid clock
	Unfit           string // why it can write nothing; "": it can
	Config          uint64 // digest of the zones' settings
}

// Reject refuses a Hello; the connection is closed after it.
type Reject struct {
	Reason RejectReason
	Text   string
}

// RejectReason is why.
type RejectReason uint8

// The reasons.
const (
	RejectVersion RejectReason = iota + 1 // no version in common
	RejectRole                            // both claim one role
	RejectSelf                            // the partner is this very store
	RejectOlder                           // another connection of the pair is in use
)

// String is the reason in words.
func (r RejectReason) String() string {
	switch r {
	case RejectVersion:
		return "no protocol version in common"
	case RejectRole:
		return "both servers claim the same role"
	case RejectSelf:
		return "the partner is this server itself"
	case RejectOlder:
		return "another connection is in use"
	}
	return "unknown reason"
}

// Negotiate says that the sender is ready to synchronise, with the state of its zones; the answer is NegotiateReply.
type Negotiate struct {
	Zones []ZonePoint
	More  bool // another Negotiate with more zones follows
}

// NegotiateReply is the same from the other side; with the last one both are normal.
type NegotiateReply struct {
	Zones []ZonePoint
	More  bool
}

// ZonePoint is where a zone stands on one side.
type ZonePoint struct {
	Zone   zone.Name
	Point  Point
	Agreed Point // last point known to be the same on both; zero: never
	Flags  ZoneFlags
}

// ZoneFlags says how much a zone's content is worth.
type ZoneFlags uint8

// The flags.
const (
	Fresh ZoneFlags = 1 << iota // read from a master file, never agreed on, never changed
	Stale                       // must be replaced by the partner's before anybody is answered (rolled back, or incomplete)
)

// Heartbeat goes out every so often from both sides; the answer is HeartbeatReply.
type Heartbeat struct {
	Number  uint64
	State   State
	Wall    int64
	Clock   int64
	Seq     uint64
	Owed    uint32      // entries that the receiver has not confirmed
	Unfit   string      // why the sender can write nothing
	Digests []ZonePoint // of zones that changed lately, and of some of the others in turn; only those at rest
}

// HeartbeatReply answers one.
type HeartbeatReply struct {
	Number uint64
	State  State
	Wall   int64 // of the replier, and
	Echo   int64 // Wall of the heartbeat
}

// Unfit tells at once that the sender can write nothing from now on, or, with an empty Why, that it can again (decision H-i).
type Unfit struct{ Why string }

// Update ships changes of a zone that is synchronised, in order (checklist H02). Ship numbers the entries of a connection
// from 1 on; First is the number of the first one here.
type Update struct {
	First   uint64
	Zone    zone.Name
	Entries []Entry
	Clock   int64
}

// UpdateReply says that all entries through Through are durable at the sender.
type UpdateReply struct {
	Through uint64
	Seq     uint64
}

// Inconsistent says that an entry does not fit what the sender has of the zone: it must be synchronised again.
type Inconsistent struct {
	Zone  zone.Name
	Point Point // of the sender
	Why   string
}

// Forward brings a client's update from the backup to the main (decision H-f); the answer is Forwarded.
type Forward struct {
	ID     uint64
	Client netip.AddrPort
	TCP    bool
	Wire   []byte // the message, as it came
}

// Forwarded is the answer that the client shall get; no Wire: none.
type Forwarded struct {
	ID   uint64
	Wire []byte
}

// Shutdown says that the sender stops in order. Last has its zones' points: everything owed was sent before.
type Shutdown struct{ Last []ZonePoint }

// SwapAsk asks the backup to become the main under a new epoch; all zones are synchronised and the sender takes no updates.
type SwapAsk struct {
	Epoch  uint64
	Reason string
}

// SwapReply is the answer: done (durably), or why not.
type SwapReply struct {
	Epoch uint64
	Why   string
}

// Settings brings zones' settings: to the backup whenever those of the main change, and as the answer to SettingsAsk.
type Settings struct {
	ID    uint64 // of the SettingsAsk; 0: unasked
	Zones []ZoneSettings
	Exact bool // zones that are not in the list are to be forgotten
	Apply bool // the receiver makes them its own; else it only looks
}

// SettingsAsk asks for the settings of all zones.
type SettingsAsk struct{ ID uint64 }

// SettingsDone answers Settings with Apply: what was changed, or an error.
type SettingsDone struct {
	ID      uint64
	Changes []string
	Error   string
}

// ZoneSettings is a [[zone]] as far as it is shared: never files, addresses of the pair, or keys themselves.
type ZoneSettings struct {
	Name      zone.Name
	Update    []string // grants, as configurations write them
	Transfer  []string
	Notify    []string
	NotifyKey string // name of the key, "" for none
	Scavenge  string // TOML of the section, "" for off
	Catalog   bool
}

func (Hello) message()          {}
func (Reject) message()         {}
func (Negotiate) message()      {}
func (NegotiateReply) message() {}
func (Heartbeat) message()      {}
func (HeartbeatReply) message() {}
func (Unfit) message()          {}
func (Update) message()         {}
func (UpdateReply) message()    {}
func (Inconsistent) message()   {}
func (Forward) message()        {}
func (Forwarded) message()      {}
func (Shutdown) message()       {}
func (SwapAsk) message()        {}
func (SwapReply) message()      {}
func (Settings) message()       {}
func (SettingsAsk) message()    {}
func (SettingsDone) message()   {}
