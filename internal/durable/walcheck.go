package durable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// checkNewestLog refuses a store whose newest log is damaged before its end.
//
// The library reads the newest log up to the first thing it cannot read, and
// takes that for the place where the power went. It looks for proof of damage
// only in later blocks of 32 KiB, so that damage in the last block silently
// loses what was acknowledged after it. We know more: this store begins a record
// only after the one before is synced. So if any record begins after the
// unreadable place, or the log was ended in order, then what cannot be read was
// acknowledged once. Otherwise it is the record that was being written.
//
// The store's lock must be held, else another process may be writing.
func checkNewestLog(fs vfs.FS, dir string) error {
	name, num, err := newestLog(fs, dir)
	if err != nil || name == "" {
		return err
	}
	data, err := readAll(fs, name)
	if err != nil {
		return err
	}
	end := readableEnd(data, num)
	if at := nextRecord(data, num, end+1); at >= 0 {
		return fmt.Errorf("%w (%s: unreadable at byte %d, but more follows at byte %d)", ErrDamaged, name, end, at)
	}
	return nil
}

// newestLog is the path and number of the log with the highest number, "" when
// there is none.
func newestLog(fs vfs.FS, dir string) (path string, num uint64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return "", 0, err
	}
	for _, name := range names {
		if n, _, ok := wal.ParseLogFilename(name); ok && (path == "" || uint64(n) > num) {
			path, num = fs.PathJoin(dir, name), uint64(n)
		}
	}
	return path, num, nil
}

func readAll(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// newReader calls record.NewReader, whose number type cannot be named from here.
func newReader[N ~uint64](open func(io.Reader, N) *record.Reader, data []byte, num uint64) *record.Reader {
	return open(bytes.NewReader(data), N(num))
}

// readableEnd is how far the log can be read record by record.
func readableEnd(data []byte, num uint64) int {
	r := newReader(record.NewReader, data, num)
	end := 0
	for {
		rec, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		if err != nil {
			return end
		}
		end = int(r.Offset())
	}
}

// The head of a chunk, of which a record has one or more: checksum (4 bytes),
// length (2), kind (1), log number (4), and in the newer kind the offset that
// was synced (8).
const (
	chunkKind = 6
	chunkLog  = 7
	chunkHead = 11
)

// beginsRecord are the kinds of chunk that begin a record, older and newer form.
var beginsRecord = map[byte]bool{5: true, 6: true, 9: true, 10: true}

// nextRecord is where from a place on a record begins, or the mark that the
// library writes when it ends a log in order; -1 when neither follows.
func nextRecord(data []byte, num uint64, from int) int {
	ended := append(make([]byte, chunkKind), 5)
	ended = binary.LittleEndian.AppendUint32(ended, uint32(num)+1)
	for at := from; at+chunkHead <= len(data); at++ {
		head := data[at : at+chunkHead]
		if bytes.Equal(head, ended) {
			return at
		}
		if !beginsRecord[head[chunkKind]] || binary.LittleEndian.Uint32(head[chunkLog:]) != uint32(num) {
			continue
		}
		if _, err := newReader(record.NewReader, data[at:], num).Next(); err == nil {
			return at
		}
	}
	return -1
}
