package order

// Reason says why something changed or was ordered. It is the same word in the
// log, the metric label, `status`, `pool why` and mail. New reasons are added
// here, nowhere else.
type Reason string

// Reasons of member transitions and of the orders that follow from them.
const (
	// A probe saw it.
	ReasonFirstVerdict  Reason = "first-verdict"  // rise or fall probes gave the first verdict after unknown
	ReasonFailing       Reason = "failing"        // a probe failed; below fall
	ReasonFell          Reason = "fell"           // fall probes in a row failed
	ReasonAnswering     Reason = "answering"      // a probe succeeded while down; below rise
	ReasonRose          Reason = "rose"           // rise probes in a row succeeded
	ReasonBlip          Reason = "blip"           // failures stopped before fall was reached
	ReasonFlapping      Reason = "flapping"       // too many downs in the window (M10)
	ReasonFlapEnded     Reason = "flap-ended"     // up for flap_hold
	ReasonUntested      Reason = "untested"       // could not test: no verdict from it
	ReasonParentDown    Reason = "parent-down"    // a check it depends on is down
	ReasonNotConfigured Reason = "not-configured" // the member left the configuration
	ReasonAdopted       Reason = "adopted"        // state taken over from disk at start

	// An operator said it.
	ReasonDrained      Reason = "drained"
	ReasonDrainEnded   Reason = "drain-ended"    // its time was up
	ReasonUndrained    Reason = "undrained"      // an operator ended it
	ReasonNormalDNS    Reason = "normal-dns"     // an operator applied normal-dns
	ReasonResetAtStart Reason = "reset-at-start" // reset_on_start

	// A restart was tried.
	ReasonRestarting      Reason = "restarting"
	ReasonRestarted       Reason = "restarted"        // the command succeeded; grace runs
	ReasonRestartFailed   Reason = "restart-failed"   // command failed or timed out
	ReasonGraceEnded      Reason = "grace-ended"      // still failing after the grace
	ReasonBudgetExhausted Reason = "budget-exhausted" // left alone until the window moves on (M9)
	ReasonRestartWaits    Reason = "restart-waits"    // another member of the pool is being restarted
	ReasonAgentAway       Reason = "agent-away"       // the node's agent cannot be reached

	// A guard held it back, or let it go.
	ReasonFloor        Reason = "floor"        // min_members reached: kept, least bad
	ReasonFloorSwap    Reason = "floor-swap"   // a good member returned, the least bad one leaves
	ReasonAllDown      Reason = "all-down"     // on_all_down applies
	ReasonMassFailure  Reason = "mass-failure" // guard: too much at once, held (M4)
	ReasonAnchorsAway  Reason = "anchors-away" // anchors do not answer: this monitor is blind
	ReasonGuardEnded   Reason = "guard-ended"  // anchors answer, or the hold was lifted
	ReasonSecondView   Reason = "second-view"  // a publishing agent's own probe agreed
	ReasonNoVerdictYet Reason = "no-verdict-yet"
	ReasonStandby      Reason = "standby" // another monitor holds the pool (M1)
	ReasonLeaseTaken   Reason = "lease-taken"

	// About the record itself.
	ReasonConfigured Reason = "configured" // ttl, members or type changed in the configuration
	ReasonStray      Reason = "stray"      // DNS holds what nobody configured; the agent is asked to see to it
	ReasonDrift      Reason = "drift"      // DNS did not answer what was decided; written again
	ReasonConfirmed  Reason = "confirmed"  // asked and answered as decided
)
