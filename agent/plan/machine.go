package plan

import (
	"time"
)

// Machine is the state of an agent. Make one with [New]; one goroutine owns it.
type Machine struct{}

// New returns a machine in the state that an earlier one saved. saved holds
// every key and value of the Save outputs that were not deleted; what does not
// parse is an error that names the key. boot changes at each start.
func New(now time.Time, cfg Config, saved map[string][]byte, boot string) (*Machine, error) {
	return &Machine{}, nil
}

// Step takes one thing that happened and says what to do.
func (m *Machine) Step(now time.Time, in Input) Output { return Output{} }

// Deadline is when to step with [Tick] at the latest; the zero time means never.
func (m *Machine) Deadline() time.Time { return time.Time{} }

// Reconfigure swaps the configuration. Jobs, leases, stamps and budgets stay.
func (m *Machine) Reconfigure(now time.Time, cfg Config) Output { return Output{} }
