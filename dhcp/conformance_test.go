package dhcp

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"loadshare/internal/conformance"
)

// docs/conformance-dhcp.md says which test shows which capability: every test that it names exists, and no capability of the checklist
// (D01 to D51, W01 to W12) and no decision (D-a to D-m) is without a row.
func TestConformanceTableIsTrue(t *testing.T) {
	page := conformance.Read(t, "../docs/conformance-dhcp.md", ".", "../test/peers", "../test/sim/dhcp", "../cmd/loadshare", "../internal/importer")
	has := func(id string) {
		if row := regexp.MustCompile(`(?m)^\|[^|]*\b` + id + `\b.*`).FindString(page.Rows); row == "" || !strings.Contains(row, "Test") && !strings.Contains(row, "no counterpart") {
			t.Errorf("%s has no row with a test", id)
		}
	}
	for n := 1; n <= 51; n++ {
		has(fmt.Sprintf("D%02d", n))
	}
	for n := 1; n <= 12; n++ {
		has(fmt.Sprintf("W%02d", n))
	}
	for c := 'a'; c <= 'm'; c++ {
		has("D-" + string(c))
	}
}
