package packet

import (
	"encoding/binary"

	"loadshare/dhcp/option"
)

// The rooms, in octets of UDP payload.
const (
	headers  = 28                // of IP and UDP
	minBOOTP = 300               // RFC 951: 236 and 64 of vendor information
	minRoom  = 576 - headers     // every DHCP client takes that (RFC 2131, 2)
	maxRoom  = 1500 - headers    // so that an Ethernet carries it in one piece
	sizeFile = atCookie - atFile // 128
	sizeName = atFile - atSName  // 64
)

// Room is how many octets the sender of the message takes in a reply: option 57 less the headers, within 548 and 1472; 548 when it
// does not say, and 300 of a BOOTP client (RFC 2132, 9.10; RFC 1542, 2.1).
func Room(p *Packet) int {
	if size, ok := p.Options.Uint16(option.MaxMessageSize); ok {
		return min(max(int(size)-headers, minRoom), maxRoom)
	}
	if p.Type == BOOTP {
		return minBOOTP
	}
	return minRoom
}

// Append adds the octets of the message to dst, at most room of them (0: 548, or 300 of BOOTP; never less than 300). Left is how
// many options did not fit and are not there, sname and file that are longer than their fields among them. Options 52, 53, pad and end
// in the list are passed over. Of CHAddr the first 16 octets are sent.
func (p *Packet) Append(dst []byte, room int) (b []byte, left int) {
	switch {
	case room == 0 && p.Type == BOOTP:
		room = minBOOTP
	case room == 0:
		room = minRoom
	}
	w := writer{b: p.appendHeader(dst), start: len(dst)}
	w.end = w.start + max(room, minBOOTP) - 1 // the last is for the end
	w.sname = w.text(atSName, sizeName, p.SName)
	w.file = w.text(atFile, sizeFile, p.File)
	w.options(p)
	b = append(w.b, byte(option.End))
	if n := minBOOTP - (len(b) - w.start); n > 0 {
		var zero [minBOOTP]byte
		b = append(b, zero[:n]...)
	}
	return b, w.left
}

func (p *Packet) appendHeader(dst []byte) []byte {
	var h [atOptions]byte
	if h[0] = 1; p.Reply {
		h[0] = 2
	}
	h[1], h[3] = p.HType, p.Hops
	h[2] = byte(copy(h[atCHAddr:atCHAddr+maxCHAddr], p.CHAddr))
	binary.BigEndian.PutUint32(h[4:], p.XID)
	binary.BigEndian.PutUint16(h[8:], p.Secs)
	binary.BigEndian.PutUint16(h[10:], p.Flags)
	binary.BigEndian.PutUint32(h[12:], uint32(p.CIAddr))
	binary.BigEndian.PutUint32(h[16:], uint32(p.YIAddr))
	binary.BigEndian.PutUint32(h[20:], uint32(p.SIAddr))
	binary.BigEndian.PutUint32(h[24:], uint32(p.GIAddr))
	binary.BigEndian.PutUint32(h[atCookie:], cookie)
	return append(dst, h[:]...)
}

// writer lays out options.
type writer struct {
	b           []byte
	start       int   // of the message in b
	end         int   // of the place for options in b, without the octet for End
	file, sname field // free ones take options when the place is short
	left        int
}

// field is file or sname as a place for options. The zero value is in use for text, or cannot be used.
type field struct {
	at, end int // in b: next octet, and the octet that End needs at the latest
}

func (f field) room() int { return f.end - f.at }

// text puts a name into its field, or says that the field is free. One that is too long is counted as left out.
func (w *writer) text(at, size int, s string) field {
	if len(s) > size {
		w.left++
		s = ""
	}
	at += w.start
	if s == "" {
		return field{at, at + size - 1}
	}
	copy(w.b[at:at+size], s)
	return field{}
}

// ordinary says that the option is one of the list's that come in its order.
func ordinary(c option.Code) bool {
	switch c {
	case option.Pad, option.End, option.MessageType, option.Overload, option.ServerIdentifier, option.LeaseTime,
		option.RelayInformation:
		return false
	}
	return true
}

// size is the octets of an option as it is sent: two more for each piece of 255.
func size(data []byte) int { return len(data) + 2*max(1, (len(data)+254)/255) }

func (w *writer) options(p *Packet) {
	if p.Type != BOOTP {
		w.b = append(w.b, byte(option.MessageType), 1, byte(p.Type))
	}
	w.lead(p, option.ServerIdentifier)
	w.lead(p, option.LeaseTime)
	relay, isRelayed := p.Options.Get(option.RelayInformation)
	if isRelayed && len(w.b)+size(relay) > w.end {
		w.left++
		isRelayed = false
	}
	if isRelayed {
		w.end -= size(relay)
	}
	total := 0
	for _, o := range p.Options {
		if ordinary(o.Code) {
			total += size(o.Data)
		}
	}
	if len(w.b)+total <= w.end {
		for _, o := range p.Options {
			if ordinary(o.Code) {
				w.b = appendOption(w.b, o.Code, o.Data)
			}
		}
	} else {
		w.squeeze(p)
	}
	if isRelayed {
		w.b = appendOption(w.b, option.RelayInformation, relay)
	}
}

// lead writes one of the options that come first.
func (w *writer) lead(p *Packet, c option.Code) {
	if v, ok := p.Options.Get(c); ok {
		if len(w.b)+size(v) > w.end {
			w.left++
			return
		}
		w.b = appendOption(w.b, c, v)
	}
}

// appendOption writes an option, in several pieces when it is long (RFC 3396, 5).
func appendOption(b []byte, c option.Code, v []byte) []byte {
	for {
		n := min(len(v), 255)
		b = append(b, byte(c), byte(n))
		b = append(b, v[:n]...)
		if v = v[n:]; len(v) == 0 {
			return b
		}
	}
}

// squeeze writes the options of the list when the place is too short for all: with free fields, into them too.
func (w *writer) squeeze(p *Packet) {
	const sizeOverload = 3
	at := len(w.b) // of option 52
	over := p.Type != BOOTP && (w.file.end > 0 || w.sname.end > 0) && at+sizeOverload <= w.end
	fileAt, snameAt := w.file.at, w.sname.at
	if over {
		w.b = append(w.b, byte(option.Overload), 1, 0)
	} else {
		w.file, w.sname = field{}, field{}
	}
	for _, o := range p.Options {
		if ordinary(o.Code) && !w.place(o) {
			w.left++
		}
	}
	if !over {
		return
	}
	used := byte(0)
	if w.file.at > fileAt && w.file.end > 0 {
		w.b[w.file.at] = byte(option.End)
		used |= 1
	}
	if w.sname.at > snameAt && w.sname.end > 0 {
		w.b[w.sname.at] = byte(option.End)
		used |= 2
	}
	if used == 0 { // nothing went there after all: what was too long for the place is too long for the fields
		w.b = append(w.b[:at], w.b[at+sizeOverload:]...)
		return
	}
	w.b[at+2] = used
}

// place writes one option whole where it fits first, else in pieces over all places, in the order in which they are joined again.
func (w *writer) place(o option.Option) bool {
	n := size(o.Data)
	if len(w.b)+n <= w.end {
		w.b = appendOption(w.b, o.Code, o.Data)
		return true
	}
	for _, f := range []*field{&w.file, &w.sname} {
		if n <= f.room() {
			w.put(f, o.Code, o.Data)
			return true
		}
	}
	main := holds(w.end - len(w.b))
	file, sname := holds(w.file.room()), holds(w.sname.room())
	if main+file+sname < len(o.Data) || len(o.Data) == 0 {
		return false
	}
	v := o.Data
	if main = min(main, len(v)); main > 0 {
		w.b = appendOption(w.b, o.Code, v[:main])
		v = v[main:]
	}
	if file = min(file, len(v)); file > 0 {
		w.put(&w.file, o.Code, v[:file])
		v = v[file:]
	}
	if len(v) > 0 {
		w.put(&w.sname, o.Code, v)
	}
	return true
}

// holds is how many octets of an option's value such a room holds, in pieces; 0 of less than three.
func holds(room int) int {
	pieces := room / 257
	n := pieces * 255
	if rest := room - pieces*257; rest > 2 {
		n += rest - 2
	}
	return n
}

// put writes into a field; the value fits.
func (w *writer) put(f *field, c option.Code, v []byte) {
	f.at += copy(w.b[f.at:f.end], appendOption(w.b[f.at:f.at:f.end], c, v))
}
