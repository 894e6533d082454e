package bulkquery

import (
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// State is option 156 (RFC 6926, 6.2.7).
type State uint8

// The states.
const (
	Available State = iota + 1
	Active
	Expired
	Released
	Abandoned
	Reset
	Remote        // another server may give it
	Transitioning // on its way to be available: the partner must know first
)

// String is the name of RFC 6926.
func (s State) String() string {
	if s >= Available && s <= Transitioning {
		return [...]string{"AVAILABLE", "ACTIVE", "EXPIRED", "RELEASED", "ABANDONED", "RESET", "REMOTE", "TRANSITIONING"}[s-1]
	}
	return "unknown"
}

const (
	remote  = 0x01       // bit of option 157
	endless = 0xffffffff // seconds of a lease without end (RFC 2132, 9.2)
)

// Known is a lease and what this server has to do with it.
type Known struct {
	Lease lease.Lease
	// Own is the state of available addresses that are this server's to give: Backup of the backup of a pair, else Free.
	Own    lease.State
	Paired bool // the address is of a failover pair
}

// StateOf is the state of the lease, seen from this server.
func (k *Known) StateOf(now int64) State {
	l := &k.Lease
	switch {
	case l.State == lease.Active && !l.Over(now):
		return Active
	case l.State == lease.Abandoned:
		return Abandoned
	case l.State == k.Own:
		return Available
	case l.State.Available() && k.Paired:
		return Remote
	case l.State.Available(): // left by a pair that is gone
		return Available
	case k.Paired:
		return Transitioning
	case l.State == lease.Released:
		return Released
	case l.State == lease.Reset:
		return Reset
	}
	return Expired
}

// source is option 157; false: nobody can tell. A lease that both servers extended was extended later by who promised more.
func (k *Known) source(s State) (byte, bool) {
	switch {
	case !k.Paired:
		return 0, true
	case s != Active:
		return 0, false
	case k.Lease.Received > k.Lease.Sent:
		return remote, true
	}
	return 0, true
}

// Answer is the message for one lease at the second now (RFC 6926, 7.4 and 8.2).
func (q *Query) Answer(k *Known, now int64) *packet.Packet {
	l, s := &k.Lease, k.StateOf(now)
	p := &packet.Packet{Reply: true, Type: packet.LeaseUnassigned, XID: q.XID, CIAddr: l.IP, Options: make(option.List, 0, 10)}
	p.Options = append(p.Options, option.Option{Code: option.BaseTime, Data: seconds(now)}, option.Option{Code: option.DHCPState, Data: []byte{byte(s)}})
	add := func(c option.Code, data []byte) { p.Options = append(p.Options, option.Option{Code: c, Data: data}) }
	if s == Active {
		p.Type = packet.LeaseActive
		if l.Due() >= lease.Forever {
			add(option.LeaseTime, option.Uint32Of[uint32](endless))
		} else {
			add(option.LeaseTime, seconds(l.Due()-now))
		}
	}
	if !l.Client.IsZero() && s != Abandoned {
		p.HType, p.CHAddr = l.Client.HType, []byte(l.Client.CHAddr)
		if l.Client.ID != "" {
			add(option.ClientIdentifier, []byte(l.Client.ID))
		}
	}
	if l.CLTT > 0 {
		add(option.LastTransaction, seconds(now-l.CLTT))
	}
	if l.Start > 0 && q.asks(option.StartTimeOfState, true) {
		add(option.StartTimeOfState, seconds(now-l.Start))
	}
	if from, ok := k.source(s); ok && q.asks(option.DataSource, true) {
		add(option.DataSource, []byte{from})
	}
	if l.Vendor != "" && q.asks(option.VendorClass, false) {
		add(option.VendorClass, []byte(l.Vendor))
	}
	if l.Relay != "" && s != Abandoned && q.asks(option.RelayInformation, true) {
		add(option.RelayInformation, []byte(l.Relay))
	}
	return p
}

// Done is the message after the last lease. Without a text Success needs no option 151 (RFC 6926, 6.2.2).
func (q *Query) Done(s Status, text string) *packet.Packet {
	p := &packet.Packet{Reply: true, Type: packet.LeaseQueryDone, XID: q.XID}
	if s != Success || text != "" {
		p.Options.Set(option.StatusCode, append([]byte{byte(s)}, text[:min(len(text), 200)]...))
	}
	return p
}

// seconds is a time or a duration of an option, within what four octets hold.
func seconds(n int64) []byte { return option.Uint32Of(uint32(max(0, min(n, endless-1)))) }
