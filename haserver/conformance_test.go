package haserver

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/conformance.md says which test proves which rule: every test that it names exists, no conformance test is missing from it, and no
// capability of the checklist (H01 to H45).
func TestConformanceTableIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	defined := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	where := map[string]string{}
	for _, root := range []string{".", "../test/peers", "../test/sim/pair", "../cmd/loadshare", "../dhcp/names", "../agent/plan"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range defined.FindAllSubmatch(source, -1) {
				where[string(m[1])] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := map[string]bool{}
	rows := strings.Join(regexp.MustCompile(`(?m)^\|.*`).FindAllString(string(text), -1), "\n")
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(rows, -1) {
		named[name] = true
		if where[name] == "" {
			t.Errorf("docs/conformance.md names %s, which does not exist", name)
		}
	}
	for name, path := range where {
		if base := filepath.Base(path); (strings.HasPrefix(base, "conform_") || base == "checklist_test.go") && !named[name] {
			t.Errorf("%s in %s is not in docs/conformance.md", name, path)
		}
	}
	for i := range 45 {
		if row := fmt.Sprintf("| H%02d |", i+1); strings.Count(rows, row) != 1 {
			t.Errorf("%s is not there once", row)
		}
	}
}
