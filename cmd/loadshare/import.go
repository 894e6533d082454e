package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
	"loadshare/internal/durable"
	"loadshare/internal/importer"
)

func newImport(a *app) *cobra.Command {
	var dir string
	phonax := &cobra.Command{
		Use:   "phonax FILE...",
		Short: "From the failover package of 2000: failover-monitor.config, failover.config, normal-dns",
		Long: `Reads the files of the "Dynamic DNS load sharing with failover" package, in any order and by
whatever names, and prints our configuration files and what does not map. The old password is
not taken over: a new key is made for monitor and agents.

With --to DIR the files are written there instead, mode 0600; none is overwritten.`,
		Example: "  loadshare import phonax /etc/failover-monitor.config /etc/failover.config normal-dns --to /etc/loadshare",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.importing(&dir, func(files []importer.File) (importer.Result, error) {
			return importer.Phonax(files, config.NewKey("agent"))
		}),
	}
	bind := &cobra.Command{
		Use:   "bind FILE...",
		Short: "From BIND: named.conf and the files that it includes",
		Long: `Reads named.conf and the files that it includes (those that cannot be read are named; give copies of
them as well), and prints the configuration of a DNS server of ours with its primary zones, who may update
and transfer them and who is told, the keys, and what does not map.
The zone files stay where they are.

With --to DIR the files are written there instead, mode 0600; none is overwritten.`,
		Example: "  loadshare import bind /etc/bind/named.conf --to /etc/loadshare",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.importing(&dir, func(files []importer.File) (importer.Result, error) {
			return importer.Bind(withIncludes(files, importer.BindIncludes))
		}),
	}
	dhcpd := &cobra.Command{
		Use:   "dhcpd FILE...",
		Short: "From ISC dhcpd: dhcpd.conf, the files that it includes, dhcpd.leases",
		Long: `Reads dhcpd.conf and the files that it includes (those that cannot be read are named; give copies of
them as well), and prints the configuration of a DHCP server of ours, and what does not map. With
dhcpd.leases among the files the leases that are not over are printed as well, one JSON object a line.

With --to DIR the files are written there instead, mode 0600; none is overwritten.`,
		Example: "  loadshare import dhcpd /etc/dhcp/dhcpd.conf /var/lib/dhcp/dhcpd.leases --to /etc/loadshare",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.importing(&dir, func(files []importer.File) (importer.Result, error) {
			return importer.DHCPD(withIncludes(files, importer.DHCPDIncludes))
		}),
	}
	kea := &cobra.Command{
		Use:   "kea FILE...",
		Short: "From Kea: kea-dhcp4.conf, kea-dhcp-ddns.conf, the memfile of leases",
		Long: `Reads the configuration of Kea's DHCPv4 server, perhaps that of its DDNS server, and perhaps the CSV file
of leases, told apart by what is in them, and prints the configuration of a DHCP server of ours, the leases
that are not over, one JSON object a line, and what does not map. High availability becomes a pair of ours,
with a new key.

With --to DIR the files are written there instead, mode 0600; none is overwritten.`,
		Example: "  loadshare import kea /etc/kea/kea-dhcp4.conf /var/lib/kea/kea-leases4.csv --to /etc/loadshare",
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.importing(&dir, importer.Kea),
	}
	kea.Flags().StringVar(&dir, "to", "", "directory to write the files to, instead of printing them")
	dhcpd.Flags().StringVar(&dir, "to", "", "directory to write the files to, instead of printing them")
	bind.Flags().StringVar(&dir, "to", "", "directory to write the files to, instead of printing them")
	phonax.Flags().StringVar(&dir, "to", "", "directory to write the files to, instead of printing them")
	return group(a, &cobra.Command{
		Use:   "import",
		Short: "Turn the configuration of another system into ours",
	}, bind, dhcpd, kea, phonax)
}

// importing reads the files that are named and prints what read makes of them.
func (a *app) importing(dir *string, read func([]importer.File) (importer.Result, error)) func(*cobra.Command, []string) error {
	return a.do(func(_ *cobra.Command, args []string) error {
		var files []importer.File
		for _, name := range args {
			data, err := readBounded(name)
			if err != nil {
				return usagef("%s: %v", name, reason(err))
			}
			files = append(files, importer.File{Name: name, Data: data})
		}
		r, err := read(files)
		if err != nil {
			return usagef("%v", err)
		}
		return a.printImport(r, *dir)
	})
}

// maxIncluded bounds how many files one file leads to.
const maxIncluded = 100

// withIncludes adds the files that the files include, unless one of that name was given. What cannot be read is left to the importer to
// name.
func withIncludes(files []importer.File, includes func([]byte) []string) []importer.File {
	given := map[string]bool{}
	for _, f := range files {
		given[filepath.Base(f.Name)] = true
	}
	for i := 0; i < len(files) && len(files) < maxIncluded; i++ {
		for _, name := range includes(files[i].Data) {
			path := name
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(files[i].Name), path)
			}
			if given[filepath.Base(name)] {
				continue
			}
			if data, err := readBounded(path); err == nil {
				files = append(files, importer.File{Name: path, Data: data})
				given[filepath.Base(name)] = true
			}
		}
	}
	return files
}

func (a *app) printImport(r importer.Result, dir string) error {
	if dir != "" {
		if err := writeImport(r, dir); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"files": r.Files, "notes": r.Notes})
	}
	for _, f := range r.Files {
		if dir != "" {
			a.printf("%s written\n", filepath.Join(dir, f.Name))
		} else {
			a.printf("# ---- %s ----\n%s\n", f.Name, strings.TrimRight(f.Text, "\n")+"\n")
		}
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(a.stderr, "\nWhat does not map, and what to do:")
	}
	for _, n := range r.Notes {
		fmt.Fprintln(a.stderr, "- "+n)
	}
	return nil
}

// writeImport writes the files, all or none as far as can be known beforehand.
func writeImport(r importer.Result, dir string) error {
	for _, f := range r.Files {
		if _, err := os.Lstat(filepath.Join(dir, f.Name)); err == nil {
			return usagef("%s is there already and is not overwritten", filepath.Join(dir, f.Name))
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, f := range r.Files {
		if err := durable.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
