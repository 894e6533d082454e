package names

import (
	"bytes"

	"loadshare/dhcp/lease"
)

// The bounds of the TTL and of how often a renewal asserts a name anew, in seconds.
const (
	minTTL = 600
	day    = 86400
)

// Change compares an address before and after and says what DNS must learn, in order; IDs are the caller's to give. after's DNS field is
// completed: keep it with the lease. Call it for every change of a lease, after Name.Put where there was a message.
//
// Ours says that this server made the change, or that the partner speaks the plain draft and so knows nothing of our names; of other
// changes nothing follows.
//
// A name is removed when its address is free, given to another client, or abandoned, not when its time is over or it is released: the
// partner has not said yet that it knows.
func (c Config) Change(before, after *lease.Lease, ours bool) []Job {
	if !ours {
		return nil
	}
	const written = Forward | Reverse
	had := before.DNS&written != 0 && before.FQDN != ""
	active := after.State == lease.Active
	if !c.On {
		after.DNS = before.DNS
		return nil
	}
	if !active && after.State.Waiting() {
		after.DNS = before.DNS // of the last client still
		return nil
	}
	want := active && after.DNS&written != 0 && after.FQDN != ""
	same := had && want && before.FQDN == after.FQDN && bytes.Equal(DHCID(before.Client, before.FQDN), DHCID(after.Client, after.FQDN))

	var jobs []Job
	if had && !same {
		jobs = append(jobs, c.job(Remove, before))
	}
	if had && same && before.DNS&Forward != 0 && after.DNS&Forward == 0 {
		// The client writes its A itself from now on; ours would stay for ever. The PTR comes back with Add.
		jobs = append(jobs, c.job(Remove, before))
	}
	switch {
	case !want:
		after.DNS = 0
	case same && before.State == lease.Active && before.DNS&written == after.DNS&written && !slot(before, after):
		after.DNS = before.DNS
	default:
		j := c.job(Add, after)
		j.Again = same
		jobs = append(jobs, j)
	}
	return jobs
}

// job is the job of a lease's name.
func (c Config) job(k Kind, l *lease.Lease) Job {
	return Job{Kind: k, IP: l.IP, FQDN: l.FQDN, DHCID: DHCID(l.Client, l.FQDN), TTL: c.ttl(l), Forward: l.DNS&Forward != 0}
}

// ttl is a third of the lease (RFC 4702, 5).
func (c Config) ttl(l *lease.Lease) uint32 {
	if c.TTL != 0 {
		return c.TTL
	}
	return uint32(min(max((l.End-l.CLTT)/3, minTTL), day))
}

// slot says whether a renewal is the first in its slot: time is cut into pieces of the length of the lease, for each address elsewhere.
// So a name is asserted anew at least once in that time if the client renews, and no more often, without a note of when it was.
func slot(before, after *lease.Lease) bool {
	length := after.End - after.CLTT
	if after.End >= lease.Forever {
		length = day
	}
	length = max(length, minTTL)
	phase := int64(uint32(after.IP)*2654435761) % length
	return (before.CLTT+phase)/length != (after.CLTT+phase)/length
}

// Settle writes into the lease what became of a job; false: nothing changes. A name that is not in DNS is asserted anew with the first
// renewal of the next slot.
func (c Config) Settle(l *lease.Lease, j Job, done bool) bool {
	if j.Kind != Add || !j.of(l) || l.DNS&(Forward|Reverse) == 0 {
		return false
	}
	was := l.DNS
	if l.DNS |= Failed; done {
		l.DNS &^= Failed
	}
	return l.DNS != was
}
