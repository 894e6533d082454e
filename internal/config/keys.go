package config

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// algorithms are the TSIG algorithms that are read, with other names they go by
// (RFC 8945 section 6).
var algorithms = map[string]string{
	"hmac-md5": "hmac-md5", "hmac-md5.sig-alg.reg.int": "hmac-md5",
	"hmac-sha1": "hmac-sha1", "hmac-sha224": "hmac-sha224", "hmac-sha256": "hmac-sha256",
	"hmac-sha384": "hmac-sha384", "hmac-sha512": "hmac-sha512",
}

// TSIGKey is a shared secret with a name, as in BIND's key files. It is used
// for TSIG and, as a shared key, between our own processes.
type TSIGKey struct {
	Name      string // lower case, without the final dot
	Algorithm string // such as "hmac-sha256": lower case, without the final dot
	Secret    []byte // never printed
}

// String names the key without its secret.
func (k TSIGKey) String() string { return k.Name + " (" + k.Algorithm + ", secret not shown)" }

// Format prints String for every verb, so that no verb shows the secret.
func (k TSIGKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue logs String.
func (k TSIGKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON writes String.
func (k TSIGKey) MarshalJSON() ([]byte, error) { return []byte(quote(k.String())), nil }

// NewKey makes an hmac-sha256 key of 256 random bits.
func NewKey(name string) TSIGKey {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return TSIGKey{Name: keyName(name), Algorithm: "hmac-sha256", Secret: secret}
}

// Text is the key in BIND's syntax, secret included: the contents of a key file.
func (k TSIGKey) Text() string {
	return fmt.Sprintf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", k.Name, k.Algorithm, base64.StdEncoding.EncodeToString(k.Secret))
}

func keyName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// ReadKeys reads a file of one or more keys in BIND's syntax, as tsig-keygen
// and `loadshare key` write them. Errors name the line and never the secret.
func ReadKeys(path string) ([]TSIGKey, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %s", path, fileReason(err))
	}
	keys, line, err := parseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("key file %s:%d: %w", path, line, err)
	}
	return keys, nil
}

// parseKeys reads `key NAME { algorithm A; secret S; };` statements. The line
// is that of the error.
func parseKeys(data []byte) ([]TSIGKey, int, error) {
	t := &keyTokens{data: data, line: 1}
	var keys []TSIGKey
	for {
		word, quoted, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, t.line, err
		}
		if word != "key" || quoted {
			return nil, t.line, errors.New(`want: key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`)
		}
		k, err := t.key()
		if err != nil {
			return nil, t.line, err
		}
		if slices.ContainsFunc(keys, func(o TSIGKey) bool { return o.Name == k.Name }) {
			return nil, t.line, fmt.Errorf("key %q stands here twice", k.Name)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, t.line, errors.New(`no key in this file, want: key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`)
	}
	return keys, t.line, nil
}

// key reads one statement after the word "key".
func (t *keyTokens) key() (TSIGKey, error) {
	var k TSIGKey
	name, quoted, err := t.word("the key's name")
	if err != nil {
		return k, err
	}
	if k.Name = keyName(name); k.Name == "" || !quoted && strings.ContainsAny(name, "{};") {
		return k, errors.New("the key's name is missing")
	}
	if err := t.expect("{"); err != nil {
		return k, err
	}
	for {
		word, _, err := t.word("algorithm, secret or }")
		if err != nil {
			return k, err
		}
		switch word {
		case "}":
			return k, t.finish(k)
		case "algorithm":
			err = t.algorithm(&k)
		case "secret":
			err = t.secret(&k)
		default:
			err = errors.New("only algorithm and secret may stand in a key")
		}
		if err != nil {
			return k, err
		}
		if err := t.expect(";"); err != nil {
			return k, err
		}
	}
}

func (t *keyTokens) finish(k TSIGKey) error {
	switch {
	case k.Algorithm == "":
		return fmt.Errorf("key %q has no algorithm", k.Name)
	case k.Secret == nil:
		return fmt.Errorf("key %q has no secret", k.Name)
	}
	return t.expect(";")
}

func (t *keyTokens) algorithm(k *TSIGKey) error {
	word, _, err := t.word("the algorithm")
	if err != nil {
		return err
	}
	if k.Algorithm != "" {
		return fmt.Errorf("key %q has two algorithms", k.Name)
	}
	if k.Algorithm = algorithms[keyName(word)]; k.Algorithm == "" {
		return fmt.Errorf("key %q: unknown algorithm, want hmac-sha256 (or hmac-md5, -sha1, -sha224, -sha384, -sha512)", k.Name)
	}
	return nil
}

func (t *keyTokens) secret(k *TSIGKey) error {
	word, _, err := t.word("the secret")
	if err != nil {
		return err
	}
	if k.Secret != nil {
		return fmt.Errorf("key %q has two secrets", k.Name)
	}
	k.Secret, err = base64.StdEncoding.DecodeString(word)
	if err != nil || len(k.Secret) == 0 {
		return fmt.Errorf("key %q: the secret is not base64", k.Name)
	}
	return nil
}

// keyTokens cuts a key file into words, quoted strings and the signs { } ;.
type keyTokens struct {
	data []byte
	line int
}

func (t *keyTokens) expect(sign string) error {
	word, quoted, err := t.word(sign)
	if err == nil && (quoted || word != sign) {
		err = fmt.Errorf("%s is missing", sign)
	}
	return err
}

// word is the next token; the end of the file is an error.
func (t *keyTokens) word(want string) (string, bool, error) {
	word, quoted, err := t.next()
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the file ends before %s", want)
	}
	return word, quoted, err
}

func (t *keyTokens) next() (word string, quoted bool, err error) {
	if err := t.skip(); err != nil {
		return "", false, err
	}
	if len(t.data) == 0 {
		return "", false, io.EOF
	}
	switch c := t.data[0]; c {
	case '{', '}', ';':
		t.data = t.data[1:]
		return string(c), false, nil
	case '"':
		end := bytes.IndexAny(t.data[1:], "\"\n")
		if end < 0 || t.data[1+end] == '\n' {
			return "", true, errors.New("a quoted string does not end on its line")
		}
		word = string(t.data[1 : 1+end])
		t.data = t.data[end+2:]
		return word, true, nil
	}
	end := bytes.IndexAny(t.data, " \t\r\n{};\"#")
	if end < 0 {
		end = len(t.data)
	}
	word = string(t.data[:end])
	t.data = t.data[end:]
	return word, false, nil
}

// skip passes white space and the three kinds of comment.
func (t *keyTokens) skip() error {
	for len(t.data) > 0 {
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), t.data[0]) >= 0:
			if t.data[0] == '\n' {
				t.line++
			}
			t.data = t.data[1:]
		case t.data[0] == '#', bytes.HasPrefix(t.data, []byte("//")):
			end := bytes.IndexByte(t.data, '\n')
			if end < 0 {
				end = len(t.data)
			}
			t.data = t.data[end:]
		case bytes.HasPrefix(t.data, []byte("/*")):
			end := bytes.Index(t.data, []byte("*/"))
			if end < 0 {
				return errors.New("a comment does not end")
			}
			t.line += bytes.Count(t.data[:end], []byte{'\n'})
			t.data = t.data[end+2:]
		default:
			return nil
		}
	}
	return nil
}

// SigningKey is the key of `key = "FILE"` that DNS updates are signed with; file is "" when there is none: that is warned of.
func (s *Section) SigningKey() (key TSIGKey, file string) {
	file = s.File("key")
	if file == "" {
		if !s.Has("key") {
			s.Warn("key", "updates go unsigned: the server must allow them by address")
		}
		return TSIGKey{}, ""
	}
	keys, err := ReadKeys(file)
	switch {
	case err != nil:
		s.Fail("key", "a file with a TSIG key in BIND's syntax ("+err.Error()+")")
	case len(keys) != 1:
		s.Fail("key", "a file with exactly one key")
	default:
		return keys[0], file
	}
	return TSIGKey{}, ""
}
