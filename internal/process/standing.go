package process

import (
	"runtime"
	"slices"
	"strings"
)

// ours begins the name of every function of this module.
const ours = "loadshare/"

// standing says where the goroutines of this module stand: for each the
// innermost function of ours, with its file and line. Those that run Run itself
// are left out.
func standing() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if where := innermost(strings.Split(g, "\n")); where != "" && !slices.Contains(out, where) {
			out = append(out, where)
		}
	}
	slices.Sort(out)
	return out
}

// innermost finds the first function of ours in a stack. After the goroutine's
// own line, functions and places take turns.
func innermost(lines []string) string {
	for i := 1; i+1 < len(lines); i += 2 {
		name := lines[i]
		if end := strings.LastIndexByte(name, '('); end > 0 { // its arguments
			name = name[:end]
		}
		if !strings.HasPrefix(name, ours) {
			continue
		}
		if isRun(name) {
			return ""
		}
		place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +0x")
		return name + " " + place[strings.LastIndexByte(place, '/')+1:]
	}
	return ""
}

// isRun says whether the function is Run or works for it.
func isRun(name string) bool {
	name, here := strings.CutPrefix(name, ours+"internal/process.")
	return here && (name == "Run" || name == "standing" || strings.HasPrefix(name, "(*proc)") || strings.HasPrefix(name, "(*notifier)"))
}
