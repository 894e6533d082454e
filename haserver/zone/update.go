package zone

// Update is one update message (RFC 2136) without its header and zone section: the records of the
// prerequisite section and of the update section, in the order of the message.
type Update struct {
	Prereq  []Record
	Updates []Record
}

// CheckPrereq tests the prerequisites (RFC 2136, 3.2). It returns NoError when all hold; otherwise why names
// the first record in the way, for the log.
func (z *Zone) CheckPrereq(u Update) (rcode Rcode, why string) { return NoError, "" }

// Prescan tests the form of the update section (RFC 2136, 3.4.1), all of it, without regard to what
// the zone holds.
func (z *Zone) Prescan(u Update) (rcode Rcode, why string) { return NoError, "" }

// CheckUpdate is CheckPrereq, then Prescan.
func (z *Zone) CheckUpdate(u Update) (rcode Rcode, why string) { return NoError, "" }

// Apply carries out an update message whole or not at all (RFC 2136, 3.2 to 3.6): prerequisites,
// prescan, the records in their order, and the serial, which moves by one when the zone changed and the
// message did not set a newer SOA itself.
//
// When rcode is not NoError, next is z, d is zero and why names the offending record. When nothing changed
// next is z and d is zero. The cost does not depend on the size of the zone.
func (z *Zone) Apply(u Update) (next *Zone, d Delta, rcode Rcode, why string) {
	return z, Delta{}, NoError, ""
}
