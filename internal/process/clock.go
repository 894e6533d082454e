package process

import "golang.org/x/sys/unix"

// ClockSynchronised says that the kernel's clock is disciplined: a time daemon (chrony, ntpd, systemd-timesyncd) has set it and watches
// it. A clock that was set by hand is not, until a daemon has corrected it.
func ClockSynchronised() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
