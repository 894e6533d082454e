package importer

import (
	"errors"

	"loadshare/internal/config"
)

// MaxInput bounds one input file, in bytes.
const MaxInput = 1 << 20

// MaxChecks bounds the check_serverN lines of one import.
const MaxChecks = 10000

// Phonax turns the files of the old package into monitor.toml, agent.toml,
// normal-dns and the key files they name. key becomes agent.key: the monitor
// and all agents share it. It fails when nothing can be made of a file, or when
// the monitor's file names no DNS server.
func Phonax(files []File, key config.TSIGKey) (Result, error) {
	if len(files) == 0 {
		return Result{}, errors.New("no file to import: give failover-monitor.config, failover.config or normal-dns")
	}
	var src source
	for _, f := range files {
		if err := src.read(f); err != nil {
			return Result{}, err
		}
	}
	if src.monitorFile != "" && len(src.dnsServers) == 0 {
		return Result{}, errors.New(src.monitorFile + ": no usable bind8_dns_server1: add the address of the DNS server on which records are changed")
	}
	pools := src.pools()
	lines := src.normalLines(pools)
	src.generalNotes(pools)
	var res Result
	if src.monitorFile != "" {
		res.Files = append(res.Files, Output{"monitor.toml", src.monitorTOML(pools)})
	}
	res.Files = append(res.Files,
		Output{"agent.toml", src.agentTOML(pools, lines)},
		Output{"normal-dns", renderNormal(lines)},
		Output{"agent.key", key.Text()},
		Output{"ddns.key", config.NewKey("ddns").Text()},
	)
	res.Notes = src.notes
	return res, nil
}
