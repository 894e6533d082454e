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

// sender sends what the loop has encoded: many replies in a goroutine of its own, a few at once. The loop never waits for it.
type sender struct {
	send   func([]socket.Outgoing)
	out    chan *mail
	free   chan *mail
	done   chan struct{}
	queued atomic.Int64 // replies that are not sent yet
}

func newSender(send func([]socket.Outgoing)) *sender {
	s := &sender{send: send, out: make(chan *mail, batches), free: make(chan *mail, batches), done: make(chan struct{})}
	for range batches {
		s.free <- &mail{}
	}
	go s.run()
	return s
}

func (s *sender) run() {
	defer close(s.done)
	for m := range s.out {
		s.now(m)
	}
}

// now sends a mail; nil is none.
func (s *sender) now(m *mail) {
	if m == nil {
		return
	}
	s.send(m.list)
	s.queued.Add(-int64(len(m.list)))
	clear(m.list)
	m.octets, m.list = m.octets[:0], m.list[:0]
	s.free <- m
}

// post takes a mail, if there is room for one more, and puts the next one to fill in its place. A few replies, while nothing is being
// sent, come back: they are for the caller to send now.
func (s *sender) post(m **mail) (own *mail) {
	n := len((*m).list)
	if n == 0 {
		return nil
	}
	select {
	case next := <-s.free:
		full := *m
		*m = next
		if s.queued.Add(int64(n)) == int64(n) && n <= few {
			return full
		}
		s.out <- full // there are as many places as mails
	default:
	}
	return nil
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
