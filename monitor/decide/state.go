package decide

// Verdict is what the probes of one check, or of all checks of a member, say.
type Verdict uint8

// Verdicts. NoVerdict is the zero value.
const (
	NoVerdict Verdict = iota // too few probes yet, or no longer known
	VerdictUp
	VerdictDown
)

func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// State is the state of one member of one pool. The words are the contract's.
type State uint8

// States of a member.
const (
	// Unknown: no verdict yet. Not added to DNS; the pool's first decision
	// waits for it. Left by rise good or fall bad probes in a row, or a drain.
	Unknown State = iota
	// Up: in DNS. Left by a failed probe or a drain.
	Up
	// Suspect: failing, below fall. Still in DNS. Left by a good probe (up), by fall (down, flapping), or a drain.
	Suspect
	// Down: fell. Out of DNS, unless a guard keeps it. Restarted if it has a
	// service. Left by a restart, a good probe (recovering) or a drain.
	Down
	// Restarting: a restart was ordered, or its grace runs. Failures are not
	// counted. Left by rise good probes (up), by the end of the grace or a
	// failed restart (down), or a drain.
	Restarting
	// Recovering: answering again, below rise. Out of DNS. Left by rise (up), a failed probe (down), or a drain.
	Recovering
	// Flapping: went down too often (M10). Out of DNS, not restarted. Left
	// when up for flap_hold (up), when down for the whole window (down), or by a drain.
	Flapping
	// Drained: an operator took it out, until a time. Probed, but never in
	// DNS. Left by that time or by an operator, to what the probes say then.
	Drained
)

// NumStates is the number of states. An int, so that it is not taken for one.
const NumStates = int(Drained) + 1

func (s State) String() string {
	return [...]string{"unknown", "up", "suspect", "down", "restarting", "recovering", "flapping", "drained"}[s]
}

// ParseState is the inverse of String.
func ParseState(s string) (State, bool) {
	for i := range NumStates {
		if State(i).String() == s {
			return State(i), true
		}
	}
	return Unknown, false
}

// moves is the table of permitted moves.
var moves = [NumStates][NumStates]bool{
	Unknown:    {Up: true, Down: true, Drained: true},
	Up:         {Suspect: true, Down: true, Flapping: true, Drained: true},
	Suspect:    {Up: true, Down: true, Flapping: true, Drained: true},
	Down:       {Up: true, Restarting: true, Recovering: true, Drained: true},
	Restarting: {Up: true, Down: true, Drained: true},
	Recovering: {Up: true, Down: true, Drained: true},
	Flapping:   {Up: true, Down: true, Drained: true},
	Drained:    {Unknown: true, Up: true, Down: true},
}

// durable is the state that a restarted monitor starts from: what lies between two verdicts is not worth a write.
func (s State) durable() State {
	switch s {
	case Suspect:
		return Up
	case Recovering:
		return Down
	case Unknown, Up, Down, Restarting, Flapping, Drained:
	}
	return s
}
