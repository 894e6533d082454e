package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"loadshare/haserver"
	"loadshare/haserver/zone"
)

func checkZone(file string, data []byte, zoneName string) []finding {
	if zoneName == "" {
		if zoneName = zoneOf(file, data); zoneName == "" {
			return []finding{{Text: file + ": it is not clear which zone this is: say it with --zone NAME, or with $ORIGIN in the file"}}
		}
	}
	origin, err := zone.ParseName(strings.TrimSuffix(zoneName, ".") + ".")
	if err != nil {
		return []finding{{Text: fmt.Sprintf("%s: %q is no zone name: %v", file, zoneName, err)}}
	}
	_, ps := zone.Load(readBounded, origin, file)
	var out []finding
	for _, p := range ps {
		out = append(out, finding{Line: p.Line, Warning: p.Warning, Accepted: p.What, Text: p.String()})
	}
	return out
}

// checkZonesOf reads the zones' files. What is wrong there is a warning: a server reads them when the zone is new, and never again.
func checkZonesOf(file string, conf *haserver.Config) []finding {
	var out []finding
	for i, z := range conf.Zones {
		if z.File == "" || z.Name == "" {
			continue
		}
		_, ps := zone.Load(readBounded, z.Name, z.File)
		key := fmt.Sprintf("zone[%d].file", i+1)
		for _, p := range ps {
			hint := ""
			if !p.Warning {
				hint = "; a server that has no zone " + z.Text + " yet cannot start with it"
			}
			out = append(out, finding{Warning: true, Key: key, Accepted: p.What, Text: fmt.Sprintf("%s: warning: %s: %s%s", file, key, p.String(), hint)})
		}
	}
	return out
}

var (
	originLine = regexp.MustCompile(`(?mi)^\$ORIGIN\s+(\S+)\.\s*(;.*)?$`)
	soaOwner   = regexp.MustCompile(`(?mi)^([^\s;$@]+)\.\s+(\d\S*\s+)?(IN\s+)?(\d\S*\s+)?SOA\s`)
	reversed   = regexp.MustCompile(`^\d{1,3}(\.\d{1,3}){0,3}$`)
)

// zoneOf guesses the name of a zone: $ORIGIN or the owner of the SOA says it, or else the name of the
// file by the custom of BIND: db.mydomain.com, mydomain.com.zone, db.0.168.192.
func zoneOf(file string, data []byte) string {
	head := data[:min(len(data), 64<<10)]
	soa := soaOwner.FindSubmatchIndex(head)
	if m := originLine.FindSubmatchIndex(head); m != nil && (soa == nil || m[0] < soa[0]) {
		return string(head[m[2]:m[3]])
	}
	if soa != nil {
		return string(head[soa[2]:soa[3]])
	}
	name := filepath.Base(file)
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "db."), ".zone"), ".db")
	switch {
	case reversed.MatchString(name):
		return name + ".in-addr.arpa"
	case strings.Contains(name, ".") && !strings.HasSuffix(name, ".txt"):
		return name
	}
	return ""
}
