package durable

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long an open waits for a process that is just stopping.
const lockWait = time.Second

var bucketName = []byte("loadshare")

// OpenBolt opens or makes the file at path, mode 0600, and its directory. It is
// for little data: the file never shrinks, and is mapped into memory.
func OpenBolt(path string) (Store, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        lockWait,
		NoFreelistSync: true, // rebuilt at open; each commit writes less
		FreelistType:   bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, boltOpenError(err))
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, errors.Join(err, db.Close()))
	}
	return newStore(path, boltEngine{db}), nil
}

func boltOpenError(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrInUse
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}

type boltEngine struct{ db *bbolt.DB }

func (e boltEngine) get(key []byte) (val []byte, ok bool, err error) {
	err = e.db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(bucketName).Get(key); v != nil {
			val, ok = append([]byte{}, v...), true
		}
		return nil
	})
	return val, ok, err
}

func (e boltEngine) scan(from, to []byte, fn func(k, v []byte) bool) error {
	return e.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketName).Cursor()
		for k, v := c.Seek(from); k != nil && before(k, to); k, v = c.Next() {
			if !fn(k, v) {
				return nil
			}
		}
		return nil
	})
}

// before says whether k is below the end of a range; nil is no end.
func before(k, to []byte) bool { return to == nil || bytes.Compare(k, to) < 0 }

func (e boltEngine) apply(bs []*Batch) error {
	if len(bs) == 0 {
		return nil
	}
	return e.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName)
		for _, b := range bs {
			if err := b.each(func(kind opKind, k, v []byte) error { return boltApply(bucket, kind, k, v) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func boltApply(bucket *bbolt.Bucket, kind opKind, from, to []byte) error {
	switch kind {
	case opPut:
		return bucket.Put(from, to)
	case opDelete:
		return bucket.Delete(from)
	case opDeleteRest:
		to = nil
	case opDeleteRange:
	}
	c := bucket.Cursor()
	for k, _ := c.Seek(from); k != nil && before(k, to); k, _ = c.Seek(from) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func (e boltEngine) close() error { return e.db.Close() }
