package engine

import "loadshare/dhcp/failover"

// Machine is the DHCP server's decisions. It is not for several goroutines at once.
type Machine struct{}

// New starts from what is on disk. The first Tick is due at once.
func New(now failover.Now, c Config, s Start) (*Machine, error) { return &Machine{}, nil }

// Step takes one input. Mono of successive calls must not go back.
func (m *Machine) Step(now failover.Now, in Input) *Output { return &Output{} }
