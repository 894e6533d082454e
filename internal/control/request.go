package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"loadshare/internal/room"
)

// Request is one question or order of an operator.
type Request struct {
	// Query holds what follows the path: record, address, zone.
	Query url.Values
	// By says who asks, for the history: "root" or "uid 1000" on a socket (from the
	// kernel), the name in the certificate on https.
	By   string
	body io.Reader
}

// NewRequest builds a Request for tests of handlers; body may be nil.
func NewRequest(query url.Values, by string, body io.Reader) Request {
	return Request{Query: query, By: by, body: body}
}

// Need returns a value of the query, or a refusal that names what is missing.
func (r Request) Need(key string) (string, error) {
	if v := r.Query.Get(key); v != "" {
		return v, nil
	}
	return "", Refuse("the request names no %s", key)
}

// Decode reads the body as one JSON value into into. An unknown field, a second value or a
// body that is too large is a refusal. An empty body leaves into as it is.
func (r Request) Decode(into any) error {
	if r.body == nil {
		return nil
	}
	d := json.NewDecoder(r.body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return Refuse("the request is larger than %d bytes", large.Limit)
	}
	if err != nil {
		return Refuse("the request cannot be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Refuse("the request holds more than one value")
	}
	return nil
}

// peerKey is the context key under which a connection keeps who is at its other end.
type peerKey struct{}

// withPeer asks the kernel who connected to a unix socket (SO_PEERCRED, unix(7)).
func withPeer(ctx context.Context, c net.Conn) context.Context {
	limited, ok := c.(*room.Conn)
	if !ok {
		return ctx
	}
	uc, ok := limited.Conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return ctx
	}
	id := strconv.FormatUint(uint64(cred.Uid), 10)
	name := "uid " + id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	return context.WithValue(ctx, peerKey{}, name)
}

// peer says who sent r.
func peer(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	if name, ok := r.Context().Value(peerKey{}).(string); ok {
		return name
	}
	return "unknown"
}
