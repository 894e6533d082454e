package dhcp

import (
	"sync/atomic"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/socket"
)

const (
	maxReplies = 8192 // that wait to be sent; what is more is dropped
	batches    = 4    // that the sender and the loop share
)

// mail is replies that go out together. The octets of all of them are one piece of memory.
type mail struct {
	octets []byte
	list   []socket.Outgoing
}

// add encodes a reply; the packet may change afterwards.
func (m *mail) add(r *engine.Reply) (left int) {
	start := len(m.octets)
	m.octets, left = r.Packet.Append(m.octets, r.Room)
	m.list = append(m.list, socket.Outgoing{Octets: m.octets[start:len(m.octets):len(m.octets)], To: r.To})
	return left
}

// sender sends what the loop has encoded. The loop never waits for it.
type sender struct {
	out    chan *mail
	free   chan *mail
	done   chan struct{}
	queued atomic.Int64 // replies that are not sent yet
}

func newSender(send func([]socket.Outgoing)) *sender {
	s := &sender{out: make(chan *mail, batches), free: make(chan *mail, batches), done: make(chan struct{})}
	for range batches {
		s.free <- &mail{}
	}
	go s.run(send)
	return s
}

func (s *sender) run(send func([]socket.Outgoing)) {
	defer close(s.done)
	for m := range s.out {
		send(m.list)
		s.queued.Add(-int64(len(m.list)))
		clear(m.list)
		m.octets, m.list = m.octets[:0], m.list[:0]
		s.free <- m
	}
}

// post gives a mail to the sender if it has room for one more; the next one to fill comes back.
func (s *sender) post(m *mail) *mail {
	if len(m.list) == 0 {
		return m
	}
	select {
	case next := <-s.free:
		s.queued.Add(int64(len(m.list)))
		s.out <- m // there are as many places as mails
		return next
	default:
		return m
	}
}

// close waits until all is sent.
func (s *sender) close(m *mail) {
	if len(m.list) > 0 {
		<-s.free
		s.out <- m
	}
	close(s.out)
	<-s.done
}
