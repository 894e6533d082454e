package ask

import (
	"errors"
	"syscall"
)

// refusedPort reports whether the host said that nobody listens: waiting or
// another transport will not help.
func refusedPort(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
