package config

import "errors"

// Read opens the file at path and has a role make its configuration of it. Of a file that cannot be read, or is not TOML, that is the
// only problem, and the configuration is nil.
func Read[T any](path string, role func(*Doc) (*T, Problems)) (*T, Problems) {
	doc, err := Open(path)
	return made(path, doc, err, role)
}

// ReadText is Read for a text; path is used in problems and where relative file names start.
func ReadText[T any](path string, data []byte, role func(*Doc) (*T, Problems)) (*T, Problems) {
	doc, err := Parse(path, data)
	return made(path, doc, err, role)
}

func made[T any](path string, doc *Doc, err error, role func(*Doc) (*T, Problems)) (*T, Problems) {
	var e *Error
	switch {
	case err == nil:
		return role(doc)
	case errors.As(err, &e):
		return nil, e.Problems
	}
	return nil, Problems{{File: path, What: err.Error()}}
}
