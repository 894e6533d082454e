package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"loadshare/agent/plan"
	"loadshare/monitor/order"
)

// restarter carries out restarts and hooks: what agent.toml says, never a word
// from the wire.
type restarter struct {
	commands *commands
	// units restarts systemd units; bus is the address it is asked to use.
	units func(bus string) unitManager
}

// restart stops and starts one service and tells how it ended. It returns within
// the service's timeout and grace.
func (r *restarter) restart(ctx context.Context, bus string, s Service, id string) plan.RestartDone {
	began := time.Now()
	out := plan.RestartDone{Order: id, Evidence: r.evidence(ctx, bus, s)}
	text := newTail(maxOutput)
	if ctx.Err() != nil {
		out.Outcome, out.ExitCode, out.Output = order.RestartFailed, -1, "the agent stopped before it touched the service"
		return out
	}
	switch s.Method {
	case Systemd:
		out.Outcome, out.ExitCode = r.restartUnit(ctx, bus, s, text)
	case Script, Exec:
		out.Outcome, out.ExitCode = r.stopStart(ctx, s, text)
	}
	out.Output, out.Took = text.String(), time.Since(began)
	return out
}

// stopStart runs stop, then start (F04). A stop that fails is told and start
// runs all the same: what is dead often cannot be stopped. A stop may take half of
// the time and is killed then. An agent that is told to stop meanwhile starts
// the service all the same: it must not stay stopped.
func (r *restarter) stopStart(ctx context.Context, s Service, text *tail) (order.RestartOutcome, int) {
	began := time.Now()
	if len(s.Stop) > 0 {
		e := r.commands.run(ctx, s.Stop, serviceEnv(s), s.Timeout/2, s.Grace, killSoon, text)
		if !e.ok() {
			sayEnd(text, "stop", s.Timeout/2, e)
		}
	}
	left := s.Timeout - time.Since(began)
	e := r.commands.run(ctx, s.Start, serviceEnv(s), max(left, s.Timeout/4), s.Grace, leaveRunning, text)
	if !e.ok() {
		sayEnd(text, "start", left, e)
	}
	return outcome(ctx, e), e.code
}

func outcome(ctx context.Context, e ended) order.RestartOutcome {
	switch {
	case e.ok():
		return order.RestartOK
	case e.late && ctx.Err() == nil:
		return order.RestartTimeout
	}
	return order.RestartFailed
}

func sayEnd(w io.Writer, what string, limit time.Duration, e ended) {
	switch {
	case e.late:
		fmt.Fprintf(w, "\n[%s did not end within %s and was killed]\n", what, limit.Round(time.Millisecond))
	case e.err != nil:
		fmt.Fprintf(w, "\n[%s: %v]\n", what, e.err)
	default:
		fmt.Fprintf(w, "\n[%s: exit code %d]\n", what, e.code)
	}
}

func serviceEnv(s Service) []string { return []string{"LOADSHARE_SERVICE=" + s.Name} }

// hook runs the on_up or on_down command (M8). The member and pool are told in
// the environment, if they are plain text.
func (r *restarter) hook(ctx context.Context, s Service, h plan.RunHook) plan.HookDone {
	argv, state := s.OnDown, "down"
	if h.Up {
		argv, state = s.OnUp, "up"
	}
	env := append(serviceEnv(s), "LOADSHARE_STATE="+state)
	for k, v := range map[string]string{"LOADSHARE_MEMBER": h.Member, "LOADSHARE_RECORD": h.Pool.Name(), "LOADSHARE_TYPE": string(h.Pool.Type())} {
		if plainValue(v) {
			env = append(env, k+"="+v)
		}
	}
	began, text := time.Now(), newTail(maxOutput)
	if len(argv) == 0 {
		return plan.HookDone{Order: h.Order, Outcome: order.RestartOK}
	}
	e := r.commands.run(ctx, argv, env, s.Timeout, s.Grace, leaveRunning, text)
	if !e.ok() {
		sayEnd(text, "hook", s.Timeout, e)
	}
	return plan.HookDone{Order: h.Order, Outcome: outcome(ctx, e), ExitCode: e.code, Output: text.String(), Took: time.Since(began)}
}

// plainValue keeps what came over the wire harmless as the value of a variable.
func plainValue(v string) bool {
	if len(v) > 255 {
		return false
	}
	for _, c := range []byte(v) {
		if c != ' ' && c != '.' && c != ':' && c != '-' && c != '_' && c != '*' && c != '/' && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}
