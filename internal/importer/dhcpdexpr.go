package importer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"loadshare/dhcp/option"
	"loadshare/dhcp/scope/expr"
)

// dhcpdExpr turns an expression of dhcpd into a test of ours (package expr).
type dhcpdExpr struct {
	s     *dhcpSite
	t     []dhcpdToken
	at    int
	depth int
}

// test is a condition of dhcpd in our language, which has read it.
func (s *dhcpSite) test(t []dhcpdToken) (string, error) {
	e := &dhcpdExpr{s: s, t: t}
	out, err := e.or()
	if err == nil && e.at < len(e.t) {
		err = fmt.Errorf("%q is not expected", e.t[e.at].text)
	}
	if err != nil {
		return "", err
	}
	return out, s.checkTest(out)
}

func (s *dhcpSite) checkTest(test string) error {
	_, err := expr.Parse(test, s.names)
	return err
}

func (e *dhcpdExpr) peek() dhcpdToken {
	if e.at < len(e.t) {
		return e.t[e.at]
	}
	return dhcpdToken{}
}

func (e *dhcpdExpr) take(words ...string) bool {
	for i, w := range words {
		if e.at+i >= len(e.t) || !e.t[e.at+i].is(w) {
			return false
		}
	}
	e.at += len(words)
	return true
}

func (e *dhcpdExpr) expect(sign string) error {
	if !e.take(sign) {
		return fmt.Errorf("%q where %q is expected", e.peek().text, sign)
	}
	return nil
}

func (e *dhcpdExpr) or() (string, error) { return e.chain("or", e.and) }

func (e *dhcpdExpr) and() (string, error) { return e.chain("and", e.not) }

func (e *dhcpdExpr) chain(word string, part func() (string, error)) (string, error) {
	out, err := part()
	for err == nil && e.take(word) {
		var more string
		more, err = part()
		out += " " + word + " " + more
	}
	return out, err
}

func (e *dhcpdExpr) not() (string, error) {
	if e.depth++; e.depth > expr.MaxDepth {
		return "", fmt.Errorf("more than %d deep", expr.MaxDepth)
	}
	defer func() { e.depth-- }()
	switch {
	case e.take("not"):
		c, err := e.not()
		return "not " + c, err
	case e.take("("):
		c, err := e.or()
		if err == nil {
			err = e.expect(")")
		}
		return "(" + c + ")", err
	case e.take("exists"):
		name, err := e.option()
		return name + ".exists", err
	case e.take("known"):
		return "member('KNOWN')", nil
	}
	return e.compare()
}

func (e *dhcpdExpr) compare() (string, error) {
	number := 0
	if w, ok := e.width("extract-int"); ok {
		number = w
	}
	left, err := e.data()
	if err != nil {
		return "", err
	}
	if number > 0 {
		if err := e.closeWidth(); err != nil {
			return "", err
		}
	}
	differ := e.take("!")
	if !e.take("=") {
		return "", fmt.Errorf("%q: only = and != compare here", e.peek().text)
	}
	var right string
	if number > 0 {
		n, err := strconv.ParseUint(e.peek().text, 0, number)
		if err != nil {
			return "", fmt.Errorf("%q is no number", e.peek().text)
		}
		e.at++
		right = fmt.Sprintf("0x%0*x", number/4, n)
	} else if right, err = e.data(); err != nil {
		return "", err
	}
	if differ {
		return "not (" + left + " == " + right + ")", nil
	}
	return left + " == " + right, nil
}

// width reads "extract-int (" and finds the width that stands after the value.
func (e *dhcpdExpr) width(name string) (bits int, ok bool) {
	start := e.at
	if !e.take(name, "(") {
		return 0, false
	}
	depth := 1
	for i := e.at; i < len(e.t); i++ {
		switch {
		case e.t[i].is("("):
			depth++
		case e.t[i].is(")"):
			if depth--; depth == 0 && i >= 2 && e.t[i-2].is(",") {
				if n, err := strconv.Atoi(e.t[i-1].text); err == nil && (n == 8 || n == 16 || n == 32) {
					return n, true
				}
			}
		}
	}
	e.at = start
	return 0, false
}

func (e *dhcpdExpr) closeWidth() error {
	e.at += 2
	return e.expect(")")
}

// option reads "option NAME" as option[CODE].
func (e *dhcpdExpr) option() (string, error) {
	if !e.take("option") {
		return "", fmt.Errorf("%q is no option", e.peek().text)
	}
	name := strings.ToLower(e.peek().text)
	e.at++
	switch name {
	case "agent.circuit-id":
		return "relay4[1]", nil
	case "agent.remote-id":
		return "relay4[2]", nil
	case "agent.link-selection":
		return "relay4[5]", nil
	}
	d, ok := e.s.definition(dhcpdOption(name))
	if !ok {
		return "", fmt.Errorf("option %q is not known", name)
	}
	return fmt.Sprintf("option[%d]", d.Code), nil
}

// hardware is the hardware address with its type before it.
const hardware = "concat(substring(pkt4.htype, 3, 1), pkt4.mac)"

func (e *dhcpdExpr) data() (string, error) {
	if e.depth++; e.depth > expr.MaxDepth {
		return "", fmt.Errorf("more than %d deep", expr.MaxDepth)
	}
	defer func() { e.depth-- }()
	t := e.peek()
	switch {
	case t.text == "" && !t.quoted:
		return "", errors.New("a value is missing")
	case t.quoted:
		e.at++
		return octets(t.text), nil
	case t.is("option"):
		name, err := e.option()
		return name + ".hex", err
	case e.take("hardware"):
		return hardware, nil
	case e.take("substring", "("):
		return e.substring()
	case e.take("suffix", "("):
		v, err := e.data()
		if err == nil {
			err = e.expect(",")
		}
		n := e.peek().text
		if _, bad := strconv.ParseUint(n, 10, 16); err != nil || bad != nil {
			return "", errors.Join(err, bad)
		}
		e.at++
		return fmt.Sprintf("substring(%s, -%s, %s)", v, n, n), e.expect(")")
	case e.take("concat", "("):
		return e.list("concat")
	case e.take("lcase", "("):
		return e.list("lcase")
	case e.take("ucase", "("):
		return e.list("ucase")
	case e.take("pick-first-value", "("), e.take("pick", "("):
		return e.pick()
	}
	if b, err := dhcpdOctets(t.text); err == nil {
		e.at++
		return "0x" + hex.EncodeToString(b), nil
	}
	return "", fmt.Errorf("%q is not known here", t.text)
}

// substring of the hardware address with its type is, mostly, the beginning of the address.
func (e *dhcpdExpr) substring() (string, error) {
	v, err := e.data()
	var n [2]string
	for i := range n {
		if err == nil {
			err = e.expect(",")
		}
		n[i] = e.peek().text
		if err == nil {
			_, err = strconv.ParseUint(n[i], 10, 16)
		}
		e.at++
	}
	if err == nil {
		err = e.expect(")")
	}
	if start, bad := strconv.Atoi(n[0]); v == hardware && bad == nil && start >= 1 {
		return fmt.Sprintf("substring(pkt4.mac, %d, %s)", start-1, n[1]), err
	}
	return fmt.Sprintf("substring(%s, %s, %s)", v, n[0], n[1]), err
}

func (e *dhcpdExpr) values() (list []string, err error) {
	for {
		v, err := e.data()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if !e.take(",") {
			return list, e.expect(")")
		}
	}
}

func (e *dhcpdExpr) list(name string) (string, error) {
	list, err := e.values()
	if len(list) == 1 && name == "concat" {
		return list[0], err
	}
	return name + "(" + strings.Join(list, ", ") + ")", err
}

// pick is the first value that is not empty.
func (e *dhcpdExpr) pick() (string, error) {
	list, err := e.values()
	if err != nil {
		return "", err
	}
	out := list[len(list)-1]
	for i := len(list) - 2; i >= 0; i-- {
		out = fmt.Sprintf("ifelse(not (%s == ''), %s, %s)", list[i], list[i], out)
	}
	return out, nil
}

// octets is a text as a value of our tests, which know no escapes.
func octets(text string) string {
	for i := range len(text) {
		if c := text[i]; c == '\'' || c < ' ' || c > '~' {
			return "0x" + hex.EncodeToString([]byte(text))
		}
	}
	return "'" + text + "'"
}

// dhcpdOctets reads 1:2:a0 or a single octet in hexadecimal.
func dhcpdOctets(text string) ([]byte, error) {
	var out []byte
	for f := range strings.SplitSeq(text, ":") {
		n, err := strconv.ParseUint(f, 16, 8)
		if err != nil || len(out) > 255 {
			return nil, fmt.Errorf("%q is not octets in hexadecimal with colons", text)
		}
		out = append(out, byte(n))
	}
	return out, nil
}

// dhcpdOption is our name of an option of dhcpd, where it is another.
func dhcpdOption(name string) string {
	name = strings.ToLower(name)
	if plain, ok := strings.CutPrefix(name, "dhcp."); ok {
		name = plain
	}
	switch name {
	case "dhcp-client-identifier":
		return "code-61"
	case "fqdn":
		return "code-81"
	case "user-class":
		return "code-77"
	case "dhcp-parameter-request-list":
		return "code-55"
	case "nwip-domain":
		return "code-62"
	}
	if _, ok := option.ByName(name); ok {
		return name
	}
	if n, ok := strings.CutPrefix(name, "unknown-"); ok {
		return "code-" + n
	}
	return name
}
