package message

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

// RFC 8945 5.1: a request of ours is signed as the other side checks it, which is without the MAC of anything before.
func TestRequestSigned(t *testing.T) {
	key, err := NewKey("k.", "hmac-sha256", []byte("secret-secret-secret-secret-secr"))
	if err != nil {
		t.Fatal(err)
	}
	q := new(dns.Msg)
	q.SetNotify("example.test.")
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	signer := key.Request()
	now := time.Unix(time.Now().Unix(), 0)
	out := signer.Sign(append([]byte(nil), wire...), now)
	if len(out) != len(wire)+signer.Len() {
		t.Errorf("%d octets added, want %d", len(out)-len(wire), signer.Len())
	}
	if err := dns.TsigVerify(append([]byte(nil), out...), "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=", "", false); err != nil {
		t.Error(err)
	}
	var m Message
	if err := m.Parse(out); err != nil {
		t.Fatal(err)
	}
	if _, rcode, e := (Keys{string(key.Name): key}).Verify(&m, now); rcode != 0 || e != 0 {
		t.Errorf("%v %v", rcode, e)
	}
}
