package failover

import "loadshare/dhcp/lease"

// Term is how long a lease is given, and what the partner will be told.
type Term struct {
	End       int64 // for the client, and option 13
	Potential int64 // option 18; goes into Lease.Sent before the client is answered
}

// TermOf is the length of a lease that c wants for desired seconds from now (draft 5.2.1, 7.1.5; decision D-e; checklist D31, D32); l
// is the address as it is before the grant.
//
// The client never gets more than mclt past what the partner is known to know: max(now, Acked, Received). The partner is told the
// end of the lease that the client would get at its renewal, and at least mclt more than desired; and never less than it was told
// before, or what it knows and what we believe that it knows could differ. Without a limit (a single server, or partner-down) the
// client gets what it wants. What the two told each other of an earlier stay is forgotten (lease.Lease.Fresh). A desired of lease.Forever or more is a lease without end.
func TermOf(l lease.Lease, c lease.Client, now, desired, mclt int64, limited bool) Term {
	l = l.Fresh(c)
	actual := desired
	if limited {
		known := max(now, l.Acked, l.Received)
		actual = min(desired, known-now+mclt)
	}
	return Term{End: capped(now, actual), Potential: max(l.Sent, capped(now, capped(desired, max(mclt, actual/2))))}
}

func capped(a, b int64) int64 {
	if a >= lease.Forever || b >= lease.Forever || a+b >= lease.Forever {
		return lease.Forever
	}
	return a + b
}

// ReuseAt is when an address may go to another client in partner-down (draft 5.2.2, 9.4.2): MCLT after the last potential end that
// either knew, and after partner-down itself; the partner may have renewed until it went down.
//
// A lease that began after partner-down, with no contact since, ends with what the client was told. fresh says that: see
// Machine.ReuseAt.
func ReuseAt(l lease.Lease, down, mclt int64, fresh bool) int64 {
	if fresh {
		return max(l.Due(), l.Hold)
	}
	last := max(down, l.Due(), l.Sent, l.Acked, l.Received)
	if l.State.Available() {
		last = max(down, l.Acked, l.Received) // nobody has it, as far as we know
	}
	return max(capped(last, mclt), l.Hold)
}
