package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"loadshare/internal/control"
)

func newPool(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "pool",
		Short: "The load-shared records: what is in, what is out, and why",
		Long: `Asks a monitor about its pools: the names whose addresses it takes out of DNS when a
service fails and puts back when it answers. Without -s and -c: the monitor on this host.`,
	}, newPoolList(a), newPoolShow(a), newPoolWhy(a), newPoolDrain(a), newPoolUndrain(a))
}

func newPoolList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "All pools, a line each",
		Args:  cobra.NoArgs,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			raw, err := a.get(cmd.Context(), "monitor", "/v1/pools", nil)
			return show(a, raw, err, func(list poolList) { a.printPools(list.Pools) })
		}),
	}
}

// get asks the role that the flags name, or else this host's one of that kind, and returns its answer.
func (a *app) get(ctx context.Context, role, path string, query url.Values) (raw json.RawMessage, err error) {
	c, err := a.connect(role)
	if err != nil {
		return nil, err
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	bound := orderTimeout
	if path == "/v1/status" {
		bound = statusTimeout
	}
	err = ask(ctx, bound, func(ctx context.Context) error { return c.Get(ctx, path, &raw) })
	return raw, orOtherRole(err, c, role)
}

// orOtherRole is err, or that the question was for another role than the one that has answered it.
func orOtherRole(err error, c *control.Client, role string) error {
	if is := c.Role(); role != "" && is != "" && is != role {
		return &control.Refused{Reason: fmt.Sprintf("that is a question for a %s; %s is a %s", role, c.Address(), is)}
	}
	return err
}

// post is get for an order.
func (a *app) post(ctx context.Context, role, path string, in any) (raw json.RawMessage, err error) {
	c, err := a.connect(role)
	if err != nil {
		return nil, err
	}
	err = ask(ctx, orderTimeout, func(ctx context.Context) error { return c.Post(ctx, path, in, &raw) })
	return raw, orOtherRole(err, c, role)
}

// completeRecords offers the records of this host's monitor.
func (a *app) completeRecords(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	raw, err := a.get(cmd.Context(), "monitor", "/v1/pools", nil)
	var s poolList
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, p := range s.Pools {
		switch {
		case len(args) == 0:
			out = append(out, cobra.CompletionWithDesc(p.Record, p.Type))
		case p.Record == args[0]:
			for _, m := range p.Members {
				out = append(out, cobra.CompletionWithDesc(m.Address, m.State))
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
