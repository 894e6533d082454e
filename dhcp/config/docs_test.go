package config

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

// readers are the methods of Section, and the functions of this package, that read a key, with the place of it among the arguments.
var readers = map[string]int{
	"String": 0, "Required": 0, "OneOf": 0, "Bool": 0, "Int": 0, "Float": 0, "Duration": 0, "TTL": 0, "Rate": 0, "Percent": 0, "Strings": 0, "Ints": 0,
	"Addr": 0, "Addrs": 0, "AddrPort": 0, "AddrPorts": 0, "Prefixes": 0, "File": 0, "Path": 0, "Table": 0, "Tables": 0, "Named": 0,
	"seconds": 1, "boolean": 1, "percent": 1, "hardware": 1, "identifier": 1, "ranges": 1, "address": 1, "zones": 1, "wholeSeconds": 1, "classNames": 1,
}

var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Each key that is read stands in docs/configuration.md, in the part about dhcp: as `key`, or as [key] when it is a table.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, found := strings.Cut(string(text), "\n## dhcp\n")
	if !found {
		t.Fatal("docs/configuration.md has no part about dhcp")
	}
	elsewhere := map[string]bool{"control": true, "metrics": true, "alerts": true} // tables of every role
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]token.Position{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			keysRead(t, file, keys)
		}
	}
	for key, at := range keys {
		if !elsewhere[key] && !strings.Contains(doc, "`"+key+"`") && !strings.Contains(doc, "["+key+"]") {
			t.Errorf("%s reads %q, which docs/configuration.md does not have", at, key)
		}
	}
	if len(keys) < 80 {
		t.Errorf("only %d keys were found in the code: this test no longer sees them", len(keys))
	}
}

func keysRead(t *testing.T, file string, keys map[string]token.Position) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = fun.Sel.Name
		case *ast.Ident:
			name = fun.Name
		}
		place, reads := readers[name]
		if !reads || len(call.Args) <= place {
			return true
		}
		if lit, ok := call.Args[place].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if key, err := strconv.Unquote(lit.Value); err == nil && plainKey.MatchString(key) {
				keys[key] = fset.Position(lit.Pos())
			}
		}
		return true
	})
}
