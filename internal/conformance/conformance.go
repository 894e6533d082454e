// Package conformance holds a page of docs that says which test proves what against the tests that there are. It is for tests only.
package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Page is the tables of a page, and the tests that it may name.
type Page struct {
	Rows  string            // all lines that begin with "|"
	Tests map[string]string // where each test is defined
	Named map[string]bool   // the tests that rows name
}

var (
	row     = regexp.MustCompile(`(?m)^\|.*`)
	name    = regexp.MustCompile(`\bTest[A-Z]\w+`)
	defined = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
)

// Read reads a page and the tests in and below the directories roots; paths are relative to the package under test. A test that a row
// names and that does not exist is an error of t.
func Read(t *testing.T, page string, roots ...string) Page {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(page))
	if err != nil {
		t.Fatal(err)
	}
	p := Page{Rows: strings.Join(row.FindAllString(string(text), -1), "\n"), Tests: map[string]string{}, Named: map[string]bool{}}
	for _, root := range roots {
		err := filepath.WalkDir(filepath.FromSlash(root), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range defined.FindAllSubmatch(source, -1) {
				p.Tests[string(m[1])] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range name.FindAllString(p.Rows, -1) {
		p.Named[test] = true
		if p.Tests[test] == "" {
			t.Errorf("%s names %s, which does not exist", page, test)
		}
	}
	return p
}
