package xfer

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

const maxMessage = 65535 // what the length before a message can say

var errTooLarge = errors.New("a record does not fit into a message")

// Out is one transfer under way.
type Out struct {
	Request *message.Message // the question; its EDNS is answered in the first message (RFC 5936, 2.2.5)
	Edns    *message.Edns
	Signer  *message.Signer // nil: unsigned
	Now     func() time.Time
	Send    func(message []byte) error // one message; it is valid only during the call

	build message.Builder
	buf   []byte
	later bool
}

// Zone sends all of z (RFC 5936, 2.2): its SOA, every other record once, its SOA.
func (o *Out) Zone(z *zone.Zone) error {
	o.start()
	soa := z.SOA()
	if err := o.set(&soa); err != nil {
		return err
	}
	for set := range z.All() {
		if set.Type == zone.TypeSOA {
			continue
		}
		if err := o.set(&set); err != nil {
			return err
		}
	}
	if err := o.set(&soa); err != nil {
		return err
	}
	return o.end()
}

// Steps sends the way from serial from to now (RFC 1995, 4): the SOA of now; each step as its old SOA, what it deletes, its new SOA
// and what it adds; the SOA of now. Steps that do not lead from from to now without a gap are an error, and then the end is not
// sent: the client drops what it got.
func (o *Out) Steps(now *zone.Zone, from uint32, steps iter.Seq2[zone.Delta, error]) error {
	o.start()
	soa := now.SOA()
	if err := o.set(&soa); err != nil {
		return err
	}
	for d, err := range steps {
		if err != nil {
			return err
		}
		if d.From != from || !startsWithSOA(d.Deleted) || !startsWithSOA(d.Added) {
			return fmt.Errorf("a step from serial %d to %d is no step that follows serial %d", d.From, d.To, from)
		}
		if err := o.records(d.Deleted); err != nil {
			return err
		}
		if err := o.records(d.Added); err != nil {
			return err
		}
		from = d.To
	}
	if from != now.Serial() {
		return fmt.Errorf("the steps end at serial %d and not at %d", from, now.Serial())
	}
	if err := o.set(&soa); err != nil {
		return err
	}
	return o.end()
}

func startsWithSOA(list []zone.Record) bool { return len(list) > 0 && list[0].Type == zone.TypeSOA }

// Serial sends the SOA alone: the client has this content, or a newer one (RFC 1995, 2).
func (o *Out) Serial(z *zone.Zone) error {
	o.start()
	soa := z.SOA()
	if err := o.set(&soa); err != nil {
		return err
	}
	return o.end()
}

// set appends the records of a set, in the order they are stored.
func (o *Out) set(s *zone.RRset) error {
	for _, data := range s.Data {
		if err := o.record(s.Name, s.Type, s.TTL, data); err != nil {
			return err
		}
	}
	return nil
}

func (o *Out) records(list []zone.Record) error {
	for i := range list {
		r := &list[i]
		if err := o.record(r.Name, r.Type, r.TTL, r.Data); err != nil {
			return err
		}
	}
	return nil
}

// record appends a record; a message that is full goes out before.
func (o *Out) record(name zone.Name, t zone.Type, ttl uint32, data string) error {
	if o.build.Record(message.Answer, name, t, ttl, data) {
		return nil
	}
	if o.build.Records() > 0 {
		if err := o.end(); err != nil {
			return err
		}
		o.start()
	}
	if !o.build.Record(message.Answer, name, t, ttl, data) {
		return errTooLarge
	}
	return nil
}

func (o *Out) start() {
	if o.buf == nil {
		o.buf = make([]byte, 0, maxMessage+1024)
	}
	limit := maxMessage - o.Signer.Len()
	if o.Edns != nil && !o.later {
		limit -= o.Edns.Len()
	}
	o.build.Start(o.buf, o.Request.ID, message.FlagQR|message.FlagAA|o.Request.Flags&message.FlagRD, limit)
	if !o.later {
		o.build.Question(o.Request)
	}
}

func (o *Out) end() error {
	if o.Edns != nil && !o.later {
		o.build.OPT(o.Edns)
	}
	o.later = true
	msg := o.Signer.Sign(o.build.Finish(), o.Now())
	o.buf = msg[:0]
	return o.Send(msg)
}
