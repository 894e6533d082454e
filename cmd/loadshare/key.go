package main

import (
	"encoding/base64"
	"fmt"

	"github.com/spf13/cobra"

	"loadshare/internal/config"
)

func newKey(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "key NAME",
		Short: "Print a new key in BIND's syntax",
		Long: `Prints a new hmac-sha256 key of 256 random bits, in the syntax that BIND,
nsupdate, dig and every ` + "`key = \"FILE\"`" + ` of loadshare read. Nothing is kept: redirect it to a file
that only its user may read, and carry that file to the other end.`,
		Example: `  (umask 077; loadshare key ddns > ddns.key)
  nsupdate -k ddns.key`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.do(func(_ *cobra.Command, args []string) error {
			if err := checkKeyName(args[0]); err != nil {
				return err
			}
			k := config.NewKey(args[0])
			if a.json {
				return a.printJSON(map[string]string{"name": k.Name, "algorithm": k.Algorithm, "secret": base64.StdEncoding.EncodeToString(k.Secret)})
			}
			_, err := fmt.Fprint(a.stdout, k.Text())
			return err
		}),
	}
}

// checkKeyName says what is wrong with a name: a key's name is a domain name (RFC 8945, 4.2).
func checkKeyName(name string) error {
	ok := name != "" && len(name) <= 253
	for _, c := range name {
		ok = ok && (c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !ok || name[0] == '.' {
		return usagef("%q is no key name: use letters, digits, '-', '_' and '.'", name)
	}
	return nil
}
