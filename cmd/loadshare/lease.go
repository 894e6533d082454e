package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"loadshare/dhcp"
)

// pageSize is how many leases are asked for at once.
const pageSize = 1000

func newLease(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "lease",
		Short: "The leases of a DHCP server: list, show, release, orphans, history, why, clock-sure",
		Long:  "Asks a DHCP server of ours about its leases. Without -s and -c: the one on this host.",
	}, newLeaseList(a), newLeaseShow(a), newLeaseRelease(a), newLeaseOrphans(a), newLeaseHistory(a), newLeaseWhy(a), newLeaseClockSure(a))
}

func newLeaseList(a *app) *cobra.Command {
	query := map[string]*string{"scope": new(string), "state": new(string), "client": new(string)}
	limit := 0
	cmd := &cobra.Command{
		Use: "list", Short: "All addresses that a client has or had", Args: cobra.NoArgs,
		Long: `Lists the addresses in ascending order with state, end, client and names. Addresses that nobody ever had
have no line. --client takes a hardware address, a client identifier in hexadecimal, or a host's name.`,
		Example: "  loadshare lease list --state active\n  loadshare lease list --client 02:00:00:00:00:50",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			v := url.Values{}
			for name, value := range query {
				if *value != "" {
					v.Set(name, *value)
				}
			}
			return a.pages(cmd, "/v1/lease/list", v, limit)
		}),
	}
	f := cmd.Flags()
	f.StringVar(query["scope"], "scope", "", "only of this scope")
	f.StringVar(query["state"], "state", "", "only in this state: free, active, expired, released, abandoned, reset, backup")
	f.StringVar(query["client"], "client", "", "only of this client")
	f.IntVar(&limit, "limit", 0, "at most so many (0: all)")
	_ = cmd.RegisterFlagCompletionFunc("scope", a.completeDHCP(func(s *dhcp.Status) (names []string) { // fails only for an unknown flag
		for _, sc := range s.Scopes {
			names = append(names, sc.Name)
		}
		return names
	}))
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"free", "active", "expired", "released", "abandoned", "reset", "backup"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
	return cmd
}

func newLeaseOrphans(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "orphans", Short: "Leases of scopes that are not configured any more", Args: cobra.NoArgs,
		Long: `Lists leases whose scope has vanished from the configuration. They are kept for 30 days (orphan_time), so that
a scope left out by mistake comes back with its leases; nobody is served from them.`,
		Example: "  loadshare lease orphans",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			return a.pages(cmd, "/v1/lease/orphans", url.Values{}, 0)
		}),
	}
}

// pages asks for leases page by page and prints them, limit at most (0: all).
func (a *app) pages(cmd *cobra.Command, path string, query url.Values, limit int) error {
	all := []json.RawMessage{}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		query.Set("limit", strconv.Itoa(size))
		raw, err := a.get(cmd.Context(), "dhcp", path, query)
		if err != nil {
			return err
		}
		var page struct {
			Leases []json.RawMessage `json:"leases"`
			More   string            `json:"more"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		all = append(all, page.Leases...)
		if page.More == "" || page.More == query.Get("after") || limit > 0 && len(all) >= limit {
			break
		}
		query.Set("after", page.More)
	}
	if a.json {
		return a.printJSON(map[string]any{"leases": all})
	}
	leases := make([]dhcp.LeaseStatus, len(all))
	for i, raw := range all {
		if err := json.Unmarshal(raw, &leases[i]); err != nil {
			return err
		}
	}
	a.printLeases(leases)
	return nil
}

func newLeaseShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ADDRESS", Short: "Everything that is known of an address", Args: cobra.ExactArgs(1),
		Example: "  loadshare lease show 192.168.0.100",
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			ip, err := v4(args[0])
			if err != nil {
				return err
			}
			raw, err := a.get(cmd.Context(), "dhcp", "/v1/lease/show", url.Values{"address": {ip}})
			return show(a, raw, err, a.printLease)
		}),
	}
}

func newLeaseRelease(a *app) *cobra.Command {
	var reason string
	var sure bool
	cmd := &cobra.Command{
		Use: "release ADDRESS", Short: "Make an address free that nobody uses any more", Args: cobra.ExactArgs(1),
		Long: `Frees an address as if its client had given it back: for a client that is gone, or an abandoned address whose
trouble is mended. No other client gets it before the time that the last one was told is over: --sure
says that this client is gone and does not use it. With a partner, not before the partner knows.`,
		Example: "  loadshare lease release 192.168.0.100 --sure --reason 'the printer was sold'",
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			ip, err := v4(args[0])
			if err != nil {
				return err
			}
			raw, err := a.post(cmd.Context(), "dhcp", "/v1/lease/release", dhcp.LeaseOrder{Address: ip, Sure: sure, Reason: reason})
			return a.printDone(raw, err, ip+" is released", "loadshare lease show "+ip)
		}),
	}
	cmd.Flags().BoolVar(&sure, "sure", false, "the client does not use the address any more: it need not be held for it")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newLeaseClockSure(a *app) *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use: "clock-sure", Short: "The clock of the server is right although it jumped", Args: cobra.NoArgs,
		Long: `After a jump of the clock (alarm clock-step) the server renews leases but gives none and ends none, until the
partner or a time daemon agrees with the clock. Where there is neither, look at the clock and say so.`,
		Example: "  timedatectl && loadshare lease clock-sure --reason 'set by hand, checked'",
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			raw, err := a.post(cmd.Context(), "dhcp", "/v1/clock/sure", dhcp.ClockOrder{Reason: reason})
			return a.printDone(raw, err, "the clock is believed", "loadshare status")
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wonder")
	return cmd
}

func newLeaseHistory(a *app) *cobra.Command {
	var client, since, until string
	limit := 0
	cmd := &cobra.Command{
		Use: "history [ADDRESS]", Short: "What happened to an address, or to a client's", Args: cobra.MaximumNArgs(1),
		Long: `Prints who had an address and when, oldest first: for the question who used it last week. Lease history is
kept as long as the configuration says (history, 90 days). Renewals are not in it.

--since and --until are past moments.`,
		Example: "  loadshare lease history 192.168.0.100 --since -7d\n  loadshare lease history --client 02:00:00:00:00:50",
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				ip, err := v4(args[0])
				if err != nil {
					return err
				}
				query.Set("address", ip)
			}
			if client != "" {
				query.Set("client", client)
			}
			for name, text := range map[string]string{"since": since, "until": until} {
				t, err := a.moment("--"+name, text)
				if err != nil {
					return err
				}
				if t != nil {
					query.Set(name, t.Format(time.RFC3339))
				}
			}
			if limit > 0 {
				query.Set("limit", strconv.Itoa(limit))
			}
			raw, err := a.get(cmd.Context(), "dhcp", "/v1/lease/history", query)
			return show(a, raw, err, a.printHistory)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&client, "client", "", "of this client: hardware address, identifier in hexadecimal, or name")
	f.StringVar(&since, "since", "", "from then: "+atHelp)
	f.StringVar(&until, "until", "", "until then, likewise")
	f.IntVar(&limit, "limit", 0, "at most so many, the newest (up to 10000; default 1000)")
	return cmd
}

func newLeaseWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "why CLIENT", Short: "Why this server answers a client, or stays silent", Args: cobra.ExactArgs(1),
		Long: `Says for each pair whether this server answers a new request of the client, and why: state, whose client it is
by its hash, whether the configuration denies it; then whether it asks in vain, and why; then its leases.
CLIENT is a hardware address, an identifier in hexadecimal, or the name of a host that has a lease. What
only a message says, such as its classes and its network, is in the reason of the last time it asked.`,
		Example: "  loadshare lease why 02:00:00:00:00:50",
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			raw, err := a.get(cmd.Context(), "dhcp", "/v1/client/why", url.Values{"client": args})
			return show(a, raw, err, a.printClientWhy)
		}),
	}
}

func (a *app) printClientWhy(w dhcp.ClientWhy) {
	for _, p := range w.Pairs {
		verdict := a.paint(green, "answers")
		if !p.Serves {
			verdict = a.paint(yellow, "stays silent")
		}
		if p.Pair == "" {
			a.printf("scopes of this server alone: %s: %s\n", verdict, p.Reason)
			continue
		}
		a.printf("%s: %s in %s: %s (hash %d)\n", p.Pair, verdict, p.State, p.Reason, p.Bucket)
		if !p.Serves && p.State == "normal" && !w.Denied {
			a.printf("  (that is for new requests: a renewal is answered by either server)\n")
		}
	}
	if w.Denied {
		a.printf("[[client]] has deny = true for it\n")
	}
	if u := w.Asked; u != nil {
		a.printf("asked %d times since %s, last %s, through %s, and has nothing as far as this server knows: %s\n", u.Tries, a.when(&u.Since), a.when(&u.Last),
			orWord(u.Relay, "no relay"), orWord(u.Reason, "it was made an offer, and no REQUEST came"))
	}
	if len(w.Leases) > 0 {
		a.printf("\n")
		a.printLeases(w.Leases)
	}
}

// v4 is an IPv4 address as it was typed.
func v4(text string) (string, error) {
	ip, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || !ip.Is4() {
		return "", usagef("%q: accepted: an IPv4 address, such as 192.168.0.100", text)
	}
	return ip.String(), nil
}

func (a *app) printHistory(h dhcp.History) {
	if len(h.Events) == 0 {
		a.printf("nothing is known of that\n")
		return
	}
	if h.Cut {
		a.printf("%s\n", a.paint(yellow, "older events are left out: --limit or --since shows others"))
	}
	var rows [][]cell
	for _, e := range h.Events {
		end := ""
		if e.Lease.End != nil && (e.What == "granted" || e.Lease.State == "active") {
			end = "at first until " + e.Lease.End.Local().Format(time.DateTime)
		}
		rows = append(rows, []cell{{e.At.Local().Format(time.DateTime), dim}, {e.Lease.Address, plain}, {e.What, plain}, {orWord(e.Lease.Client, e.By), plain}, {strings.TrimSpace(fmt.Sprintf("%s %s", e.Lease.Hostname, end)), plain}})
	}
	a.table([]string{"WHEN", "ADDRESS", "WHAT", "CLIENT", ""}, rows)
	a.printf("\nrenewals are not listed: an address is its client's until the next line about it\n")
}
