package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
)

// After the TLS handshake the client sends one frame: the version, then the
// length and bytes of its key's name, then its proof; the name and proof are
// empty with certificates. The server answers with one frame: the verdict, then
// its own proof.
const (
	helloVersion = 1
	maxHello     = 1 + 1 + 255 + sha256.Size

	verdictOK      = 0
	verdictRefused = 1

	exporterLabel = "EXPORTER-loadshare-link"
	clientLabel   = "loadshare link, client to server"
	serverLabel   = "loadshare link, server to client"
)

// ErrRefused is returned by Dial when the server does not accept our proof.
var ErrRefused = errors.New("the other end refused our key or certificate: both need the same")

// ErrNotProved is the other end failing to prove itself.
var ErrNotProved = errors.New("the other end did not prove itself")

// errLeft is an end that has gone away: it was stopped, or has given up waiting.
var errLeft = fmt.Errorf("%w: it closed the connection before", ErrNotProved)

// proof is what an end that has the key can compute for this TLS session only.
func (a Auth) proof(label string, cs *tls.ConnectionState) ([]byte, error) {
	exported, err := cs.ExportKeyingMaterial(exporterLabel, nil, 32)
	if err != nil {
		return nil, fmt.Errorf("tls exporter: %w", err)
	}
	mac := hmac.New(sha256.New, a.key.Secret)
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write(exported)
	return mac.Sum(nil), nil
}

// hello is the client's frame.
func (a Auth) hello(cs *tls.ConnectionState) ([]byte, error) {
	if a.key == nil {
		return []byte{helloVersion, 0}, nil
	}
	name := a.key.Name[:min(len(a.key.Name), 255)]
	proof, err := a.proof(clientLabel, cs)
	if err != nil {
		return nil, err
	}
	return append(append([]byte{helloVersion, byte(len(name))}, name...), proof...), nil
}

// judge says whether the client's frame proves it.
func (a Auth) judge(hello []byte, cs *tls.ConnectionState) error {
	if len(hello) < 2 || hello[0] != helloVersion {
		return fmt.Errorf("%w: it speaks another version", ErrNotProved)
	}
	if a.key == nil {
		return nil // TLS has verified its certificate
	}
	n := int(hello[1])
	if len(hello) != 2+n+sha256.Size {
		return fmt.Errorf("%w: malformed proof", ErrNotProved)
	}
	want, err := a.proof(clientLabel, cs)
	if err != nil {
		return err
	}
	if !hmac.Equal(hello[2+n:], want) {
		return fmt.Errorf("%w: it has another secret (it calls its key %q, ours is %q)", ErrNotProved, hello[2:2+n], a.key.Name)
	}
	return nil
}

// proveServer does the server's part on a fresh TLS session.
func (a Auth) proveServer(c *tls.Conn) error {
	cs := c.ConnectionState()
	fr := frameReader{limit: maxHello}
	hello, err := fr.next(c)
	if errors.Is(err, io.EOF) {
		return errLeft
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotProved, err)
	}
	if err := a.judge(hello, &cs); err != nil {
		_, _ = c.Write(appendFrame(nil, []byte{verdictRefused})) // it is being dropped anyway
		return err
	}
	answer := []byte{verdictOK}
	if a.key != nil {
		proof, err := a.proof(serverLabel, &cs)
		if err != nil {
			return err
		}
		answer = append(answer, proof...)
	}
	_, err = c.Write(appendFrame(nil, answer))
	return err
}

// proveClient does the client's part on a fresh TLS session.
func (a Auth) proveClient(c *tls.Conn) error {
	cs := c.ConnectionState()
	hello, err := a.hello(&cs)
	if err != nil {
		return err
	}
	if _, err := c.Write(appendFrame(nil, hello)); err != nil {
		return refusal(err)
	}
	fr := frameReader{limit: maxHello}
	answer, err := fr.next(c)
	if err != nil {
		return refusal(err)
	}
	if len(answer) == 0 || answer[0] != verdictOK {
		return ErrRefused
	}
	if a.key == nil {
		return nil
	}
	want, err := a.proof(serverLabel, &cs)
	if err != nil {
		return err
	}
	if !hmac.Equal(answer[1:], want) {
		return fmt.Errorf("%w: it has another secret", ErrNotProved)
	}
	return nil
}

// refusal names an error of the first exchange: with TLS 1.3 a server's refusal
// of our certificate arrives only now, as an alert or as the end.
func refusal(err error) error {
	if isAlert(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// peerName is the name the other end has proved.
func (a Auth) peerName(c *tls.Conn) string {
	if a.key != nil {
		return a.key.Name
	}
	return certName(c.ConnectionState().PeerCertificates[0])
}
