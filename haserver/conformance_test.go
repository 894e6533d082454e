package haserver

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/conformance.md says which test proves which rule: every test that it names exists, and no conformance test is missing from it.
func TestConformanceTableIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	defined := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	where := map[string]string{}
	for _, root := range []string{".", filepath.Join("..", "test", "peers")} {
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
		if strings.HasPrefix(filepath.Base(path), "conform_") && !named[name] {
			t.Errorf("%s in %s is not in docs/conformance.md", name, path)
		}
	}
}
