package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// syncing is what the two commands that make the configurations of two servers equal are told.
type syncing struct {
	operation, direction string
	report, run          bool
}

// syncOperations are the first argument of both.
var syncOperations = []string{"update", "complete", "exact"}

// flags are those of the command.
func (s *syncing) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.direction, "direction", "main-to-backup", "main-to-backup or backup-to-main")
	f.BoolVar(&s.report, "report", false, "only show what would change")
	f.BoolVar(&s.run, "run", false, "do it")
}

// take reads the arguments; without one the operation is usual.
func (s *syncing) take(command string, args []string, usual string) error {
	s.operation = usual
	if len(args) > 0 {
		s.operation = args[0]
	}
	switch {
	case !slices.Contains(syncOperations, s.operation):
		return usagef("%s %q: accepted: update, complete or exact", command, s.operation)
	case s.direction != "main-to-backup" && s.direction != "backup-to-main":
		return usagef("--direction %q: accepted: main-to-backup or backup-to-main", s.direction)
	case s.report == s.run:
		return usagef("one of --report (only show) and --run (do it) is needed")
	}
	return nil
}
