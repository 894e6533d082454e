package control

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// maxSocketPath is what fits in sockaddr_un.sun_path with its final NUL (unix(7)).
const maxSocketPath = 107

// Address says where a role listens for its operator. The zero value is no address.
type Address struct {
	// Socket is the path of a unix socket; "" for https.
	Socket string
	// Host is HOST:PORT for https; "" for a unix socket.
	Host string
}

// ParseAddress reads the forms that `-s` and `[control] listen` take:
// unix:/path, /path (or ./path) and https://host:port.
func ParseAddress(text string) (Address, error) {
	const accepted = "unix:/path/to/socket, /path/to/socket or https://host:port"
	switch {
	case strings.HasPrefix(text, "unix:"):
		return socketAddress(strings.TrimPrefix(text, "unix:"))
	case strings.HasPrefix(text, "/"), strings.HasPrefix(text, "./"), strings.HasPrefix(text, "../"):
		return socketAddress(text)
	case strings.HasPrefix(text, "http://"):
		return Address{}, fmt.Errorf("%q would carry orders in the clear: use %s", text, accepted)
	case !strings.HasPrefix(text, "https://"):
		return Address{}, fmt.Errorf("%q is no control address: use %s", text, accepted)
	}
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, fmt.Errorf("%q is no control address: use %s", text, accepted)
	}
	if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" || u.Hostname() == "" {
		return Address{}, fmt.Errorf("%q lacks a host or a port: use https://host:port", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return Address{}, fmt.Errorf("%q has more than a host and a port: use https://host:port", text)
	}
	return Address{Host: u.Host}, nil
}

func socketAddress(path string) (Address, error) {
	if path == "" {
		return Address{}, fmt.Errorf("the socket has no path: use unix:/path/to/socket")
	}
	path = filepath.Clean(path)
	if len(path) > maxSocketPath {
		return Address{}, fmt.Errorf("the socket path %s has %d bytes: the system takes at most %d", path, len(path), maxSocketPath)
	}
	return Address{Socket: path}, nil
}

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a == Address{} }

// String is the address in the form that ParseAddress reads.
func (a Address) String() string {
	switch {
	case a.Socket != "":
		return "unix:" + a.Socket
	case a.Host != "":
		return "https://" + a.Host
	}
	return ""
}
