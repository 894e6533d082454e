package haserver

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

// answerKind is what an answer is counted as.
type answerKind uint8

const (
	kindPositive answerKind = iota
	kindNoData
	kindNoName
	kindReferral
	kindError
)

// limiter bounds how many equal answers one network gets over UDP, so that forged queries make little harm. It is a table of a
// fixed size; networks that meet in one slot share its tokens only as long as neither is alone there.
//
// A slot holds 16 bits of the hash, the time of the last answer in units of 1/1024 s (32 bits) and the tokens left (16 bits).
type limiter struct {
	rate   uint64 // tokens a second
	slip   uint32
	exempt []netip.Prefix
	seed   maphash.Seed // of names
	mix    [2]uint64    // of networks with names
	slots  []atomic.Uint64
	slips  atomic.Uint32
	start  time.Time
}

const limiterSlots = 1 << 16

// tokenParts is how many parts a token has, so that slow refilling is not lost to rounding.
const tokenParts = 16

func newLimiter(c RateLimit) *limiter {
	if !c.Enabled {
		return nil
	}
	seed := maphash.MakeSeed()
	return &limiter{
		rate: uint64(c.PerSecond), slip: uint32(c.Slip), exempt: c.Exempt,
		seed: seed, mix: [2]uint64{maphash.String(seed, "name"), maphash.String(seed, "network")}, slots: make([]atomic.Uint64, limiterSlots), start: time.Now(),
	}
}

// free says that an address is not limited.
func (l *limiter) free(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(l.exempt, func(p netip.Prefix) bool { return p.Contains(a) })
}

// name is the hash of a name, whatever its case.
func (l *limiter) name(name zone.Name) uint64 {
	if l == nil {
		return 0
	}
	var buf [255]byte
	b := append(buf[:0], name...)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return maphash.Bytes(l.seed, b)
}

// limitedNet is the /24 or /56 that an address is in.
func limitedNet(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:]) >> 8)
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:])>>8 | 1<<56
}

// allow takes a token for an answer about a name, by its hash, and says whether there was one.
func (l *limiter) allow(a netip.Addr, k answerKind, name uint64, now time.Time) bool {
	high, low := bits.Mul64(name^l.mix[0], (limitedNet(a)|uint64(k)<<60)^l.mix[1])
	h := high ^ low
	slot := &l.slots[h%limiterSlots]
	tag := h >> 48
	at := uint64(now.Sub(l.start)*1024/time.Second) & 0xFFFFFFFF
	full := min(l.rate*tokenParts, 0xFFFF)
	for {
		old := slot.Load()
		tokens := full
		if old != 0 && old>>48 == tag {
			passed := (at - old>>16) & 0xFFFFFFFF
			tokens = min(full, old&0xFFFF+passed*l.rate*tokenParts/1024)
			if tokens < tokenParts {
				return false
			}
		}
		if slot.CompareAndSwap(old, tag<<48|at<<16|(tokens-tokenParts)) {
			return true
		}
	}
}

// limited says whether the answer at hand, to UDP, is one too many. What was proved by a key or a good cookie never is.
func (w *worker) limited(k answerKind, name zone.Name) bool { return w.over(k, w.view.rate.name(name)) }

// over is limited for the hash of a name.
func (w *worker) over(k answerKind, name uint64) bool {
	l := w.view.rate
	return l != nil && w.key == "" && !w.cookie.valid && !l.free(w.from) && !l.allow(w.from, k, name, w.now())
}

// rateKey is under what the collected answer is counted: names that do not exist under the zone, wildcards
// under the wildcard.
func (w *worker) rateKey(z *served) (answerKind, zone.Name) {
	name := w.in.Name()
	if w.chain.wildcard != "" {
		name = w.chain.wildcard
	}
	switch w.chain.result {
	case zone.NoName:
		return kindNoName, z.name
	case zone.NoData:
		return kindNoData, name
	case zone.Referral:
		return kindReferral, name
	}
	return kindPositive, name
}

// slip is what takes the place of an answer too many: mostly nothing; now and then an empty one with TC, so that
// a real client comes by TCP.
func (w *worker) slip() []byte {
	l := w.view.rate
	if l.slip == 0 || l.slips.Add(1)%l.slip != 0 {
		w.count.drop(dropRate)
		return nil
	}
	w.count.slipped.Add(1)
	w.ext = w.ext[:0]
	w.edns.Options = w.ext
	w.start(zone.NoError, true)
	w.build.Flags(message.FlagTC)
	return w.finish(zone.NoError)
}

// limitedReply is reply for what costs nothing to ask.
func (w *worker) limitedReply(rcode zone.Rcode) []byte {
	if !w.tcp && w.limited(kindError, zone.Root) {
		return w.slip()
	}
	return w.reply(rcode)
}
