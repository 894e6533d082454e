package dhcpclient

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Config is how a relay speaks to its servers.
type Config struct {
	Local      netip.AddrPort   // giaddr, and the port to send from; port 0: any
	Servers    []netip.AddrPort // each gets every message, but for those meant for one of them
	Link       netip.Addr       // an address of the wanted network (RFC 3527), if it is not that of Local
	SourcePort bool             // ask for answers on the port that was used (RFC 8357)
	Wait       time.Duration    // for an answer, until the message is sent again; 0: 1 s
	Tries      int              // how often a message is sent; 0: 4
}

func (c Config) withDefaults() Config {
	if c.Wait == 0 {
		c.Wait = time.Second
	}
	if c.Tries == 0 {
		c.Tries = 4
	}
	return c
}

// Client is one client.
type Client struct {
	MAC      net.HardwareAddr
	ID       []byte // option 61; nil: none is sent
	Hostname string // option 12; "": none
	Request  []byte // option 55; nil: mask, routers, DNS servers, domain name
	Options  map[byte][]byte
}

// Lease is what a server granted.
type Lease struct {
	IP           netip.Addr
	Server       netip.Addr // its identifier
	Time, T1, T2 time.Duration
	Options      map[byte][]byte // all that the ACK carried
}

// The answers that are no lease.
var (
	ErrNak      = errors.New("the server says no (DHCPNAK)")
	ErrNoAnswer = errors.New("no server answers")
)

// Relay is a relay agent with any number of clients behind it. It is safe for several goroutines.
type Relay struct {
	Config
	conn *net.UDPConn
	read sync.WaitGroup

	mu      sync.Mutex // the reader and the clients share it
	waiting map[dhcpv4.TransactionID]chan *dhcpv4.DHCPv4
}

// Listen opens the relay's socket.
func Listen(c Config) (*Relay, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(c.Local))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{Config: c.withDefaults(), conn: conn, waiting: map[dhcpv4.TransactionID]chan *dhcpv4.DHCPv4{}}
	r.read.Go(r.run)
	return r, nil
}

// Close frees the port.
func (r *Relay) Close() {
	_ = r.conn.Close()
	r.read.Wait()
}

func (r *Relay) run() {
	b := make([]byte, 4096)
	for errs := 0; errs < 1000; { // an ICMP error of some server
		n, err := r.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			errs++
			continue
		}
		p, err := dhcpv4.FromBytes(b[:n])
		if err != nil || p.OpCode != dhcpv4.OpcodeBootReply {
			continue
		}
		r.mu.Lock()
		to := r.waiting[p.TransactionID]
		r.mu.Unlock()
		select {
		case to <- p:
		default: // nobody waits for it
		}
	}
}

// message makes a client's message.
func (r *Relay) message(c Client, typ dhcpv4.MessageType, more ...dhcpv4.Modifier) (*dhcpv4.DHCPv4, error) {
	ask := c.Request
	if ask == nil {
		ask = []byte{1, 3, 6, 15}
	}
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(typ), dhcpv4.WithHwAddr(c.MAC), dhcpv4.WithRelay(r.Local.Addr().AsSlice()),
		dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, ask),
	}
	if c.ID != nil {
		mods = append(mods, dhcpv4.WithGeneric(dhcpv4.OptionClientIdentifier, c.ID))
	}
	if c.Hostname != "" {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptHostName(c.Hostname)))
	}
	for code, data := range c.Options {
		mods = append(mods, dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), data))
	}
	if agent := r.agent(); agent != nil {
		mods = append(mods, dhcpv4.WithGeneric(dhcpv4.OptionRelayAgentInformation, agent))
	}
	return dhcpv4.New(append(mods, more...)...)
}

// agent is option 82.
func (c *Config) agent() []byte {
	var b []byte
	if c.Link.IsValid() {
		b = append(append(b, 5, 4), c.Link.AsSlice()...)
	}
	if c.SourcePort {
		b = append(b, 19, 0)
	}
	return b
}

// ask sends a message until an answer satisfies.
func (r *Relay) ask(ctx context.Context, p *dhcpv4.DHCPv4, types ...dhcpv4.MessageType) (*dhcpv4.DHCPv4, error) {
	_, _ = rand.Read(p.TransactionID[:]) // never fails (crypto/rand)
	got := make(chan *dhcpv4.DHCPv4, 8)
	r.mu.Lock()
	r.waiting[p.TransactionID] = got
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.waiting, p.TransactionID)
		r.mu.Unlock()
	}()
	timer := time.NewTimer(r.Wait)
	defer timer.Stop()
	begun := time.Now()
	for range r.Tries {
		p.NumSeconds = uint16(time.Since(begun) / time.Second)
		if err := r.send(p); err != nil {
			return nil, err
		}
		timer.Reset(r.Wait)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-timer.C:
				waiting = false
			case a := <-got:
				if a.MessageType() == dhcpv4.MessageTypeNak {
					return nil, fmt.Errorf("%w: %s", ErrNak, a.Message())
				}
				if slices.Contains(types, a.MessageType()) {
					return a, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", p.MessageType(), ErrNoAnswer)
}

// send writes a message to the servers; one that is not there shows as silence.
func (r *Relay) send(p *dhcpv4.DHCPv4) error {
	b := p.ToBytes()
	for _, s := range r.Servers {
		if _, err := r.conn.WriteToUDPAddrPort(b, s); errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Acquire gets a lease: DISCOVER, the first OFFER, REQUEST, ACK.
func (r *Relay) Acquire(ctx context.Context, c Client) (Lease, error) {
	p, err := r.message(c, dhcpv4.MessageTypeDiscover)
	if err != nil {
		return Lease{}, err
	}
	offer, err := r.ask(ctx, p, dhcpv4.MessageTypeOffer)
	if err != nil {
		return Lease{}, err
	}
	return r.request(ctx, c, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier())))
}

// Reboot asks whether the client may go on using an address (INIT-REBOOT). A server that does not know the client is silent.
func (r *Relay) Reboot(ctx context.Context, c Client, ip netip.Addr) (Lease, error) {
	return r.request(ctx, c, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip.AsSlice())))
}

// Renew extends a lease (RENEWING, as a relay passes it on).
func (r *Relay) Renew(ctx context.Context, c Client, l Lease) (Lease, error) {
	return r.request(ctx, c, dhcpv4.WithClientIP(l.IP.AsSlice()))
}

func (r *Relay) request(ctx context.Context, c Client, more ...dhcpv4.Modifier) (Lease, error) {
	p, err := r.message(c, dhcpv4.MessageTypeRequest, more...)
	if err != nil {
		return Lease{}, err
	}
	ack, err := r.ask(ctx, p, dhcpv4.MessageTypeAck)
	if err != nil {
		return Lease{}, err
	}
	return leaseOf(ack)
}

// Inform asks for options only; the lease has no times.
func (r *Relay) Inform(ctx context.Context, c Client, ip netip.Addr) (Lease, error) {
	p, err := r.message(c, dhcpv4.MessageTypeInform, dhcpv4.WithClientIP(ip.AsSlice()))
	if err != nil {
		return Lease{}, err
	}
	ack, err := r.ask(ctx, p, dhcpv4.MessageTypeAck)
	if err != nil {
		return Lease{}, err
	}
	return leaseOf(ack)
}

// Release gives a lease back, as a relay passes it on that catches unicasts too (its source is not the client's address). There is no
// answer.
func (r *Relay) Release(c Client, l Lease) error {
	return r.tell(c, dhcpv4.MessageTypeRelease, dhcpv4.WithClientIP(l.IP.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice())))
}

// Decline says that somebody else uses the address. There is no answer.
func (r *Relay) Decline(c Client, l Lease) error {
	return r.tell(c, dhcpv4.MessageTypeDecline, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(l.IP.AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice())))
}

func (r *Relay) tell(c Client, typ dhcpv4.MessageType, more ...dhcpv4.Modifier) error {
	p, err := r.message(c, typ, append(more, dhcpv4.WithoutOption(dhcpv4.OptionParameterRequestList))...)
	if err != nil {
		return err
	}
	_, _ = rand.Read(p.TransactionID[:])
	return r.send(p)
}

func leaseOf(p *dhcpv4.DHCPv4) (Lease, error) {
	ip, ok := netip.AddrFromSlice(p.YourIPAddr.To4())
	if !ok {
		return Lease{}, errors.New("an ACK without an address")
	}
	server, _ := netip.AddrFromSlice(p.ServerIdentifier().To4())
	l := Lease{IP: ip, Server: server, Options: map[byte][]byte{}}
	for code, data := range p.Options {
		l.Options[code] = data
	}
	l.Time, l.T1, l.T2 = l.seconds(51), l.seconds(58), l.seconds(59)
	return l, nil
}

func (l *Lease) seconds(code byte) time.Duration {
	if b := l.Options[code]; len(b) == 4 {
		return time.Duration(binary.BigEndian.Uint32(b)) * time.Second
	}
	return 0
}
