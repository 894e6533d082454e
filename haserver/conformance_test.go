package haserver

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"loadshare/internal/conformance"
)

// docs/conformance.md says which test proves which rule: every test that it names exists, no conformance test is missing from it, and no
// capability of the checklist (H01 to H45).
func TestConformanceTableIsTrue(t *testing.T) {
	page := conformance.Read(t, "../docs/conformance.md", ".", "../test/peers", "../test/sim/pair", "../cmd/loadshare", "../dhcp/names", "../agent/plan")
	for name, path := range page.Tests {
		if base := filepath.Base(path); (strings.HasPrefix(base, "conform_") || base == "checklist_test.go") && !page.Named[name] {
			t.Errorf("%s in %s is not in docs/conformance.md", name, path)
		}
	}
	for i := range 45 {
		if row := fmt.Sprintf("| H%02d |", i+1); strings.Count(page.Rows, row) != 1 {
			t.Errorf("%s is not there once", row)
		}
	}
}
