package alert

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-mail/mail"
)

// The mail library dials through one function for the whole process, which
// knows neither a context nor a deadline. So each try gets a ticket: a host
// name that stands for the real address and the context of the try, and which
// the function below looks up.

// ticketSuffix ends every ticket; RFC 2606 promises that no such host exists.
const ticketSuffix = ".ticket.invalid"

type ticket struct {
	ctx     context.Context
	address string
}

var (
	tickets  sync.Map // ticket name -> ticket
	ticketNo atomic.Uint64
	setDial  sync.Once
)

// useDialer makes the mail library dial through tickets, once in the life of the process.
func useDialer() { setDial.Do(func() { mail.NetDialTimeout = dialTicket }) }

// newTicket returns a host name for address that is good until release is called. ctx needs a deadline; when
// it ends, connections made with the ticket are closed.
func newTicket(ctx context.Context, address string) (host string, release func()) {
	host = strconv.FormatUint(ticketNo.Add(1), 10) + ticketSuffix
	tickets.Store(host, ticket{ctx, address})
	return host, func() { tickets.Delete(host) }
}

// dialTicket has the shape of net.DialTimeout. Hosts that are no tickets are refused: nobody else in this program
// uses the library, and a connection without a total deadline may block for ever.
func dialTicket(network, address string, timeout time.Duration) (net.Conn, error) {
	host := address[:max(strings.LastIndexByte(address, ':'), 0)]
	v, ok := tickets.Load(host)
	if !ok {
		return nil, fmt.Errorf("dial %s: no such ticket", address)
	}
	t := v.(ticket)
	d := net.Dialer{Timeout: timeout}
	conn, err := d.DialContext(t.ctx, network, t.address)
	if err != nil {
		return nil, err
	}
	end, _ := t.ctx.Deadline()
	c := &totalConn{Conn: conn, end: end}
	c.stop = context.AfterFunc(t.ctx, func() { conn.Close() })
	return c, c.SetDeadline(end)
}

// totalConn is a connection whose deadlines cannot be moved beyond one end.
type totalConn struct {
	net.Conn
	end  time.Time
	stop func() bool
}

func (c *totalConn) clip(t time.Time) time.Time {
	if t.IsZero() || t.After(c.end) {
		return c.end
	}
	return t
}

func (c *totalConn) SetDeadline(t time.Time) error      { return c.Conn.SetDeadline(c.clip(t)) }
func (c *totalConn) SetReadDeadline(t time.Time) error  { return c.Conn.SetReadDeadline(c.clip(t)) }
func (c *totalConn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.clip(t)) }

func (c *totalConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
