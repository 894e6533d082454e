package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
)

// drained is the answer to drain and undrain.
type drained struct {
	Address string     `json:"address"`
	Pools   []string   `json:"pools"`
	Until   *time.Time `json:"until"`
}

func newPoolDrain(a *app) *cobra.Command {
	var span, reason, record string
	cmd := &cobra.Command{
		Use:   "drain ADDRESS --for DURATION --reason TEXT",
		Short: "Take an address out for some time, for work on it",
		Long: `Takes an address out of DNS in every pool that has it, or in one, without failures, alarms
or restarts. It comes back by itself when the time is up, if its checks pass. The floor of
a pool is respected: the last members are not drained away.`,
		Example: "  loadshare pool drain 192.168.0.3 --for 1h --reason 'new disk'",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			if span == "" || strings.TrimSpace(reason) == "" {
				return usagef("a drain needs an end and a reason: --for 1h --reason TEXT")
			}
			if d, err := config.ParseDuration(span); err != nil || d <= 0 {
				return usagef("--for %q: accepted: a duration such as 30m, 1h or 3d", span)
			}
			return a.override(cmd, "/v1/pool/drain", map[string]string{"address": args[0], "for": span, "reason": reason, "record": record})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&span, "for", "", "how long: 30m, 1h, 3d")
	f.StringVar(&reason, "reason", "", "why, for those who wonder")
	f.StringVar(&record, "record", "", "only in the pool of this record")
	return cmd
}

func newPoolUndrain(a *app) *cobra.Command {
	var record string
	cmd := &cobra.Command{
		Use:     "undrain ADDRESS",
		Short:   "End a drain before its time",
		Example: "  loadshare pool undrain 192.168.0.3",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			return a.override(cmd, "/v1/pool/undrain", map[string]string{"address": args[0], "record": record})
		}),
	}
	cmd.Flags().StringVar(&record, "record", "", "only in the pool of this record")
	return cmd
}

func (a *app) override(cmd *cobra.Command, path string, in map[string]string) error {
	raw, err := a.post(cmd.Context(), "monitor", path, in)
	return show(a, raw, err, func(d drained) {
		pools := orWord(strings.Join(d.Pools, ", "), "no pool")
		if d.Until == nil {
			a.printf("%s is no longer drained in %s; it is back as soon as its checks pass\n", d.Address, pools)
			a.next("loadshare pool list")
			return
		}
		a.printf("%s is drained in %s until %s\n", d.Address, pools, a.when(d.Until))
		a.next("loadshare pool undrain " + d.Address)
	})
}
