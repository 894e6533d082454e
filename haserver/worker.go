package haserver

import (
	"net/netip"
	"runtime/debug"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

const (
	// maxUDP is the largest answer over UDP, and what we say that we take (flag day 2020).
	maxUDP = 1232
	// minUDP is what every client takes (RFC 1035, 2.3.4; RFC 6891, 6.2.3).
	minUDP = 512
	maxTCP = 65535
)

// worker answers messages one after the other, without allocating for a plain query. Each listening loop has one.
type worker struct {
	s     *Server
	view  *view
	count *counters
	now   func() time.Time

	forwarded bool // the messages are the partner's clients'

	peer *tlsPeer // who is at the other end of the connection; nil: no TLS

	// of the message at hand
	in     message.Message
	raw    []byte // in, as it came; only of updates and transfers
	from   netip.Addr
	tcp    bool
	signer *message.Signer
	key    zone.Name
	cookie cookieState
	ext    []byte // EDNS options of the answer
	edns   message.Edns
	buf    []byte // the answer

	build  message.Builder
	answer [2]zone.Answer // two, for chains that go on in another zone; longer ones allocate
	chain  chain
	ready  *ready // nil: every question is looked up
}

func newWorker(s *Server, c *counters) *worker {
	return &worker{s: s, count: c, now: time.Now, buf: make([]byte, 0, maxUDP+minUDP), ext: make([]byte, 0, 256)}
}

// handle answers one message. Without an answer (nil) it is to be dropped, or, when later is true, to be
// copied and handed to slow, since it may take long. The answer is valid until the next call. A panic is caught: the
// message is dropped and counted.
func (w *worker) handle(in []byte, from netip.Addr, tcp bool) (answer []byte, later bool) {
	defer w.rescue(in, &answer)
	ok := w.open(in, from, tcp)
	if !ok {
		return w.refuse()
	}
	if w.in.Opcode() == message.Update || tcp && w.asksTransfer() {
		return nil, true
	}
	if rcode, ok := w.admit(); !ok {
		return w.limitedReply(rcode), false
	}
	if w.in.Opcode() == message.Notify {
		return w.notified(), false
	}
	if w.in.QType == zone.TypeIXFR && w.in.Counts[0] == 1 && askable(&w.in, tcp) == zone.NoError { // over UDP
		return w.ixfrUDP()
	}
	return w.query(), false
}

func (w *worker) asksTransfer() bool {
	return w.in.Opcode() == message.Query && (w.in.QType == zone.TypeAXFR || w.in.QType == zone.TypeIXFR)
}

// slow answers a message for which handle said later: send is called for each message of the answer, which is valid
// only during the call. It must not be called in a listening loop.
func (w *worker) slow(in []byte, from netip.Addr, tcp bool, send func([]byte) error) {
	var none []byte
	defer w.rescue(in, &none)
	w.raw = in
	if !w.open(in, from, tcp) {
		return
	}
	rcode, ok := w.admit()
	switch {
	case !ok:
		if w.in.Opcode() == message.Update {
			w.count.update(rcode, BadTSIG)
		}
		w.sawRefused("it is not proved: " + rcode.String())
		w.out(send, w.limitedReply(rcode))
	case w.in.Opcode() == message.Update:
		w.out(send, w.update())
	case tcp:
		w.transfer(send)
	default:
		w.out(send, w.stepsUDP())
	}
}

// out sends an answer, if there is one.
func (w *worker) out(send func([]byte) error, answer []byte) {
	if answer != nil && send(answer) != nil {
		w.count.unsent.Add(1)
	}
}

func (w *worker) rescue(in []byte, answer *[]byte) {
	if p := recover(); p != nil {
		w.count.panics.Add(1)
		*answer = nil
		w.s.quiet.Error(w.s.log, "message_panicked", "panic", p, "client", w.from.String(), "octets", len(in), "stack", string(debug.Stack()))
	}
}

// open parses a message. It returns false when there is nothing to answer but what refuse says.
func (w *worker) open(in []byte, from netip.Addr, tcp bool) bool {
	w.view = w.s.view.Load()
	w.from, w.tcp = from, tcp
	w.signer, w.key = nil, ""
	w.ext, w.edns = w.ext[:0], message.Edns{Size: maxUDP}
	w.cookie = cookieState{}
	err := w.in.Parse(in)
	return err == nil && !w.in.IsResponse() && w.known()
}

func (w *worker) known() bool {
	switch w.in.Opcode() {
	case message.Query, message.Notify, message.Update:
		return true
	}
	return false
}

// refuse answers what open does not let pass (RFC 1035, 4.1.1 and 7.3): drops what is no request; else a header, with the question if
// that could be read, since there are clients that take an answer without it for one to somebody else.
func (w *worker) refuse() ([]byte, bool) {
	switch {
	case w.in.Short():
		w.count.drop(dropShort)
		return nil, false
	case w.in.IsResponse():
		w.count.drop(dropResponse)
		return nil, false
	}
	rcode, question := zone.FormErr, w.in.QName != nil
	if !w.known() {
		rcode, question = zone.NotImp, false
	}
	if !w.tcp && w.limited(kindError, zone.Root) {
		w.count.drop(dropRate)
		return nil, false
	}
	w.start(rcode, question)
	w.count.answered(w.tcp, rcode)
	return w.build.Finish(), false
}

// admit does what is the same for every request: cookies, TSIG, EDNS version.
func (w *worker) admit() (rcode zone.Rcode, ok bool) {
	if w.in.HasTSIG {
		signer, rcode, e := w.view.keys.Verify(&w.in, w.now())
		w.signer = signer
		if rcode != zone.NoError {
			w.count.tsigErrors.Add(1)
			w.s.quiet.Warn(w.s.log, "tsig_refused", "client", w.from.String(), "error", e.String(), "rcode", rcode.String(), "key_name", w.in.TSIG.KeyText())
			return rcode, false
		}
		w.key = signer.KeyName()
	}
	if !w.in.HasOPT {
		return 0, true
	}
	if w.in.OPT.Version > 0 {
		return badVers, false
	}
	return w.options()
}

// badVers is the extended RCODE for an EDNS version that is not known (RFC 6891, 9).
const badVers zone.Rcode = 16

// client is who sent the message at hand.
func (w *worker) client() Client { return Client{Addr: w.from, Key: w.key, Certs: w.peer.certs()} }

// start begins the answer. With a body the question is repeated.
func (w *worker) start(rcode zone.Rcode, body bool) {
	flags := message.FlagQR | w.in.Flags&(15<<11) | w.in.Flags&message.FlagRD | uint16(rcode)&15
	limit := maxTCP
	if !w.tcp {
		limit = minUDP
		if w.in.HasOPT {
			limit = min(max(minUDP, int(w.in.OPT.Size)), maxUDP)
		}
	}
	w.edns.Rcode = uint16(rcode)
	limit -= w.signer.Len()
	if w.in.HasOPT && body {
		if w.in.Header()+w.edns.Len() > limit { // what the options say is not worth more than the client takes
			w.ext, w.edns.Options = w.ext[:0], nil
		}
		limit -= w.edns.Len()
	}
	w.build.Start(w.buf, w.in.ID, flags, limit)
	if body && w.in.Counts[0] == 1 {
		w.build.Question(&w.in)
	}
}

// finish ends the answer.
func (w *worker) finish(rcode zone.Rcode) []byte {
	if w.in.HasOPT {
		w.edns.DO = w.in.OPT.DO
		w.pad()
		w.edns.Options = w.ext
		w.build.OPT(&w.edns)
	}
	w.count.answered(w.tcp, rcode)
	if w.in.Opcode() == message.Update {
		w.count.toUpdates.Add(1)
	}
	out := w.build.Finish()
	if w.signer != nil {
		out = w.signer.Sign(out, w.now())
	}
	w.buf = out[:0]
	return out
}

// reply is a whole answer without records.
func (w *worker) reply(rcode zone.Rcode) []byte {
	w.edns.Options = w.ext
	w.start(rcode, true)
	return w.finish(rcode)
}

// notified answers NOTIFY: a primary has no use for it (RFC 1996, 3.7 ff.).
func (w *worker) notified() []byte {
	switch {
	case w.in.Counts[0] != 1 || w.in.QType != zone.TypeSOA: // other types are known to be sent (RFC 9859), and mean nothing to us
		return w.limitedReply(zone.FormErr)
	case w.view.exact(w.in.Name()) == nil || w.in.QClass != zone.ClassIN:
		return w.limitedReply(zone.NotAuth)
	}
	w.start(zone.NoError, true)
	w.build.Flags(message.FlagAA)
	return w.finish(zone.NoError)
}
