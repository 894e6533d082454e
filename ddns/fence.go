package ddns

import (
	"fmt"
	"strconv"
	"strings"
)

// GenerationTTL is the TTL of generation records. Nobody but agents asks for
// them, and those ask the authoritative servers.
const GenerationTTL = 60

// Stamp is the decision that a record set comes from: the content of its
// generation record. Its fields are those of order.Stamp, so that one converts
// to the other.
type Stamp struct {
	Epoch      uint64
	Generation uint64
	Monitor    string
}

// GenerationName is the owner of the generation record of a set: `_a._loadshare.www.mydomain.com`
// for the A records of www.mydomain.com. The type is a label of its own, so that
// the sets of one name do not wait for each other. An error means that the
// name is too long to have one.
func GenerationName(k Key) (string, error) {
	n := "_" + strings.ToLower(k.Type) + "._loadshare." + k.Name
	if err := CheckName(n); err != nil {
		return "", fmt.Errorf("generation record of %s %s: %w", k.Name, k.Type, err)
	}
	return n, nil
}

// Text is the stamp as the rdata of its TXT record, quoted:
// `"loadshare epoch=3 generation=12 monitor=m1"`. Octets of the monitor's id
// other than letters, digits and .:_- are written %XX.
func (s Stamp) Text() string {
	var id strings.Builder
	for i := range len(s.Monitor) {
		if c := s.Monitor[i]; plainID(c) {
			id.WriteByte(c)
		} else {
			fmt.Fprintf(&id, "%%%02X", c)
		}
	}
	return fmt.Sprintf(`"loadshare epoch=%d generation=%d monitor=%s"`, s.Epoch, s.Generation, id.String())
}

func plainID(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".:_-", c) >= 0
}

// ParseStamp reads what [Stamp.Text] wrote. Only that exact form is a stamp;
// anything else at the reserved name is somebody else's text.
func ParseStamp(text string) (Stamp, bool) {
	if len(text) > 600 || len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return Stamp{}, false
	}
	f := strings.Split(text[1:len(text)-1], " ")
	if len(f) != 4 || f[0] != "loadshare" {
		return Stamp{}, false
	}
	epoch, ok1 := number(f[1], "epoch=")
	gen, ok2 := number(f[2], "generation=")
	id, ok3 := strings.CutPrefix(f[3], "monitor=")
	if !ok1 || !ok2 || !ok3 {
		return Stamp{}, false
	}
	mon, ok := unescape(id)
	s := Stamp{Epoch: epoch, Generation: gen, Monitor: mon}
	if !ok || s.Text() != text {
		return Stamp{}, false
	}
	return s, true
}

func number(field, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(field, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

func unescape(s string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out.WriteByte(byte(n))
		i += 2
	}
	return out.String(), true
}

// Have is what a server answered before a decision: the set and its generation record.
type Have struct {
	Set Set
	// Generation are the TXT values at [GenerationName], as the server gave them; empty when there is none.
	Generation []string
}

// Stamp is the newest stamp in the generation record; false when none of its texts is one.
func (h Have) Stamp() (Stamp, bool) {
	var best Stamp
	found := false
	for _, t := range h.Generation {
		if s, ok := ParseStamp(t); ok && (!found || s.newer(best)) {
			best, found = s, true
		}
	}
	return best, found
}

func (s Stamp) newer(o Stamp) bool {
	if s.Epoch != o.Epoch {
		return s.Epoch > o.Epoch
	}
	if s.Generation != o.Generation {
		return s.Generation > o.Generation
	}
	return s.Monitor > o.Monitor
}

// Want is one set to be made true, with the decision it comes from.
type Want struct {
	Set Set
	// Stamp is written as the generation record. Ignored in [Unfenced].
	Stamp Stamp
}

// Fenced builds the one message that makes want true, to be refused by the
// server if anything changed since have was read (M2): prerequisites "the
// generation record is what was read" and "the set is what was read" (or does
// not exist), the operations, and the new generation record. When the set is
// already as wanted the message only writes the generation.
func Fenced(zone string, have Have, want Want) (Change, error) {
	c := Change{Zone: zone}
	err := c.Fence(have, want)
	return c, err
}

// Fence adds one more fenced set to a change of the same zone; see [Fenced].
func (c *Change) Fence(have Have, want Want) error {
	k := want.Set.Key()
	owner, err := GenerationName(k)
	if err != nil {
		return err
	}
	c.Prereqs = append(c.Prereqs, asRead(owner, "TXT", have.Generation), asRead(k.Name, k.Type, have.Set.Values))
	c.Ops = append(c.Ops, Replace(have.Set, want.Set)...)
	if text := want.Stamp.Text(); len(have.Generation) != 1 || have.Generation[0] != text {
		c.Ops = append(c.Ops,
			Op{Kind: DeleteSet, Name: owner, Type: "TXT"},
			Op{Kind: Add, Name: owner, Type: "TXT", TTL: GenerationTTL, Data: text})
	}
	return nil
}

// AsRead adds the prerequisite that a set still is what was read.
func (c *Change) AsRead(have Set) {
	c.Prereqs = append(c.Prereqs, asRead(have.Name, have.Type, have.Values))
}

func asRead(name, typ string, values []string) Prereq {
	if len(values) == 0 {
		return Prereq{Kind: SetAbsent, Name: name, Type: typ}
	}
	return Prereq{Kind: SetEquals, Name: name, Type: typ, Values: values}
}

// Unfenced builds the message without prerequisites and generation record, for
// servers where a TXT is unwelcome (fence = false).
func Unfenced(zone string, have Set, want Set) Change {
	return Change{Zone: zone, Ops: Replace(have, want)}
}
