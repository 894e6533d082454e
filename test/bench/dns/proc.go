package main

import (
	"os/exec"
	"strconv"
	"strings"

	"loadshare/test/bench/measure"
)

// Cores: what is measured, and what loads it.
const (
	serverCore = 0
	loadCore   = 1
)

// startOn runs a program on one core. Its output goes to a file in dir.
func startOn(core int, dir, program string, args ...string) (*measure.Process, error) {
	return measure.Start(dir, exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), program}, args...)...))
}

// newTable compares each row with the first one of ours.
func newTable(title, unit, goal string) *measure.Table {
	return measure.NewTable(title, unit, goal, func(_ string, rows []string) string {
		for _, r := range rows {
			if strings.HasPrefix(r, ours) {
				return r
			}
		}
		return ""
	})
}
