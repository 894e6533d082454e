package option

import (
	"errors"
	"strings"
)

// The flags of option 81 (RFC 4702, 2.1).
const (
	fqdnServer   = 0x01
	fqdnOverride = 0x02
	fqdnEncoded  = 0x04
	fqdnNoUpdate = 0x08
)

// FQDN is option 81, Client FQDN (RFC 4702). The two RCODE fields are always sent as 255 and never read.
type FQDN struct {
	Server   bool // S: the server makes the A record
	Override bool // O: the server decided S otherwise than the client asked
	NoUpdate bool // N: the server makes no records
	Encoded  bool // E: the name is in DNS wire form; false is the deprecated ASCII form
	// Name is without a dot at the end; special octets as \DDD (of wire form). "" is none: the client wants the server to give one.
	Name string
	// Full says that the name is complete: in wire form its end is marked, in ASCII it has a dot. Else its domain must be added.
	Full bool
}

var errFQDN = errors.New("option 81 is malformed")

// ParseFQDN reads option 81.
func ParseFQDN(data []byte) (FQDN, error) {
	if len(data) < 3 {
		return FQDN{}, errFQDN
	}
	f := FQDN{
		Server: data[0]&fqdnServer != 0, Override: data[0]&fqdnOverride != 0,
		NoUpdate: data[0]&fqdnNoUpdate != 0, Encoded: data[0]&fqdnEncoded != 0,
	}
	var err error
	if f.Encoded {
		f.Name, f.Full, err = partialName(data[3:])
	} else {
		f.Name, f.Full, err = asciiName(data[3:])
	}
	return f, err
}

// partialName reads labels with or without the root at the end.
func partialName(data []byte) (name string, full bool, err error) {
	if len(data) == 0 {
		return "", false, nil
	}
	if name, next, err := nameAt(data, 0, false); err == nil {
		if next != len(data) || name == "." {
			return "", false, errFQDN
		}
		return name, true, nil
	}
	ended := append(append(make([]byte, 0, len(data)+1), data...), 0)
	name, next, err := nameAt(ended, 0, false)
	if err != nil || next != len(ended) {
		return "", false, errFQDN
	}
	return name, false, nil
}

// asciiName reads the deprecated form. Some clients end it with a NUL, which is no part of it.
func asciiName(data []byte) (name string, full bool, err error) {
	for len(data) > 0 && data[len(data)-1] == 0 {
		data = data[:len(data)-1]
	}
	for _, c := range data {
		if c <= ' ' || c >= 0x7f {
			return "", false, errFQDN
		}
	}
	if len(data) > maxName-1 {
		return "", false, errFQDN
	}
	name = strings.TrimSuffix(string(data), ".")
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "", false, errFQDN
	}
	return name, strings.Contains(string(data), ".") && name != "", nil
}

// Append adds the option's octets. With N there is no S (RFC 4702, 2.1).
func (f FQDN) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, f.flags(), 255, 255)
	if !f.Encoded {
		// A complete name of one label needs the dot to be told from an incomplete one.
		if dst = append(dst, f.Name...); f.Full && f.Name != "" && !strings.Contains(f.Name, ".") {
			dst = append(dst, '.')
		}
		if _, _, err := asciiName(dst[start+3:]); err != nil {
			return dst[:start], err
		}
		return dst, nil
	}
	if f.Name == "" {
		return dst, nil
	}
	dst, err := AppendName(dst, f.Name)
	if err != nil {
		return dst[:start], err
	}
	if !f.Full {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

func (f FQDN) flags() (b byte) {
	if f.Server && !f.NoUpdate {
		b |= fqdnServer
	}
	if f.Override {
		b |= fqdnOverride
	}
	if f.Encoded {
		b |= fqdnEncoded
	}
	if f.NoUpdate {
		b |= fqdnNoUpdate
	}
	return b
}
