package pair

import (
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// swap is the exchange of roles under way.
type swap struct {
	stage  swapStage
	id     uint64 // of the operator's command here; 0: the partner's operator asked
	reason string
	until  time.Duration
	batch  uint64
}

type swapStage uint8

const (
	swapNone     swapStage = iota
	swapDraining           // nothing new; what is owed goes out
	swapSaving             // the new role is being written
	swapAsked              // the partner has been asked
	swapWished             // at the backup: the main has been asked to begin
)

func (m *Machine) reply(id uint64, refused string) {
	if id != 0 {
		m.out.Replies = append(m.out.Replies, Reply{id, refused})
	}
}

// operate carries out an operator's command, or says why not.
func (m *Machine) operate(o Operate) {
	if m.state == pairmsg.Alone {
		m.reply(o.ID, "this server has no partner: there is no section [ha] in its configuration")
		return
	}
	switch o.Command {
	case SetPartnerDown:
		if m.state == pairmsg.PartnerDown {
			m.reply(o.ID, "")
			return
		}
		if m.state != pairmsg.Interrupted {
			m.reply(o.ID, "partner-down is possible only from communication-interrupted; the state is "+m.state.String())
			return
		}
		m.enter(pairmsg.PartnerDown, OperatorSaysDown)
		m.reply(o.ID, "")
	case ServeAlone:
		m.serveAlone(o)
	case SyncNow:
		m.operateSync(o)
	case Swap:
		m.operateSwap(o)
	}
}

func (m *Machine) serveAlone(o Operate) {
	switch m.state {
	case pairmsg.Startup:
		m.alone(OperatorAlone)
	case pairmsg.Interrupted, pairmsg.PartnerDown:
	case pairmsg.Normal, pairmsg.Negotiating, pairmsg.Alone:
		m.reply(o.ID, "there is a partner: the state is "+m.state.String())
		return
	}
	for _, key := range m.order {
		z := m.zones[key]
		z.expired = false
		if z.saved.Flags != 0 {
			z.saved.Flags = 0
			m.saveZone(z)
		}
		m.show(z)
	}
	m.note(Note{Reason: OperatorAlone, Text: o.Reason})
	m.unlock = true
	m.reply(o.ID, "")
}

func (m *Machine) operateSync(o Operate) {
	switch {
	case m.state != pairmsg.Normal || !m.linked():
		m.reply(o.ID, "zones are synchronised in normal only; the state is "+m.state.String())
	case m.role() == pairmsg.Backup:
		m.send(pairmsg.SyncZones{Zones: o.Zones, Source: o.Source})
		m.reply(o.ID, "")
	default:
		m.reply(o.ID, m.syncNow(o.Zones, o.Source))
	}
}

// syncNow puts zones at the head of the queue (checklist H29, H30); none: all.
func (m *Machine) syncNow(zones []zone.Name, source pairmsg.Source) string {
	keys := m.order
	if len(zones) > 0 {
		keys = nil
		for _, n := range zones {
			if m.zones[n.Key()] == nil {
				return "there is no zone " + n.String()
			}
			keys = append(keys, n.Key())
		}
	}
	for _, key := range keys {
		z := m.zones[key]
		z.source = source
		if z.job == nil {
			// The main's content is about to go: first the backup gets what it lacks, and nothing new comes.
			z.draining = source == pairmsg.FromBackup && z.sync == SyncComplete
			if !z.draining {
				m.unship(z)
			}
			m.note(Note{Reason: SyncByHand, Zone: key, Text: source.String()})
			m.enqueue(z, true)
			if source == pairmsg.FromBackup {
				m.lock(z)
			}
		}
	}
	return ""
}

func (m *Machine) operateSwap(o Operate) {
	switch {
	case m.swap.stage != swapNone:
		m.reply(o.ID, "a swap is under way")
	case m.state != pairmsg.Normal || !m.linked():
		m.reply(o.ID, "roles are exchanged in normal only; the state is "+m.state.String())
	case m.role() == pairmsg.Backup:
		m.swap = swap{stage: swapWished, id: o.ID, reason: o.Reason, until: m.now.Mono + swapWithin}
		m.send(pairmsg.SwapAsk{Reason: o.Reason})
	default:
		if why := m.beginSwap(o.ID, o.Reason); why != "" {
			m.reply(o.ID, why)
		}
	}
}

const swapWithin = 10 * time.Second

func (m *Machine) beginSwap(id uint64, reason string) string {
	if m.swap.stage != swapNone {
		return "a swap is under way"
	}
	if !m.allComplete() {
		return "not all zones are synchronised yet; `loadshare ha status` shows which"
	}
	m.swap = swap{stage: swapDraining, id: id, reason: reason, until: m.now.Mono + swapWithin}
	return ""
}

// swapStep goes on with a swap when what it waits for is there.
func (m *Machine) swapStep() {
	switch m.swap.stage {
	case swapDraining:
		if m.now.Mono >= m.swap.until || !m.linked() || m.state != pairmsg.Normal {
			m.endSwap("the changes under way did not reach the partner in time")
			return
		}
		if m.acked == m.shipped && len(m.busy) == 0 && m.allComplete() {
			m.saved.Role, m.saved.Epoch, m.dirty = pairmsg.Backup, m.saved.Epoch+1, true
			m.swap.stage, m.swap.batch = swapSaving, m.cur()
		}
	case swapSaving:
		if m.durable >= m.swap.batch {
			m.swap.stage = swapAsked
			m.send(pairmsg.SwapAsk{Epoch: m.saved.Epoch, Reason: m.swap.reason})
		}
	case swapNone, swapAsked, swapWished:
	}
}

// endSwap ends it; with why it did not happen.
func (m *Machine) endSwap(why string) {
	s := m.swap
	m.swap = swap{}
	m.unlock = true
	if s.stage == swapNone {
		return
	}
	if why != "" && s.id == 0 && m.link.session != 0 {
		m.send(pairmsg.SwapReply{Why: why})
	}
	m.reply(s.id, why)
}

// swapLost: the connection ended in the middle. Who has the higher epoch is right at the next Hello.
func (m *Machine) swapLost() {
	if m.swap.stage != swapNone {
		m.endSwap("the connection to the partner was lost; `loadshare ha status` on both shows the roles when they meet again")
	}
}

// onSwapAsk: with an epoch, this server is to be the main; without, the backup's operator asks for a swap.
func (m *Machine) onSwapAsk(v pairmsg.SwapAsk) {
	if v.Epoch == 0 {
		why := "the state is " + m.state.String()
		if m.state == pairmsg.Normal && m.role() == pairmsg.Main {
			why = m.beginSwap(0, v.Reason)
		}
		if why != "" {
			m.send(pairmsg.SwapReply{Why: why})
		}
		return
	}
	if m.state != pairmsg.Normal || v.Epoch <= m.saved.Epoch {
		m.send(pairmsg.SwapReply{Epoch: v.Epoch, Why: "the backup is in " + m.state.String()})
		return
	}
	m.setRole(pairmsg.Main, v.Epoch, OperatorSwapped)
	m.sendWhenDurable(pairmsg.SwapReply{Epoch: v.Epoch})
	id := m.swap.id
	if m.swap.stage == swapWished {
		m.swap = swap{}
		m.reply(id, "")
	}
}

func (m *Machine) onSwapReply(v pairmsg.SwapReply) {
	switch m.swap.stage {
	case swapWished:
		if v.Why != "" {
			m.endSwap(v.Why)
		}
	case swapAsked:
		if v.Why != "" {
			m.saved.Role, m.saved.Epoch, m.dirty = pairmsg.Main, m.saved.Epoch+1, true
			m.endSwap("the partner refuses: " + v.Why)
			return
		}
		m.setRole(pairmsg.Backup, m.saved.Epoch, OperatorSwapped)
		m.endSwap("")
	case swapNone, swapDraining, swapSaving:
	}
}

// setRole takes another role.
func (m *Machine) setRole(r pairmsg.Role, epoch uint64, why Reason) {
	m.saved.Role, m.saved.Epoch, m.saved.Since, m.dirty = r, epoch, m.now.Wall, true
	m.roleSince = m.now.Wall
	m.note(Note{Reason: why, Text: "this server is the " + r.String() + " now"})
	m.unlock = true
	for _, key := range m.order {
		z := m.zones[key]
		m.show(z)
		if r == pairmsg.Main && z.sync != SyncComplete { // such as a zone that only the backup had: who leads brings it to the other
			m.enqueue(z, false)
		}
	}
}

// stopStep ends an orderly stop: first everything that is owed, then the word to the partner, then the disk.
func (m *Machine) stopStep() {
	if !m.stopping {
		return
	}
	if m.stopAt == 0 {
		if m.failed == "" && m.state == pairmsg.Normal && m.role() == pairmsg.Main && m.linked() && (m.acked < m.shipped || m.unshippedAny()) && m.now.Mono < m.stopBy {
			return
		}
		if len(m.busy) > 0 && m.state != pairmsg.Alone {
			m.markBehind() // what the partner has not confirmed is answered with one copy
		}
		for _, h := range m.held {
			m.answer(h.change, NotAccepting, Stopping)
		}
		m.held = nil
		var last []pairmsg.ZonePoint
		for _, key := range m.order {
			z := m.zones[key]
			last = append(last, z.zonePoint())
			if z.saved.Reserved != 0 && z.saved.Reserved != z.point.Serial {
				z.saved.Reserved = z.point.Serial
				m.saveZone(z)
			}
		}
		if m.link.session != 0 && m.link.hello != nil && len(last) < 5000 {
			m.send(pairmsg.Shutdown{Last: last})
		} else if m.link.session != 0 && m.link.hello != nil {
			m.send(pairmsg.Shutdown{})
		}
		m.saved.Clean, m.dirty = true, true
		if m.state == pairmsg.Normal {
			m.saved.Contact = m.now.Wall
		}
		m.stopAt = m.cur()
	}
	if m.durable >= m.stopAt && m.durable == m.batch && len(m.out.Write) == 0 && !m.dirty || m.failed != "" {
		m.answerRest()
		m.out.Stopped = true
	}
}

// stopWithin is how long an orderly stop waits for the partner to confirm what it was sent.
const stopWithin = 2 * time.Second

// answerRest answers, under strict, what never got its second copy.
func (m *Machine) answerRest() {
	for _, z := range m.busy {
		for _, p := range z.pend {
			if p.change != nil {
				m.answer(p.change, Unacknowledged, NoSecondCopy)
				p.change = nil
			}
		}
	}
}

func (m *Machine) unshippedAny() bool {
	for _, z := range m.busy {
		if len(z.unshipped) > 0 {
			return true
		}
	}
	return false
}
