// Package sim is a deterministic world for tests of distributed machines: time,
// chance, a bad network, disks that forget what was not saved, clocks that are
// wrong. One seed gives one run, always the same.
//
// # Use
//
//	w := sim.New(seed, start)
//	net := w.Network(sim.Quality{Delay: 5 * time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.05, Duplicate: 0.02})
//	net.Send("a", "b", "hello", func() { /* runs at b, perhaps later, twice, or never */ })
//	w.After(time.Second, "probe", probe)
//	err := w.Run(start.Add(time.Hour), invariants)
//
// A node is whatever the test makes it: usually a pure machine, a [Disk], a
// [Clock], and a [Life] that says which run of it is alive. Everything happens
// inside events, one after the other, on the goroutine that called [World.Run];
// nothing here locks or starts a goroutine. After each event the invariants
// run; the first error ends the run and comes back with the last events.
//
// # What each part does wrong
//
//   - [Network]: delays, loses, duplicates and so reorders messages; links are
//     cut per direction.
//   - [Disk]: a write is durable only after Sync; a crash keeps a random prefix
//     of what was written and not synced.
//   - [Clock]: an offset and a drift against the world's time, and jumps.
//   - [Life]: timers and messages of a process that has died do not happen.
//
// All randomness comes from the world's generator. A test must not range over a
// map on a path that draws from it or sends.
package sim
