package importer

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// bindSource is what was read of named.conf and the files that it includes.
type bindSource struct {
	files     []string // names of the inputs
	file      string   // the one being read
	directory string
	listen    []string
	nsid      string
	keys      []bindKey
	acls      map[string][]bindStatement
	servers   map[string][]bindStatement // lists for also-notify
	zones     []bindZone
	transfer  []bindStatement // of options
	update    []bindStatement
	notify    []bindStatement
	hasXfer   bool
	notes     []string
}

type bindKey struct{ name, algorithm, secret string }

type bindZone struct {
	name, file  string
	update      []string
	transfer    []string
	notify      []string
	notifyKey   string
	statement   bindStatement
	statementIn string // file
}

// Bind turns named.conf and the files that it includes into dns.toml and a file with the keys. It fails when a file cannot be
// read as one of BIND's, or when there is no primary zone in them.
func Bind(files []File) (Result, error) {
	if len(files) == 0 {
		return Result{}, errors.New("no file to import: give named.conf, and the files that it includes")
	}
	s := &bindSource{acls: map[string][]bindStatement{}, servers: map[string][]bindStatement{}}
	for _, f := range files {
		s.files = append(s.files, filepath.Base(f.Name))
	}
	type parsed struct {
		name string
		list []bindStatement
	}
	var all []parsed
	for _, f := range files {
		if len(f.Data) > MaxInput {
			return Result{}, fmt.Errorf("%s: larger than %d bytes", f.Name, MaxInput)
		}
		list, err := parseBind(string(f.Data))
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		all = append(all, parsed{f.Name, list})
	}
	for _, f := range all {
		s.file = f.name
		s.top(f.list, "")
	}
	if len(s.zones) == 0 {
		return Result{}, errors.New(strings.Join(append([]string{"there is no zone of type primary (or master) in these files"}, s.notes...), "\n"))
	}
	for i := range s.zones {
		s.finish(&s.zones[i])
	}
	s.closing()
	res := Result{Files: []Output{{"dns.toml", s.render()}}}
	if len(s.keys) > 0 {
		res.Files = append(res.Files, Output{"bind.keys", s.renderKeys()})
	}
	res.Notes = s.notes
	return res, nil
}

// BindIncludes are the files that one of BIND's names by include, as it names them; none when it cannot be read.
func BindIncludes(data []byte) (names []string) {
	if len(data) > MaxInput {
		return nil
	}
	list, err := parseBind(string(data))
	if err != nil {
		return nil
	}
	for _, st := range list {
		switch strings.ToLower(st.word(0)) {
		case "include":
			names = append(names, st.word(1))
		case "view":
			for _, in := range st.block {
				if strings.EqualFold(in.word(0), "include") {
					names = append(names, in.word(1))
				}
			}
		}
	}
	return names
}

func (s *bindSource) note(line int, format string, args ...any) {
	at := ""
	if line > 0 {
		at = fmt.Sprintf("%s:%d: ", s.file, line)
	}
	s.notes = append(s.notes, at+fmt.Sprintf(format, args...))
}

// top reads the statements of a file, or of a view.
func (s *bindSource) top(list []bindStatement, view string) {
	for _, st := range list {
		switch strings.ToLower(st.word(0)) {
		case "options":
			s.options(st.block)
		case "key":
			s.key(st)
		case "acl":
			s.acls[st.word(1)] = st.block
		case "primaries", "masters", "remote-servers":
			s.servers[st.word(1)] = st.block
		case "include":
			if !slices.Contains(s.files, filepath.Base(st.word(1))) {
				s.note(st.line, "include %q was not given: give that file, too, or what is in it is missing here", st.word(1))
			}
		case "view":
			s.note(st.line, "view %q: there are no views here; its zones are taken as the server's own, for every client", st.word(1))
			s.top(st.block, st.word(1))
		case "zone":
			s.zone(st, view)
		case "controls", "logging", "statistics-channels", "rndc-key":
			// of the running of named, not of its zones
		case "match-clients", "match-destinations", "match-recursive-only":
		default:
			s.note(st.line, "%s: not taken over", st.text())
		}
	}
}

func (s *bindSource) options(list []bindStatement) {
	for _, st := range list {
		switch strings.ToLower(st.word(0)) {
		case "directory":
			s.directory = st.word(1)
		case "listen-on", "listen-on-v6":
			s.listenOn(st)
		case "server-id":
			if id := st.word(1); id != "none" && id != "hostname" {
				s.nsid = id
			}
		case "allow-transfer":
			s.transfer, s.hasXfer = st.block, true
		case "allow-update":
			s.update = st.block
		case "also-notify":
			s.notify = st.block
		case "allow-query", "allow-query-cache", "version", "pid-file", "dump-file", "statistics-file", "memstatistics-file", "managed-keys-directory",
			"session-keyfile", "querylog", "minimal-responses", "minimal-any", "edns-udp-size", "max-udp-size", "dnssec-validation", "auth-nxdomain", "geoip-directory", "bindkeys-file":
		case "recursion":
			if !strings.EqualFold(st.word(1), "no") {
				s.note(st.line, "recursion yes: loadshare answers for its zones only; leave the resolver on another address")
			}
		default:
			s.note(st.line, "options: %s: not taken over", st.text())
		}
	}
}

func (s *bindSource) listenOn(st bindStatement) {
	port := "53"
	for i, w := range st.words {
		if strings.EqualFold(w, "port") {
			port = st.word(i + 1)
		} else if i > 0 && !strings.EqualFold(st.word(i-1), "port") {
			s.note(st.line, "%s: %q is not taken over", st.text(), w)
		}
	}
	any := "0.0.0.0"
	if st.is("listen-on-v6") {
		any = "::"
	}
	for _, e := range st.block {
		text := e.word(0)
		if text == "any" {
			text = any
		}
		a, err := netip.ParseAddr(text)
		switch {
		case text == "none":
		case err != nil:
			s.note(e.line, "%s %s: write the addresses into `listen` by hand", st.word(0), e.text())
		default:
			s.listen = append(s.listen, joinPort(a, port))
		}
	}
}

func joinPort(a netip.Addr, port string) string {
	if a.Is6() {
		return "[" + a.String() + "]:" + port
	}
	return a.String() + ":" + port
}

func (s *bindSource) key(st bindStatement) {
	k := bindKey{name: strings.TrimSuffix(strings.ToLower(st.word(1)), "."), algorithm: "hmac-sha256"}
	for _, e := range st.block {
		switch {
		case e.is("algorithm"):
			k.algorithm = strings.ToLower(e.word(1))
		case e.is("secret"):
			k.secret = e.word(1)
		}
	}
	switch {
	case k.name == "" || k.secret == "":
		s.note(st.line, "key %q has no name or no secret: left out", k.name)
	case strings.HasPrefix(k.algorithm, "hmac-md5"):
		s.note(st.line, "key %q is of hmac-md5, which is not accepted here: make another one with `loadshare key %s` and give it to its clients", k.name, k.name)
	case slices.ContainsFunc(s.keys, func(o bindKey) bool { return o.name == k.name }):
		s.note(st.line, "key %q stands twice: the first one is taken", k.name)
	default:
		s.keys = append(s.keys, k)
	}
}

func (s *bindSource) zone(st bindStatement, view string) {
	z := bindZone{name: strings.TrimSuffix(st.word(1), "."), statement: st, statementIn: s.file}
	kind := ""
	for _, e := range st.block {
		switch {
		case e.is("type"):
			kind = strings.ToLower(e.word(1))
		case e.is("file"):
			z.file = e.word(1)
		}
	}
	switch {
	case z.name == "" && st.word(1) == ".":
		s.note(st.line, "zone \".\" (%s): not taken over", kind)
	case strings.EqualFold(st.word(2), "CH") || strings.EqualFold(st.word(2), "HS"):
		s.note(st.line, "zone %q is of class %s: not taken over", z.name, st.word(2))
	case kind != "primary" && kind != "master":
		s.note(st.line, "zone %q is of type %s: loadshare serves primary zones; not taken over", z.name, kind)
	case slices.ContainsFunc(s.zones, func(o bindZone) bool { return strings.EqualFold(o.name, z.name) }):
		s.note(st.line, "zone %q stands twice (view %q): the first one is taken", z.name, view)
	default:
		s.zones = append(s.zones, z)
	}
}

// closing says what holds for all of it.
func (s *bindSource) closing() {
	s.file = ""
	s.note(0, "zones that clients change: named keeps changes in a journal beside the file; before the files are used here type `rndc sync -clean`, and stop named")
	if !s.hasXfer {
		s.note(0, "named lets everybody transfer zones where nothing else is said, older versions at least; here nobody may: add to `transfer` who needs it")
	}
	s.note(0, "then: loadshare check dns.toml")
}
