package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

func newApp(stdin interface{ Read([]byte) (int, error) }, stdout, stderr interface{ Write([]byte) (int, error) }) *app {
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, env: os.Getenv}
}

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "loadshare",
		Short: "Keep names pointing at what works",
		Long: `loadshare watches services, takes the address of one that fails out of DNS,
restarts it, and puts the address back when it answers again. It brings its own
pair of DNS servers, or works with any that take RFC 2136 updates.

One binary, a role a subcommand. Roles run in the foreground and log to stderr;
the other commands talk to a running role through its control address.`,
		Example: `  loadshare demo                       see the whole system work on this machine
  loadshare check monitor.toml         is this configuration right?
  loadshare status                     how are the roles on this host?
  loadshare pool why www.mydomain.com  why is this address in or out?`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v (see %s --help)", err, cmd.CommandPath())
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.server, "server", "s", "", "control address of the role: unix:/path or https://host:port")
	f.StringVarP(&a.file, "config", "c", "", "configuration file: of the role to run, or to take the control address from")
	f.BoolVar(&a.json, "json", false, "print JSON")
	f.StringVar(&a.tls.CA, "ca", "", "for https: certificate of the site's authority")
	f.StringVar(&a.tls.Cert, "cert", "", "for https: our certificate")
	f.StringVar(&a.tls.Key, "cert-key", "", "for https: the key of our certificate")
	f.StringVar(&a.log.Format, "log-format", "text", "log of a role on stderr: text or json")
	f.StringVar(&a.log.Level, "log-level", "info", "what a role logs: debug, info, warn or error")
	root.AddGroup(&cobra.Group{ID: "roles", Title: "Roles:"}, &cobra.Group{ID: "operate", Title: "Operating:"}, &cobra.Group{ID: "prepare", Title: "Preparing:"})
	add := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("roles", newMonitor(a), newAgent(a), newDNS(a), newDHCP(a), newDemo(a))
	add("prepare", newCheck(a), newKey(a), newCert(a), newImport(a))
	add("operate", newStatus(a), newReady(a), newPool(a), newNormalDNS(a), newZone(a), newHA(a), newPair(a), newDHCPPair(a), newLease(a))
	root.AddCommand(newDemoService(a))
	root.Args = cobra.NoArgs
	root.RunE = a.do(func(cmd *cobra.Command, _ []string) error {
		cmd.SetOut(a.stderr)
		if err := cmd.Help(); err != nil {
			return err
		}
		return &silentError{exitUsage}
	})
	return root
}

// version is what the build knows of itself: a release's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, commit, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ", modified"
		}
	}
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	if commit != "" {
		v += " (" + commit + dirty + ")"
	}
	return v
}
