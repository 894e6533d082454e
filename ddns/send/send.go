package send

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"loadshare/ddns"
	"loadshare/internal/ask"
)

// maxUDP is the largest UPDATE sent by UDP: what nsupdate switches over at.
const maxUDP = 512

// Kind is what became of a change.
type Kind uint8

// The kinds.
const (
	// Done: the server took it and made it durable (NOERROR, signature verified).
	Done Kind = iota
	// PrereqFailed: something is no longer as the change presumes; nothing was changed.
	PrereqFailed
	// Retry: nobody knows whether it was taken; this or another server may be tried.
	Retry
	// Refused: no, and it will be no the next time too.
	Refused
)

// String is the word for logs.
func (k Kind) String() string {
	return [...]string{"done", "prerequisite-failed", "retry", "refused"}[k]
}

// Result is the outcome of one attempt.
type Result struct {
	Kind Kind
	// Rcode is the mnemonic of the answer, as "NXRRSET"; "" when none came.
	Rcode string
	// TSIG is the error in the answer's signature record, as "BADTIME", or "".
	TSIG string
	// Err says it in words; nil when Done.
	Err error
}

// Sender sends changes. Safe for concurrent use.
type Sender struct {
	Client ask.Client
	// UDP sends messages of at most 512 octets by UDP first, and by TCP when
	// the answer is cut. No prerequisite-carrying change should go this way.
	UDP bool
}

// Send makes one attempt at one server, within the client's timeout (twice that
// when UDP fell over to TCP).
func (s *Sender) Send(ctx context.Context, server netip.AddrPort, c ddns.Change) Result {
	wire, err := Message(c)
	if err != nil {
		return Result{Kind: Refused, Err: fmt.Errorf("update zone %s: %w", c.Zone, err)}
	}
	network := "tcp"
	if s.UDP && len(wire)+tsigRoom <= maxUDP {
		network = "udp"
	}
	a, err := s.Client.Exchange(ctx, network, server, wire)
	if err == nil && a.Truncated && network == "udp" {
		a, err = s.Client.Exchange(ctx, "tcp", server, wire)
	}
	return judge(server, c.Zone, a, err, !s.Client.Key.IsZero())
}

// tsigRoom is what a signature takes at most: name, algorithm, 64 octets of MAC and the rest.
const tsigRoom = 160

func judge(server netip.AddrPort, zone string, a ask.Answer, err error, signed bool) Result {
	var silent *ask.Silent
	switch {
	case errors.As(err, &silent):
		return Result{Kind: Retry, Err: fmt.Errorf("update zone %s: %w", zone, err)}
	case err != nil:
		return Result{Kind: Refused, Err: fmt.Errorf("update zone %s: %w", zone, err)}
	}
	r := Result{Rcode: a.Rcode, TSIG: a.TSIG}
	switch a.Rcode {
	case "NOERROR":
		if signed && !a.Verified {
			r.Kind, r.Err = Retry, fmt.Errorf("update zone %s: %s: its NOERROR is not signed with our key", zone, server)
		}
		return r
	case "YXDOMAIN", "YXRRSET", "NXRRSET", "NXDOMAIN":
		r.Kind = PrereqFailed
	case "SERVFAIL", "NOTIMP":
		r.Kind = Retry
	default:
		r.Kind = Refused
	}
	r.Err = fmt.Errorf("update zone %s: %w", zone, &ask.Refused{Server: server, Rcode: a.Rcode, TSIG: a.TSIG})
	return r
}
