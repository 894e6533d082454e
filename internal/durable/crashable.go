package durable

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Crashable is a disk in memory whose power can be cut: a test's way to see
// what a store still has when everything that was not synced may be lost.
type Crashable struct{ fs *vfs.MemFS }

// NewCrashable is an empty disk.
func NewCrashable() *Crashable { return &Crashable{vfs.NewCrashableMem()} }

// OpenPebble opens or makes a store on this disk; see [OpenPebble].
func (c *Crashable) OpenPebble(dir string, o PebbleOptions) (Store, error) {
	o.fs = c.fs
	return OpenPebble(dir, o)
}

// PowerCut is the disk as it is found after a power cut now: all that was
// synced, and of the rest the given percentage of blocks, chosen by rng. The
// disk itself goes on.
func (c *Crashable) PowerCut(unsyncedPercent int, rng *rand.Rand) *Crashable {
	return &Crashable{c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsyncedPercent, RNG: rng})}
}
