package zone

// Delta is the difference between two generations of a zone: one step of IXFR (RFC 1995, 4).
//
// The zero value is no difference. Otherwise Deleted begins with the old SOA record and Added with the new
// one, and the rest of both is in canonical order of names, then by type and RDATA. A change of TTL is the
// whole set deleted with the old TTL and added with the new one. Only what had an effect is in it.
type Delta struct {
	From, To uint32 // serials of the old and of the new SOA
	Deleted  []Record
	Added    []Record
}

// IsZero says that there is no difference.
func (d Delta) IsZero() bool { return len(d.Deleted) == 0 && len(d.Added) == 0 }

// Diff is the difference that makes to out of from. It is zero when both hold the same records with the same
// TTLs (names compared without case). When only other records differ, From and To are equal: give to a newer serial
// first (With) where the difference is to be announced.
func Diff(from, to *Zone) Delta { return Delta{} }

// WithDelta applies d strictly, as replaying a journal must: d.From is the serial of z, every deleted
// record is there with that TTL, no added one is, and afterwards there is one SOA, with serial d.To.
// A zero d gives z.
func (z *Zone) WithDelta(d Delta) (*Zone, error) { return z, nil }

// MarshalBinary encodes d for a journal. The encoding is stable and has no checksum of its own.
func (d Delta) MarshalBinary() ([]byte, error) { return nil, nil }

// ParseDelta decodes what MarshalBinary wrote; anything else is an error. The Delta does not keep data.
func ParseDelta(data []byte) (Delta, error) { return Delta{}, nil }
