package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every page of docs is named where people begin to read: in README.md, decisions in the list of their own.
func TestEveryPageIsInAnIndex(t *testing.T) {
	root := filepath.Join("..", "..")
	index := map[string]string{}
	for dir, file := range map[string]string{"docs": "README.md", "docs/decisions": "docs/decisions/README.md"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		index[filepath.FromSlash(dir)] = string(text)
	}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" || filepath.Base(path) == "README.md" {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if !strings.Contains(index[filepath.Dir(rel)], "("+filepath.Base(rel)+")") && !strings.Contains(index[filepath.Dir(rel)], "("+filepath.ToSlash(rel)+")") {
			t.Errorf("%s is in no index", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
