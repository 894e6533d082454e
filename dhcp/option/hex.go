package option

import (
	"encoding/hex"
	"errors"
	"strings"
)

// rawPrefix marks the octets of a whole option, of whatever type.
const rawPrefix = "hex:"

var errHex = errors.New("is not hexadecimal, as 01:02:0a or 01020a, and no text in quotes")

// ParseHex reads octets: pairs of hexadecimal digits, all or none of them divided by colons, hyphens or blanks, with or without 0x
// before the first; single digits between colons are octets too (1:2:a). Text in single or double quotes is its octets.
func ParseHex(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return []byte(text[1 : n-1]), nil
	}
	if digits, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		text = digits
	}
	if text == "" {
		return []byte{}, nil
	}
	divider := strings.IndexAny(text, ":- ")
	if divider < 0 {
		data, err := hex.DecodeString(text)
		if err != nil {
			return nil, errHex
		}
		return data, nil
	}
	var data []byte
	for part := range strings.SplitSeq(text, text[divider:divider+1]) {
		if len(part) == 1 {
			part = "0" + part
		}
		octet, err := hex.DecodeString(part)
		if err != nil || len(octet) != 1 {
			return nil, errHex
		}
		data = append(data, octet[0])
	}
	return data, nil
}

// FormatHex writes octets with colons: 01:02:0a.
func FormatHex(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 3*len(data))
	for _, c := range data {
		b = append(b, digits[c>>4], digits[c&15], ':')
	}
	return string(b[:len(b)-1])
}
