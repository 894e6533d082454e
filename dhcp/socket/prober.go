package socket

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"loadshare/dhcp/lease"
)

const defaultProbes = 1000

// Prober finds out whether somebody uses an address.
type Prober struct {
	limit int
	log   *slog.Logger

	mu     sync.Mutex // callers, timers and readers share what is below
	asked  map[lease.IP]*probe
	echo   *echoSocket
	arp    *arpSocket
	told   map[string]bool // what could not be asked, and why, was logged
	closed bool
}

// probe is one address that is being asked for.
type probe struct {
	ip    lease.IP
	token [8]byte // in the echo request, so that nobody can answer who did not see it
	send  func() error
	timer *time.Timer
	half  time.Duration
	again bool
	done  []func(inUse, ok bool)
}

// NewProber opens nothing before the first probe. At most limit probes are under way; 0: 1000.
func NewProber(limit int, log *slog.Logger) *Prober {
	if limit <= 0 {
		limit = defaultProbes
	}
	return &Prober{limit: limit, log: log, asked: map[lease.IP]*probe{}, told: map[string]bool{}}
}

// Probe asks by ARP on the interface or, if that is "" or no Ethernet, by ICMP echo, and again after half the time. done is called once,
// from another goroutine, at the answer or when the time is over; ok false says that it could not be asked. Who asks for an address that
// is being asked for already gets that answer.
func (p *Prober) Probe(ip lease.IP, iface string, timeout time.Duration, done func(inUse, ok bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.asked[ip]; q != nil {
		q.done = append(q.done, done)
		return
	}
	if p.closed || len(p.asked) >= p.limit {
		go done(false, false)
		return
	}
	q := &probe{ip: ip, half: timeout / 2, done: []func(inUse, ok bool){done}}
	_, _ = rand.Read(q.token[:]) // never fails (crypto/rand)
	err := p.prepare(q, iface)
	if errors.Is(err, errOwn) {
		go done(true, true)
		return
	}
	if err == nil {
		err = q.send()
	}
	if err != nil {
		p.tell(iface, err)
		go done(false, false)
		return
	}
	p.asked[ip] = q
	q.timer = time.AfterFunc(q.half, func() { p.late(q) })
}

// prepare finds the way to ask.
func (p *Prober) prepare(q *probe, iface string) error {
	if iface != "" {
		way, err := p.arpOn(iface)
		if err != nil && !errors.Is(err, errNoEthernet) {
			return err
		}
		if err == nil {
			q.send = func() error { return way.ask(q.ip) }
			return way.own(q.ip)
		}
	}
	s, err := p.echoSocket()
	if err != nil {
		return err
	}
	q.send = func() error { return s.ask(q) }
	return nil
}

// late asks again, or ends.
func (p *Prober) late(q *probe) {
	p.mu.Lock()
	if p.asked[q.ip] != q {
		p.mu.Unlock()
		return
	}
	if !q.again {
		q.again = true
		_ = q.send() // the first one may still be answered
		q.timer.Reset(q.half)
		p.mu.Unlock()
		return
	}
	delete(p.asked, q.ip)
	p.mu.Unlock()
	q.end(false, true)
}

// answered takes an answer; token is that of an echo reply.
func (p *Prober) answered(ip lease.IP, token []byte, arp bool) {
	p.mu.Lock()
	q := p.asked[ip]
	if q == nil || !arp && string(token) != string(q.token[:]) {
		p.mu.Unlock()
		return
	}
	delete(p.asked, ip)
	q.timer.Stop()
	p.mu.Unlock()
	q.end(true, true)
}

func (q *probe) end(inUse, ok bool) {
	for _, done := range q.done {
		done(inUse, ok)
	}
}

// tell logs once why an interface's addresses, or those of other networks, are not probed.
func (p *Prober) tell(iface string, err error) {
	if p.told[iface] {
		return
	}
	p.told[iface] = true
	p.log.Warn("cannot probe addresses before they are offered", "interface", iface, "error", err)
}

// lost forgets a socket that broke: the next probe opens another.
func (p *Prober) lost(echo *echoSocket, arp *arpSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if echo != nil && p.echo == echo {
		p.echo = nil
	}
	if arp != nil && p.arp == arp {
		p.arp = nil
	}
	p.log.Warn("a socket for probes broke and is opened again")
}

// Close ends the probes under way: done is called with ok false.
func (p *Prober) Close() {
	p.mu.Lock()
	left := p.asked
	p.asked, p.closed = map[lease.IP]*probe{}, true
	echo, arp := p.echo, p.arp
	p.mu.Unlock()
	for _, q := range left {
		q.timer.Stop()
		q.end(false, false)
	}
	echo.close()
	arp.close()
}
