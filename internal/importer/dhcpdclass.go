package importer

import (
	"strconv"
	"strings"

	"loadshare/dhcp/scope/expr"
)

// class is "class NAME { match if TEST; … }", or "match VALUE;" with subclasses.
func (s *dhcpdSource) class(st *dhcpdStatement, f *dhcpdFrame) {
	name := st.word(1)
	c := &dhcpdClass{line: *st}
	inner := *f
	inner.policy = &c.policy
	for i := range st.block {
		in := &st.block[i]
		switch {
		case in.is("match", "if"):
			test, err := s.test(in.tokens[2:])
			if err != nil {
				s.at(in, "%s: %v: class %q never matches until its test is written by hand", in.text(), err, name)
			}
			c.withTest = test
		case in.is("match"), in.is("spawn", "with"):
			if in.is("spawn") {
				s.at(in, "%s: a class for each value is not taken over", in.text())
				continue
			}
			s.classMatch(in, c)
		case in.is("lease", "limit"):
			s.at(in, "%s: not taken over", in.text())
		case in.has:
			s.declaration(in, &inner)
		default:
			s.statement(in, &inner)
		}
	}
	if s.byName[name] != nil {
		s.at(st, "class %q stands twice: the first one is taken", name)
		return
	}
	s.byName[name] = c
	s.order = append(s.order, name)
}

// classMatch reads the value of a class. Of the hardware address its subclasses are known clients.
func (s *dhcpdSource) classMatch(in *dhcpdStatement, c *dhcpdClass) {
	text := strings.Join(strings.Fields(strings.ToLower(in.text())), " ")
	if text == "match hardware" || strings.HasPrefix(text, "match pick") && strings.HasSuffix(text, "hardware)") {
		c.clients = true
		return
	}
	e := &dhcpdExpr{s: &s.dhcpSite, t: in.tokens[1:]}
	v, err := e.data()
	if err == nil && e.at < len(e.t) {
		err = e.expect(";")
	}
	if err != nil {
		s.at(in, "%s: %v: not taken over", in.text(), err)
		return
	}
	c.match = v
}

// subclass is "subclass NAME VALUE;", perhaps with a block of its own.
func (s *dhcpdSource) subclass(st *dhcpdStatement) {
	c := s.byName[st.word(1)]
	if c == nil || len(st.tokens) < 3 {
		s.at(st, "%s: there is no such class before it", st.text())
		return
	}
	name := st.word(1)
	var own dhcpPolicy
	f := dhcpdFrame{policy: &own}
	s.block(st.block, &f)
	t := st.tokens[2]
	if c.clients {
		b, err := dhcpdOctets(t.text)
		if t.quoted || err != nil || len(b) < 2 {
			s.at(st, "%s: not a hardware address with its type: left out", st.text())
			return
		}
		who := []setting{{"mac", quote(colons(b[1:]))}}
		if b[0] != 1 {
			who = append(who, setting{"hardware_type", strconv.Itoa(int(b[0]))})
		}
		s.addClient(dhcpClient{who: who, classes: []string{name}, policy: own})
		return
	}
	if c.match == "" {
		return // said already
	}
	e := &dhcpdExpr{s: &s.dhcpSite, t: st.tokens[2:]}
	v, err := e.data()
	if err != nil {
		s.at(st, "%s: %v: left out", st.text(), err)
		return
	}
	test := c.match + " == " + v
	c.any = append(c.any, test)
	if !own.empty() {
		s.subs = append(s.subs, dhcpClass{name: name + " " + t.text, test: test, policy: own})
	}
}

// finishClasses writes the classes; a subclass with settings of its own stands before its class, for the first that matches wins.
func (s *dhcpdSource) finishClasses() {
	for _, name := range s.order {
		for _, sub := range s.subs {
			if strings.HasPrefix(sub.name, name+" ") {
				s.classes = append(s.classes, sub)
			}
		}
		c := s.byName[name]
		out := dhcpClass{name: name, test: c.withTest, onlyKnown: c.clients && c.withTest == "", policy: c.policy}
		if len(c.any) > 0 {
			out.test = "(" + strings.Join(c.any, ") or (") + ")"
		}
		if len(out.test) > expr.MaxSize {
			s.at(&c.line, "class %q: %d subclasses are more than a test takes: it is empty", name, len(c.any))
			out.test = ""
		}
		if out.test == "" && !out.onlyKnown {
			out.onlyKnown = true // of nobody, until somebody writes its test
		}
		s.classes = append(s.classes, out)
	}
	s.classes = append(s.classes, s.ifs...)
	if s.denyUnknown {
		for _, sc := range s.scopes {
			sc.deny = appendNew(sc.deny, "UNKNOWN")
		}
	}
	known := map[string]bool{"KNOWN": true, "UNKNOWN": true}
	for _, c := range s.classes {
		known[c.name] = true
	}
	lost := map[string]bool{}
	for _, sc := range s.scopes {
		sc.allow, sc.deny = s.onlyKnownClasses(sc, sc.allow, known), s.onlyKnownClasses(sc, sc.deny, known)
		for _, p := range s.lost {
			lost[p] = true
		}
		if lost[sc.failover] {
			sc.failover = ""
		}
	}
	s.checkPairs()
}

func (s *dhcpdSource) onlyKnownClasses(sc *dhcpScope, list []string, known map[string]bool) (out []string) {
	for _, name := range list {
		if known[name] {
			out = append(out, name)
		} else {
			s.note("subnet %s: class %q is not in these files: it is left out of allow and deny", sc.subnet, name)
		}
	}
	return out
}

// checkPairs takes out what names no pair.
func (s *dhcpdSource) checkPairs() {
	for _, sc := range s.scopes {
		found := sc.failover == ""
		for _, p := range s.pairs {
			found = found || p.name == sc.failover
		}
		if !found {
			s.note("subnet %s: failover peer %q is not in these files: the scope is this server's alone", sc.subnet, sc.failover)
			sc.failover = ""
		}
	}
}

// conditional makes classes of if, elsif and else: the settings of the first branch that matches.
func (s *dhcpdSource) conditional(list []dhcpdStatement, f *dhcpdFrame) {
	if f.inScope {
		s.at(&list[0], "%s: taken over as a class, which holds in all scopes, not only in %s", list[0].text(), f.title)
	}
	var before []string
	for i := range list {
		st := &list[i]
		if i > 0 && !st.is("elsif") && !st.is("else") {
			return
		}
		test, err := "", error(nil)
		switch {
		case st.is("else", "if"):
			test, err = s.test(st.tokens[2:])
		case !st.is("else"):
			test, err = s.test(st.tokens[1:])
		}
		if err != nil {
			s.at(st, "%s: %v: it and what follows is not taken over", st.text(), err)
			return
		}
		all := test
		for _, b := range before {
			all = join2("not ("+b+")", all)
		}
		if test != "" {
			before = append(before, test)
		}
		c := dhcpClass{name: "if-" + strconv.Itoa(st.line), test: all}
		inner := *f
		inner.policy = &c.policy
		s.block(st.block, &inner)
		if c.policy.empty() {
			continue
		}
		if err := s.checkTest(all); err != nil {
			s.at(st, "%s: %v: not taken over", st.text(), err)
			continue
		}
		s.ifs = append(s.ifs, c)
	}
}

func join2(a, b string) string {
	if b == "" {
		return a
	}
	return a + " and (" + b + ")"
}
