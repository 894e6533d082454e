package names

import (
	"fmt"

	"loadshare/ddns"
)

// Outcome is what became of a job.
type Outcome uint8

// The outcomes.
const (
	Under     Outcome = iota // it is under way
	Done                     // DNS is as the job says
	Conflict                 // the name is another's; nothing of it was changed
	Refused                  // every server said no, and will say so again
	Overtaken                // a later job for the address says all of it
	Stale                    // the lease is no longer what the job was made for
	Overflow                 // the queue is full; it was the oldest
)

// String is the word of logs.
func (o Outcome) String() string {
	if o <= Overflow {
		return [...]string{"under-way", "done", "name-is-another's", "refused", "overtaken", "stale", "queue-full"}[o]
	}
	return "unknown"
}

// OK says that nothing is left to be wished for.
func (o Outcome) OK() bool { return o == Done || o == Overtaken || o == Stale }

type step uint8

const (
	over step = iota

	addNew     // the name is nobody's (RFC 4703, 5.3.1)
	addOurs    // it has our DHCID (5.3.2)
	addBeside  // it has another's DHCID and an AAAA, but no A
	keepBeside // as before, and the A is ours already
	addPTR     // (5.4)

	removePTR    // if it points to our name (5.5)
	removeOurs   // the A, if the DHCID is ours
	removeLast   // our DHCID, if there is no address left
	removeBeside // the A beside another's DHCID, if it is the only one and ours
	removeOrphan // that DHCID, if there is no address left
)

// maxForward bounds the updates of the forward half: somebody may add and remove the name in turn.
const maxForward = 6

// Machine carries one job out, update by update; each is complete in itself, so an update whose outcome nobody knows is sent again, to
// this server or another.
type Machine struct {
	c       Config
	job     Job
	step    step
	sent    int // updates of the forward half
	outcome Outcome
	text    string
}

// Start begins a job. With nothing to write it is done at once.
func (c Config) Start(j Job) *Machine {
	m := &Machine{c: c, job: j}
	switch {
	case j.Kind == Remove:
		m.enter(removePTR)
	case j.Again:
		m.enter(addOurs)
	default:
		m.enter(addNew)
	}
	return m
}

// Update is what is to be sent now; false: the job is over.
func (m *Machine) Update() (ddns.Change, bool) {
	if m.step == over {
		return ddns.Change{}, false
	}
	return m.change(), true
}

// Outcome is what became of the job, and for whom it is not done, why.
func (m *Machine) Outcome() (Outcome, string) { return m.outcome, m.text }

// Next takes the answer to Update: the mnemonic of the rcode. Answers that leave open whether it was taken (none, SERVFAIL) are not for
// here: the update is sent again.
func (m *Machine) Next(rcode string) {
	switch rcode {
	case "NOERROR":
		m.took()
	case "YXDOMAIN", "YXRRSET", "NXRRSET", "NXDOMAIN":
		m.differs(rcode)
	default:
		m.fail(Refused, fmt.Sprintf("zone %s: the server answers %s", m.change().Zone, rcode))
	}
}

func (m *Machine) took() {
	switch m.step {
	case addNew, addOurs, addBeside, keepBeside:
		m.enter(addPTR)
	case removePTR:
		m.enter(removeOurs)
	case removeOurs:
		m.enter(removeLast)
	case removeBeside:
		m.enter(removeOrphan)
	case addPTR, removeLast, removeOrphan, over:
		m.end()
	}
}

// differs is that a prerequisite did not hold.
func (m *Machine) differs(rcode string) {
	switch m.step {
	case addNew:
		m.enter(addOurs)
	case addOurs:
		switch {
		case rcode == "NXDOMAIN":
			m.enter(addNew)
		case m.c.Strict:
			m.conflict()
		default:
			m.enter(addBeside)
		}
	case addBeside:
		m.enter(keepBeside)
	case keepBeside:
		m.conflict()
	case removePTR:
		m.enter(removeOurs)
	case removeOurs:
		if m.c.Strict {
			m.end()
		} else {
			m.enter(removeBeside)
		}
	case addPTR, removeLast, removeBeside, removeOrphan, over:
		m.end() // there is nothing of ours, or somebody still needs it
	}
}

func (m *Machine) conflict() { m.fail(Conflict, fmt.Sprintf("the name %s is another's", m.job.FQDN)) }

// fail ends what is under way. A removal goes on with its other half: what it can take back it does.
func (m *Machine) fail(o Outcome, text string) {
	m.outcome, m.text = o, text
	if m.step == removePTR {
		m.enter(removeOurs)
		return
	}
	m.step = over
}

func (m *Machine) end() {
	m.step = over
	if m.outcome == Under {
		m.outcome = Done
	}
}

// enter goes to a step, or past it when its zone is not ours to write.
func (m *Machine) enter(s step) {
	m.step = s
	switch s {
	case addPTR:
		if !m.c.reverse(m.job.IP) {
			m.end()
		}
	case removePTR:
		if !m.c.reverse(m.job.IP) {
			m.enter(removeOurs)
		}
	default:
		if m.job.Forward && m.c.forward(m.job.FQDN) {
			if m.sent++; m.sent > maxForward {
				m.conflict()
			}
		} else if m.job.Kind == Add {
			m.enter(addPTR)
		} else {
			m.end()
		}
	}
}
