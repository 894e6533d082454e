package option

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseEncapsulation reads "CODE = octets" and "CODE TYPE = value, value …"; a single value without "=" is all octets.
func parseEncapsulation(values []string) ([]byte, error) {
	if len(values) == 1 && !strings.Contains(values[0], "=") {
		data, err := ParseHex(values[0])
		if err != nil {
			return nil, fmt.Errorf("%s %w", show(values[0]), err)
		}
		return data, nil
	}
	if len(values) == 0 {
		return nil, errors.New("needs a value")
	}
	data := []byte{}
	for _, v := range values {
		var err error
		if data, err = addInner(data, v); err != nil {
			return nil, fmt.Errorf("%s: %w", show(v), err)
		}
	}
	return data, nil
}

func addInner(dst []byte, v string) ([]byte, error) {
	left, right, ok := strings.Cut(v, "=")
	words := strings.Fields(left)
	if !ok || len(words) == 0 || len(words) > 2 {
		return dst, errors.New("is not an option within, as \"1 = 01:02\" or \"1 uint16 = 1500\"")
	}
	code, err := strconv.ParseUint(words[0], 10, 8)
	if err != nil || code == uint64(Pad) || code == uint64(End) {
		return dst, fmt.Errorf("%s is not a code from 1 to 254", show(words[0]))
	}
	t := Binary
	if len(words) == 2 {
		if t, ok = TypeByName(words[1]); !ok || t == Record || t == Encapsulation {
			return dst, fmt.Errorf("%s is not a type that can be within", show(words[1]))
		}
	}
	inner, err := parseInner(t, strings.TrimSpace(right))
	if err != nil {
		return dst, err
	}
	if len(inner) > 255 {
		return dst, fmt.Errorf("%d octets; at most 255 are possible within", len(inner))
	}
	return append(append(dst, byte(code), byte(len(inner))), inner...), nil
}

func parseInner(t Type, text string) ([]byte, error) {
	if t == Flag || t.whole() && t != Search {
		return Definition{Type: t}.parse([]string{text})
	}
	values := strings.Split(text, ",")
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return Definition{Type: t, List: true}.parse(values)
}

func formatEncapsulation(data []byte) (values []string, ok bool) {
	for code, value := range Within(data) {
		values = append(values, strconv.Itoa(int(code))+" = "+FormatHex(value))
	}
	return values, len(values) > 0
}

// Within is the options inside one of the form of 43 or 82: number and octets, in order, until the end, option 255, or the first that is
// cut off.
func Within(data []byte) func(yield func(Code, []byte) bool) {
	return func(yield func(Code, []byte) bool) {
		for len(data) > 0 {
			c := Code(data[0])
			if c == Pad {
				data = data[1:]
				continue
			}
			if c == End || len(data) < 2 || len(data)-2 < int(data[1]) {
				return
			}
			n := 2 + int(data[1])
			if !yield(c, data[2:n:n]) {
				return
			}
			data = data[n:]
		}
	}
}
