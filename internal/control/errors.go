package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Unreachable is the error of a Client when no server answered: nothing was
// changed as far as the client knows. The command line ends with exit code 3.
type Unreachable struct {
	Address string
	Err     error
}

func (e *Unreachable) Error() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("cannot reach %s: no such socket; is the role running there?%s", e.Address, unitOf(e.Address))
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("cannot reach %s: nobody listens there; the role has stopped or is still starting%s", e.Address, unitOf(e.Address))
	case errors.Is(e.Err, fs.ErrPermission):
		return fmt.Sprintf("cannot reach %s: permission denied; use sudo, or be in the group that owns the socket", e.Address)
	}
	if t := interface{ Timeout() bool }(nil); errors.As(e.Err, &t) && t.Timeout() {
		return fmt.Sprintf("cannot reach %s: no answer in time: the process or its host hangs or is frozen, or a firewall drops%s", e.Address, unitOf(e.Address))
	}
	return fmt.Sprintf("cannot reach %s: %v", e.Address, e.Err)
}

// unitOf is where to look when a role's socket is not served: its unit, if the socket has a role's name.
func unitOf(address string) string {
	role, ok := strings.CutSuffix(path.Base(address), ".sock")
	if !ok || !slices.Contains([]string{"monitor", "agent", "dns", "dhcp"}, role) {
		return ""
	}
	return " (systemctl status loadshare-" + role + ")"
}

func (e *Unreachable) Unwrap() error { return e.Err }

// Refused is the error of a Client when the server understood and said no.
// The command line ends with exit code 4 and prints the reason.
type Refused struct {
	Reason string
}

func (e *Refused) Error() string { return "refused: " + e.Reason }

// Failed is the error of a Client when the server tried and could not, or
// answered something that is no answer. The command line ends with exit code 1.
type Failed struct {
	Reason string
}

func (e *Failed) Error() string { return "the server failed: " + e.Reason }

// Refuse makes the error that a handler returns to say no. The text is the reason that the
// operator reads; it says what to do instead where that is known.
func Refuse(format string, a ...any) error {
	return &Refused{Reason: fmt.Sprintf(format, a...)}
}

// plain takes the URL out of the error of an http.Client: the address is said elsewhere.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
