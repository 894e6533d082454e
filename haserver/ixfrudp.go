package haserver

import (
	"loadshare/haserver/message"
	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
)

// maxStepsUDP is how many records a difference may have that is tried over UDP: more are seldom in so small a message.
const maxStepsUDP = 64

// ixfrUDP answers IXFR over UDP: the difference if it may fit, which is read from the journal and so beside the loop (later); else our
// SOA alone, and the client comes by TCP when that is newer (RFC 1995, 2).
func (w *worker) ixfrUDP() (answer []byte, later bool) {
	z, now, rcode, why := w.mayTransfer()
	if rcode != zone.NoError {
		w.refusedTransfer(rcode, why)
		return w.limitedReply(rcode), false
	}
	w.sawTransfer(z)
	if w.limited(kindPositive, z.name) {
		return w.slip(), false
	}
	if zone.SerialNewer(now.Serial(), w.in.Serial) {
		if records, ok := z.log.Distance(w.in.Serial, now.Serial()); ok && records <= maxStepsUDP {
			return nil, true
		}
	}
	return w.serialUDP(now), false
}

// stepsUDP is the difference that the client asks for, or the SOA alone when it does not fit or cannot be read any more.
func (w *worker) stepsUDP() []byte {
	z, now, rcode, why := w.mayTransfer()
	if rcode != zone.NoError { // a reload was in between
		w.refusedTransfer(rcode, why)
		return w.limitedReply(rcode)
	}
	w.edns.Options = w.ext
	w.start(zone.NoError, true)
	w.build.Flags(message.FlagAA)
	soa := now.SOA()
	fits := w.build.Add(message.Answer, &soa, 0)
	at := w.in.Serial
	for d, err := range steps(z.log, at, now.Serial()) {
		fits = fits && err == nil && d.From == at && w.addRecords(d.Deleted) && w.addRecords(d.Added)
		if !fits {
			return w.serialUDP(now)
		}
		at = d.To
	}
	if at != now.Serial() || !w.build.Add(message.Answer, &soa, 0) {
		return w.serialUDP(now)
	}
	w.s.notify.saw(z, w.from, notify.Took, now.Serial(), "")
	return w.finish(zone.NoError)
}

func (w *worker) addRecords(list []zone.Record) bool {
	for i := range list {
		if r := &list[i]; !w.build.Record(message.Answer, r.Name, r.Type, r.TTL, r.Data) {
			return false
		}
	}
	return true
}

// serialUDP is our SOA alone.
func (w *worker) serialUDP(now *zone.Zone) []byte {
	w.edns.Options = w.ext
	w.start(zone.NoError, true)
	w.build.Flags(message.FlagAA)
	soa := now.SOA()
	if !w.build.Add(message.Answer, &soa, 0) {
		w.build.Flags(message.FlagTC)
	}
	return w.finish(zone.NoError)
}

// crowded is the answer to a message for which there is no place beside the loop.
func (w *worker) crowded() []byte {
	if w.in.Opcode() == message.Update {
		return w.tooMany()
	}
	if _, now, _, _ := w.mayTransfer(); now != nil {
		return w.serialUDP(now)
	}
	return nil
}
