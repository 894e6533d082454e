package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// normalReply is the answer to normal-dns diff and apply.
type normalReply struct {
	Agent   string `json:"agent"`
	Servers []struct {
		Server  string   `json:"server"`
		Lines   []string `json:"lines"`
		Applied bool     `json:"applied"`
		Error   string   `json:"error"`
	} `json:"servers"`
	NoFile bool `json:"no_file"`
}

func newNormalDNS(a *app) *cobra.Command {
	sub := func(action, short, long string) *cobra.Command {
		return &cobra.Command{
			Use: action, Short: short, Long: long, Args: cobra.NoArgs,
			RunE: a.do(func(cmd *cobra.Command, _ []string) error {
				raw, err := a.post(cmd.Context(), "monitor", "/v1/normal-dns", map[string]string{"action": action})
				if err != nil {
					return err
				}
				var r normalReply
				if err := json.Unmarshal(raw, &r); err != nil {
					return err
				}
				if a.json {
					err = a.printRaw(raw)
				} else {
					a.printNormal(r, action)
				}
				for _, s := range r.Servers {
					if s.Error != "" && err == nil {
						err = &silentError{exitFailed}
					}
				}
				return err
			}),
		}
	}
	return group(a, &cobra.Command{
		Use:   "normal-dns",
		Short: "Compare the DNS servers with normal-dns, or reset them to it",
		Long: `normal-dns is the file that says which addresses belong in the load-shared records when all
is well. The agents beside the DNS servers hold it and do the work; a monitor asks them.`,
	},
		sub("diff", "Show what differs, and change nothing", "Prints, for each DNS server, the lines that would make it as normal-dns says, members that\nare down or drained left out."),
		sub("apply", "Reset the servers to normal-dns", "Makes each DNS server as normal-dns says, members that are down or drained left out. No\nother name is touched."))
}

func (a *app) printNormal(r normalReply, action string) {
	differs, says := false, "as normal-dns says"
	if r.NoFile {
		says = "as the pools say"
	}
	for _, s := range r.Servers {
		switch {
		case s.Error != "":
			a.printf("%s: %s\n", s.Server, a.paint(red, s.Error))
		case len(s.Lines) == 0:
			a.printf("%s: %s\n", s.Server, a.paint(green, says))
		case action == "diff":
			differs = true
			a.printf("%s: %s\n", s.Server, a.paint(yellow, "differs"))
		case s.Applied:
			a.printf("%s: %s\n", s.Server, a.paint(green, "changed"))
		default:
			a.printf("%s: %s\n", s.Server, a.paint(red, "not changed"))
		}
		for _, line := range s.Lines {
			a.printf("  %s\n", line)
		}
	}
	if len(r.Servers) == 0 {
		a.printf("no DNS server is known to agent %s\n", r.Agent)
	}
	if r.NoFile {
		a.printf("agent %s has no normal-dns: only the monitor's pools were compared. A file of its own for it: normal_dns = \"FILE\" in its [publish]\n", r.Agent)
	}
	if differs {
		a.next("loadshare normal-dns apply")
	}
}
