package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newPair(a *app) *cobra.Command {
	return group(a, &cobra.Command{
		Use:   "pair",
		Short: "The configuration of the two DNS servers of a pair: compare, make equal",
	}, newPairSync(a))
}

func newPairSync(a *app) *cobra.Command {
	var direction string
	var report, run bool
	operations := []string{"update", "complete", "exact"}
	cmd := &cobra.Command{
		Use:   "sync [update|complete|exact] --report | --run",
		Short: "Bring one server's zones and their settings to the other",
		Long: `Compares the zones of the two servers and their settings (who may update and transfer, who is told), and
makes those of one server like the other's. What is never copied: roles, addresses, files and keys.

  update     adds what is missing: zones, and grants, transfers, notifies of zones that both have
  complete   also makes the settings of zones that both have equal (the default)
  exact      also takes zones out of service that only the destination has

--report only shows what would change, --run does it. Changes at the main reach the backup by themselves:
this is for the other direction, for first times, and to be sure.`,
		Example: "  loadshare pair sync exact --report\n  loadshare pair sync complete --direction backup-to-main --run",
		Args:    cobra.MaximumNArgs(1), ValidArgs: operations,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			operation := "complete"
			if len(args) > 0 {
				operation = args[0]
			}
			switch {
			case !slices.Contains(operations, operation):
				return usagef("pair sync %q: accepted: update, complete or exact", operation)
			case direction != "main-to-backup" && direction != "backup-to-main":
				return usagef("--direction %q: accepted: main-to-backup or backup-to-main", direction)
			case report == run:
				return usagef("one of --report (only show) and --run (do it) is needed")
			}
			raw, err := a.post(cmd.Context(), "dns", "/v1/pair/sync", map[string]any{"operation": operation, "direction": direction, "run": run})
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(raw)
			}
			return a.printPairSync(raw)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&direction, "direction", "main-to-backup", "main-to-backup or backup-to-main")
	f.BoolVar(&report, "report", false, "only show what would change")
	f.BoolVar(&run, "run", false, "do it")
	return cmd
}

func (a *app) printPairSync(raw json.RawMessage) error {
	var r struct {
		Operation string   `json:"operation"`
		Direction string   `json:"direction"`
		Changes   []string `json:"changes"`
		Lost      []string `json:"lost"`
		Applied   bool     `json:"applied"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	destination := r.Direction[strings.LastIndexByte(r.Direction, '-')+1:]
	for _, c := range r.Changes {
		if slices.Contains(r.Lost, c) {
			a.printf("%s\n", a.paint(red, "- "+c))
		} else {
			a.printf("%s\n", a.paint(green, "+ "+c))
		}
	}
	what := "pair sync " + r.Operation + ", " + r.Direction + ": " + plural(len(r.Changes), "change") + " at the " + destination
	switch {
	case len(r.Changes) == 0:
		a.printf("pair sync %s, %s: nothing differs\n", r.Operation, r.Direction)
	case r.Applied:
		a.printf("%s, %s\n", what, a.paint(green, "done"))
	default:
		a.printf("%s, %s\n", what, a.paint(yellow, "not done"))
		if len(r.Lost) > 0 {
			a.printf("%s: the lines with - are what the %s loses\n", a.paint(red, "warning"), destination)
		}
		a.next("loadshare pair sync " + r.Operation + " --direction " + r.Direction + " --run")
	}
	return nil
}
