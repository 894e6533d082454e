package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"loadshare/monitor/order"
	"loadshare/probes"
)

// maxProbes is how many second views may be under way at once.
const maxProbes = 16

// look is one probe of its own, for a monitor in doubt (M4). Kinds that run
// commands are refused: no command ever comes from the wire.
func look(ctx context.Context, r order.ProbeRequest) order.ProbeAnswer {
	untested := func(format string, a ...any) order.ProbeAnswer {
		return order.ProbeAnswer{Outcome: probes.Untested.String(), Reason: "refused", Detail: fmt.Sprintf(format, a...)}
	}
	addr, err := netip.ParseAddr(r.Address)
	if err != nil {
		return untested("address: %v", err)
	}
	var spec probes.Spec
	d := json.NewDecoder(bytes.NewReader(r.Spec))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		return untested("specification: %v", err)
	}
	if spec.Kind == probes.Exec || len(spec.Exec.Command) > 0 {
		return untested("a probe that runs a command is not run for others")
	}
	p, problems := spec.Compile()
	if len(problems) > 0 {
		return untested("specification: %v", problems[0])
	}
	res := p.Look(ctx, addr)
	return order.ProbeAnswer{Outcome: res.Outcome.String(), Reason: res.Reason.String(), Detail: res.Detail}
}
