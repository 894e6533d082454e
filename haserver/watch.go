package haserver

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/zone"
)

const (
	askEvery  = 3 * time.Second // a question to ourselves
	askWait   = time.Second
	askMisses = 3 // unanswered questions after which we do not serve
)

// watchPace are the times of a watchdog; tests use shorter ones.
type watchPace struct {
	every time.Duration // between two looks
	hangs time.Duration // a write that takes longer
	fit   time.Duration // without trouble until all is well again
}

var defaultWatchPace = watchPace{every: 250 * time.Millisecond, hangs: slowCommit, fit: 5 * time.Second}

// watchdog tells the machine of a pair's server when it serves nobody though no write has failed: a write hangs, or questions to
// ourselves are not answered (decision H-i). It says that it can again after some seconds without either, so that a disk at its
// limit does not make the pair's roles flap.
type watchdog struct {
	s      *Server
	quit   chan struct{}
	done   chan struct{}
	misses int
}

func newWatchdog(s *Server) *watchdog {
	w := &watchdog{s: s, quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *watchdog) close() {
	close(w.quit)
	<-w.done
}

func (w *watchdog) run() {
	defer close(w.done)
	tick := time.NewTicker(w.s.pace.every)
	defer tick.Stop()
	told := ""
	var bad, asked time.Time // when it was unfit last; when the last question went out
	for {
		select {
		case <-w.quit:
			return
		case now := <-tick.C:
			if now.Sub(asked) >= askEvery {
				asked = now
				w.ask()
			}
			why := w.why(now)
			if why != "" {
				bad = now
			} else if now.Sub(bad) < w.s.pace.fit {
				continue
			}
			if why == "" && told != "" || why != "" && told == "" {
				told = why
				w.s.log.Warn("unfit", "why", why)
				w.s.loop.tell(pair.Unfit{Why: why})
			}
		}
	}
}

// why is what is wrong now; "": nothing.
func (w *watchdog) why(now time.Time) string {
	if d := w.s.disk.hangs(now); d > w.s.pace.hangs {
		return "a write to the zone journal hangs: look at the disk under state_dir"
	}
	if w.misses >= askMisses {
		return fmt.Sprintf("%d questions to ourselves were not answered", w.misses)
	}
	return ""
}

// ask sends a question to our own address and counts if it is not answered.
func (w *watchdog) ask() {
	v := w.s.view.Load()
	for _, z := range v.zones {
		if z.visible.Load() == nil {
			continue
		}
		if err := askSelf(w.s.Addrs()[0], z.name); err != nil {
			w.misses++
			w.s.quiet.Warn(w.s.log, "self_query_failed", "zone", plain(z.name), "error", err.Error(), "misses", w.misses)
			return
		}
		break
	}
	w.misses = 0
}

// askSelf asks for the SOA of a zone by UDP. Any answer to the question will do: this is about sockets and loops.
func askSelf(addr netip.AddrPort, name zone.Name) error {
	if addr.Addr().IsUnspecified() {
		loop := netip.MustParseAddr("127.0.0.1")
		if addr.Addr().Is6() {
			loop = netip.IPv6Loopback()
		}
		addr = netip.AddrPortFrom(loop, addr.Port())
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askWait))
	q := make([]byte, 12, 12+len(name)+4)
	_, _ = rand.Read(q[:2])
	q[5] = 1
	q = append(q, name...)
	q = binary.BigEndian.AppendUint16(q, uint16(zone.TypeSOA))
	q = binary.BigEndian.AppendUint16(q, uint16(zone.ClassIN))
	if _, err := conn.Write(q); err != nil {
		return err
	}
	var in [512]byte
	for {
		n, err := conn.Read(in[:])
		if err != nil {
			return err
		}
		if n >= 12 && in[0] == q[0] && in[1] == q[1] && in[2]&0x80 != 0 {
			return nil
		}
	}
}
