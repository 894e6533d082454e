package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const secretText = "c2VjcmV0IHNlY3JldCBzZWNyZXQh" // base64 of the next
const secretBytes = "secret secret secret!"

func keyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeySyntax: BIND's syntax with its three kinds of comment, several keys,
// and names quoted or not.
func TestKeySyntax(t *testing.T) {
	keys, err := ReadKeys(keyFile(t, `
# made by tsig-keygen
key "DDNS." { // the name is folded
	algorithm HMAC-SHA256;
	secret "`+secretText+`";
};
/* a comment
   of two lines */ key xfer{secret `+secretText+`;algorithm "hmac-md5.sig-alg.reg.int.";};
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []TSIGKey{
		{"ddns", "hmac-sha256", []byte(secretBytes)},
		{"xfer", "hmac-md5", []byte(secretBytes)},
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
}

func TestKeyErrorsNameTheLine(t *testing.T) {
	good := `key a { algorithm hmac-sha256; secret "` + secretText + `"; };`
	for text, want := range map[string]string{
		"":              "k.key:1: no key in this file",
		"\n\nzone x {}": "k.key:3: want: key",
		"key a { algorithm hmac-sha256;\nsecret \"" + secretText + "\" };":      "k.key:2: ; is missing",
		"key a {\n algorithm rot13;":                                            "k.key:2: key \"a\": unknown algorithm",
		"key a {\n algorithm hmac-sha256;\n secret \"!" + secretText + "\"; };": "k.key:3: key \"a\": the secret is not base64",
		"key a {\n algorithm hmac-sha256; };":                                   "k.key:2: key \"a\" has no secret",
		"key a { secret " + secretText + "; };":                                 "k.key:1: key \"a\" has no algorithm",
		"key a { algorithm hmac-sha256; algorithm hmac-sha1;":                   "k.key:1: key \"a\" has two algorithms",
		good + "\n" + good:  "k.key:2: key \"a\" stands here twice",
		"key a {\n":         "k.key:2: the file ends before algorithm, secret or }",
		"key \"a":           "k.key:1: a quoted string does not end on its line",
		"/* x\n":            "k.key:1: a comment does not end",
		"key a {\nowner x;": "k.key:2: only algorithm and secret",
		"key { algorithm":   "k.key:1: the key's name is missing",
	} {
		_, err := ReadKeys(keyFile(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secretText) {
			t.Errorf("%q: the error shows the secret: %v", text, err)
		}
	}
}

// TestNewKeyRoundTrip: what `loadshare key NAME` prints is read by every
// `key = "FILE"`, and has 256 bits.
func TestNewKeyRoundTrip(t *testing.T) {
	k := NewKey("Pair.")
	keys, err := ReadKeys(keyFile(t, k.Text()+NewKey("other").Text()))
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	if diff := cmp.Diff(k, keys[0]); diff != "" || k.Name != "pair" || len(k.Secret) != 32 {
		t.Error(diff, k)
	}
	if cmp.Equal(keys[0].Secret, keys[1].Secret) {
		t.Error("two new keys are equal")
	}
}

// TestSecretIsNeverPrinted: "Secrets come from files, never print".
func TestSecretIsNeverPrinted(t *testing.T) {
	k := TSIGKey{"a", "hmac-sha256", []byte(secretBytes)}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "k", k, "list", []TSIGKey{k})
	js, err := json.Marshal(map[string]any{"k": k})
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(js)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb+" "+verb+"\n", k, []TSIGKey{k})
	}
	for _, form := range []string{secretBytes, secretText, fmt.Sprintf("%x", secretBytes), fmt.Sprint([]byte(secretBytes)), base64.StdEncoding.EncodeToString([]byte(secretBytes))} {
		if strings.Contains(out, form) {
			t.Errorf("printed as %q in %s", form, out)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(NewKey("a").Text()))
	f.Add([]byte("key a{/**/secret x;#\nalgorithm hmac-sha1;};"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, line, err := parseKeys(data)
		if err != nil {
			if line < 1 || line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("line %d", line)
			}
			return
		}
		for _, k := range keys {
			if k.Name == "" || k.Algorithm == "" || len(k.Secret) == 0 {
				t.Fatalf("an unusable key: %v", k)
			}
		}
	})
}
