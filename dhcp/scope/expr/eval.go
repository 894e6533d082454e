package expr

import (
	"encoding/binary"

	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Env is what a condition is asked of.
type Env struct {
	Packet    *packet.Packet
	Interface string                  // where a broadcast was heard
	Member    func(class string) bool // nil: of no class
}

// The compiled forms. None of them writes to what it gets.
type (
	cond   func(*Env) bool
	value  func(*Env) []byte
	lookup func(*Env) ([]byte, bool)
)

func constant(b []byte) value { return func(*Env) []byte { return b } }

// find is the option of the message.
func find(c option.Code) lookup {
	return func(e *Env) ([]byte, bool) { return e.Packet.Options.Get(c) }
}

// within is the option in another: a code, a length, and so many octets, one after the other. What does not fit ends it.
func within(o lookup, c option.Code) lookup {
	return func(e *Env) ([]byte, bool) {
		b, _ := o(e)
		for len(b) >= 2 && len(b) >= 2+int(b[1]) {
			n := 2 + int(b[1])
			if option.Code(b[0]) == c {
				return b[2:n], true
			}
			b = b[n:]
		}
		return nil, false
	}
}

// fields are those of the message that are no options.
var fields = map[string]value{
	"pkt.iface":    func(e *Env) []byte { return []byte(e.Interface) },
	"pkt4.mac":     func(e *Env) []byte { return e.Packet.CHAddr },
	"pkt4.hlen":    func(e *Env) []byte { return four(uint32(len(e.Packet.CHAddr))) },
	"pkt4.htype":   func(e *Env) []byte { return four(uint32(e.Packet.HType)) },
	"pkt4.ciaddr":  func(e *Env) []byte { return four(uint32(e.Packet.CIAddr)) },
	"pkt4.yiaddr":  func(e *Env) []byte { return four(uint32(e.Packet.YIAddr)) },
	"pkt4.siaddr":  func(e *Env) []byte { return four(uint32(e.Packet.SIAddr)) },
	"pkt4.giaddr":  func(e *Env) []byte { return four(uint32(e.Packet.GIAddr)) },
	"pkt4.msgtype": func(e *Env) []byte { return four(uint32(e.Packet.Type)) },
	"pkt4.transid": func(e *Env) []byte { return four(e.Packet.XID) },
}

func four(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
