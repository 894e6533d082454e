package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded are the messages of all captures of two ISC dhcpd 4.4.3-P1, by file.
func recorded(t testing.TB) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	all := map[string][][]byte{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(f); in.Scan(); {
			fields := strings.Fields(in.Text())
			if len(fields) != 4 || fields[0] == "#" || fields[3] == "open" || fields[3] == "close" {
				continue
			}
			b, err := hex.DecodeString(fields[3])
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[file] = append(all[file], b)
		}
		f.Close()
	}
	return all
}

// Every message that two ISC dhcpd said to each other decodes, and becomes the same octets again: our order of options is theirs,
// and nothing of what they say is lost.
func TestISCOctetForOctet(t *testing.T) {
	seen := map[Type]int{}
	for file, messages := range recorded(t) {
		for _, b := range messages {
			m, err := Decode(b)
			if err != nil {
				t.Fatalf("%s: %x: %v", file, b, err)
			}
			seen[m.Body.Type()]++
			got, err := Append(nil, m)
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%s: %+v\n got %x (%v)\nwant %x", file, m, got, err, b)
			}
		}
	}
	for _, want := range []Type{TypePoolReq, TypePoolResp, TypeBndUpd, TypeBndAck, TypeConnect, TypeConnectAck, TypeUpdReqAll, TypeUpdDone, TypeUpdReq, TypeState, TypeContact} {
		if seen[want] == 0 {
			t.Errorf("no %s in the captures: this test proves nothing of it", want)
		}
	}
	t.Logf("%v", seen)
}

// The same through TCP, in pieces of any size.
func TestStreamInPieces(t *testing.T) {
	for file, messages := range recorded(t) {
		all := bytes.Join(messages, nil)
		for _, piece := range []int{1, 2, 3, 11, 13, 1460, len(all)} {
			var s Stream
			var got [][]byte
			for rest := all; len(rest) > 0; {
				n := min(piece, len(rest))
				if err := s.Feed(rest[:n], func(m []byte) error { got = append(got, bytes.Clone(m)); return nil }); err != nil {
					t.Fatalf("%s in pieces of %d: %v", file, piece, err)
				}
				rest = rest[n:]
			}
			if len(got) != len(messages) || s.Pending() != 0 {
				t.Fatalf("%s in pieces of %d: %d messages and %d octets left, want %d and 0", file, piece, len(got), s.Pending(), len(messages))
			}
			for i := range got {
				if !bytes.Equal(got[i], messages[i]) {
					t.Fatalf("%s in pieces of %d: message %d differs", file, piece, i)
				}
			}
		}
	}
}
