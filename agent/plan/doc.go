// Package plan decides what an agent does; package agent does it.
//
// It is pure: [Machine.Step] takes the time and one thing that happened and
// returns an [Output] whose fields are to be carried out in field order: save
// durably, answer, read, write, restart, report. No clock, no I/O, no lock. The loop
// sleeps until [Machine.Deadline] and then steps with [Tick].
//
// # Who is obeyed (M1)
//
// Each pool has one lease. A [order.Heartbeat] claims or renews it; while it
// runs, orders of other monitors for that pool are refused with "not-holder".
// Orders carry stamps; one older than the newest seen, in orders or in the
// generation record in DNS, is refused with "stale".
//
// # Publishing (M2, M3, M5)
//
// One job for each pool, of its newest order, with one leg for each DNS server:
//
//	          read                     write                  read again
//	order --> reading --- differs ---> writing --- NOERROR --> verifying --- as wanted --> answers
//	             |  ^                     |                        |
//	             |  +------ changed meanwhile (prerequisite) ------+--- differs
//	             +--- as wanted already ----------------------------------------------> answers
//	             +--- newer generation there -----------------------------------------> refused (stale)
//	             +--- no answer --> owed: again within 4 s
//
// The first write of an order goes at once. Any later one goes only when the
// holder confirmed the order's stamp as current within the last 10 s; until
// then the leg waits. With policy "every" the legs run side by side. With
// "pair" one at a time: main twice, then backup, then each every 4 s; when one
// took it, the partner is only asked what it answers.
//
// # Restarts
//
// A service of the allow-list, one restart of it and one of a pool at a time,
// within a budget that every attempt counts against. The attempt is saved before the
// command runs, so an agent that dies meanwhile neither repeats nor forgets it.
//
// What it does not do: judge health, choose members, find zones, run anything.
package plan
