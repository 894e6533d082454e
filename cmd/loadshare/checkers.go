package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"loadshare/agent"
	"loadshare/ddns"
	dhcpconfig "loadshare/dhcp/config"
	"loadshare/haserver"
	"loadshare/internal/config"
	"loadshare/monitor"
)

// maxCheck is the most bytes of a file that are read.
const maxCheck = 1 << 30

// checkers know what is right for each kind; data is the content of file.
var checkers = map[kind]func(file string, data []byte, zoneName string) []finding{
	kindMonitor: func(file string, _ []byte, _ string) []finding {
		_, ps := monitor.LoadConfig(file)
		return fromConfig(ps)
	},
	kindAgent: func(file string, _ []byte, _ string) []finding {
		_, ps := agent.LoadConfig(file)
		return fromConfig(ps)
	},
	kindDNS: func(file string, _ []byte, _ string) []finding {
		conf, ps := haserver.LoadConfig(file)
		return append(fromConfig(ps), checkZonesOf(file, conf)...)
	},
	kindDHCP: func(file string, _ []byte, _ string) []finding {
		_, ps := dhcpconfig.Load(file)
		return fromConfig(ps)
	},
	kindZone:   checkZone,
	kindNormal: checkNormal,
	kindKey:    checkKey,
}

func checkKinds() []string {
	var names []string
	for k := range maps.Keys(checkers) {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// checkFile reads one file and lets the checker of its kind judge it.
func checkFile(file string, as kind, zoneName string) checked {
	r := checked{File: file, Kind: as, Problems: []finding{}}
	fail := func(format string, args ...any) checked {
		r.Problems = append(r.Problems, finding{Text: file + ": " + fmt.Sprintf(format, args...)})
		return r
	}
	data, err := readBounded(file)
	if err != nil {
		return fail("cannot be read: %v", reason(err))
	}
	if r.Kind == kindUnknown {
		r.Kind = kindOf(data)
	}
	check := checkers[r.Kind]
	switch {
	case r.Kind == kindUnknown:
		return fail("it is not clear what this file is: accepted: --kind with one of %s", strings.Join(checkKinds(), ", "))
	case check == nil:
		return fail("this is the configuration of the role %s, which this version does not have", r.Kind)
	}
	r.Problems = append(r.Problems, check(file, data, zoneName)...)
	r.OK = !slices.ContainsFunc(r.Problems, func(f finding) bool { return !f.Warning })
	return r
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCheck+1))
	if err == nil && len(data) > maxCheck {
		err = fmt.Errorf("it has more than %d bytes", maxCheck)
	}
	return data, err
}

// reason is the cause of an error of the file system, without the path that is said already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func fromConfig(ps config.Problems) []finding {
	var out []finding
	for _, p := range ps {
		out = append(out, finding{Line: p.Line, Warning: p.Warning, Key: p.Key, Value: p.Value, Accepted: p.Accepted, Text: p.String()})
	}
	return out
}

func checkNormal(file string, data []byte, _ string) []finding {
	_, ps := ddns.ParseNormal(data)
	var out []finding
	for _, p := range ps {
		out = append(out, finding{Line: p.Line, Warning: p.Warning, Value: p.Word, Accepted: p.Accepted, Text: file + ":" + p.String()})
	}
	return out
}

func checkKey(file string, _ []byte, _ string) []finding {
	keys, err := config.ReadKeys(file)
	if err != nil {
		return []finding{{Text: err.Error()}}
	}
	var out []finding
	for _, k := range keys {
		if len(k.Secret) < 16 {
			out = append(out, finding{Warning: true, Text: fmt.Sprintf("%s: warning: key %q has %d bits: agents and pairs refuse less than 128 (loadshare key %s)", file, k.Name, 8*len(k.Secret), k.Name)})
		}
	}
	return out
}
