package zone

// maxChain bounds the aliases one question follows.
const maxChain = 16

// Lookup answers a question from this zone alone, as RFC 1034 4.3.2 says.
func (z *Zone) Lookup(q Question) Answer {
	var a Answer
	z.LookupInto(q, &a)
	return a
}

// LookupInto is Lookup that writes over a and uses its memory again.
func (z *Zone) LookupInto(q Question, a *Answer) {
	a.reset()
	if !q.Name.IsSubdomainOf(z.origin) {
		a.Rcode, a.Result = Refused, NotInZone
		return
	}
	a.AA = true
	name := q.Name
	for {
		next := z.step(name, q, a)
		if next == "" {
			break
		}
		if !next.IsSubdomainOf(z.origin) {
			a.Result, a.Next = LeftZone, next
			break
		}
		if a.seen(next) {
			a.Result = Loop
			break
		}
		name = next
	}
	switch a.Result {
	case NoData:
		a.Authority = append(a.Authority, z.negative)
	case NoName:
		a.Rcode = NXDomain // of the last name, RFC 6604 3
		a.Authority = append(a.Authority, z.negative)
	case Referral:
		if len(a.Answer) == 0 {
			a.AA = false
		} else {
			a.Next = name
		}
	}
	z.additional(a)
}

// seen says that the chain has come to a name it went through, or is over the limit.
func (a *Answer) seen(next Name) bool {
	links := 0
	for _, s := range a.Answer {
		if s.Type == TypeCNAME {
			if links++; s.Name.Equal(next) {
				return true
			}
		}
	}
	return links > maxChain
}

// step looks for one name and adds what it finds. It returns the target when that is an alias to follow.
func (z *Zone) step(name Name, q Question, a *Answer) (next Name) {
	var buf [maxKey]byte
	key, _ := z.key(buf[:0], name)
	p := z.root.seek(key)
	if z.cuts > 0 {
		if next, done := z.above(name, key, p, q, a); done {
			return next
		}
	}
	if p.found {
		if len(key) == 0 && (q.Type == TypeSOA || q.Type == TypeANY) { // the SOA is not in the tree
			a.Answer = append(a.Answer, z.soa)
			a.Result = Found
			if q.Type == TypeSOA || !q.AllOfANY {
				return ""
			}
		}
		return a.from(p.entry(), "", q)
	}
	encloser := max(commonKey(key, p.before()), commonKey(key, p.after()))
	if encloser == len(key) { // an empty non-terminal
		a.Result = NoData
		return ""
	}
	star := append(key[:encloser], '*', 0)
	p = z.root.seek(star)
	switch {
	case p.found:
		e := p.entry()
		a.Wildcard = e.name
		return a.from(e, name, q)
	case commonKey(star, p.after()) == len(star): // the wildcard itself is an empty non-terminal, RFC 4592 2.2
		a.Result = NoData
	default:
		a.Result = NoName
	}
	return ""
}

// from answers out of an entry. owner, when not empty, is the owner of sets made from a wildcard.
func (a *Answer) from(e entry, owner Name, q Question) (next Name) {
	if owner == "" {
		owner = e.name
	}
	if q.Type == TypeANY {
		for s, ok := e.next(); ok; s, ok = e.next() {
			a.Answer = append(a.Answer, a.unpack(s, owner))
			if !q.AllOfANY {
				break
			}
		}
		a.Result = Found
		return ""
	}
	all := e
	if s, ok := e.find(q.Type); ok {
		a.Answer = append(a.Answer, a.unpack(s, owner))
		a.Result = Found
		return ""
	}
	if s, ok := all.find(TypeCNAME); ok {
		set := a.unpack(s, owner)
		a.Answer = append(a.Answer, set)
		return Name(set.Data[0])
	}
	a.Result = NoData
	return ""
}

// unpack makes a set whose Data stand in the memory of the answer.
func (a *Answer) unpack(s packedSet, owner Name) (set RRset) {
	set, a.data = s.unpack(owner, a.data)
	return set
}

// above looks, from the apex downward, for a zone cut at or above name and for a DNAME above it; p is where the
// key was found or would be. done is false when there is neither.
func (z *Zone) above(name Name, key []byte, p place, q Question, a *Answer) (next Name, done bool) {
	exists := len(key)
	if !p.found {
		exists = max(commonKey(key, p.before()), commonKey(key, p.after()))
	}
	for end := 0; ; {
		if at := z.root.seek(key[:end]); at.found {
			e := at.entry()
			if end > 0 && !(end == len(key) && q.Type == TypeDS) { // the parent answers for DS, RFC 4035 3.1.4.1
				if s, ok := e.find(TypeNS); ok {
					a.Authority = append(a.Authority, a.unpack(s, e.name))
					a.Result = Referral
					return "", true
				}
			}
			if end < len(key) {
				if s, ok := e.find(TypeDNAME); ok {
					return a.rename(name, a.unpack(s, e.name))
				}
			}
		}
		if end >= exists {
			return "", false
		}
		for end++; key[end-1] != 0; end++ {
		}
	}
}

// rename adds a DNAME and the CNAME made from it for name (RFC 6672, 3.1), and returns the target.
func (a *Answer) rename(name Name, dname RRset) (next Name, done bool) {
	a.Answer = append(a.Answer, dname)
	above, _ := name.above(dname.Name)
	target := name[:above] + Name(dname.Data[0])
	if len(target) > maxName {
		a.Result, a.Rcode = TooLong, YXDomain
		return "", true
	}
	first := len(a.data)
	a.data = append(a.data, string(target))
	a.Answer = append(a.Answer, RRset{Name: name, Type: TypeCNAME, TTL: dname.TTL, Data: a.data[first : first+1 : first+1]})
	if target == "" {
		return "", true
	}
	return target, true
}

// additional adds the addresses of the names that NS, MX and SRV records in the answer point to, and of
// the name servers of a referral, those below the cut first.
func (z *Zone) additional(a *Answer) {
	if a.Result == Referral {
		cut := a.Authority[len(a.Authority)-1]
		for _, data := range cut.Data {
			if Name(data).IsSubdomainOf(cut.Name) {
				z.addresses(Name(data), a)
			}
		}
		a.Glue = len(a.Additional)
		for _, data := range cut.Data {
			if !Name(data).IsSubdomainOf(cut.Name) {
				z.addresses(Name(data), a)
			}
		}
	}
	if a.Result != Found {
		return
	}
	for _, s := range a.Answer {
		if s.Type.PointsToAddresses() {
			for _, data := range s.Data[:min(len(s.Data), maxAdditional)] {
				z.addresses(targetName(s.Type, data), a)
			}
		}
	}
}

// PointsToAddresses says that an answer of this type has the addresses of other names in its additional section.
func (t Type) PointsToAddresses() bool { return t == TypeNS || t == TypeMX || t == TypeSRV }

// addresses adds the address sets of a name in the zone that are not in the message yet.
func (z *Zone) addresses(name Name, a *Answer) {
	var buf [maxKey]byte
	key, ok := z.key(buf[:0], name)
	if !ok || len(a.Additional) >= maxAdditional || a.has(name) {
		return
	}
	p := z.root.seek(key)
	if !p.found {
		return
	}
	e := p.entry()
	for s, ok := e.next(); ok; s, ok = e.next() {
		if s.kind == TypeA || s.kind == TypeAAAA {
			a.Additional = append(a.Additional, a.unpack(s, e.name))
		}
	}
}

// maxAdditional bounds the additional section: a set of many name servers must not cost many searches.
const maxAdditional = 64

// has says that addresses of the name are in the message.
func (a *Answer) has(name Name) bool {
	for _, section := range [2][]RRset{a.Answer, a.Additional} {
		for _, s := range section {
			if (s.Type == TypeA || s.Type == TypeAAAA) && s.Name.Equal(name) {
				return true
			}
		}
	}
	return false
}
