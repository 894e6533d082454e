package ask

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Defaults of a [Client].
const (
	// DefaultTimeout is for one exchange, connection included.
	DefaultTimeout = 2 * time.Second
	fudge          = 300  // seconds, RFC 8945 section 10
	udpBuffer      = 4096 // without EDNS an answer has at most 512 octets (RFC 1035 section 4.2.1)
)

// Client asks. The zero Client asks unsigned with the default timeout. It is
// safe for concurrent use.
type Client struct {
	Key Key
	// Timeout is for one exchange; 0 means DefaultTimeout.
	Timeout time.Duration
}

// Answer is one verified answer.
type Answer struct {
	// Rcode is the mnemonic: "NOERROR".
	Rcode string
	// TSIG is the error of the answer's signature record: "BADTIME", or "".
	TSIG string
	// Verified: a signed query was answered with a good signature.
	Verified bool
	// Truncated: ask again by TCP.
	Truncated bool
	// Wire is the message.
	Wire []byte
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

// Exchange sends one unsigned message in wire form, signed anew when the client
// has a key, over "udp" or "tcp", and returns the answer that belongs to it: same
// id, opcode and question, and a good signature. Every call signs afresh; a
// message is never signed twice. Errors are *Silent, or about the query itself.
func (c *Client) Exchange(ctx context.Context, network string, server netip.AddrPort, query []byte) (Answer, error) {
	var q dns.Msg
	if err := q.Unpack(query); err != nil {
		return Answer{}, fmt.Errorf("query: %w", err)
	}
	q.Id = dns.Id()
	wire, mac, err := c.sign(query, q.Id)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, server.String())
	if err != nil {
		return Answer{}, &Silent{server, plain(err)}
	}
	defer conn.Close()
	// The deadline also ends a read that waits when the caller gives up.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := writeMessage(conn, network, wire); err != nil {
		return Answer{}, &Silent{server, plain(err)}
	}
	return c.receive(ctx, conn, network, server, &q, mac)
}

// sign gives a message in wire form its id and, with a key, its signature (RFC
// 8945 section 4.3.3). It works on the octets: the library would add rdata to the
// empty records of an UPDATE if it packed them again.
func (c *Client) sign(query []byte, id uint16) (wire []byte, mac string, err error) {
	if len(query) < headerLen {
		return nil, "", fmt.Errorf("query of %d octets", len(query))
	}
	wire = append([]byte(nil), query...)
	binary.BigEndian.PutUint16(wire, id)
	if c.Key.IsZero() {
		return wire, "", nil
	}
	t := &dns.TSIG{
		Hdr:       dns.RR_Header{Name: dns.CanonicalName(c.Key.Name), Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: c.Key.wireAlgorithm(), TimeSigned: uint64(time.Now().Unix()), Fudge: fudge, OrigId: id, //nolint:gosec // G115: not before 1970
	}
	vars, err := tsigVariables(t)
	if err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	sum, err := signer{c.Key}.Generate(append(append([]byte(nil), wire...), vars...), t)
	if err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	t.MAC, t.MACSize = hex.EncodeToString(sum), uint16(len(sum)) //nolint:gosec // G115: at most 64
	rr := make([]byte, dns.Len(t)+headerLen)
	n, err := dns.PackRR(t, rr, 0, nil, false)
	if err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	binary.BigEndian.PutUint16(wire[10:], binary.BigEndian.Uint16(wire[10:])+1) // ARCOUNT
	return append(wire, rr[:n]...), t.MAC, nil
}

const headerLen = 12

// tsigVariables are what is digested after the message: name, class, TTL,
// algorithm, time, fudge, error and other data.
func tsigVariables(t *dns.TSIG) ([]byte, error) {
	names := make([]byte, 2*256)
	n, err := dns.PackDomainName(t.Hdr.Name, names, 0, nil, false)
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), names[:n]...)
	out = binary.BigEndian.AppendUint16(out, dns.ClassANY)
	out = binary.BigEndian.AppendUint32(out, 0)
	if n, err = dns.PackDomainName(t.Algorithm, names, 0, nil, false); err != nil {
		return nil, err
	}
	out = append(out, names[:n]...)
	out = binary.BigEndian.AppendUint16(out, uint16(t.TimeSigned>>32)) //nolint:gosec // G115: 48 bits
	out = binary.BigEndian.AppendUint32(out, uint32(t.TimeSigned))     //nolint:gosec // G115: its lower half
	out = binary.BigEndian.AppendUint16(out, t.Fudge)
	out = binary.BigEndian.AppendUint16(out, 0)
	return binary.BigEndian.AppendUint16(out, 0), nil
}

// receive waits for the answer to q. Answers that do not belong to it, or whose
// signature is missing or wrong, are passed over (RFC 8945 section 5.4), but
// what the last of them said goes into the error.
func (c *Client) receive(ctx context.Context, conn net.Conn, network string, server netip.AddrPort, q *dns.Msg, mac string) (Answer, error) {
	var heard error
	for {
		wire, err := readMessage(conn, network)
		if err != nil {
			if cause := ctx.Err(); cause != nil {
				err = cause
			}
			if heard != nil {
				err = heard
			}
			return Answer{}, &Silent{server, plain(err)}
		}
		var r dns.Msg
		if err := r.Unpack(wire); err != nil || !belongs(q, &r) {
			continue
		}
		a := Answer{Rcode: rcodeName(r.Rcode), Truncated: r.Truncated, Wire: wire}
		if c.Key.IsZero() {
			return a, nil
		}
		t := r.IsTsig()
		if t != nil && t.Error != 0 {
			a.TSIG = rcodeName(int(t.Error))
		}
		if t != nil && dns.TsigVerifyWithProvider(wire, signer{c.Key}, mac, false) == nil {
			a.Verified = true
			return a, nil
		}
		// An unsigned refusal is how servers say that they do not know the key
		// (RFC 8945 section 5.3.2). Over TCP nobody but the server can have said it.
		if network == "tcp" && r.Rcode != dns.RcodeSuccess {
			return a, nil
		}
		heard = errUnsigned
		if a.TSIG != "" || a.Rcode != "NOERROR" {
			heard = fmt.Errorf("%w: %s %s", errUnsigned, a.Rcode, a.TSIG)
		}
		if network == "tcp" {
			return Answer{}, &Silent{server, heard}
		}
	}
}

func belongs(q, r *dns.Msg) bool {
	if r.Id != q.Id || !r.Response || r.Opcode != q.Opcode {
		return false
	}
	// A server may leave the section out of an error or of an UPDATE's answer.
	if len(r.Question) == 0 {
		return r.Opcode == dns.OpcodeUpdate || r.Rcode != dns.RcodeSuccess
	}
	a, b := q.Question[0], r.Question[0]
	return len(r.Question) == 1 && a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

func writeMessage(conn net.Conn, network string, wire []byte) error {
	if network == "udp" {
		_, err := conn.Write(wire)
		return err
	}
	if len(wire) > dns.MaxMsgSize {
		return fmt.Errorf("message of %d octets: at most %d", len(wire), dns.MaxMsgSize)
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
	return err
}

func readMessage(conn net.Conn, network string) ([]byte, error) {
	if network == "udp" {
		buf := make([]byte, udpBuffer)
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}

// plain shortens what the operator reads: the addresses stand elsewhere in the line.
func plain(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection without an answer")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
