package haserver

import (
	"errors"
	"iter"

	"loadshare/haserver/journal"
	"loadshare/haserver/notify"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/xfer"
	"loadshare/haserver/zone"
)

// fewRecords go out as steps though the zone may be smaller: they fit into a message or two.
const fewRecords = 500

// transfer answers AXFR and IXFR over TCP.
func (w *worker) transfer(send func([]byte) error) {
	z, now, rcode, why := w.mayTransfer()
	if rcode == zone.NoError && !w.s.enterTransfer() {
		rcode, why = zone.ServFail, "too many transfers are under way"
	}
	if rcode != zone.NoError {
		w.refusedTransfer(rcode, why)
		w.out(send, w.reply(rcode))
		w.sawRefused(why)
		return
	}
	w.sawTransfer(z)
	defer w.s.leaveTransfer()
	gone := false
	out := xfer.Out{Request: &w.in, Signer: w.signer, Now: w.now, Send: func(b []byte) error {
		err := send(b)
		gone = err != nil
		return err
	}}
	if w.in.HasOPT {
		w.edns.DO, w.edns.Options = w.in.OPT.DO, w.ext
		out.Edns = &w.edns
	}
	form, err := w.sendZone(&out, z, now)
	if err != nil {
		w.count.transfers[1].Add(1)
		w.s.quiet.Warn(w.s.log, "transfer_broken", "client", w.client().String(), "zone", z.conf.Text, "serial", now.Serial(), "form", form, "error", err.Error())
		if !gone {
			w.out(send, w.reply(zone.ServFail)) // in the middle of it: the client drops what it got (RFC 5936, 2.2)
		}
		w.sawRefused(err.Error())
		return
	}
	w.count.answered(true, zone.NoError)
	if form != "serial" { // else it has what it said, which may be newer than ours
		w.s.notify.saw(z, w.from, notify.Took, now.Serial(), "")
	}
	w.count.transfers[0].Add(1)
	w.s.log.Debug("transfer", "client", w.client().String(), "zone", z.conf.Text, "serial", now.Serial(), "type", w.in.QType.String(), "form", form)
}

// refusedTransfer tells the operator and the client why there is none.
func (w *worker) refusedTransfer(rcode zone.Rcode, why string) {
	w.count.transfers[1].Add(1)
	w.s.quiet.Warn(w.s.log, "transfer_refused", "client", w.client().String(), "zone", w.in.Name().String(), "rcode", rcode.String(), "why", why)
	w.explain(edeOf(rcode), why)
}

// sendZone sends what the client needs to have now, and says in which form. It is one generation, the one that is visible, however
// long it takes.
func (w *worker) sendZone(out *xfer.Out, z *served, now *zone.Zone) (form string, err error) {
	if w.in.QType != zone.TypeIXFR {
		return "whole", out.Zone(now)
	}
	from, through := w.in.Serial, now.Serial()
	if from == through || zone.SerialNewer(from, through) {
		return "serial", out.Serial(now)
	}
	if records, ok := z.log.Distance(from, through); !ok || records > max(now.Len(), fewRecords) {
		return "whole", out.Zone(now) // not in the history, or the difference is larger than the zone (RFC 1995, 4)
	}
	return "steps", out.Steps(now, from, steps(z.log, from, through))
}

// steps reads the steps between two serials from the journal, as far as they are asked for.
func steps(log *journal.Log, from, through uint32) iter.Seq2[zone.Delta, error] {
	return func(yield func(zone.Delta, error) bool) {
		ok, err := log.Entries(from, through, func(e pairmsg.Entry) bool { return yield(e.Delta, nil) })
		if err == nil && !ok {
			err = errors.New("the steps were trimmed while they were sent")
		}
		if err != nil {
			yield(zone.Delta{}, err)
		}
	}
}

// mayTransfer says whether the request at hand may have the zone it names, as it is now.
func (w *worker) mayTransfer() (z *served, now *zone.Zone, rcode zone.Rcode, why string) {
	m := &w.in
	switch {
	case m.Counts[0] != 1:
		return nil, nil, zone.FormErr, "one question is needed"
	case m.QClass != zone.ClassIN:
		return nil, nil, zone.Refused, "class IN is needed"
	case w.peer != nil && !w.peer.dot:
		return nil, nil, zone.Refused, "a transfer over TLS needs the ALPN token dot (RFC 9103, 7)"
	}
	z = w.view.exact(m.Name())
	switch {
	case z == nil:
		return nil, nil, zone.NotAuth, "this server has no such zone"
	case !z.conf.Transfer.Allow(w.client()):
		return nil, nil, zone.Refused, "no transfer grant of the zone is for " + w.client().String()
	case m.QType == zone.TypeIXFR && !m.HasSerial:
		return nil, nil, zone.FormErr, "the SOA in the authority section is missing (RFC 1995, 3)"
	}
	if now = z.visible.Load(); now == nil {
		return nil, nil, zone.ServFail, z.why()
	}
	return z, now, zone.NoError, ""
}
