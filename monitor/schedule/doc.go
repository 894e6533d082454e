// Package schedule runs checks: tens of thousands, each at its interval, none twice at once, never in herds.
//
// # Use
//
//	s := schedule.New(schedule.Config{Jitter: 0.02, Rand: rng}, deliver)
//	err := s.Set(checks)      // the whole list; at any time, before Run too
//	go s.Run(ctx)             // until ctx ends
//	s.Now(id)                 // look once more at once: a second opinion, or after a restart
//
// deliver gets each result, one call at a time, in the order in which each check's looks were made. It may call Set,
// Now, Status and Metrics.
//
// # When a check runs
//
// A check's starts lie on a grid: its interval, shifted by a hash of its id. The shift is the same after a restart and a
// reload, and spreads the checks evenly. Each start is late by a random part of Config.Jitter. A start that comes while the
// check still runs is skipped and counted: the next one is the next on the grid.
//
// # What bounds it
//
//	Config.MaxInFlight   looks under way, or waiting for deliver, over all checks
//	Config.PerTarget     looks under way at one address
//	Config.Rate          starts a second over all checks
//
// A due start that meets a bound waits its turn and is then late: that is visible in Metrics (Saturated, TargetBusy, Throttled and
// the lateness). So a deliver that is slow makes looks late, and never loses a result or grows a queue.
//
// # Life
//
// A check lives as long as it is in the list given to Set last. One that was removed is not started again, and the result of
// a look under way is dropped and counted, also when the check's address or probe was changed meanwhile. (A deliver that had
// begun before Set was called may still be running when Set returns.) The same id never runs twice at once, not even over a
// removal and a return.
//
// # What it does not do
//
// It keeps no results and judges none: package decide does. It has no clock setting of its own: time is monotonic, so steps of
// the wall clock do not matter.
package schedule
