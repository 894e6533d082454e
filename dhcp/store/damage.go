package store

import (
	"errors"
	"fmt"

	"loadshare/internal/durable"
)

// Why a record cannot be read.
var (
	errShort    = errors.New("too short")
	errChecksum = errors.New("checksum is wrong")
	errForm     = errors.New("not in the form that it was written in")
	errNewer    = errors.New("written by a newer version of this program")
)

// Damage is the error of Open for a record that cannot be what was written.
type Damage struct {
	What string // the record
	Err  error
}

func (d *Damage) Error() string { return d.What + " is damaged: " + d.Err.Error() }

// Unwrap gives the reason.
func (d *Damage) Unwrap() error { return d.Err }

// wayBack tells the operator what to do.
func wayBack(err error, dir string) error {
	var damage *Damage
	switch {
	case errors.Is(err, errNewer):
		return fmt.Errorf("the lease database in %s was written by a newer version of this program; start that version, or move %s away and start again: "+
			"this server comes up in recover and its partner gives it all leases back: %w", dir, dir, err)
	case errors.Is(err, durable.ErrInUse):
		return fmt.Errorf("the lease database in %s is in use by another process: stop that one first: %w", dir, err)
	case errors.Is(err, durable.ErrDamaged), errors.As(err, &damage):
		return fmt.Errorf("the lease database in %s is damaged and was not touched; the way back: mv %s %s.damaged, then start again: "+
			"this server comes up in recover, its partner gives it all leases back, and it serves new clients when the MCLT is over; "+
			"a server without a partner needs a copy of the directory instead, and `loadshare dhcp-pair recover --at` does not help it: %w", dir, dir, dir, err)
	}
	return fmt.Errorf("the lease database in %s cannot be opened: %w", dir, err)
}
