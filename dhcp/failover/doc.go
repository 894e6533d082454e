// Package failover is one endpoint of the DHCP failover protocol, pure: draft-ietf-dhc-failover-12 as two of ours speak it with each
// other, and as ISC dhcpd 4.4 speaks it (Config.ISC). No clock, no I/O; messages are those of package failover/wire.
//
// # How the engine uses it
//
// A [Machine] is one relationship. The engine owns the table of leases and shows it as [Table]; the machine owns what the partner
// knows: connection, states, updates in both directions, shares. One loop, for every input:
//
//	out := m.Step(now, input)
//	put out.Leases into the table                 // at once
//	commit out.Leases and out.Saved as one write  // numbered out.Batch, after what was committed before; when durable: Durable{Batch, Seq}
//	send out.Send; close out.Close; dial; tell people of out.Conflicts, out.Replies, out.Notes
//	Tick at out.Next
//
// Messages that promise something come in the Output of the Durable that they waited for; the loop never holds one back.
//
// A client's packet: [Machine.Serve] says whether this server answers at all, [Machine.May] whether it may give this address, and
// [TermOf] for how long:
//
//	term := failover.TermOf(l, client, now, desired, m.MCLT(), m.Limited())
//	l, ok := l.Grant(client, now, term.End)
//	l.Sent, l.Owed = term.Potential, true
//	commit l; when durable: answer the client, then Committed{IPs: l.IP}   // lazy update: the client first (checklist D33)
//
// The same with Release, Decline, Clear: set Owed, commit, Committed. Until it is durable Table.Settled is false for the address, and
// the machine does not speak of it. [Machine.Sweep] does what time does to a lease; the engine calls it when its time has come, and for
// all leases when the state has changed. Where [Machine.Doubtful] says so, an address is probed first whatever the settings.
//
// An address that is no client's must not be allocated but through May. In particular one that the main takes back is Free and Owed,
// and not the main's before the backup has confirmed it.
//
// # States
//
//	         +---------+  STATE heard, or 15 s
//	start -> | startup | ------------------------> the state before, as without contact
//	         +---------+
//	normal <-----------------> communications-interrupted        contact lost (silence: 3/4 of Config.Fast) / made
//	communications-interrupted -> partner-down                   operator, safe period, partner says SHUTDOWN
//	partner-down -> normal                                       the partner is recover-done, and has been told everything
//	recover -> recover-wait -> recover-done -> normal            updates received; the MCLT is over; partner ready
//	both served without the other -> potential-conflict          main: -> conflict-done -> normal; backup: -> normal
//	potential-conflict <-> resolution-interrupted                contact lost / made
//
// No state is for ever: each is left by contact, by time, or by one command. Two clients on one address are resolved by rule (the main's
// stays, the address is held until the other's end), recorded in Output.Conflicts, and stop nothing.
//
// # What makes it safe (decision D-a)
//
//   - A client never gets more than the MCLT past what the partner has confirmed of this stay (TermOf; lease.Lease.Fresh), and the partner is
//     never told less than before.
//   - What one holds back for somebody who may still believe that an address is his, the other holds back (wire.Binding.Hold).
//   - Nothing ends a binding before the latest end that either server told the client (lease.Lease.ToldEnd).
//   - In partner-down the partner's share waits for the MCLT, a lease for its last potential end and the MCLT (ReuseAt); once the
//     partner is heard again nothing of its share is given any more, and it is told all before normal.
//   - A server that lost its leases, or finds that the partner has seen more of it than it has itself (Start.Seq against
//     wire.Ours.PeerSeq), recovers: the partner's word stands, the MCLT is waited for. Leases from before that end later are held by
//     both as long as the forgetful one may have promised (Saved.ForgotAt).
//   - The difference of the clocks, measured at connect, is added wherever one server's time ends another's promise.
//
// An endpoint that is not configured any more (Config.Gone) stays what it was, without contact: see gone.go.
//
// A claim of partner-down is true as long as the partner does not serve. One that starts again and cannot reach this server serves after
// startup (both may have lost power); so a partner that was declared down must not be started while the link is cut.
//
// # With ISC dhcpd
//
// One binding a message, no names, everything that it wants for every status; the hash polarity and length that it has; half and half. No
// conflict states are said to one that believes itself in normal. As the backup of an ISC main we expire nothing that it would expire,
// and refuse its EXPIRED of a lease that a client was told longer: the recorded conversations have such a case.
//
// # Not here
//
// TLS and message digests within the protocol (two of ours use an authenticated link; ISC dhcpd has neither), the delayed-service
// parameter, and comparing configurations.
package failover
