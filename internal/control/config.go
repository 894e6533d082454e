package control

import (
	"path/filepath"
	"strings"

	"loadshare/internal/config"
)

// DefaultDir is the directory of the sockets of all roles.
const DefaultDir = "/run/loadshare"

// TLS names the files of an https address, PEM each: the authority that both
// ends trust, and the certificate and key that this end shows. The zero value
// is for unix sockets.
type TLS struct {
	CA, Cert, Key string
}

// Config is what a [control] table says.
type Config struct {
	// Role is the role that listens: "monitor", "agent", "dns".
	Role string
	// Listen is never zero after ConfigFrom, unless the table had a problem.
	Listen Address
	// TLS is complete for https and empty for a socket.
	TLS TLS
}

// DefaultAddress is where a role listens when nothing else is said.
func DefaultAddress(role string) Address {
	return Address{Socket: filepath.Join(DefaultDir, role+".sock")}
}

// ConfigFrom reads a [control] table; s may be nil. Keys: listen, and for
// https ca, cert and cert_key, without which https is refused. Problems are
// kept in the section's document. Nothing is opened.
func ConfigFrom(s *config.Section, role string) Config {
	c := Config{Role: role, Listen: DefaultAddress(role)}
	c.TLS = TLS{CA: s.File("ca"), Cert: s.File("cert"), Key: s.File("cert_key")}
	text := s.String("listen", c.Listen.String())
	text = ResolveAddress(s, "listen", text)
	a, err := ParseAddress(text)
	if err != nil {
		s.Fail("listen", "unix:/path/to/socket (up to 107 bytes), or https://address:port with ca, cert and cert_key; "+err.Error())
		return Config{Role: role}
	}
	c.Listen = a
	if a.Host != "" {
		for key, value := range map[string]string{"ca": c.TLS.CA, "cert": c.TLS.Cert, "cert_key": c.TLS.Key} {
			if value == "" && !s.Has(key) {
				s.Fail(key, "a PEM file: https needs ca, cert and cert_key, so that both ends prove who they are (loadshare cert makes them)")
			}
		}
		if c.TLS.CA != "" && c.TLS.Cert != "" && c.TLS.Key != "" {
			if _, err := c.TLS.load(); err != nil {
				s.Fail("cert", "a certificate and key that belong together, of the authority in ca: "+err.Error())
			}
		}
	}
	return c
}

// ResolveAddress makes the path of a socket that is the value of key relative to the configuration's directory, as
// all paths in a configuration are; other addresses come back as they are.
func ResolveAddress(s *config.Section, key, text string) string {
	rel, ok := strings.CutPrefix(text, "unix:")
	if !ok || rel == "" || filepath.IsAbs(rel) {
		return text
	}
	// Path takes "unix:run/x.sock" for a name in the configuration's directory.
	dir := strings.TrimSuffix(s.Path(key, ""), filepath.Clean(text))
	return "unix:" + filepath.Join(dir, rel)
}
