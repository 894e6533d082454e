package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// proveTimeout is how long both ends have to prove themselves.
const proveTimeout = 5 * time.Second

// Dial connects to a Listener and returns when both ends have proved
// themselves, at the latest after 5 s. ErrRefused: it does not accept us;
// ErrNotProved: we do not accept it; anything else may be worth another try.
func Dial(ctx context.Context, addr netip.AddrPort, a Auth) (*Conn, error) {
	return dial(ctx, netip.Addr{}, addr, a, defaultPace)
}

// DialFrom is Dial from an address of this host, for a Listener that looks at
// where its peers are. The zero address leaves the choice to the system.
func DialFrom(ctx context.Context, from netip.Addr, addr netip.AddrPort, a Auth) (*Conn, error) {
	return dial(ctx, from, addr, a, defaultPace)
}

func dial(ctx context.Context, from netip.Addr, addr netip.AddrPort, a Auth, p pace) (*Conn, error) {
	c, err := dialTLS(ctx, from, addr, a)
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", addr, err)
	}
	return newConn(c, a.peerName(c), p, func() {}), nil
}

func dialTLS(ctx context.Context, from netip.Addr, addr netip.AddrPort, a Auth) (*tls.Conn, error) {
	if err := a.valid(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	var d net.Dialer
	if from.IsValid() && !from.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: from.AsSlice(), Zone: from.Zone()}
	}
	raw, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, a.client())
	if err := prove(ctx, c, a.proveClient); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// prove runs the TLS handshake and our exchange, bounded by ctx.
func prove(ctx context.Context, c *tls.Conn, exchange func(*tls.Conn) error) error {
	var whole ending
	whole.watch(ctx, func() { _ = c.NetConn().SetDeadline(time.Unix(1, 0)) })
	err := c.HandshakeContext(ctx)
	if err == nil {
		err = exchange(c)
	} else {
		err = handshakeError(err)
	}
	whole.release()
	switch end := ctx.Err(); {
	case errors.Is(end, context.DeadlineExceeded):
		return noAnswer{}
	case err == nil && end != nil: // the deadline may be set already
		return end
	}
	return err
}

// noAnswer is an end that is connected, and says nothing for as long as it has time to prove itself.
type noAnswer struct{}

func (noAnswer) Error() string {
	return "it takes the connection, and does not answer: its process hangs, or what is sent gets lost"
}

func (noAnswer) Is(target error) bool { return target == context.DeadlineExceeded }

// handshakeError adds what usually is behind an error of TLS.
func handshakeError(err error) error {
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &noTLS):
		return fmt.Errorf("%w: it does not speak TLS: %w", ErrNotProved, err)
	case errors.Is(err, io.EOF):
		return errLeft
	case isAlert(err) && strings.Contains(err.Error(), "application protocol"):
		return fmt.Errorf("%w: one end has a shared key, the other certificates: %w", ErrRefused, err)
	case isAlert(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrNotProved, err)
}

// isAlert says whether the other end ended the session with a TLS alert. The
// library has no exported type for it, only this operation.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
