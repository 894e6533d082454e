package zone

// A key is a name below the apex written so that plain comparison of octets gives the canonical
// order of names (RFC 4034, 6.1): labels from the apex downward, letters in lower case, each label
// ended by 0x00. Octets 0x00 and 0x01 inside a label become 0x01 0x01 and 0x01 0x02, so that the
// end of a label sorts before every octet. The apex is the empty key. A name is at or below
// another when the other's key is a prefix of its own.

// maxKey bounds a key: every octet of a name can need two.
const maxKey = 2 * maxName

// appendKey appends the key of the first octets of n, which are whole labels: all of the name
// but the labels of the apex.
func appendKey(key []byte, n Name, octets int) []byte {
	var starts [maxName/2 + 1]uint8
	labels := 0
	for i := 0; i < octets; i += int(n[i]) + 1 {
		starts[labels] = uint8(i)
		labels++
	}
	for labels--; labels >= 0; labels-- {
		start := int(starts[labels])
		for _, c := range []byte(n[start+1 : start+1+int(n[start])]) {
			if c <= 1 {
				key = append(key, 1, c+1)
				continue
			}
			key = append(key, lower(c))
		}
		key = append(key, 0)
	}
	return key
}

// commonKey is the length of the longest whole-label prefix that a and b share.
func commonKey(a []byte, b string) int {
	shared := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == 0 {
			shared = i + 1
		}
	}
	return shared
}
