package probes

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// talk is one open connection and all that came over it.
type talk struct {
	a      *attempt
	conn   net.Conn
	buf    []byte // all that came since the connection was opened, or changed to TLS
	from   int    // what the present step looks at begins here
	pooled *[]byte
	stop   func() bool
}

// errFull says that maxAnswer bytes came and more is not wanted.
var errFull = errors.New("too long an answer")

var buffers = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// open connects, or ends the attempt and returns nil. weSpeak promises that we write before we read.
func (a *attempt) open(weSpeak bool) *talk {
	c, err := dial(a.addr, a.deadline, weSpeak)
	if err != nil {
		a.endErr(stageConnect, err, nil)
		return nil
	}
	a.res.Connect = time.Since(a.start)
	p, _ := buffers.Get().(*[]byte)
	t := &talk{a: a, conn: c, buf: (*p)[:0], pooled: p}
	t.stop = a.interrupt(c)
	return t
}

// interrupt makes I/O on c fail when the context ends, until stop is called.
func (a *attempt) interrupt(c net.Conn) (stop func() bool) {
	if a.ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(a.ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

// close ends the connection in order. Nothing of buf may be used afterwards.
func (t *talk) close() {
	t.stop()
	_ = t.conn.Close()
	buffers.Put(t.pooled)
}

// more reads once into buf. It never holds more than maxAnswer.
func (t *talk) more() error {
	if len(t.buf) == cap(t.buf) {
		if len(t.buf) >= maxAnswer {
			return errFull
		}
		grown := make([]byte, len(t.buf), min(4*cap(t.buf), maxAnswer))
		copy(grown, t.buf)
		t.buf = grown
		*t.pooled = grown[:cap(grown)]
	}
	n, err := t.conn.Read(t.buf[len(t.buf):cap(t.buf)])
	if n > 0 {
		t.buf = t.buf[:len(t.buf)+n]
		t.a.sawByte()
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// window is what the present step looks at.
func (t *talk) window() []byte { return t.buf[t.from:] }

// write sends all of b, or ends the attempt and returns false.
func (t *talk) write(b []byte) bool {
	if _, err := t.conn.Write(b); err != nil {
		t.a.endErr(stageTalk, err, t.window())
		return false
	}
	return true
}

// line takes the next line off the window, without its end. It ends the attempt and returns false when none comes.
func (t *talk) line() (string, bool) {
	searched := 0
	for {
		w := t.window()
		if i := bytes.IndexByte(w[searched:], '\n'); i >= 0 {
			t.from += searched + i + 1
			return string(bytes.TrimSuffix(w[:searched+i], []byte("\r"))), true
		}
		searched = len(w)
		if err := t.more(); err != nil {
			t.endNoLine(err)
			return "", false
		}
	}
}

func (t *talk) endNoLine(err error) {
	if errors.Is(err, errFull) {
		t.a.end(ReasonProtocol, "no line end in 64 KiB", t.window())
		return
	}
	t.a.endErr(stageTalk, err, t.window())
}
