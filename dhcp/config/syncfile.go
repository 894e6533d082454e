package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/durable"
)

// SyncResult is what a synchronisation changes at the destination, or has changed.
type SyncResult struct {
	Changes []Change `json:"changes"`
	File    string   `json:"file"` // that was written; "" when nothing was
	Kept    string   `json:"kept"` // the file that holds what it was before
}

// maxText is the most bytes of a configuration that is exchanged.
const maxText = 8 << 20

// SyncSource is this server's configuration as it stands in its file, for a partner to take from. A file with errors is refused: what is
// wrong here must not spread.
func SyncSource(path string) ([]byte, error) {
	if _, problems := Load(path); problems.Err() != nil {
		return nil, fmt.Errorf("the configuration of the source has errors: %w", problems.Err())
	}
	data, err := os.ReadFile(path)
	if err == nil && len(data) > maxText {
		err = fmt.Errorf("%s has more than %d bytes", path, maxText)
	}
	return data, err
}

// SyncFile makes the configuration at path like the source's text: see [Sync]. With run it is written, if it is good and anything changes;
// the old one is kept beside it, with the time in its name. Who calls reloads. Where the file may not be written, what it should hold is
// left in stateDir, and the error says so.
func SyncFile(op Operation, pair string, source []byte, path, stateDir string, run bool, now time.Time) (SyncResult, error) {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays, what it names is written
	}
	own, err := os.ReadFile(path)
	if err != nil {
		return SyncResult{}, fmt.Errorf("configuration of the destination: %w", err)
	}
	text, changes, err := Sync(op, pair, string(source), string(own))
	if err != nil {
		return SyncResult{}, err
	}
	result := SyncResult{Changes: append([]Change{}, changes...)}
	if _, problems := Parse(path, []byte(text)); problems.Err() != nil {
		return result, refused(problems)
	}
	if !run || len(changes) == 0 {
		return result, nil
	}
	result.File, result.Kept = path, path+now.Format(".20060102T150405")
	return result, write(path, result.Kept, stateDir, own, []byte(text))
}

// refused says why the result would be no configuration of the destination; its lines are those of the result.
func refused(problems config.Problems) error {
	return fmt.Errorf("the destination could not use the result, so nothing is changed: %w", problems.Err())
}

func write(path, kept, stateDir string, own, text []byte) error {
	perm := fs.FileMode(0o640)
	if info, err := os.Stat(path); err == nil {
		perm = info.Mode().Perm()
	}
	err := durable.WriteFile(kept, own, perm)
	if err == nil {
		err = durable.WriteFile(path, text, perm)
	}
	if err == nil {
		return nil
	}
	left := filepath.Join(stateDir, "synchronised.toml")
	if also := durable.WriteFile(left, text, perm); also != nil {
		return errors.Join(err, also)
	}
	return fmt.Errorf("%w; what %s should hold is in %s at the destination: look at it, install it there, and reload", err, path, left)
}
