package config_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// readers are the methods of Section whose first argument is a key.
var readers = map[string]bool{
	"String": true, "Required": true, "OneOf": true, "Bool": true, "Int": true, "Duration": true,
	"TTL": true, "Rate": true, "Percent": true, "Strings": true, "Ints": true, "Addr": true,
	"AddrPort": true, "AddrPorts": true, "Prefixes": true, "File": true, "Path": true, "Table": true, "Tables": true, "Named": true,
}

var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// TestEveryKeyIsDocumented: each key that a role's configuration code reads
// stands in docs/configuration.md, as `key`, or as [key] when it is a table.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, dir := range []string{"monitor", "agent", "haserver", "internal/alert", "internal/control", "internal/metrics", "internal/link"} {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for key, at := range keysRead(t, file) {
				found++
				if text := string(doc); !strings.Contains(text, "`"+key+"`") && !strings.Contains(text, "["+key+"]") {
					t.Errorf("%s reads %q, which docs/configuration.md does not have", at, key)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d keys were found in the code: this test no longer sees them", found)
	}
}

// keysRead are the keys that a file which imports this package reads, with a place of each.
func keysRead(t *testing.T, file string) map[string]token.Position {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	uses := false
	for _, i := range f.Imports {
		uses = uses || i.Path.Value == `"loadshare/internal/config"`
	}
	keys := map[string]token.Position{}
	if !uses {
		return keys
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !readers[method.Sel.Name] {
			return true
		}
		if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if key, err := strconv.Unquote(lit.Value); err == nil && plainKey.MatchString(key) {
				keys[key] = fset.Position(lit.Pos())
			}
		}
		return true
	})
	return keys
}
