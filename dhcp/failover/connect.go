package failover

import (
	"fmt"
	"time"

	"loadshare/dhcp/failover/wire"
)

// onConnect are the checks of the backup, in the order of the reference (draft 7.8.2).
func (m *Machine) onConnect(c *conn, msg wire.Message, body wire.Connect) {
	var why wire.Reject
	text := ""
	no := func(r wire.Reject, format string, a ...any) {
		if why == 0 {
			why, text = r, fmt.Sprintf(format, a...)
		}
	}
	if !body.Has.Has(wire.OptName) {
		no(wire.InvalidPartner, "relationship name is missing")
	}
	if body.Name != m.cfg.Name {
		no(wire.InvalidPartner, "unknown relationship %q", body.Name)
	}
	if m.cfg.Role == Main {
		m.note(Note{Reason: TwoServers})
		no(wire.InvalidPartner, "both servers are configured as main")
	}
	skew := int64(msg.Time) - m.now.Wall
	if skew > maxSkew || skew < -maxSkew {
		no(wire.ClockMismatch, "clocks differ by %d seconds", skew)
	}
	if !body.Has.Has(wire.OptBuckets) {
		no(wire.BucketConflict, "hash bucket assignment is missing")
	}
	if m.link.up != 0 && (m.link.up == c.session || m.now.Mono-m.link.heard < alive) {
		no(wire.DuplicateConnect, "there is a connection already")
	}
	if body.MCLT == 0 {
		no(wire.InvalidMCLT, "MCLT is missing")
	}
	if body.Has.Has(wire.OptVersion) && body.Version != 1 {
		no(wire.VersionMismatch, "version %d is not spoken", body.Version)
	}
	if body.TLS > 1 {
		no(wire.TLSUnsupported, "TLS within the connection is not spoken")
	}
	if body.MaxUnacked == 0 || body.ReceiveTimer == 0 {
		no(wire.UnknownReason, "max-unacked-bndupd or receive-timer is missing")
	}
	ack := wire.ConnectAck{
		Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer, wire.OptVendor, wire.OptVersion), Name: m.cfg.Name,
		MaxUnacked: uint32(m.cfg.MaxUnacked), ReceiveTimer: uint32(m.cfg.PollTimeout / time.Second), Vendor: m.vendor(), Version: 1,
	}
	if body.Has.Has(wire.OptTLSRequest) {
		ack.Has |= wire.SetOf(wire.OptTLSReply)
	}
	if why != 0 {
		ack.Has |= wire.SetOf(wire.OptReject, wire.OptMessage)
		if body.Has.Has(wire.OptName) {
			ack.Name = body.Name
		}
		ack.Reject, ack.Text = why, text
		session := c.session
		m.refuse(session, ack, msg.XID, why, text)
		if session == m.link.up {
			m.down(Protocol, text)
		}
		m.redialIn(retryAfter(why))
		return
	}
	if m.link.up != 0 {
		m.drop(ContactLost, "the partner connected anew")
	}
	if !m.cfg.ISC {
		ack.Has |= wire.SetOf(wire.OptVendorData)
		ack.Ours = m.ours()
	}
	m.sendReply(c.session, ack, msg.XID)
	m.agree(int64(body.MCLT))
	if m.saved.Buckets != body.Buckets || !m.saved.Assigned {
		m.saved.Buckets, m.saved.Assigned = body.Buckets, true
		m.dirty = true
	}
	if int64(body.MCLT) != m.cfg.MCLT {
		m.note(Note{Reason: PeerMCLT, Count: int(body.MCLT)})
	}
	m.measured(skew)
	m.connected(c, body.MaxUnacked, body.ReceiveTimer, body.Ours)
}

// onConnectAck are the checks of the main.
func (m *Machine) onConnectAck(c *conn, msg wire.Message, body wire.ConnectAck) {
	var why wire.Reject
	text := ""
	skew := int64(msg.Time) - m.now.Wall
	switch {
	case !c.asked || msg.XID != c.xid:
		why, text = wire.UnknownError, "CONNECTACK without CONNECT"
	case body.Reject != 0:
		m.note(Note{Reason: ConnectRefused, Reject: body.Reject, Text: body.Text})
		m.close(c.session)
		m.redialIn(retryAfter(body.Reject))
		return
	case !body.Has.Has(wire.OptName) || body.Name != m.cfg.Name:
		why, text = wire.InvalidPartner, fmt.Sprintf("unknown relationship %q", body.Name)
	case m.link.up != 0:
		why, text = wire.DuplicateConnect, "there is a connection already"
	case skew > maxSkew || skew < -maxSkew:
		why, text = wire.ClockMismatch, fmt.Sprintf("clocks differ by %d seconds", skew)
	case body.MaxUnacked == 0 || body.ReceiveTimer == 0:
		why, text = wire.UnknownReason, "max-unacked-bndupd or receive-timer is missing"
	}
	if why != 0 {
		m.refuse(c.session, wire.Disconnect{Reject: why, Text: text}, c.xid+1, why, text)
		m.redialIn(retryAfter(why))
		return
	}
	m.measured(skew)
	m.connected(c, body.MaxUnacked, body.ReceiveTimer, body.Ours)
	m.link.mclt = c.mclt
}

// measured takes note of the difference between the clocks.
func (m *Machine) measured(skew int64) {
	skew = max(skew, -skew)
	if skew != m.saved.Skew {
		m.saved.Skew, m.dirty = skew, true
	}
}

// retryAfter is how long to wait before the next attempt.
func retryAfter(r wire.Reject) time.Duration {
	if r == wire.DuplicateConnect {
		return alive
	}
	return redialRefuse
}
