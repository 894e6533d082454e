// Package process is what every role does as a process: its logger, its
// signals, its word with systemd, and stopping in time. It knows no role.
//
//	log, err := process.NewLogger(os.Stderr, opts)
//	err = process.Run(ctx, process.Options{Role: "monitor", Path: file, Log: log},
//		func(ctx context.Context, env process.Env) error { return monitor.Run(ctx, cfg, env) })
//
// A role that consists of several parts (its loop, the operator's door, the
// metrics, its mail) runs them with [Together].
//
// # Signals
//
//	SIGTERM, SIGINT   the role's context ends; it has StopTimeout (5 s) to return
//	the same again    Run returns at once; within a second of the first it is taken for the first
//	SIGHUP            a Reload is sent to the role, which reads its file again and
//	                  swaps all of it or nothing
//
// What does not stop in time is reported with the places where it stands, and
// Run returns an error that is ErrStuck.
//
// # systemd
//
// With Type=notify: READY=1 when the role calls Env.Ready, RELOADING=1 and READY=1
// around a reload, STOPPING=1, and WATCHDOG=1 at half of WatchdogSec for as long
// as the function given to Env.Watch says that the role is alive. Without
// NOTIFY_SOCKET all of this is silent.
package process
