package main

import (
	"github.com/spf13/cobra"

	"loadshare/internal/demo"
)

func newDemo(a *app) *cobra.Command {
	var script, keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole system on this machine's loopback, without root or configuration",
		Long: `Starts everything on loopback, with little services to kill: runs until Ctrl-C, prints what
happens and how to play with it. With --script it plays the story by itself, proves each step by
real queries, and ends with 0 only when all held.`,
		Example: "  loadshare demo\n  loadshare demo --script",
		Args:    cobra.NoArgs,
		RunE: a.do(func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), demo.Options{Script: script, Keep: keep, Out: a.stdout, Color: a.colored(a.stdout)})
		}),
	}
	cmd.Flags().BoolVar(&script, "script", false, "play the whole story and end")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave configurations and logs behind")
	return cmd
}

// newDemoService is what the demo's agents run to start and stop the demo's services.
func newDemoService(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "demo-service", Hidden: true,
		RunE: a.do(func(cmd *cobra.Command, args []string) error { return demo.Service(cmd.Context(), args) }),
	}
}
