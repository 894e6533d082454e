package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// watched is a disk that notes what is done and fails at one step.
func watched(steps *[]string, failAt string) disk {
	step := func(name string) error {
		*steps = append(*steps, name)
		if name == failAt {
			return syscall.EIO
		}
		return nil
	}
	return disk{
		create: func(dir, pattern string) (newFile, error) {
			if err := step("create"); err != nil {
				return nil, err
			}
			f, err := os.CreateTemp(dir, pattern)
			return watchedFile{f, step}, err
		},
		rename: func(o, n string) error {
			if err := step("rename"); err != nil {
				return err
			}
			return os.Rename(o, n)
		},
		syncDir: func(string) error { return step("sync dir") },
	}
}

type watchedFile struct {
	*os.File
	step func(string) error
}

func (f watchedFile) Write(p []byte) (int, error) {
	if err := f.step("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f watchedFile) Chmod(perm fs.FileMode) error {
	return errors.Join(f.step("chmod"), f.File.Chmod(perm))
}
func (f watchedFile) Sync() error  { return errors.Join(f.step("sync"), f.File.Sync()) }
func (f watchedFile) Close() error { return errors.Join(f.step("close"), f.File.Close()) }

// TestWriteFileOrder: "write, fsync, rename, fsync the directory".
func TestWriteFileOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var steps []string
	if err := watched(&steps, "").writeFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "write", "chmod", "sync", "close", "rename", "sync dir"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
}

// TestWriteFileWholeOrNot: whichever step fails, the error says so, the old or
// the new content is there whole, and nothing is left beside it.
func TestWriteFileWholeOrNot(t *testing.T) {
	for _, failAt := range []string{"create", "write", "chmod", "sync", "close", "rename", "sync dir"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		var steps []string
		if err := watched(&steps, failAt).writeFile(path, []byte("new"), 0o600); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: error %v", failAt, err)
		}
		want := "old"
		if failAt == "sync dir" { // it is renamed, but may not survive a crash
			want = "new"
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", failAt, got, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: left %v, %v", failAt, left, err)
		}
	}
}

func TestWriteFileMode(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v: exactly perm, whatever the umask", info.Mode(), err)
	}
}

func TestMakeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second finds it there
		if err := makeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(file); err == nil {
		t.Error("a file in the way is no directory")
	}
}
