package probes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// step is a compiled Step.
type step struct {
	send           []byte
	expect, reject pattern
}

// compileTCP makes the check of kinds tcp and tls: connect, TLS when asked, greeting when there is one, steps.
func compileTCP(s *Spec) (func(*attempt), []SpecError) {
	steps, errs := compileSteps(s)
	sec, more := compileSecure(s, s.TLS, nil)
	errs = append(errs, more...)
	banner := greetsFirst(s.Service)
	if s.Banner != nil {
		banner = *s.Banner
	}
	// A greeting that is to be matched anyway needs no separate wait.
	wait := banner && (len(steps) == 0 || len(steps[0].send) > 0)
	weSpeak := sec != nil || (!wait && len(steps) > 0 && len(steps[0].send) > 0)
	return func(a *attempt) {
		t := a.open(weSpeak)
		if t == nil {
			return
		}
		defer t.close()
		if sec != nil && !sec.upgrade(t) {
			return
		}
		if wait && !t.greeting() {
			return
		}
		if t.steps(steps) {
			a.succeed()
		}
	}, errs
}

// succeed ends the attempt well, keeping what the last step saw.
func (a *attempt) succeed() { a.res.Outcome, a.res.Reason, a.res.Step = OK, ReasonNone, a.step }

// greeting waits for the whole greeting: one line, or the lines of a reply like "220-". Who speaks before it is
// taken for a spammer by mail servers. The greeting stays in the window.
func (t *talk) greeting() bool {
	from := t.from
	defer func() { t.from = from }()
	for {
		line, ok := t.line()
		if !ok {
			return false
		}
		if !continues(line) {
			return true
		}
	}
}

// continues says whether a line of a reply is followed by another: "220-text" (RFC 5321 4.2.1, RFC 959 4.2).
func continues(line string) bool {
	return len(line) > 3 && line[3] == '-' && isDigits(line[:3])
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// steps carries out the send/expect steps and says whether all passed.
func (t *talk) steps(steps []step) bool {
	for i := range steps {
		t.a.step++
		if !t.run(&steps[i]) {
			return false
		}
	}
	return true
}

func (t *talk) run(s *step) bool {
	if len(s.send) > 0 && !t.write(s.send) {
		return false
	}
	if !s.expect.set() {
		return true
	}
	j := newJudge(s.expect, s.reject)
	var err error
	for {
		w := t.window()
		switch v, end := j.look(w, err != nil); v {
		case rejected:
			t.a.end(ReasonRejected, "the answer has "+s.reject.String(), around(w, end))
			return false
		case matched:
			t.a.keep(around(w, end))
			t.from += end
			return true
		case undecided:
		}
		if err != nil {
			t.endUnmatched(s, err)
			return false
		}
		err = t.more()
	}
}

// keep notes what a step that passed was decided by.
func (a *attempt) keep(got []byte) { a.res.Got = append(a.res.Got[:0], got...) }

// endUnmatched ends a step whose expect never came: mismatch when there was an answer, else what kept it away.
func (t *talk) endUnmatched(s *step, err error) {
	w := t.window()
	var how string
	switch {
	case len(w) == 0:
		t.a.endErr(stageTalk, err, nil)
		return
	case errors.Is(err, errFull):
		how = "in the first 64 KiB"
	case errors.Is(err, os.ErrDeadlineExceeded):
		how = fmt.Sprintf("in %d bytes and %v", len(w), t.a.spec.Timeout)
	case errors.Is(err, io.EOF):
		how = fmt.Sprintf("in %d bytes, then the service closed", len(w))
	default:
		how = fmt.Sprintf("in %d bytes, then %v", len(w), err)
	}
	t.a.end(ReasonMismatch, "no "+s.expect.String()+" "+how, w)
}

func compileSteps(s *Spec) (steps []step, errs []SpecError) {
	for i, st := range s.Steps {
		key := func(k string) string {
			if len(s.Steps) == 1 {
				return k
			}
			return "step[" + strconv.Itoa(i+1) + "]." + k
		}
		if st.Send == "" && st.Expect.IsZero() {
			errs = append(errs, SpecError{key("send"), "", "a send, an expect or both"})
		}
		if !st.Reject.IsZero() && st.Expect.IsZero() {
			errs = append(errs, SpecError{key("expect"), "", "an expect beside each reject"})
		}
		expect, more := compilePattern(key("expect"), st.Expect)
		errs = append(errs, more...)
		reject, more := compilePattern(key("reject"), st.Reject)
		errs = append(errs, more...)
		steps = append(steps, step{send: wireLine(st), expect: expect, reject: reject})
	}
	return steps, errs
}

// wireLine is what a Send becomes on the wire.
func wireLine(s Step) []byte {
	if s.Send == "" || s.Raw {
		return []byte(s.Send)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(s.Send, "\n"), "\r")
	end := "\r\n"
	if strings.HasSuffix(line, " HTTP/1.0") || strings.HasSuffix(line, " HTTP/1.1") {
		end = "\r\n\r\n"
	}
	return []byte(line + end)
}
