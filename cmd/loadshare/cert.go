package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
	"loadshare/internal/control/ca"
)

func newCert(a *app) *cobra.Command {
	var dir, valid string
	age := func(def time.Duration) (time.Duration, error) {
		if valid == "" {
			return def, nil
		}
		d, err := config.ParseDuration(valid)
		if err != nil || d <= 0 {
			return 0, usagef("--valid %q: accepted: a duration such as 52w or 90d", valid)
		}
		return d, nil
	}
	authority := &cobra.Command{
		Use:   "ca",
		Short: "Make the site's certificate authority: ca.pem and ca.key",
		Long: `Makes a certificate authority in a directory. ca.pem goes to every host; ca.key
stays here, and whoever has it can operate every role: keep the directory off the hosts.`,
		Example: "  loadshare cert ca --dir pki",
		Args:    cobra.NoArgs,
		RunE: a.do(func(*cobra.Command, []string) error {
			d, err := age(ca.AuthorityAge)
			if err != nil {
				return err
			}
			is, err := ca.Create(dir, d, a.now())
			if err != nil {
				return err
			}
			return a.printCerts([]ca.Issued{is}, "next: loadshare cert node NAME...")
		}),
	}
	node := &cobra.Command{
		Use:   "node NAME[,NAME|ADDRESS...]...",
		Short: "Make a certificate and key for each node",
		Long: `Makes NAME.pem and NAME.key for each argument, signed by the authority in the
directory. Further names and addresses of the node follow after commas: an https
address is only accepted by the names in the certificate behind it. Loopback is always
among them.`,
		Example: `  loadshare cert node ns1,192.168.0.10 ns2,192.168.0.11 console
  loadshare status -s https://192.168.0.11:8954 --ca ca.pem --cert console.pem --cert-key console.key`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.do(func(_ *cobra.Command, args []string) error {
			d, err := age(ca.NodeAge)
			if err != nil {
				return err
			}
			var done []ca.Issued
			for _, arg := range args {
				is, err := ca.Issue(dir, strings.Split(arg, ","), d, a.now())
				if err != nil {
					return err
				}
				done = append(done, is)
			}
			return a.printCerts(done, fmt.Sprintf("next: carry each pair and %s to its host, then remove the keys here", ca.CertFile))
		}),
	}
	cmd := group(a, &cobra.Command{
		Use:   "cert",
		Short: "Certificates for agents, control addresses and consoles",
		Long:  "A small certificate authority in files. Shared keys do as well (loadshare key); certificates\nare for sites that want a name for every host.",
	}, authority, node)
	f := cmd.PersistentFlags()
	f.StringVar(&dir, "dir", ".", "directory of the authority")
	f.StringVar(&valid, "valid", "", "how long the certificate is good (default 5 years, an authority 20)")
	return cmd
}

func (a *app) printCerts(list []ca.Issued, next string) error {
	if a.json {
		return a.printJSON(map[string]any{"certificates": list})
	}
	for _, is := range list {
		fmt.Fprintf(a.stdout, "%s and %s: for %s, until %s\n", is.Cert, is.Key, strings.Join(is.Names, ", "), is.Expires.Local().Format("2006-01-02"))
	}
	fmt.Fprintln(a.stdout, next)
	return nil
}
