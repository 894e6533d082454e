package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxFrame bounds one encoded envelope, in bytes. It is the link's frame limit too.
const MaxFrame = 1 << 20

// Version is the version of this vocabulary. Ends with different versions refuse each other.
const Version = 1

// Envelope is one message on the link.
type Envelope struct {
	// ID pairs an answer with its request; 0 for what an agent reports by itself.
	ID uint64 `json:"id"`
	// Body is one of the message types of this package.
	Body Message `json:"-"`
}

// Message is implemented by every type that may travel.
type Message interface{ kind() string }

// Hello opens the conversation.
type Hello struct {
	Version int    `json:"version"`
	Monitor string `json:"monitor"`
}

// Welcome is the agent's answer to [Hello].
type Welcome struct {
	Version int    `json:"version"`
	Agent   string `json:"agent"`
	// Publishes reports whether the agent has [publish].
	Publishes bool `json:"publishes"`
	// Services are the names of its restart allow-list.
	Services []string `json:"services"`
	// Pools is the newest stamp it has seen of each pool, and the lease in force.
	Pools []Held `json:"pools"`
	// Boot changes at each start of the agent.
	Boot string `json:"boot"`
}

// Held is what an agent knows about the lease of one pool.
type Held struct {
	Pool PoolID `json:"pool"`
	// Newest is the greatest stamp this agent has seen, in orders or in DNS.
	Newest Stamp `json:"newest"`
	// Holder is the monitor obeyed now; "" when the lease has lapsed.
	Holder string `json:"holder,omitempty"`
	// LapsesIn is what is left of the lease.
	LapsesIn time.Duration `json:"lapses_in,omitempty"`
}

// Heartbeat claims or renews pools and confirms which generation of each is
// current. An agent's queue only repeats a write that was confirmed within the
// last 10 s (M2).
type Heartbeat struct {
	Monitor string        `json:"monitor"`
	Lease   time.Duration `json:"lease"`
	// Interval is the longest probe interval; an agent alarms when it has heard nothing for five of them and a minute (M6).
	Interval time.Duration `json:"interval"`
	// Claims are the pools this monitor wants to hold, with their current stamps.
	Claims []Claim `json:"claims"`
}

// Claim is one pool in a [Heartbeat].
type Claim struct {
	Pool    PoolID `json:"pool"`
	Current Stamp  `json:"current"`
}

// Beat answers a [Heartbeat]: what was not granted, with its holder. All else was granted.
type Beat struct {
	Refused []Held `json:"refused"`
}

// Receipt answers Publish, Restart and Hook at once. It means the order is
// durable in the agent, or refused; not that it is carried out.
type Receipt struct {
	Order   string  `json:"order"`
	Refused Refusal `json:"refused,omitempty"`
	// Newest is set when Refused is stale or not-holder.
	Newest Stamp  `json:"newest,omitzero"`
	Detail string `json:"detail,omitempty"`
}

// ServerState is how far one DNS server has come with an order.
type ServerState string

// States of one server in a [Published].
const (
	ServerPending  ServerState = "pending"       // not tried yet, or being tried
	ServerWritten  ServerState = "written"       // it said NOERROR; not seen in its answers yet
	ServerAnswers  ServerState = "answers"       // asked, and it answers the wanted set
	ServerOwed     ServerState = "owed"          // it does not answer; queued durably until it does (M5)
	ServerRefused  ServerState = "refused"       // it said no for good, or a newer generation is there
	ServerNotAsked ServerState = "silent-backup" // policy pair: the partner's silence, a warning only
)

// ServerResult is one DNS server's part of a published order.
type ServerResult struct {
	Server string      `json:"server"`
	State  ServerState `json:"state"`
	// Already is true when nothing had to be written.
	Already bool `json:"already,omitempty"`
	// WrittenAt and AnsweredAt are null until they happened.
	WrittenAt  *time.Time `json:"written_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	Attempts   int        `json:"attempts"`
	Refused    Refusal    `json:"refused,omitempty"`
	Error      string     `json:"error,omitempty"`
}

// Published reports how an order stands. It is sent whenever a server's state
// changes; the last one has Done.
type Published struct {
	Order   string         `json:"order"`
	Pool    PoolID         `json:"pool"`
	Stamp   Stamp          `json:"stamp"`
	Servers []ServerResult `json:"servers"`
	// Done: ended as M5 says. Owed servers may remain, and are followed by further reports.
	Done bool `json:"done"`
	// Before is what the first server held; Set is what was written (with kept strays).
	Before []string `json:"before,omitempty"`
	Set    []string `json:"set,omitempty"`
	// Strays were found in DNS and belong to nobody; Undo is one `update add …` line for each that was removed (M3).
	Strays []string `json:"strays,omitempty"`
	Undo   []string `json:"undo,omitempty"`
	// Newest is set when a server's generation record is newer than the order.
	Newest Stamp `json:"newest,omitzero"`
}

// RestartOutcome is how a restart ended.
type RestartOutcome string

// Outcomes of a restart.
const (
	RestartOK      RestartOutcome = "ok"
	RestartFailed  RestartOutcome = "failed"  // exit code not 0, or the job failed
	RestartTimeout RestartOutcome = "timeout" // killed after restart.timeout
	RestartRefused RestartOutcome = "refused" // see Refused
)

// Restarted reports the end of a restart.
type Restarted struct {
	Order    string         `json:"order"`
	Pool     PoolID         `json:"pool"`
	Service  string         `json:"service"`
	Member   string         `json:"member"`
	Outcome  RestartOutcome `json:"outcome"`
	Refused  Refusal        `json:"refused,omitempty"`
	ExitCode int            `json:"exit_code"`
	// Output is the last 4 KiB of what the commands printed.
	Output string `json:"output,omitempty"`
	// Evidence was collected just before: unit status, last log lines (8 KiB).
	Evidence string        `json:"evidence,omitempty"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`
	// Left is what remains of the budget, and NextAt when it grows again if it is 0.
	Left   int        `json:"left"`
	NextAt *time.Time `json:"next_at,omitempty"`
}

// Hooked reports the end of a hook.
type Hooked struct {
	Order    string         `json:"order"`
	Service  string         `json:"service"`
	Outcome  RestartOutcome `json:"outcome"`
	ExitCode int            `json:"exit_code"`
	Output   string         `json:"output,omitempty"`
	Took     time.Duration  `json:"took"`
}

// ProbeRequest asks a publishing agent for a look of its own, as a second view
// in a mass failure (M4). Spec is the probe's specification as JSON; the agent
// refuses kinds that run commands.
type ProbeRequest struct {
	Address string          `json:"address"`
	Spec    json.RawMessage `json:"spec"`
}

// ProbeAnswer answers a [ProbeRequest]. Outcome is "ok", "failed" or "untested".
type ProbeAnswer struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
}

// NormalDNSAction is what to do with the agent's normal-dns file.
type NormalDNSAction string

// Actions on normal-dns.
const (
	NormalDNSDiff  NormalDNSAction = "diff"  // report only
	NormalDNSApply NormalDNSAction = "apply" // set the names as the file and the pools say (M5)
)

// NormalDNS asks for a comparison with normal-dns, or for the reset to it.
// Pools carries what the monitor wants for each pool it holds and has a verdict
// for; names of Undecided pools are not touched.
type NormalDNS struct {
	Action    NormalDNSAction `json:"action"`
	Pools     []Publish       `json:"pools"`
	Undecided []PoolID        `json:"undecided"`
	// Out are the values that are down or drained, per pool: they are left out even if the file lists them.
	Out    map[PoolID][]string `json:"out"`
	Reason Reason              `json:"reason"`
}

// NormalDNSAnswer lists, server by server, what differed or was changed, as
// nsupdate lines ("update delete …", "update add …").
type NormalDNSAnswer struct {
	Servers []NormalDNSServer `json:"servers"`
	Refused Refusal           `json:"refused,omitempty"`
	Detail  string            `json:"detail,omitempty"`
	// NoFile: the agent has no normal-dns. What is compared are the pools alone.
	NoFile bool `json:"no_file,omitempty"`
}

// NormalDNSServer is one server's part of a [NormalDNSAnswer].
type NormalDNSServer struct {
	Server  string   `json:"server"`
	Lines   []string `json:"lines"`
	Applied bool     `json:"applied"`
	Error   string   `json:"error,omitempty"`
}

func (Hello) kind() string           { return "hello" }
func (Welcome) kind() string         { return "welcome" }
func (Heartbeat) kind() string       { return "heartbeat" }
func (Beat) kind() string            { return "beat" }
func (Publish) kind() string         { return "publish" }
func (Restart) kind() string         { return "restart" }
func (Hook) kind() string            { return "hook" }
func (Receipt) kind() string         { return "receipt" }
func (Published) kind() string       { return "published" }
func (Restarted) kind() string       { return "restarted" }
func (Hooked) kind() string          { return "hooked" }
func (ProbeRequest) kind() string    { return "probe" }
func (ProbeAnswer) kind() string     { return "probed" }
func (NormalDNS) kind() string       { return "normal-dns" }
func (NormalDNSAnswer) kind() string { return "normal-dns-answer" }

type rawEnvelope struct {
	ID   uint64          `json:"id"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// Encode turns an envelope into one frame.
func Encode(e Envelope) ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.Body.kind(), err)
	}
	out, err := json.Marshal(rawEnvelope{ID: e.ID, Kind: e.Body.kind(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.Body.kind(), err)
	}
	if len(out) > MaxFrame {
		return nil, fmt.Errorf("encode %s: %d bytes, at most %d fit one frame", e.Body.kind(), len(out), MaxFrame)
	}
	return out, nil
}

// Decode reads one frame. Unknown kinds, unknown fields and oversized frames are errors.
func Decode(frame []byte) (Envelope, error) {
	if len(frame) > MaxFrame {
		return Envelope{}, fmt.Errorf("message of %d bytes: at most %d are accepted", len(frame), MaxFrame)
	}
	var raw rawEnvelope
	if err := strict(frame, &raw); err != nil {
		return Envelope{}, fmt.Errorf("message envelope: %w", err)
	}
	m, err := decodeBody(raw.Kind, raw.Body)
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{ID: raw.ID, Body: m}, nil
}

func decodeBody(kind string, body []byte) (Message, error) {
	switch kind {
	case "hello":
		return as[Hello](kind, body)
	case "welcome":
		return as[Welcome](kind, body)
	case "heartbeat":
		return as[Heartbeat](kind, body)
	case "beat":
		return as[Beat](kind, body)
	case "publish":
		return as[Publish](kind, body)
	case "restart":
		return as[Restart](kind, body)
	case "hook":
		return as[Hook](kind, body)
	case "receipt":
		return as[Receipt](kind, body)
	case "published":
		return as[Published](kind, body)
	case "restarted":
		return as[Restarted](kind, body)
	case "hooked":
		return as[Hooked](kind, body)
	case "probe":
		return as[ProbeRequest](kind, body)
	case "probed":
		return as[ProbeAnswer](kind, body)
	case "normal-dns":
		return as[NormalDNS](kind, body)
	case "normal-dns-answer":
		return as[NormalDNSAnswer](kind, body)
	}
	return nil, fmt.Errorf("message of unknown kind %q", kind)
}

func as[T Message](kind string, body []byte) (Message, error) {
	var m T
	if err := strict(body, &m); err != nil {
		return nil, fmt.Errorf("message %s: %w", kind, err)
	}
	return m, nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the message")
	}
	return nil
}
