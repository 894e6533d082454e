package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
)

const (
	maxFileSize = 8 << 20 // bytes of a configuration or key file
	maxDepth    = 64      // arrays and inline tables within each other
)

// Doc is one configuration file and the problems found in it so far.
// It is not safe for concurrent use.
type Doc struct {
	path     string
	root     *Section
	problems Problems
}

// Open reads and parses the file at path. The error is an *Error.
func Open(path string) (*Doc, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, &Error{Problems{{File: path, What: fileReason(err), Accepted: "a readable TOML file"}}}
	}
	return Parse(path, data)
}

// Parse parses data as the contents of the file at path; path is used in
// problems and to resolve relative file names. A syntax error is an *Error that
// names the line.
func Parse(path string, data []byte) (*Doc, error) {
	index, depth := indexLines(data)
	if depth > maxDepth {
		return nil, &Error{Problems{{File: path, Line: 1, What: fmt.Sprintf("values are nested more than %d deep", maxDepth)}}}
	}
	table := map[string]any{}
	if _, err := toml.Decode(string(data), &table); err != nil {
		return nil, &Error{Problems{syntaxProblem(path, data, err)}}
	}
	d := &Doc{path: path}
	d.root = newSection(d, "", table, index)
	d.root.line = 1
	return d, nil
}

func syntaxProblem(path string, data []byte, err error) Problem {
	p := Problem{File: path, Line: 1, What: "not TOML: " + err.Error()}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return p
	}
	p.Line, p.Key = max(pe.Position.Line, 1), pe.LastKey
	if at := pe.Position.Start; at >= 0 && at < len(data) && data[at] == '\n' {
		p.Line = 1 + bytes.Count(data[:at], []byte{'\n'}) // the line that ends too early, not the next
	}
	if pe.Message != "" {
		p.What = "not TOML: " + pe.Message
	}
	return p
}

// Root is the table of the file's first level.
func (d *Doc) Root() *Section { return d.root }

// Path is the file's name as it was given to Open or Parse.
func (d *Doc) Path() string { return d.path }

// Dir is the directory that file names in the configuration are relative to.
func (d *Doc) Dir() string { return filepath.Dir(d.path) }

// Problems are those recorded so far, and one for every key that nobody has
// read, in line order. It may be called again after more reading.
func (d *Doc) Problems() Problems {
	all := slices.Clone(d.problems)
	d.root.unread(&all)
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return all
}

// record keeps a problem once, however often the key is read.
func (d *Doc) record(p Problem) {
	p.File = d.path
	if !slices.Contains(d.problems, p) {
		d.problems = append(d.problems, p)
	}
}

// resolve makes a file name absolute to the configuration's directory.
func (d *Doc) resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.Dir(), name)
}

// readBounded reads a regular file of at most maxFileSize bytes.
func readBounded(path string) ([]byte, error) {
	if err := readable(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFileSize)
	}
	return data, nil
}

// readable says whether path is a regular file that this process may read.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// fileReason is the short reason of a file error, without the path.
func fileReason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
