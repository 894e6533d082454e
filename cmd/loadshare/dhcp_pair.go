package main

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"loadshare/dhcp"
)

func newDHCPPair(a *app) *cobra.Command {
	var pair string
	cmd := group(a, &cobra.Command{
		Use:   "dhcp-pair",
		Short: "The pair of DHCP servers: its state, and orders to it",
		Long: `Asks one of the two DHCP servers of a pair how the pair stands, or gives it an order. Each server has
its own view: when in doubt, ask both. Without -s and -c: the one on this host.

A server with several [[failover]] needs --pair NAME for orders.`,
	}, newDHCPPairStatus(a, &pair), newDHCPPartnerDown(a, &pair), newDHCPRecover(a, &pair), newDHCPMaintenance(a, &pair),
		newDHCPPlainOrder(a, &pair, "pause", "Have the partner serve alone for a while, this server keeping the connection",
			"Tells the partner that this server serves nobody for now. loadshare dhcp-pair resume ends it.", "this server serves nobody until it is resumed"),
		newDHCPPlainOrder(a, &pair, "resume", "End a pause", "Ends what loadshare dhcp-pair pause began.", "this server serves again once it has met its partner"),
		newDHCPPlainOrder(a, &pair, "rebalance", "Share the free addresses anew, now and not at the next full hour",
			"Gives and takes addresses until each has its share (backup_pct). Only in normal.", "the shares are put right"),
		newDHCPPairSync(a, &pair))
	cmd.PersistentFlags().StringVar(&pair, "pair", "", "name of the [[failover]], when there are several")
	_ = cmd.RegisterFlagCompletionFunc("pair", a.completeDHCP(func(s *dhcp.Status) (names []string) { // fails only for an unknown flag
		for _, p := range s.Pairs {
			names = append(names, p.Name)
		}
		return names
	}))
	return cmd
}

func newDHCPPairStatus(a *app, pair *string) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "The state of the pair, since when, why, and what to do", Args: cobra.NoArgs,
		Long: `Shows for each pair the state, why and since when, what it means for clients, how the partner stands, what
waits for it, what happens by itself and when, where the two configurations differ, and what to type next.`,
		Example: "  loadshare dhcp-pair status\n  loadshare dhcp-pair status -s https://192.168.0.11:8955 --ca ca.pem --cert me.pem --cert-key me.key",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if *pair != "" {
				query.Set("pair", *pair)
			}
			raw, err := a.get(cmd.Context(), "dhcp", "/v1/dhcp-pair/status", query)
			return show(a, raw, err, func(list dhcp.PairList) { a.printDHCPPairs(list.Pairs) })
		}),
	}
}

// dhcpOrder gives an order to a pair and prints what came of it.
func (a *app) dhcpOrder(cmd *cobra.Command, what string, order dhcp.PairOrder, done string) error {
	raw, err := a.post(cmd.Context(), "dhcp", "/v1/dhcp-pair/"+what, order)
	return a.printDone(raw, err, done, "loadshare dhcp-pair status")
}

// printDone prints the answer to an order; done is said when the server has no words of its own.
func (a *app) printDone(raw json.RawMessage, err error, done, next string) error {
	return show(a, raw, err, func(d dhcp.Done) {
		a.printf("%s\n", orWord(d.Text, done))
		a.next(next)
	})
}

// moment reads a flag with a past moment; nil when it was not given.
func (a *app) moment(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := parseWhen(text, a.now())
	if err != nil {
		return nil, usagef("%s %v", flag, err)
	}
	t = t.UTC()
	return &t, nil
}

const atHelp = "a past moment: -3d, \"Oct 31 00:00:00 2001\" or \"2001-10-31 00:00:00\", local to this machine"

func newDHCPPartnerDown(a *app, pair *string) *cobra.Command {
	var at, reason string
	var newSite, force bool
	cmd := &cobra.Command{
		Use: "partner-down [--at TIME] [--new-site]", Short: "Say that the partner serves nobody", Args: cobra.NoArgs,
		Long: `Tells this server that its partner is down: it then serves everybody, takes over the partner's addresses
after the MCLT and those of leases that ended, and gives leases of full length again.

Say it only of a partner that is really down, never to both servers, and do not start the partner while
the link between them is cut: else one address can go to two clients. For serving the clients that there
are it is not needed: in communications-interrupted this server does that already.

--at is when the partner served last; the waiting counts from then. The default is now. A date before the
contact was lost is refused, --force takes it. Possible only in communications-interrupted (exit code 4).

--new-site is for a first server whose partner does not exist yet: it has no past and cannot know
whether a partner serves clients; with this you say that none does.`,
		Example: "  loadshare dhcp-pair partner-down\n  loadshare dhcp-pair partner-down --at -3d\n  loadshare dhcp-pair partner-down --at 'Oct 31 00:00:00 2001'",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			when, err := a.moment("--at", at)
			if err != nil {
				return err
			}
			if newSite && when != nil {
				return usagef("--new-site says that there never was a partner: --at does not go with it")
			}
			return a.dhcpOrder(cmd, "partner-down", dhcp.PairOrder{Pair: *pair, At: when, NewSite: newSite, Force: force, Reason: reason},
				"the partner is taken for down until it is heard again")
		}),
	}
	f := cmd.Flags()
	f.StringVar(&at, "at", "", "since when the partner is down: "+atHelp)
	f.BoolVar(&newSite, "new-site", false, "there is no partner yet")
	f.BoolVar(&force, "force", false, "also a date at which the partner was still heard")
	f.StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newDHCPRecover(a *app, pair *string) *cobra.Command {
	var at, reason string
	var force bool
	cmd := &cobra.Command{
		Use: "recover --at TIME", Short: "Say that the leases on this server's disk are of an earlier time", Args: cobra.NoArgs,
		Long: `For a server whose lease database was restored from a backup: --at is when that backup was made. The server
then asks its partner for everything, serves nobody until the MCLT from that time is over, and goes back
to normal. It forgets the order by itself.

It does so at once, also from normal: nobody asks again. It is refused where nobody would serve: while the
partner is away and this server serves alone, or while the partner does not serve (exit code 4); --force
does it all the same. It is seldom needed: a restored snapshot is found out by itself when the partner is
of ours.`,
		Example: "  loadshare dhcp-pair recover --at '2001-10-31 03:00:00'\n  loadshare dhcp-pair recover --at -1h",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			when, err := a.moment("--at", at)
			if err != nil {
				return err
			}
			if when == nil {
				return usagef("recover needs --at TIME: when the leases on this disk were current; accepted: %s", whenForms)
			}
			return a.dhcpOrder(cmd, "recover", dhcp.PairOrder{Pair: *pair, At: when, Force: force, Reason: reason}, "everything is asked for from the partner")
		}),
	}
	cmd.Flags().StringVar(&at, "at", "", "when the leases on this disk were current: "+atHelp)
	cmd.Flags().BoolVar(&force, "force", false, "also when nobody would serve")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newDHCPMaintenance(a *app, pair *string) *cobra.Command {
	cmd := newDHCPPlainOrder(a, pair, "maintenance", "Stop this server for long, and have the partner take everything over",
		`Tells the partner that this server stops and will be away for long: the partner goes to partner-down at once,
with all addresses and full leases after the MCLT; then stop the service. When it is started again it
recovers what the partner did. For a restart or an upgrade it is not wanted: stop and start the service.

Refused when the partner is not connected: nobody would serve.`,
		"the partner takes over: stop this server")
	return cmd
}

// newDHCPPlainOrder is an order that needs nothing but a reason.
func newDHCPPlainOrder(a *app, pair *string, what, short, long, done string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: what, Short: short, Long: long, Args: cobra.NoArgs, Example: "  loadshare dhcp-pair " + what,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			return a.dhcpOrder(cmd, what, dhcp.PairOrder{Pair: *pair, Reason: reason}, done)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

// completeDHCP offers what names takes from the status of this host's server.
func (a *app) completeDHCP(names func(*dhcp.Status) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		raw, err := a.get(cmd.Context(), "dhcp", "/v1/status", nil)
		var s dhcp.Status
		if err != nil || json.Unmarshal(raw, &s) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(&s), cobra.ShellCompDirectiveNoFileComp
	}
}
