package failover

import "loadshare/dhcp/failover/wire"

// The MCLT is the main's setting, and both count with it: how much longer than the other knows a lease may be, and how long to wait before
// what the other may have promised is over. When it changes, the two learn that one after the other. So the main gives by the
// smaller of its setting and what the backup has on disk, and whoever waits, waits by the greatest that may have been given by.

// MCLT is the maximum client lead time that leases are given by, in seconds.
func (m *Machine) MCLT() int64 {
	switch {
	case m.saved.MCLT == 0:
		return m.cfg.MCLT
	case m.cfg.Role == Main:
		return min(m.cfg.MCLT, m.saved.MCLT)
	}
	return m.saved.MCLT
}

// LongestMCLT is the maximum client lead time that the other, or this server before, may have given leases by: what is waited for.
func (m *Machine) LongestMCLT() int64 {
	longest := max(m.MCLT(), m.saved.MCLT, m.saved.LongMCLT)
	if m.cfg.Role == Main { // the backup may have heard it already
		longest = max(longest, m.link.mclt, m.cfg.MCLT)
	}
	return longest
}

// agree: the backup has the main's MCLT on disk.
func (m *Machine) agree(mclt int64) {
	s := &m.saved
	if s.MCLT == mclt {
		return
	}
	if s.MCLT > mclt {
		s.LongMCLT = max(s.LongMCLT, s.MCLT)
	}
	s.MCLT, m.dirty = mclt, true
}

// forgetLongMCLT: the two have told each other all leases that were given by the former MCLT.
func (m *Machine) forgetLongMCLT() {
	s := &m.saved
	if s.LongMCLT > 0 && m.State() == wire.Normal && m.comm() && m.Unacked() == 0 && m.now.Wall-s.Since > s.LongMCLT {
		s.LongMCLT, m.dirty = 0, true
	}
}
