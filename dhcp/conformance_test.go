package dhcp

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/conformance-dhcp.md says which test shows which capability: every test that it names exists, and no capability of the checklist
// (D01 to D51, W01 to W12) and no decision (D-a to D-m) is without a row.
func TestConformanceTableIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "conformance-dhcp.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Join(regexp.MustCompile(`(?m)^\|.*`).FindAllString(string(text), -1), "\n")
	defined := definedTests(t, ".", "../test/peers", "../test/sim/dhcp", "../cmd/loadshare", "../internal/importer")
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(rows, -1) {
		if !defined[name] {
			t.Errorf("docs/conformance-dhcp.md names %s, which does not exist", name)
		}
	}
	has := func(id string) {
		if row := regexp.MustCompile(`(?m)^\|[^|]*\b` + id + `\b.*`).FindString(rows); row == "" || !strings.Contains(row, "Test") && !strings.Contains(row, "no counterpart") {
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

// definedTests are the names of all tests below some directories.
func definedTests(t *testing.T, roots ...string) map[string]bool {
	t.Helper()
	form := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	out := map[string]bool{}
	for _, root := range roots {
		err := filepath.WalkDir(filepath.FromSlash(root), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range form.FindAllSubmatch(source, -1) {
				out[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
