package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"loadshare/haserver"
)

func newHA(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "ha",
		Short: "The pair of DNS servers: its state, and orders to it",
		Long: `Asks one of the two DNS servers of a pair how the pair stands, or gives it an order. Each server
has its own view: when in doubt, ask both. Without -s and -c: the one on this host.`,
	}, newHAStatus(a), newHAPartnerDown(a), newHASwap(a), newHAServeAlone(a), newHAStats(a), newHAConflicts(a))
}

func newHAStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "The state of the pair, since when, why, and what to do", Args: cobra.NoArgs,
		Example: "  loadshare ha status\n  loadshare ha status -s https://192.168.0.11:8954 --ca ca.pem --cert me.pem --cert-key me.key",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			raw, err := a.get(cmd.Context(), "dns", "/v1/status", nil)
			return show(a, raw, err, a.printHA)
		}),
	}
}

// ordered is the answer to an order.
type ordered struct {
	Role      string `json:"role"`
	State     string `json:"state"`
	Accepting bool   `json:"accepting_updates"`
}

func (a *app) order(cmd *cobra.Command, path, reason, done string) error {
	raw, err := a.post(cmd.Context(), "dns", path, map[string]string{"reason": reason})
	return show(a, raw, err, func(o ordered) {
		updates := "takes no updates"
		if o.Accepting {
			updates = "takes updates"
		}
		a.printf("%s\nthis server is the %s now, in %s, and %s\n", done, o.Role, a.paint(stateColor(o.State), o.State), updates)
		a.next("loadshare ha status")
	})
}

func newHAPartnerDown(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "partner-down", Short: "Say that the partner will be away for long", Args: cobra.NoArgs,
		Long: `Tells this server that its partner is down and will stay so for some time: it then keeps no list of
what the partner lacks, and takes up scavenging. When the partner returns whole zones are compared.

Possible only in communication-interrupted; otherwise refused (exit code 4). It is not needed for
taking updates: in communication-interrupted this server takes them already.`,
		Example: "  loadshare ha partner-down",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			return a.order(cmd, "/v1/ha/partner-down", reason, "the partner is taken for down until it is heard again")
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newHASwap(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "swap --reason TEXT", Short: "Exchange the roles of main and backup", Args: cobra.NoArgs,
		Long: `Makes the backup the main and the main the backup, without a gap in queries and with at most a second
in updates. Only in normal, with all zones synchronised. The state directories keep the roles, so that
they outlive restarts; the configurations stay as they are.`,
		Example: "  loadshare ha swap --reason 'new disk in ns1'",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return usagef("a swap needs a reason: --reason TEXT")
			}
			return a.order(cmd, "/v1/ha/swap", reason, "the roles are exchanged")
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newHAServeAlone(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "serve-alone --reason TEXT", Short: "Serve though the data may be old and the partner is not there", Args: cobra.NoArgs,
		Long: `A server that starts without its partner and whose zones are older than their EXPIRE, or were
restored from an old copy, answers SERVFAIL rather than old data. This says that it shall serve what
it has. What the partner had and this server has not is then missing until the partner is back.`,
		Example: "  loadshare ha serve-alone --reason 'ns1 burnt down'",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return usagef("serve-alone needs a reason: --reason TEXT")
			}
			return a.order(cmd, "/v1/ha/serve-alone", reason, "this server serves what it has")
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newHAStats(a *app) *cobra.Command {
	var sample, all bool
	cmd := &cobra.Command{
		Use: "stats [--sample]", Short: "What the pair has counted since the start, or in the last five minutes", Args: cobra.NoArgs,
		Long: `Prints the counters of the pair: messages, states, synchronisations, conflicts, and the highest values
of queues and waits. In all since the server started; with --sample those of the last whole interval of
five minutes. Counters that are 0 are left out; --all shows them.`,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if sample {
				query.Set("sample", "1")
			}
			raw, err := a.get(cmd.Context(), "dns", "/v1/ha/stats", query)
			return show(a, raw, err, func(s haserver.StatsReply) { a.printStats(s, all) })
		}),
	}
	cmd.Flags().BoolVar(&sample, "sample", false, "of the last interval")
	cmd.Flags().BoolVar(&all, "all", false, "also what is 0")
	return cmd
}

func (a *app) printStats(s haserver.StatsReply, all bool) {
	a.printf("%s, from %s, %s long; state %s, partner %s\n\n", a.paint(bold, s.Kind), a.when(&s.From), span(s.To.Sub(s.From)),
		s.Current["ha-state-current"], orWord(s.Current["ha-partner-state"], "unknown"))
	var rows [][]cell
	for _, f := range append(s.Counters, s.Max...) {
		if f.Value > 0 || all {
			rows = append(rows, []cell{{f.Name, plain}, {number(f.Value), plain}, {f.Help, dim}})
		}
	}
	a.table([]string{"NAME", "VALUE", ""}, rows)
}
