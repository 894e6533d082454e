package bulkserve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"loadshare/dhcp/bulkquery"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

const (
	maxRequest = 4096 // octets of a request; it holds a few options
	pageSize   = 256
	maxPending = 32 << 10 // octets that are written at once
	maxMessage = 8 << 10  // octets of an answer: no lease has so many
)

// session is one connection.
type session struct {
	s    *Server
	conn *net.TCPConn
	out  []byte // not written yet
	said bool   // the answer under way has its first message
}

// serve answers one request after the other.
func (c *session) serve(ctx context.Context) {
	defer func() { _ = c.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { // nothing more is heard, and what is said is said soon
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
		_ = c.conn.SetWriteDeadline(time.Now().Add(goodbye))
	})
	defer stop()
	var buf [maxRequest]byte
	for ctx.Err() == nil {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.s.conf.Timeout)) // fails only when closed, as the read will
		if ctx.Err() != nil {
			return
		}
		request, err := readFrame(c.conn, buf[:])
		if err != nil {
			return
		}
		if !c.answer(ctx, request) {
			return
		}
	}
}

var errTooLong = errors.New("a request that is too long")

// readFrame reads a message with its size before it.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > len(buf) {
		return nil, errTooLong
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], err
}

// answer answers one request; false: the connection is of no use any more.
func (c *session) answer(ctx context.Context, request []byte) bool {
	c.said = false
	q, err := bulkquery.Parse(request)
	var bad *bulkquery.Error
	if errors.As(err, &bad) {
		c.s.count.failed.Add(1)
		if !bad.Answer {
			return false
		}
		q = bulkquery.Query{XID: bad.XID}
		c.put(q.Done(bad.Status, bad.Text))
		return c.flush(ctx) == nil
	}
	start := time.Now()
	n, status, text, ok := c.leases(ctx, &q)
	if !ok {
		c.s.count.failed.Add(1)
		return false
	}
	c.put(q.Done(status, text))
	ok = c.flush(ctx) == nil
	if ok && status == bulkquery.Success {
		c.s.count.queries.Add(1)
	} else {
		c.s.count.failed.Add(1)
	}
	c.s.conf.Log.Info("leasequery", "from", c.conn.RemoteAddr().String(), "by", q.Kind.String(), "leases", n, "status", status.String(),
		"seconds", time.Since(start).Seconds())
	return ok && ctx.Err() == nil
}

// leases sends a message for every lease of the answer; false: the connection is broken.
func (c *session) leases(ctx context.Context, q *bulkquery.Query) (n int, status bulkquery.Status, text string, ok bool) {
	all := q.Kind == bulkquery.All && q.Start == 0
	for after := lease.IP(0); ; {
		if ctx.Err() != nil {
			return n, bulkquery.Terminated, "the server stops", true
		}
		page, err := c.s.conf.Page(after, pageSize, all)
		if err != nil {
			return n, bulkquery.UnspecFail, err.Error(), true
		}
		now := c.s.conf.Now().Unix()
		for i := range page.List {
			if !q.Wants(&page.List[i].Lease, now) {
				continue
			}
			c.put(q.Answer(&page.List[i], now))
			n++
			c.s.count.messages.Add(1)
		}
		if len(c.out) >= maxPending {
			if err := c.flush(ctx); err != nil {
				return n, 0, "", false
			}
		}
		if !page.More || page.Last <= after {
			return n, bulkquery.Success, "", true
		}
		after = page.Last
	}
}

// put queues a message; the first of an answer says who answers (RFC 6926, 8.2).
func (c *session) put(p *packet.Packet) {
	if !c.said {
		c.said = true
		if a := c.conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); lease.IPOf(a) != 0 {
			p.Options.Set(option.ServerIdentifier, option.Uint32Of(lease.IPOf(a)))
		}
	}
	at := len(c.out)
	c.out, _ = p.Append(append(c.out, 0, 0), maxMessage)
	binary.BigEndian.PutUint16(c.out[at:], uint16(len(c.out)-at-2))
}

// flush writes what is queued. A peer that takes nothing for the timeout loses the connection.
func (c *session) flush(ctx context.Context) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.s.conf.Timeout)) // fails only when closed, as the write will
	if ctx.Err() != nil {
		_ = c.conn.SetWriteDeadline(time.Now().Add(goodbye))
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}
