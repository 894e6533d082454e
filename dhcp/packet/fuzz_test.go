package packet

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"loadshare/dhcp/option"
)

func seeds(f *testing.F) {
	f.Helper()
	built, _ := crowded(300).Append(nil, 0)
	for _, b := range [][]byte{
		nil, head(1), head(2), head(1)[:236], head(1)[:239], discover(), relayed(), built,
		overloaded(3, []byte{12, 1, 'b', 255}, []byte{12, 1, 'c', 255}, []byte{12, 1, 'a'}),
		overloaded(1, []byte{52, 1, 2, 255}, []byte("name"), nil),
		append(head(1), 53, 1, 1, 12, 5, 'a'), append(head(1), 53, 1, 1, 12), append(head(1), 53, 1, 1, 61, 0, 61, 2, 1, 2),
	} {
		f.Add(b)
	}
}

// Any octets are refused, or are a packet that is built to octets of an equal packet; in any room nothing malformed is built.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(checkParse)
}

// As FuzzParse, of the three places that hold options.
func FuzzFields(f *testing.F) {
	f.Add([]byte{53, 1, 1, 52, 1, 3, 61, 2, 1, 1, 255}, []byte{61, 1, 7, 0, 255}, []byte{82, 1, 7, 12, 0, 255})
	f.Add([]byte{53, 1, 1, 50, 4, 1, 2, 3, 4, 54, 4, 1, 2, 3, 4, 255}, []byte("file"), []byte("name"))
	f.Add([]byte{52, 1, 1, 52, 0, 0, 12}, []byte{12, 3}, []byte{})
	f.Fuzz(func(t *testing.T, options, file, sname []byte) {
		b := append(head(1), options...)
		copy(b[atFile:atCookie], file)
		copy(b[atSName:atFile], sname)
		checkParse(t, b)
		checkDifferential(t, b)
	})
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	p, err := Parse(b)
	if err != nil {
		if p != nil {
			t.Fatal("a packet and an error")
		}
		return
	}
	again, left := p.Append(nil, 1<<20)
	if left != 0 {
		t.Fatalf("%d left", left)
	}
	same(t, p, again)
	small, left := p.Append(nil, 0)
	got, err := Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Options)+left != len(p.Options) || len(small) > 548 {
		t.Fatalf("%d options, %d left out, of %d; %d octets", len(got.Options), left, len(p.Options), len(small))
	}
	if room := Room(p); room < 300 || room > 1472 {
		t.Fatal(room)
	}
	if d := ReplyTo(p, NewReply(p, Ack), Arrival{}); d.IP == 0 && p.Type != LeaseQuery {
		t.Fatal("an ACK to nowhere")
	}
}

// What the library takes we take too and read the same, but:
//
//   - it knows no option overload (52): file and sname are text to it;
//   - it takes any op, and cuts hlen to 16;
//   - it takes options 50, 52, 53 and 54 of wrong lengths.
//
// What we take it takes too, but it wants the cookie, and option 255.
func FuzzDifferential(f *testing.F) {
	seeds(f)
	f.Fuzz(checkDifferential)
}

func checkDifferential(t *testing.T, b []byte) {
	t.Helper()
	ours, err := Parse(b)
	theirs, errTheirs := dhcpv4.FromBytes(b)
	switch {
	case err == nil && errTheirs == nil:
		if theirs.Options.Has(dhcpv4.OptionOptionOverload) {
			return
		}
		if diff := cmp.Diff(sorted(fromLibrary(theirs)), sorted(ours)); diff != "" {
			t.Fatal(diff)
		}
	case err != nil && errTheirs == nil:
		checkRefusal(t, err, b, theirs)
	case err == nil:
		if hasEnd(b) {
			t.Fatalf("the library refuses: %v", errTheirs)
		}
	}
}

func checkRefusal(t *testing.T, err error, b []byte, theirs *dhcpv4.DHCPv4) {
	t.Helper()
	var fault *Error
	if !errors.As(err, &fault) {
		t.Fatal(err)
	}
	right := false
	switch over := theirs.Options.Has(dhcpv4.OptionOptionOverload); fault.Fault {
	case BadOp:
		right = b[0] != 1 && b[0] != 2
	case BadHLen:
		right = b[2] > 16
	case BadOverload, CutOption:
		right = over
	case BadType:
		v := theirs.Options[53]
		right = over || len(v) != 1 || v[0] == 0
	case BadRequested:
		right = over || len(theirs.Options[50]) != 4
	case BadServerID:
		right = over || len(theirs.Options[54]) != 4
	}
	if !right {
		t.Fatalf("the library takes it: %v", err)
	}
}

// hasEnd says that the octets have a cookie, and options with an end.
func hasEnd(b []byte) bool {
	if len(b) < atOptions || [4]byte(b[atCookie:]) != [4]byte{0x63, 0x82, 0x53, 0x63} {
		return false
	}
	return ends(b[atOptions:])
}

// ends says that the octets have 255 where an option may begin.
func ends(b []byte) bool {
	for i := 0; i < len(b); {
		switch option.Code(b[i]) {
		case option.End:
			return true
		case option.Pad:
			i++
		default:
			if i+1 >= len(b) {
				return false
			}
			i += 2 + int(b[i+1])
		}
	}
	return false
}
