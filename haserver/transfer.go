package haserver

import (
	"loadshare/haserver/message"
	"loadshare/haserver/notify"
	"loadshare/haserver/xfer"
	"loadshare/haserver/zone"
)

// transfer answers AXFR and IXFR over TCP.
func (w *worker) transfer(send func([]byte) error) {
	z, rcode, why := w.mayTransfer()
	if rcode == zone.NoError && !w.s.enterTransfer() {
		rcode, why = zone.ServFail, "too many transfers are under way"
	}
	if rcode != zone.NoError {
		w.count.transfers[1].Add(1)
		w.s.quiet.warn(w.s.log, "transfer_refused", "client", w.client().String(), "zone", w.in.Name().String(), "rcode", rcode.String(), "why", why)
		w.explain(edeProhibited, why)
		w.out(send, w.reply(rcode))
		w.sawRefused(why)
		return
	}
	w.sawTransfer(z)
	defer w.s.leaveTransfer()
	out := xfer.Out{Request: &w.in, Signer: w.signer, Now: w.now, Send: send}
	if w.in.HasOPT {
		w.edns.DO, w.edns.Options = w.in.OPT.DO, w.ext
		out.Edns = &w.edns
	}
	now := z.visible.Load()
	var err error
	if w.in.QType == zone.TypeIXFR && !zone.SerialNewer(now.Serial(), w.in.Serial) {
		err = out.Serial(now)
	} else {
		err = out.Zone(now)
	}
	w.count.answered(true, zone.NoError)
	if err != nil {
		w.count.transfers[1].Add(1)
		w.s.quiet.warn(w.s.log, "transfer_broken", "client", w.client().String(), "zone", z.conf.Text, "serial", now.Serial(), "error", err.Error())
		w.sawRefused(err.Error())
		return
	}
	w.s.notify.saw(z, w.from, notify.Took, now.Serial(), "")
	w.count.transfers[0].Add(1)
	w.s.log.Debug("transfer", "client", w.client().String(), "zone", z.conf.Text, "serial", now.Serial(), "type", w.in.QType.String())
}

// mayTransfer says whether the request at hand may have the zone it names.
func (w *worker) mayTransfer() (z *served, rcode zone.Rcode, why string) {
	m := &w.in
	switch {
	case m.Counts[0] != 1:
		return nil, zone.FormErr, "one question is needed"
	case m.QClass != zone.ClassIN:
		return nil, zone.Refused, "class IN is needed"
	}
	z = w.view.exact(m.Name())
	switch {
	case z == nil:
		return nil, zone.NotAuth, "this server has no such zone"
	case !z.conf.Transfer.Allow(w.client()):
		return nil, zone.Refused, "no transfer grant of the zone is for " + w.client().String()
	case m.QType == zone.TypeIXFR && !m.HasSerial:
		return nil, zone.FormErr, "the SOA in the authority section is missing (RFC 1995, 3)"
	}
	return z, zone.NoError, ""
}

// ixfrUDP answers IXFR over UDP: our SOA alone, and the client comes by TCP when it is newer (RFC 1995, 2).
func (w *worker) ixfrUDP() []byte {
	z, rcode, why := w.mayTransfer()
	if rcode != zone.NoError {
		w.explain(edeProhibited, why)
		return w.limitedReply(rcode)
	}
	w.sawTransfer(z)
	if w.limited(kindPositive, z.name) {
		return w.slip()
	}
	w.edns.Options = w.ext
	w.start(zone.NoError, true)
	w.build.Flags(message.FlagAA)
	soa := z.visible.Load().SOA()
	if !w.build.Add(message.Answer, &soa, 0) {
		w.build.Flags(message.FlagTC)
	}
	return w.finish(zone.NoError)
}
