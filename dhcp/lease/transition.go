package lease

import "math"

// Forever is an end that never comes: a BOOTP client's, or an infinite lease (RFC 2132, 9.2). It is the largest time that the
// failover protocol can say.
const Forever int64 = math.MaxUint32

// moves[state][event] is the state after; 0 is not permitted.
var moves = [Backup + 1][Retry + 1]State{
	Free:      {Grant: Active, Decline: Abandoned, Clear: Reset, Give: Backup},
	Backup:    {Grant: Active, Decline: Abandoned, Clear: Reset, Take: Free},
	Active:    {Grant: Active, Expire: Expired, Release: Released, Decline: Abandoned, Clear: Reset},
	Expired:   {Grant: Active, Decline: Abandoned, Clear: Reset, Confirm: Free},
	Released:  {Grant: Active, Decline: Abandoned, Clear: Reset, Confirm: Free},
	Reset:     {Decline: Abandoned, Clear: Reset, Confirm: Free},
	Abandoned: {Decline: Abandoned, Clear: Reset, Retry: Reset},
}

// After is the state after the event; false when the event cannot be in this state.
func (s State) After(e Event) (State, bool) {
	if s < Free || s > Backup || e < Grant || e > Retry {
		return 0, false
	}
	to := moves[s][e]
	return to, to != 0
}

// Waiting says that the address is no client's any more, but may not be another's before the partner knows.
func (s State) Waiting() bool { return s == Expired || s == Released || s == Reset }

// Available says that the address is in one of the two shares.
func (s State) Available() bool { return s == Free || s == Backup }

// Due is when an active lease ends: not before the latest end that the client was told (decision D-b).
func (l Lease) Due() int64 { return max(l.End, l.ToldEnd) }

// Over says that an active lease has ended: the second in which it ends has passed, for the client counts from within a second.
func (l Lease) Over(now int64) bool { return l.Due() < now && l.Due() < Forever }

// Same says that the lease is, or was, this client's.
func (l Lease) Same(c Client) bool { return !c.IsZero() && l.Client.Key() == c.Key() }

// Fresh is the lease as a grant finds it. What the partner confirmed or said of an earlier stay is not known to it any more: it forgot that
// when it heard that the stay was over, and counts nothing from it. It may not have heard: Sent keeps how long it may renew.
func (l Lease) Fresh(c Client) Lease {
	switch {
	case !l.Same(c):
		l.Sent, l.Acked, l.Received = 0, 0, 0
	case l.State != Active:
		l.Sent = max(l.Sent, l.Acked, l.Received)
		l.Acked, l.Received = 0, 0
	}
	return l
}

// Grant gives the address to a client until end, or renews. What the old client was told is forgotten: the caller has made sure
// that it is over (see failover.Machine.May). False: this state cannot be granted, or it waits and is another client's.
func (l Lease) Grant(c Client, now, end int64) (Lease, bool) {
	to, ok := l.State.After(Grant)
	same := l.Same(c)
	if !ok || l.State.Waiting() && !same || l.State == Active && !same && !l.Over(now) {
		return l, false
	}
	l = l.Fresh(c)
	if l.State != Active || !same {
		l.Start = now
		if !same || !l.State.Waiting() { // nobody else could have it meanwhile, and the partner may not have heard that it was given back
			l.Began = now
		}
	}
	if !same {
		l.ToldEnd = 0
		l.Hostname, l.FQDN, l.DNS, l.Relay, l.Vendor = "", "", 0, "", ""
	}
	l.State, l.Client, l.End, l.CLTT = to, c, end, heard(same, l.CLTT, now)
	l.ToldEnd = max(l.ToldEnd, end)
	return l, true
}

// heard is CLTT when the client is heard now. What the partner heard before may be later by its clock, and this came after it: CLTT never
// goes back, or the partner would take what is newer for older.
func heard(same bool, before, now int64) int64 {
	if same {
		return max(before, now)
	}
	return now
}

// Expire ends an active lease whose time is over.
func (l Lease) Expire(now int64) (Lease, bool) {
	to, ok := l.State.After(Expire)
	if !ok || !l.Over(now) {
		return l, false
	}
	l.State, l.Start = to, now
	return l, true
}

// Release is the client's DHCPRELEASE. False: it is not this client's.
func (l Lease) Release(c Client, now int64) (Lease, bool) {
	to, ok := l.State.After(Release)
	if !ok || !l.Same(c) {
		return l, false
	}
	l.State, l.Start, l.End, l.ToldEnd, l.CLTT = to, now, now, now, heard(true, l.CLTT, now)
	return l, true
}

// Decline is a DHCPDECLINE of its client, or, with the zero client, that an address in no one's hands answered a probe. Nobody gets
// it before retry. False: it is another client's.
func (l Lease) Decline(c Client, now, retry int64) (Lease, bool) {
	to, ok := l.State.After(Decline)
	if !ok || l.State == Active && !l.Same(c) {
		return l, false
	}
	if l.State == Active {
		l.CLTT, l.ToldEnd = heard(true, l.CLTT, now), now
	}
	l.State, l.Start, l.End = to, now, retry
	return l, true
}

// Clear is the operator's: he says that nobody uses the address. What the client was told is not lowered: it moves to Hold, unless
// sure (he knows that the client is gone).
func (l Lease) Clear(now int64, sure bool) (Lease, bool) {
	to, ok := l.State.After(Clear)
	if !ok {
		return l, false
	}
	if l.State == Active && !sure {
		l.Hold = max(l.Hold, l.Due())
	}
	if sure {
		l.Hold = Gone
	}
	l.State, l.Start, l.End, l.ToldEnd = to, now, now, 0
	return l, true
}

// Retry is the end of an abandoned address' wait.
func (l Lease) Retry(now int64) (Lease, bool) {
	to, ok := l.State.After(Retry)
	if !ok || l.End > now {
		return l, false
	}
	l.State, l.Start, l.End, l.ToldEnd = to, now, now, 0
	return l, true
}

// Confirm makes an address free that waited for the partner: it knows now, or there is none.
func (l Lease) Confirm(now int64) (Lease, bool) {
	to, ok := l.State.After(Confirm)
	if !ok {
		return l, false
	}
	if l.Hold == Gone {
		l.Hold = 0
	}
	l.Sent, l.Acked, l.Received = 0, 0, 0
	l.State, l.Start = to, now
	return l, true
}
