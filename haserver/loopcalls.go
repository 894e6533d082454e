package haserver

import (
	"context"
	"errors"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// What the rest of the server asks of the loop, from any goroutine but the loop's.

// do carries out a change and returns when it is durable and visible, or was refused.
func (l *loop) do(c *change) bool {
	if !l.enqueue(c) {
		return false
	}
	select {
	case <-c.done:
		return true
	case <-l.done:
	}
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (l *loop) enqueue(c *change) bool {
	select {
	case <-l.closing:
		return false
	default:
	}
	select {
	case l.changes <- c:
		return true
	case <-l.closing:
		return false
	case <-l.done:
		return false
	}
}

// tell gives the machine an input; false: the loop has ended.
func (l *loop) tell(in pair.Input) bool {
	select {
	case l.inputs <- in:
		return true
	case <-l.done:
		return false
	}
}

// call runs f between two steps and returns after it.
func (l *loop) call(f func()) error {
	ran := make(chan struct{})
	select {
	case l.calls <- func() { f(); close(ran) }:
		<-ran
		return nil
	case <-l.done:
		return errStopping
	}
}

var errStopping = errors.New("the server is stopping")

// operate has the machine carry out an operator's command; refused is why it does not.
func (l *loop) operate(ctx context.Context, op pair.Operate) (refused string, err error) {
	reply := make(chan string, 1)
	err = l.call(func() {
		l.lastID++
		op.ID = l.lastID
		l.replies[op.ID] = reply
		l.step(op)
	})
	if err != nil {
		return "", err
	}
	select {
	case refused = <-reply:
		return refused, nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-l.done:
		return "", errStopping
	}
}

// add brings a zone that is new here.
func (l *loop) add(z *liveZone, start pair.ZoneStart) error {
	return l.call(func() {
		l.zones[z.key] = z
		l.step(pair.AddZone{Zone: z.key, ZoneStart: start})
	})
}

// find is the zone of a key; nil: there is none.
func (l *loop) find(key string) (z *liveZone) {
	_ = l.call(func() { z = l.zones[key] })
	return z
}

// expect is a zone whose content is to come from the partner, if it did not come already.
func (l *loop) expect(name zone.Name) (z *liveZone, err error) {
	if stopped := l.call(func() { z, err = l.expected(name) }); stopped != nil {
		return nil, stopped
	}
	return z, err
}

func (l *loop) expected(name zone.Name) (*liveZone, error) {
	if z := l.zones[name.Key()]; z != nil {
		return z, nil
	}
	z, err := l.s.emptyZone(name)
	if err == nil {
		l.zones[z.key] = z
	}
	return z, err
}

// drop takes a zone out of service and returns when all that was ever to be written of it is.
func (l *loop) drop(z *liveZone) error {
	if err := l.call(func() { l.step(pair.DropZone{Zone: z.key}) }); err != nil {
		return err
	}
	return l.settle(func() { delete(l.zones, z.key) })
}

// settle calls f when all that was to be written before is, and returns after it.
func (l *loop) settle(f func()) error {
	ran := make(chan struct{})
	err := l.call(func() {
		through := l.given
		if len(l.group.items) > 0 {
			through++
		}
		l.settles = append(l.settles, settling{through, func() { f(); close(ran) }})
		l.settled(l.taken)
	})
	if err != nil {
		return err
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		return errStopping
	}
}

// status is what the machine says of itself, as of now: alarms come and go with time, also where nothing else happens.
func (l *loop) status() (st pair.Status) {
	if l.call(func() { l.step(pair.Tick{}); st = l.machine.Status() }) != nil {
		st = l.machine.Status() // the goroutine has ended
	}
	return st
}

// role is the role in force.
func (l *loop) role() (r pairmsg.Role) {
	_ = l.call(func() { r = l.machine.Role() })
	return r
}

// operate has the machine carry out an operator's command; refused is why it does not, in words for the operator.
func (s *Server) operate(ctx context.Context, op pair.Operate) (refused string, err error) {
	return s.loop.operate(ctx, op)
}

// pairStatus is how the pair stands.
func (s *Server) pairStatus() pair.Status { return s.loop.status() }
