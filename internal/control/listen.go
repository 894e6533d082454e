package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketMode is the mode of the socket: its owner and group may operate the role.
const socketMode = 0o660

// listenSocket opens the unix socket at path. The socket of a process that
// died is replaced; that of a living one is left alone and is an error.
//
// It listens under another name first and renames, so that the socket never
// stands there with another mode.
func listenSocket(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := checkFree(path); err != nil {
		return nil, err
	}
	name := path + ".new"
	if len(name) > maxSocketPath {
		name = filepath.Join(filepath.Dir(path), ".n")
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln.SetUnlinkOnClose(false)
	if err = os.Chmod(name, socketMode); err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		os.Remove(name)
		ln.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return ln, nil
}

// checkFree reports why a socket cannot be put at path.
func checkFree(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if fi.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("control socket: %s is there already and is no socket: remove it or choose another [control] listen", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("control socket: another process listens at %s: stop it first, or choose another [control] listen", path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("control socket: %s may belong to a living process: %w", path, err)
}
