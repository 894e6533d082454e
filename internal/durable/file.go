package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by data, whole or not at all, also across
// a crash: it writes a new file beside it, syncs it, renames it over path, and
// syncs the directory. The file gets exactly perm, whatever the umask. If path
// is a symbolic link, the link is replaced.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return theDisk.writeFile(path, data, perm)
}

// disk is what WriteFile does to the disk, so that tests can watch it and fail it.
type disk struct {
	create  func(dir, pattern string) (newFile, error)
	rename  func(oldPath, newPath string) error
	syncDir func(dir string) error
}

type newFile interface {
	Name() string
	Write(p []byte) (int, error)
	Chmod(perm fs.FileMode) error
	Sync() error
	Close() error
}

var theDisk = disk{
	create:  func(dir, pattern string) (newFile, error) { return os.CreateTemp(dir, pattern) },
	rename:  os.Rename,
	syncDir: syncDir,
}

func (d disk) writeFile(path string, data []byte, perm fs.FileMode) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := d.create(dir, "."+base+".new-*")
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	err = fill(f, data, perm)
	if err == nil {
		err = d.rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	if err := d.syncDir(dir); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

// fill writes, syncs and closes a new file.
func fill(f newFile, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a directory, mode 0700, and its missing parents, and makes each
// new name durable.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("a file is in the way")}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}
