package decide

import (
	"time"

	"loadshare/monitor/order"
)

// Machine decides for all pools of one monitor. Make it with [New].
type Machine struct {
	cfg Config
}

// New makes a machine at time now. The configuration must be valid. Saved are
// the records of an earlier machine ([Output.Save]); records that do not fit
// the configuration are dropped and said so by the first Step.
func New(cfg Config, saved []Record, now time.Time) (*Machine, error) {
	return &Machine{cfg: cfg}, cfg.Validate()
}

// Step takes in one thing that happened at time now and says what to do.
func (m *Machine) Step(now time.Time, in Input) Output { return Output{} }

// Deadline is when Step wants a [Tick]; zero for never.
func (m *Machine) Deadline() time.Time { return time.Time{} }

// Claims are the pools to claim in a heartbeat at time now, each with its current stamp.
func (m *Machine) Claims(now time.Time) []order.Claim { return nil }

// Pending are the publish orders that the agent has not answered yet.
func (m *Machine) Pending(agent string) []order.Publish { return nil }

// NormalDNS builds the order to compare with or apply normal-dns, for an operator.
func (m *Machine) NormalDNS(a order.NormalDNSAction, r order.Reason) order.NormalDNS {
	return order.NormalDNS{}
}

// Pools are the ids of all pools in the order of the configuration.
func (m *Machine) Pools() []order.PoolID { return nil }

// Pool is the state of one pool.
func (m *Machine) Pool(id order.PoolID) (PoolView, bool) { return PoolView{}, false }

// Check is the state of one check.
func (m *Machine) Check(id CheckID) (CheckView, bool) { return CheckView{}, false }

// Guard is the state of the guard.
func (m *Machine) Guard() GuardView { return GuardView{} }
