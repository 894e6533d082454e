package haserver

import (
	"net/netip"

	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
)

// asked says that the SOA of a zone was asked for and answered.
func (n *notifier) asked(z *served, from netip.Addr) {
	if now := z.visible.Load(); now != nil {
		n.saw(z, from, notify.Asked, now.Serial(), "")
	}
}

// saw reports what a client did, if it has the address of a secondary.
func (n *notifier) saw(z *served, from netip.Addr, sign notify.Sign, serial uint32, why string) {
	if _, ok := (*n.known.Load())[from]; ok {
		n.put(notify.Seen{Zone: z.name.Key(), From: from, Sign: sign, Serial: serial, Why: why})
	}
}

// sawTransfer reports that the request at hand asks for a zone, and may have it.
func (w *worker) sawTransfer(z *served) {
	sign := notify.Whole
	if w.in.QType == zone.TypeIXFR {
		sign = notify.Named
	}
	w.s.notify.saw(z, w.from, sign, w.in.Serial, "")
}

// sawRefused reports that the transfer that the request at hand asks for was refused, or broke.
func (w *worker) sawRefused(why string) {
	if !w.asksTransfer() {
		return
	}
	if z := w.view.exact(w.in.Name()); z != nil {
		w.s.notify.saw(z, w.from, notify.Refused, 0, why)
	}
}
