package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"loadshare/haserver"
)

// maxZoneText is the most bytes of a zone that are sent; the server takes a little more with its JSON around it.
const maxZoneText = 48 << 20

func newZoneLoad(a *app) *cobra.Command {
	var report bool
	cmd := &cobra.Command{
		Use:   "load ZONE FILE",
		Short: "Make a zone equal to a zone file, as one update",
		Long: `Makes a zone of the server equal to a zone file ("-": standard input), as one update: every
reader sees the old zone or the new one, secondaries get the difference. When the file's serial is
not newer than the zone's, the zone takes the next one.

With --report only the difference is shown.`,
		Example: "  loadshare zone load mydomain.com db.mydomain.com --report\n  loadshare zone load mydomain.com db.mydomain.com",
		Args:    cobra.ExactArgs(2), ValidArgsFunction: a.completeZones,
		RunE: a.do(func(cmd *cobra.Command, args []string) error {
			var data []byte
			var err error
			if args[1] == "-" {
				data, err = io.ReadAll(io.LimitReader(a.stdin, maxZoneText+1))
			} else {
				data, err = readBounded(args[1])
			}
			if err != nil {
				return usagef("%s: %v", args[1], reason(err))
			}
			if len(data) > maxZoneText {
				return usagef("%s has more than %d bytes: load it as the zone's file instead", args[1], maxZoneText)
			}
			raw, err := a.post(cmd.Context(), "dns", "/v1/zone/load", map[string]any{"name": args[0], "text": string(data), "file": args[1], "report": report})
			return show(a, raw, err, func(r haserver.LoadReply) { a.printLoad(r, args) })
		}),
	}
	cmd.Flags().BoolVar(&report, "report", false, "only show the difference")
	return cmd
}

func (a *app) printLoad(r haserver.LoadReply, args []string) {
	for _, w := range r.Warnings {
		fmt.Fprintln(a.stderr, w)
	}
	for _, line := range r.Deleted {
		a.printf("%s\n", a.paint(red, "- "+line))
	}
	for _, line := range r.Added {
		a.printf("%s\n", a.paint(green, "+ "+line))
	}
	if len(r.Deleted)+len(r.Added) == 0 {
		a.printf("%s: nothing differs, serial %d\n", args[0], r.Serial)
		return
	}
	for _, n := range r.Notes {
		a.printf("%s\n", n)
	}
	sum := fmt.Sprintf("%s: %d deleted, %d added, serial %d", args[0], len(r.Deleted), len(r.Added), r.Serial)
	if r.Applied {
		a.printf("%s: %s\n", sum, a.paint(green, "applied"))
		return
	}
	a.printf("%s: %s\n", sum, a.paint(yellow, "not applied"))
	a.next("loadshare zone load " + strings.Join(args, " "))
}
