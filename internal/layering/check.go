package layering

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of this module.
const module = "loadshare"

// pkg is what `go list -json` says of a package, as far as it is used here.
type pkg struct {
	Dir            string
	ImportPath     string
	Doc            string // first sentence of the package comment
	Imports        []string
	GoFiles        []string
	IgnoredGoFiles []string // other systems' files
}

// name is the path within the module.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// checkImports returns what is wrong with the package's imports.
func checkImports(p pkg) []string {
	if strings.HasPrefix(p.name(), "test/") {
		return nil
	}
	r, known := policy[p.name()]
	if !known {
		return []string{p.name() + ": not in policy.go: say there what it may import"}
	}
	var bad []string
	for _, imported := range p.Imports {
		first, _, _ := strings.Cut(imported, "/")
		switch {
		case first == module:
			bad = append(bad, checkOwn(p.name(), strings.TrimPrefix(imported, module+"/"), r)...)
		case strings.Contains(first, "."):
			bad = append(bad, checkLibrary(p.name(), imported)...)
		case r.pure && slices.Contains(pureNever, imported):
			bad = append(bad, fmt.Sprintf("%s is pure and imports %s: it would stop being replayable", p.name(), imported))
		}
	}
	return bad
}

func checkOwn(from, to string, r rule) []string {
	for _, n := range never {
		if n.from == from && (n.to == to || strings.HasPrefix(to, n.to+"/") && !(n.from == "agent" && to == "monitor/order")) {
			return []string{fmt.Sprintf("%s imports %s: %s", from, to, n.why)}
		}
	}
	if !slices.Contains(r.may, to) {
		return []string{fmt.Sprintf("%s imports %s, which policy.go does not allow it", from, to)}
	}
	return nil
}

func checkLibrary(from, library string) []string {
	for prefix, users := range libraries {
		if library != prefix && !strings.HasPrefix(library, prefix+"/") {
			continue
		}
		if slices.Contains(users, from) {
			return nil
		}
		return []string{fmt.Sprintf("%s imports %s, which only %s may", from, library, strings.Join(users, ", "))}
	}
	return []string{fmt.Sprintf("%s imports %s, which is not in the table of libraries", from, library)}
}

// checkFile returns what is wrong with one file that is no test: init functions,
// blank imports, its length, and in pure packages the clock and numbers that
// were not handed in.
func checkFile(p pkg, name string, src []byte) []string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, filepath.Join(p.name(), name), src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	c := &fileCheck{pkg: p, fset: fset, names: importNames(f), pure: policy[p.name()].pure}
	if lines := bytes.Count(src, []byte{'\n'}); lines > maxLines {
		c.report(f.Package, fmt.Sprintf("has %d lines, at most %d are allowed", lines, maxLines))
	}
	for _, i := range f.Imports {
		if i.Name != nil && i.Name.Name == "_" && i.Path.Value != `"embed"` {
			c.report(i.Pos(), "blank import of "+i.Path.Value+": wiring is read in one place")
		}
	}
	ast.Inspect(f, c.visit)
	return c.bad
}

// importNames maps the names by which a file knows its imports to their paths.
func importNames(f *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if name == "v2" {
			name = "rand" // math/rand/v2, the only one of interest
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = path
	}
	return out
}

type fileCheck struct {
	pkg   pkg
	fset  *token.FileSet
	names map[string]string
	pure  bool
	bad   []string
}

func (c *fileCheck) report(at token.Pos, text string) {
	c.bad = append(c.bad, fmt.Sprintf("%s: %s", c.fset.Position(at), text))
}

func (c *fileCheck) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if n.Recv == nil && n.Name.Name == "init" {
			c.report(n.Pos(), "init function: wiring is read in one place, top to bottom")
		}
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && c.pure {
			c.use(n, c.names[x.Name], n.Sel.Name)
		}
	}
	return true
}

// use looks at package.name in a pure package.
func (c *fileCheck) use(n ast.Node, path, name string) {
	switch {
	case path == "time" && slices.Contains(clock, name):
		c.report(n.Pos(), "time."+name+" in a pure package: now is an argument")
	case path == "math/rand/v2" && !slices.Contains(handedIn, name):
		c.report(n.Pos(), "rand."+name+" in a pure package: random numbers are handed in")
	}
}
