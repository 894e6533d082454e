package order

import (
	"slices"
	"testing"
)

// TestStampsAreTotallyOrdered: "stamps of one pool are totally ordered: by epoch, then generation, then monitor" (M1).
func TestStampsAreTotallyOrdered(t *testing.T) {
	ordered := []Stamp{{}, {0, 0, "a"}, {0, 1, ""}, {1, 0, "z"}, {1, 2, "a"}, {1, 2, "b"}, {2, 0, "a"}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Newer(b); got != (i > j) {
				t.Errorf("%+v newer than %+v: %v", a, b, got)
			}
		}
	}
	if !ordered[0].IsZero() || ordered[1].IsZero() {
		t.Error("only the zero stamp means that nothing was decided yet")
	}
}

// TestCanonicalValueIsOneSpelling: whatever way a value is written, two agents and the DNS compare it equal.
func TestCanonicalValueIsOneSpelling(t *testing.T) {
	for _, c := range []struct {
		t    RRType
		in   string
		want string
	}{
		{A, " 192.168.0.1 ", "192.168.0.1"},
		{A, "::ffff:192.168.0.1", "192.168.0.1"},
		{AAAA, "2001:DB8:0:0::5", "2001:db8::5"},
		{MX, "10   Node1.MyDomain.com.", "10 node1.mydomain.com"},
		{SRV, "0 5 80 WWW.", "0 5 80 www"},
		{A, "not an address", "not an address"},
		{MX, "", ""},
	} {
		if got := CanonicalValue(c.t, c.in); got != c.want {
			t.Errorf("%s %q: %q, expected %q", c.t, c.in, got, c.want)
		}
		if again := CanonicalValue(c.t, c.want); again != c.want {
			t.Errorf("%s %q is not stable: %q", c.t, c.want, again)
		}
	}
}

// TestNormalizeSortsAndDropsRepeats: a set is what it holds, not how it was listed.
func TestNormalizeSortsAndDropsRepeats(t *testing.T) {
	got := RecordSet{"WWW.mydomain.com.", A, 30, []string{"192.168.0.2", "192.168.0.1", "192.168.0.2"}}.Normalize()
	want := RecordSet{"www.mydomain.com", A, 30, []string{"192.168.0.1", "192.168.0.2"}}
	if !got.Equal(want) {
		t.Errorf("%+v, expected %+v", got, want)
	}
	for _, other := range []RecordSet{{"www.mydomain.com", A, 31, want.Values}, {"www.mydomain.com", AAAA, 30, want.Values}, {"x", A, 30, want.Values}, {"www.mydomain.com", A, 30, nil}} {
		if got.Equal(other) {
			t.Errorf("equal to %+v", other)
		}
	}
}

// TestPoolIDIsOneSpelling: a name in any case, with or without the final dot, is one pool, and the id gives name and type back.
func TestPoolIDIsOneSpelling(t *testing.T) {
	ids := []PoolID{NewPoolID("www.MyDomain.com.", A), NewPoolID("www.mydomain.com", A)}
	if len(slices.Compact(ids)) != 1 || ids[0].Name() != "www.mydomain.com" || ids[0].Type() != A {
		t.Errorf("%v", ids)
	}
}
