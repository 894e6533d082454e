package ask

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // G501: hmac-md5 is what some old servers know; only if the operator's key file says so
	"crypto/sha1" //nolint:gosec // G505: likewise hmac-sha1
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/miekg/dns"
)

// Key signs messages (TSIG, RFC 8945). The zero Key means unsigned. Its fields
// are those of config.TSIGKey, so that one converts to the other.
type Key struct {
	// Name is lower case, without final dot.
	Name string
	// Algorithm is such as "hmac-sha256".
	Algorithm string
	Secret    []byte
}

// String names the key without its secret.
func (k Key) String() string { return k.Name + " (" + k.Algorithm + ", secret not shown)" }

// IsZero reports whether messages go unsigned.
func (k Key) IsZero() bool { return k.Name == "" }

var hashes = map[string]func() hash.Hash{
	"hmac-md5": md5.New, "hmac-sha1": sha1.New, "hmac-sha224": sha256.New224,
	"hmac-sha256": sha256.New, "hmac-sha384": sha512.New384, "hmac-sha512": sha512.New,
}

func (k Key) wireAlgorithm() string {
	if k.Algorithm == "hmac-md5" {
		return "hmac-md5.sig-alg.reg.int." // RFC 8945 section 6
	}
	return k.Algorithm + "."
}

// signer pins name and algorithm to the one key; the library would accept any
// algorithm with the right secret.
type signer struct{ Key }

func (s signer) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	h := hashes[s.Algorithm]
	if h == nil {
		return nil, fmt.Errorf("key %s: algorithm %q is not known", s.Name, s.Algorithm)
	}
	m := hmac.New(h, s.Secret)
	m.Write(msg)
	return m.Sum(nil), nil
}

func (s signer) Verify(msg []byte, t *dns.TSIG) error {
	if !strings.EqualFold(t.Hdr.Name, s.Name+".") || !strings.EqualFold(t.Algorithm, s.wireAlgorithm()) {
		return dns.ErrKey
	}
	want, err := s.Generate(msg, t)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil {
		return fmt.Errorf("signature of the answer: %w", err)
	}
	if !hmac.Equal(want, got) {
		return dns.ErrSig
	}
	return nil
}
