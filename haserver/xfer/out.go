package xfer

import (
	"errors"
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

// Serial sends the SOA alone: the client has this content, or a newer one (RFC 1995, 2).
func (o *Out) Serial(z *zone.Zone) error {
	o.start()
	soa := z.SOA()
	if err := o.set(&soa); err != nil {
		return err
	}
	return o.end()
}

// set appends the records of a set, in the order they are stored; messages that are full go out.
func (o *Out) set(s *zone.RRset) error {
	for _, data := range s.Data {
		if o.build.Record(message.Answer, s.Name, s.Type, s.TTL, data) {
			continue
		}
		if o.build.Records() > 0 {
			if err := o.end(); err != nil {
				return err
			}
			o.start()
		}
		if !o.build.Record(message.Answer, s.Name, s.Type, s.TTL, data) {
			return errTooLarge
		}
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
