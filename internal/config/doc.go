// Package config reads the strict TOML files of every role and the key files
// they name. It knows syntax, positions and types; what a key means, its
// default and its limits are said by the role that reads it.
//
// # Reading
//
//	doc, err := config.Open("monitor.toml") // err: the file is not TOML, or cannot be read
//	root := doc.Root()
//	d := root.Table("defaults")
//	cfg.Interval = d.Duration("interval", 5*time.Second, time.Second, time.Hour)
//	for _, p := range root.Tables("pool") { … }
//	problems := doc.Problems()
//
// A reader never stops. After a bad value it records the problem and returns
// the default, so one pass over a file finds everything that is wrong with it.
// Problems adds every key that nobody read: a key is known because code asked
// for it, so there is no second list of keys to keep. Ask for all keys of a
// section before you give up on it, or the rest is reported as unknown.
//
// # Absent sections
//
// Table returns nil when the table is absent, and a nil Section answers every
// read with its default. Required on a nil Section is silent: whether a whole
// section may be left out is the caller's to say, with Present and Fail.
//
// # Positions
//
// The TOML library gives no positions for keys, so lines.go scans the text once
// more and keeps the line of every key, table occurrence and array element.
// Keys are named as an operator counts them: pool[2] is the second [[pool]].
//
// # Secrets
//
// Secrets are in files of their own, in BIND's key syntax (ReadKeys). A TSIGKey
// never prints its secret, and the password of a URL is left out of problems.
//
// What it does not do: reload, watch files, or merge several files.
package config
