package monitor

import (
	"context"
	"net/netip"
	"time"

	"loadshare/internal/alert"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
	"loadshare/probes"
)

// Conn is one authenticated connection that carries frames, such as a
// *link.Conn. Send and Receive may be called at the same time, each by one
// goroutine. After Close both return an error.
type Conn interface {
	Send(ctx context.Context, frame []byte) error
	Receive(ctx context.Context) ([]byte, error)
	Close() error
}

// Dialer opens connections to agents. An error means that the agent could not
// be reached or did not prove its key; it is tried again.
type Dialer interface {
	Dial(ctx context.Context, addr netip.AddrPort) (Conn, error)
}

// Asker asks one DNS server for one record set, without recursion.
type Asker interface {
	// Ask returns the set in canonical form (order.RecordSet.Normalize); no
	// values when the server says that there are none. An error means that it
	// could not be asked, never that the set is empty.
	Ask(ctx context.Context, server netip.AddrPort, name string, t order.RRType) (order.RecordSet, error)
	// Zone finds the zone that holds a name (M12).
	Zone(ctx context.Context, server netip.AddrPort, name string) (string, error)
}

// Resolver turns the target of an MX member into addresses.
type Resolver interface {
	// Resolve returns the addresses, sorted. An error means that it could not
	// be asked or that there are none.
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
}

// Prober looks at the checks again and again.
type Prober interface {
	// Set replaces the checks that are looked at, all at once. A check that
	// stays keeps its place in the schedule.
	Set(checks []Look)
	// Recheck looks at these once, now, besides the schedule; what is seen
	// comes with Recheck set. Unknown ids are ignored.
	Recheck(ids []decide.CheckID)
	// Observations gives what was seen, as soon as it is seen.
	Observations() <-chan decide.Observation
	// Lateness is how far behind its schedule the latest look began.
	Lateness() time.Duration
}

// Look is one check as a Prober needs it.
type Look struct {
	ID       decide.CheckID
	Address  netip.Addr
	Spec     probes.Spec
	Interval time.Duration
}

// Notifier tells people. *alert.Notifier is one.
type Notifier interface {
	// Send queues the alert durably and never waits for a mail server.
	Send(a alert.Alert) error
}
