package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// finding is one line of what a check has to say.
type finding struct {
	Line    int    `json:"line,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Key     string `json:"key,omitempty"`
	Value   string `json:"value,omitempty"`
	// Accepted says what would be right, Text is the whole line as printed.
	Accepted string `json:"accepted,omitempty"`
	Text     string `json:"text"`
}

// checked is the result for one file.
type checked struct {
	File     string    `json:"file"`
	Kind     kind      `json:"kind"`
	OK       bool      `json:"ok"`
	Problems []finding `json:"problems"`
}

func newCheck(a *app) *cobra.Command {
	var asKind, zoneName string
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check configurations, zone files, normal-dns and key files",
		Long: `Reads each file as the role it is for would, without starting anything, and prints
everything that is wrong with it: file, line, key, value and what is accepted. What a file is
is told by its content: a configuration by its tables, a zone file by its SOA, normal-dns by
nsupdate's words. All files are checked, whatever is wrong with the first ones.

Warnings are printed and accepted (exit 0); errors end with exit 2.`,
		Example: `  loadshare check /etc/loadshare/*.toml
  loadshare check --zone mydomain.com db.mydomain.com`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.do(func(_ *cobra.Command, args []string) error {
			if asKind != "" && checkers[kind(asKind)] == nil {
				return usagef("--kind %q: accepted: %s", asKind, strings.Join(checkKinds(), ", "))
			}
			var results []checked
			bad := 0
			for _, file := range args {
				r := checkFile(file, kind(asKind), zoneName)
				if !r.OK {
					bad++
				}
				results = append(results, r)
			}
			if err := a.printChecked(results); err != nil {
				return err
			}
			if bad > 0 {
				return &silentError{exitUsage}
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&asKind, "kind", "", "what the files are, instead of telling by content: "+strings.Join(checkKinds(), ", "))
	cmd.Flags().StringVar(&zoneName, "zone", "", "name of the zone in a zone file that does not say it")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(checkKinds(), cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
	return cmd
}

// printChecked prints problems on stderr and what is good on stdout, or all of it as JSON.
func (a *app) printChecked(results []checked) error {
	if a.json {
		return a.printJSON(map[string]any{"files": results})
	}
	for _, r := range results {
		errors, warnings := 0, 0
		for _, f := range r.Problems {
			if f.Warning {
				warnings++
			} else {
				errors++
			}
			fmt.Fprintln(a.stderr, f.Text)
		}
		what := string(r.Kind)
		if what == "" {
			what = "unknown"
		}
		if !r.OK {
			fmt.Fprintf(a.stderr, "%s: %s, %s in all\n", r.File, what, plural(errors, "error"))
			continue
		}
		note := ""
		if warnings > 0 {
			note = ", " + plural(warnings, "warning")
		}
		a.printf("%s: %s (%s%s)\n", r.File, a.paint(green, "good"), what, note)
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
