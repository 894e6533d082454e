package importer

import "strings"

// skipBlank moves at behind blanks and the comments of C, C++ and the shell, which BIND and Kea both take, and counts lines. A comment
// without an end is the error unfinished.
func skipBlank(data string, at, line *int, unfinished error) error {
	for *at < len(data) {
		rest := data[*at:]
		switch {
		case rest[0] == '\n':
			*line++
			*at++
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			*at++
		case rest[0] == '#' || strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			*at += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return unfinished
			}
			*line += strings.Count(rest[:end+4], "\n")
			*at += end + 4
		default:
			return nil
		}
	}
	return nil
}
