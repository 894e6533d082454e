package haserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
)

// notifySockets are those that NOTIFY leaves from: one for IPv4, one for IPv6, opened when they are needed.
type notifySockets struct {
	from [2]netip.Addr
	conn [2]*net.UDPConn
	buf  []byte
}

var errNotifyGone = errors.New("the zone is not served any more")

// rebind has the sockets opened anew where the address has changed.
func (k *notifySockets) rebind(from [2]netip.Addr) {
	for i := range from {
		if k.conn[i] != nil && k.from[i] != from[i] {
			k.conn[i].Close()
			k.conn[i] = nil
		}
	}
	k.from = from
}

func (k *notifySockets) close() {
	for _, c := range k.conn {
		if c != nil {
			c.Close()
		}
	}
}

// socket is the one for an address.
func (n *notifier) socket(to netip.Addr) (*net.UDPConn, error) {
	i := 1
	if to.Is4() {
		i = 0
	}
	k := &n.socks
	if k.conn[i] == nil {
		from := netip.AddrPortFrom(k.from[i], 0)
		conn, err := net.ListenUDP(network("udp", from), net.UDPAddrFromAddrPort(from))
		if err != nil {
			return nil, err
		}
		k.conn[i] = conn
		n.readers.Go(func() { n.listen(conn) })
	}
	return k.conn[i], nil
}

// send makes and sends a message: whoever asked for it meant the serial of now.
func (n *notifier) send(m notify.Send) error {
	view := n.s.view.Load()
	z := view.zones[m.Zone]
	if z == nil {
		return errNotifyGone
	}
	now := z.visible.Load()
	if now == nil {
		return errNotifyGone
	}
	var signer *message.Signer
	if key := view.keys[string(z.conf.NotifyKey)]; key != nil {
		signer = key.Request()
	}
	n.socks.buf = appendNotify(n.socks.buf[:0], m.ID, now.SOA(), signer.Len())
	n.socks.buf = signer.Sign(n.socks.buf, time.Now())
	if m.TCP {
		return n.stream(m, bytes.Clone(n.socks.buf))
	}
	conn, err := n.socket(m.To.Addr())
	if err != nil {
		return err
	}
	_, err = conn.WriteToUDPAddrPort(n.socks.buf, m.To)
	return err
}

// appendNotify appends the message of RFC 1996, 3: opcode NOTIFY, AA, the SOA as question, and the record itself as answer (a hint,
// 3.7) unless the message, with reserve octets more, would then be larger than every receiver takes.
func appendNotify(b []byte, id uint16, soa zone.RRset, reserve int) []byte {
	flags := uint16(message.Notify)<<11 | message.FlagAA
	b = append(b, byte(id>>8), byte(id), byte(flags>>8), byte(flags), 0, 1, 0, 0, 0, 0, 0, 0)
	b = append(b, soa.Name...)
	b = append(b, 0, byte(zone.TypeSOA), 0, byte(zone.ClassIN))
	data := soa.Data[0]
	if len(b)+12+len(data)+reserve > minUDP {
		return b
	}
	b[7] = 1
	b = append(b, 0xC0, 12, 0, byte(zone.TypeSOA), 0, byte(zone.ClassIN),
		byte(soa.TTL>>24), byte(soa.TTL>>16), byte(soa.TTL>>8), byte(soa.TTL), byte(len(data)>>8), byte(len(data)))
	return append(b, data...)
}

// listen reads answers until the socket is closed. A signature of theirs is not asked for: the worst that a forged one does, with
// the address, the port and the ID guessed, is that the secondary comes by its own timer.
func (n *notifier) listen(conn *net.UDPConn) {
	buf := make([]byte, udpIn)
	var m message.Message
	for {
		size, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // what the network said about an earlier message
			continue
		}
		n.heard(&m, buf[:size], netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()))
	}
}

// heard hands on what is an answer to NOTIFY.
func (n *notifier) heard(m *message.Message, b []byte, from netip.AddrPort) (ok bool) {
	if m.Parse(b) != nil && m.Short() || !m.IsResponse() || m.Opcode() != message.Notify {
		return false
	}
	n.put(notify.Answer{From: from, ID: m.ID, Rcode: zone.Rcode(m.Flags & 15)})
	return true
}

// stream sends a message by TCP and hears the answer, beside the loop.
func (n *notifier) stream(m notify.Send, b []byte) error {
	select {
	case n.streams <- struct{}{}:
	default:
		return errors.New("too many messages by TCP are under way")
	}
	local := n.socks.from[1]
	if m.To.Addr().Is4() {
		local = n.socks.from[0]
	}
	n.readers.Go(func() {
		defer func() { <-n.streams }()
		if err := n.exchange(local, m.To, b); err != nil && n.ctx.Err() == nil {
			n.put(notify.Unsent{To: m.To, ID: m.ID, Why: "by TCP: " + err.Error()})
		}
	})
	return nil
}

// exchange is one message and its answer by TCP (RFC 1035, 4.2.2).
func (n *notifier) exchange(local netip.Addr, to netip.AddrPort, b []byte) error {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0)), Timeout: notifyStream}
	conn, err := dialer.DialContext(n.ctx, network("tcp", to), to.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(n.ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(notifyStream)); err != nil {
		return err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		return err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	var in message.Message
	if !n.heard(&in, answer, to) {
		return errors.New("what came back is no answer to NOTIFY")
	}
	return nil
}

const notifyStream = 5 * time.Second // for the connection, and again for the message and its answer

func portText(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }
